package workload

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// collectionCodecs are the decoders of queues and sets.
var collectionCodecs = []codec{
	{name: "queue input", fast: boxed(DecodeQueueInput)},
	{name: "queue output", fast: boxed(DecodeQueueOutput)},
	{name: "set input", fast: boxed(DecodeSetInput)},
	{name: "set output", fast: boxed(DecodeSetOutput)},
}

// Goal: the JSON of queues and sets is what histories from elsewhere are made of. Method: every
// form, by the letter, both ways.
func TestCollectionForms(t *testing.T) {
	seventeen := int64(17)
	for _, c := range []struct {
		codec int
		kind  string
		value encoder
		want  string
	}{
		{0, KindEnqueue, QueueInput{-17}, `-17`},
		{0, KindDequeue, QueueInput{}, `null`},
		{1, KindEnqueue, QueueOutput{}, `null`},
		{1, KindDequeue, QueueOutput{&seventeen}, `17`},
		{1, KindDequeue, QueueOutput{}, `null`},
		{2, KindAdd, SetInput{3}, `3`},
		{2, KindRead, SetInput{}, `null`},
		{3, KindAdd, SetOutput{}, `null`},
		{3, KindRead, SetOutput{[]int64{2, -1}}, `[2,-1]`},
		{3, KindRead, SetOutput{[]int64{}}, `[]`},
	} {
		if got := string(c.value.Encode(c.kind)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.kind, got, c.want)
		}
		got, err := collectionCodecs[c.codec].fast(c.kind, json.RawMessage(c.want))
		if diff := cmp.Diff(any(c.value), got); err != nil || diff != "" {
			t.Errorf("%s of %s: %v %s", collectionCodecs[c.codec].name, c.want, err, diff)
		}
	}
}

type encoder interface {
	Encode(kind string) json.RawMessage
}

// Goal: what says nothing may be left out or said in words of one's own. Method: each such form
// decodes to the same as null.
func TestCollectionFormsThatSayNothing(t *testing.T) {
	for _, c := range []struct {
		codec     int
		kind, raw string
	}{
		{0, KindDequeue, ``}, {0, KindDequeue, ` null `}, {1, KindEnqueue, ``}, {1, KindEnqueue, `5`},
		{2, KindRead, ``}, {3, KindAdd, ``}, {3, KindAdd, `5`},
	} {
		want, _ := collectionCodecs[c.codec].fast(c.kind, json.RawMessage(`null`))
		got, err := collectionCodecs[c.codec].fast(c.kind, json.RawMessage(c.raw))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s of %s %q: %v %s", collectionCodecs[c.codec].name, c.kind, c.raw, err, diff)
		}
	}
}

// Goal: nothing incomplete or foreign is taken for an empty queue or an empty set. Method: each
// such form is an error.
func TestCollectionFormsRefuse(t *testing.T) {
	for _, c := range []struct {
		codec     int
		kind, raw string
	}{
		{0, KindEnqueue, ``}, {0, KindEnqueue, `null`}, {0, KindEnqueue, `"1"`},
		{0, KindEnqueue, `1.5`}, {0, KindEnqueue, `[1]`}, {0, KindEnqueue, `{"value":1}`},
		{0, KindEnqueue, `9223372036854775808`}, {0, KindEnqueue, `1 2`}, {0, KindEnqueue, "\xff"},
		{0, KindDequeue, `5`}, {0, KindDequeue, `{}`}, {0, KindRead, `null`}, {0, "", ``},
		{1, KindDequeue, ``}, {1, KindDequeue, `[]`}, {1, KindDequeue, `true`},
		{1, KindEnqueue, `{}`}, {1, KindAdd, `null`},
		{2, KindAdd, ``}, {2, KindAdd, `null`}, {2, KindAdd, `[3]`}, {2, KindRead, `3`},
		{2, KindEnqueue, `3`}, {3, KindRead, ``}, {3, KindRead, `null`}, {3, KindRead, `3`},
		{3, KindRead, `[null]`}, {3, KindRead, `[1,]`}, {3, KindRead, `[[1]]`},
		{3, KindRead, `["1"]`}, {3, KindAdd, `[]`}, {3, KindDequeue, `[]`},
	} {
		v, err := collectionCodecs[c.codec].fast(c.kind, json.RawMessage(c.raw))
		if err == nil {
			t.Errorf("%s of %s %q was taken for %+v", collectionCodecs[c.codec].name, c.kind, c.raw, v)
		}
	}
}

// sound decodes some bytes in every way. What decodes means what encoding/json says it means, and
// decodes to the same after it was encoded.
func sound(t interface{ Fatalf(string, ...any) }, raw []byte) {
	for _, c := range collectionCodecs {
		for _, kind := range []string{KindEnqueue, KindDequeue, KindAdd, KindRead, "lock"} {
			v, err := c.fast(kind, raw)
			if err != nil {
				continue
			}
			encoded := v.(encoder).Encode(kind)
			again, err := c.fast(kind, encoded)
			if diff := cmp.Diff(v, again); err != nil || diff != "" {
				t.Fatalf("%s of %s %q became %s: %v %s", c.name, kind, raw, encoded, err, diff)
			}
			if string(encoded) != "null" && !sameJSON(raw, encoded) {
				t.Fatalf("%s of %s %q means %s", c.name, kind, raw, encoded)
			}
		}
	}
}

// sameJSON compares two texts as lists of numbers, or as numbers.
func sameJSON(a, b []byte) bool {
	var one, other any
	for _, to := range []func() (any, any){
		func() (any, any) { return new([]int64), new([]int64) },
		func() (any, any) { return new(int64), new(int64) },
	} {
		one, other = to()
		if json.Unmarshal(a, one) == nil && json.Unmarshal(b, other) == nil {
			return reflect.DeepEqual(one, other)
		}
	}
	return false
}

// Goal: what is almost a form is read as encoding/json reads it, or refused. Method: random forms,
// a byte changed, put in or taken out.
func TestCollectionDecodingIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOfN(rapid.Custom(drawNumber), 0, 4).Draw(t, "numbers")
		raw := appendList(nil, numbers)
		if rapid.Bool().Draw(t, "one") {
			raw = fmt.Append(nil, drawNumber(t))
		}
		sound(t, raw)
		at := rapid.IntRange(0, len(raw)-1).Draw(t, "at")
		b := rapid.SampledFrom([]byte(` "[]{},:-+.0179enul\`)).Draw(t, "byte")
		sound(t, append(raw[:at:at], raw[at+1:]...))
		sound(t, append(append(raw[:at:at], b), raw[at:]...))
		sound(t, append(append(raw[:at:at], b), raw[at+1:]...))
	})
}

// FuzzCollectionDecoders: no bytes panic a decoder, and what is read is what was written.
func FuzzCollectionDecoders(f *testing.F) {
	for _, raw := range []string{
		``, `null`, `17`, `-0`, `01`, `1e3`, `[]`, `[1,2]`, `[1,null]`, `[[`, "\xff", `9e999`,
		`9223372036854775807`, `[1,2`, `{"a":1}`,
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { sound(t, raw) })
}
