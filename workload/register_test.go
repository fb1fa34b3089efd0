package workload

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func number(v int64) *int64 { return &v }
func truth(v bool) *bool    { return &v }

// Goal: the JSON of the register model is what the history's readers rely on. Method: every
// form, by the letter, both ways.
func TestRegisterForms(t *testing.T) {
	for _, c := range []struct {
		kind string
		in   RegisterInput
		want string
	}{
		{KindRead, RegisterInput{}, `{}`},
		{KindWrite, RegisterInput{Value: number(17)}, `{"value":17}`},
		{KindCAS, RegisterInput{Value: number(9), Expected: number(5)}, `{"expected":5,"value":9}`},
		{KindCAS, RegisterInput{Value: number(9)}, `{"expected":null,"value":9}`},
	} {
		if got := string(c.in.Encode(c.kind)); got != c.want {
			t.Errorf("%s input: got %s, want %s", c.kind, got, c.want)
		}
		got, err := DecodeRegisterInput(c.kind, json.RawMessage(c.want))
		if diff := cmp.Diff(c.in, got); err != nil || diff != "" {
			t.Errorf("%s input %s: %v %s", c.kind, c.want, err, diff)
		}
	}
	for _, c := range []struct {
		kind string
		out  RegisterOutput
		want string
	}{
		{KindRead, RegisterOutput{Value: number(-17)}, `{"value":-17}`},
		{KindRead, RegisterOutput{}, `{"value":null}`},
		{KindWrite, RegisterOutput{}, `{}`},
		{KindCAS, RegisterOutput{Swapped: truth(true)}, `{"swapped":true}`},
		{KindCAS, RegisterOutput{Swapped: truth(false), Current: number(7)},
			`{"swapped":false,"current":7}`},
		{KindCAS, RegisterOutput{Swapped: truth(false)}, `{"swapped":false,"current":null}`},
		{KindCAS, RegisterOutput{Swapped: truth(false), Silent: true}, `{"swapped":false}`},
	} {
		if got := string(c.out.Encode(c.kind)); got != c.want {
			t.Errorf("%s output: got %s, want %s", c.kind, got, c.want)
		}
		got, err := DecodeRegisterOutput(c.kind, json.RawMessage(c.want))
		if diff := cmp.Diff(c.out, got); err != nil || diff != "" {
			t.Errorf("%s output %s: %v %s", c.kind, c.want, err, diff)
		}
	}
}

// Goal: nothing incomplete or foreign is taken for an absent register. Method: each such form is an
// error.
func TestRegisterRefuses(t *testing.T) {
	for _, c := range []struct{ kind, raw string }{
		{KindWrite, `{}`}, {KindWrite, `{"value":null}`}, {KindWrite, `{"value":"17"}`},
		{KindWrite, `{"value":1.5}`}, {KindWrite, `{"value":1e3}`}, {KindWrite, ``},
		{KindWrite, `{"value":9223372036854775808}`}, {KindWrite, `{"value":[1]}`},
		{KindCAS, `{"value":1}`}, {KindCAS, `{"expected":1}`}, {KindRead, `null garbage`},
		{"append", `{"value":1}`},
	} {
		if in, err := DecodeRegisterInput(c.kind, json.RawMessage(c.raw)); err == nil {
			t.Errorf("%s input %s was taken for %+v", c.kind, c.raw, in)
		}
	}
	for _, c := range []struct{ kind, raw string }{
		{KindRead, `{}`}, {KindRead, `null`}, {KindRead, `{"value":true}`}, {KindRead, `[]`},
		{KindCAS, `{}`}, {KindCAS, `{"current":7}`}, {KindCAS, `{"swapped":false,"current"}`},
		{KindCAS, `{"swapped":null,"current":7}`}, {"append", `{"value":1}`}, {KindWrite, ``},
	} {
		if out, err := DecodeRegisterOutput(c.kind, json.RawMessage(c.raw)); err == nil {
			t.Errorf("%s output %s was taken for %+v", c.kind, c.raw, out)
		}
	}
}

// Goal: encoding loses nothing. Method: random values, there and back.
func TestRegisterRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{KindRead, KindWrite, KindCAS}).Draw(t, "kind")
		var in RegisterInput
		if kind != KindRead {
			in.Value = number(rapid.Int64().Draw(t, "value"))
		}
		if kind == KindCAS {
			in.Expected = rapid.Ptr(rapid.Int64(), true).Draw(t, "expected")
		}
		raw := in.Encode(kind)
		got, err := DecodeRegisterInput(kind, raw)
		if diff := cmp.Diff(in, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", raw, err, diff)
		}
	})
}

// FuzzRegister: no bytes panic the decoders, and what they accept encodes to what they accept again
// with the same meaning.
func FuzzRegister(f *testing.F) {
	for _, raw := range []string{
		`{}`, `{"value":17}`, `{"value":null}`, `{"expected":null,"value":9}`, `{"swapped":true}`,
		`{"swapped":false,"current":7}`,
	} {
		f.Add(KindCAS, []byte(raw))
		f.Add(KindRead, []byte(raw))
		f.Add(KindWrite, []byte(raw))
	}
	f.Fuzz(func(t *testing.T, kind string, raw []byte) {
		if in, err := DecodeRegisterInput(kind, raw); err == nil {
			again, err := DecodeRegisterInput(kind, in.Encode(kind))
			if diff := cmp.Diff(in, again); err != nil || diff != "" {
				t.Errorf("%s input %s: %v %s", kind, raw, err, diff)
			}
		}
		if out, err := DecodeRegisterOutput(kind, raw); err == nil {
			again, err := DecodeRegisterOutput(kind, out.Encode(kind))
			if diff := cmp.Diff(out, again); err != nil || diff != "" {
				t.Errorf("%s output %s: %v %s", kind, raw, err, diff)
			}
		}
	})
}
