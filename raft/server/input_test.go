package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"gauntlet/raft/kv"
)

// Goal: no body, whatever it holds, does more than be refused with a reason; and what is taken is
// within the limits and comes unchanged from the body.
// Method: every decoder on the same bytes. What a put takes must be what encoding/json alone finds.
func FuzzBodies(f *testing.F) {
	for _, body := range []string{
		`{"value":"1"}`, `{"value":"\u0031","expected":null}`, `{"VALUE":"1"}`, `{"delta":"-3"}`,
		`{"value":"1","value":"2"}`, `{"value":"1","v\u0061lue":"2"}`, `{"expected":{"value":"x"}}`,
		`{"steps":[{"op":"get","key":"k"},{"op":"put","key":"k","value":"}{\"a\":"}]}`, `[{}]`,
		`{"value":"\ud800"}`, ` {"value" : "1"} `, `{"value":"1"}x`, "{\"value\":\"\xff\"}", `nul`,
	} {
		f.Add([]byte(body), "key")
	}
	f.Fuzz(func(t *testing.T, body []byte, key string) {
		for _, decode := range []func(*http.Request) (kv.Command, error){
			putOf, appendOf, casOf, addOf, txnOf, deleteOf,
		} {
			r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
			r.SetPathValue("key", key)
			cmd, err := decode(r)
			var bad *badInput
			if err != nil {
				if !errors.As(err, &bad) || bad.reason == "" {
					t.Errorf("%q: %v", body, err)
				}
				continue
			}
			checkTaken(t, cmd, body, key)
		}
	})
}

func checkTaken(t *testing.T, cmd kv.Command, body []byte, key string) {
	steps := cmd.Steps
	if cmd.Op != kv.Txn {
		steps = append(steps, kv.Step{Key: cmd.Key, Value: cmd.Value})
		if cmd.Key != key {
			t.Errorf("key %q became %q", key, cmd.Key)
		}
	}
	if len(steps) == 0 || len(steps) > MaxSteps {
		t.Errorf("%q: %d steps", body, len(steps))
	}
	for _, step := range steps {
		if step.Key == "" || len(step.Key) > MaxKeyBytes || len(step.Value) > MaxValueBytes ||
			!utf8.ValidString(step.Key) || !utf8.Valid(step.Value) {
			t.Errorf("%q: took %+v", body, step)
		}
	}
	if cmd.Op != kv.Put {
		return
	}
	var loose map[string]string
	if err := json.Unmarshal(body, &loose); err != nil || len(loose) != 1 ||
		loose["value"] != string(cmd.Value) {
		t.Errorf("%q: took %q, encoding/json %v, %v", body, cmd.Value, loose, err)
	}
}

// Goal: JSON that encoding/json takes in more than one way is refused, with the field's name.
func TestAmbiguousFields(t *testing.T) {
	for body, reason := range map[string]string{
		`{"Value":"1"}`:                                `unknown field "Value"`,
		`{"value":"1","value":"1"}`:                    `field "value" twice`,
		`{"value":"1","v\u0061lue":"1"}`:               `field "value" twice`,
		`{"value":"1" , "VALUE" :"1"}`:                 `unknown field "VALUE"`,
		`{"steps":[{"op":"get","key":"a","key":"b"}]}`: `unknown field`,
	} {
		var into struct {
			Value string `json:"value"`
		}
		if err := strict([]byte(body), &into); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v, want %s", body, err, reason)
		}
	}
	var steps struct {
		Steps []stepBody `json:"steps"`
	}
	good := `{"steps":[{"op":"put","key":"\"op\":","value":"{"},{"op":"get","key":"k"}]}`
	if err := strict([]byte(good), &steps); err != nil || len(steps.Steps) != 2 {
		t.Error(err)
	}
	twice := `{"steps":[{"op":"get","key":"k"},{"op":"get","key":"a","key":"b"}]}`
	if err := strict([]byte(twice), &steps); err == nil {
		t.Error("a key twice in one step")
	}
}

// Goal: half a surrogate pair is refused, wherever it stands; what only looks like one is taken.
func TestHalfCharacters(t *testing.T) {
	for text, good := range map[string]bool{
		`\ud83d\ude00`: true, `\\ud83d`: true, `\\\\ud83d`: true, `\u00e4\ufffd`: true, `\n\"`: true,
		`\ud83d`: false, `\ude00`: false, `\ude00\ud83d`: false, `\ud83d\ud83d\ude00`: false,
		`\ud83d\nude00`: false, `\\\ud83d`: false, `\uD83D\uDE00\uDE00`: false,
	} {
		var into struct {
			Value string `json:"value"`
		}
		err := strict([]byte(`{"value":"`+text+`"}`), &into)
		if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "half a char") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// BenchmarkPutOf is what decoding a small write costs.
func BenchmarkPutOf(b *testing.B) {
	body := []byte(`{"value":"` + strings.Repeat("v", 64) + `"}`)
	r := httptest.NewRequest("PUT", "/", nil)
	r.SetPathValue("key", "colour")
	b.ReportAllocs()
	for b.Loop() {
		r.Body = http.NoBody
		reader := bytes.NewReader(body)
		r.Body = readCloser{reader}
		if _, err := putOf(r); err != nil {
			b.Fatal(err)
		}
	}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }
