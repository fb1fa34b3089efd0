package workload

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// codec is one of the pairs of decoders, the fast one and its slow twin.
type codec struct {
	name       string
	fast, slow func(kind string, raw json.RawMessage) (any, error)
}

var codecs = []codec{
	{"register input", boxed(DecodeRegisterInput), boxed(slowRegisterInput)},
	{"register output", boxed(DecodeRegisterOutput), boxed(slowRegisterOutput)},
	{"append input", boxed(DecodeAppendInput), boxed(slowAppendInput)},
	{"append output", boxed(DecodeAppendOutput), boxed(slowAppendOutput)},
	{"counter input", boxed(DecodeCounterInput), boxed(slowCounterInput)},
	{"counter output", boxed(DecodeCounterOutput), boxed(slowCounterOutput)},
	{"txn input", boxed(DecodeTxnInput), boxed(slowTxnInput)},
	{"txn output", boxed(DecodeTxnOutput), boxed(slowTxnOutput)},
}

func boxed[T any](
	decode func(string, json.RawMessage) (T, error),
) func(string, json.RawMessage) (any, error) {
	return func(kind string, raw json.RawMessage) (any, error) {
		v, err := decode(kind, raw)
		return v, err
	}
}

// kinds are all there are, and one that is none.
var kinds = []string{KindRead, KindWrite, KindCAS, KindAppend, KindAdd, KindTxn, "lock"}

// agree compares the fast decoders with the slow ones on some bytes.
func agree(t interface{ Fatalf(string, ...any) }, raw []byte) {
	for _, c := range codecs {
		for _, kind := range kinds {
			fast, fastErr := c.fast(kind, raw)
			slow, slowErr := c.slow(kind, raw)
			if (fastErr == nil) != (slowErr == nil) {
				t.Fatalf("%s of %s %q: %v, slowly %v", c.name, kind, raw, fastErr, slowErr)
			}
			if diff := cmp.Diff(slow, fast); fastErr == nil && diff != "" {
				t.Fatalf("%s of %s %q (-slow +fast):\n%s", c.name, kind, raw, diff)
			}
		}
	}
}

// drawNumber prefers what is near a bound.
func drawNumber(t *rapid.T) int64 {
	return rapid.OneOf(rapid.Int64Range(-20, 20), rapid.Int64(),
		rapid.SampledFrom([]int64{0, math.MinInt64, math.MaxInt64, 999999999999999999,
			1000000000000000000, -999999999999999999})).Draw(t, "number")
}

// drawForm draws the canonical JSON of some input or output.
func drawForm(t *rapid.T) json.RawMessage {
	kind := rapid.SampledFrom(kinds).Draw(t, "kind")
	swapped := rapid.Bool().Draw(t, "swapped")
	pointer := func() *int64 {
		if rapid.Bool().Draw(t, "absent") {
			return nil
		}
		v := drawNumber(t)
		return &v
	}
	numbers := rapid.SliceOfN(rapid.Custom(drawNumber), 0, 5)
	var txn TxnInput
	var reads TxnOutput
	for range rapid.IntRange(1, 4).Draw(t, "steps") {
		step := TxnStep{Kind: rapid.SampledFrom([]string{KindRead, KindAppend, KindWrite}).
			Draw(t, "step"), Key: rapid.OneOf(rapid.StringMatching(`t[0-9]\.[0-9]`), rapid.String()).
			Draw(t, "key")}
		var read []int64
		if step.Kind == KindRead {
			read = append([]int64{}, numbers.Draw(t, "read")...)
		} else {
			step.Value = drawNumber(t)
		}
		txn.Steps, reads.Reads = append(txn.Steps, step), append(reads.Reads, read)
	}
	return rapid.SampledFrom([]json.RawMessage{
		RegisterInput{Value: pointer(), Expected: pointer()}.Encode(kind),
		RegisterOutput{Value: pointer(), Current: pointer(), Swapped: &swapped}.Encode(kind),
		AppendInput{Value: drawNumber(t)}.Encode(kind),
		AppendOutput{Values: numbers.Draw(t, "values")}.Encode(kind),
		CounterInput{Delta: drawNumber(t)}.Encode(kind),
		CounterOutput{Value: drawNumber(t)}.Encode(kind),
		txn.Encode(kind), reads.Encode(kind),
	}).Draw(t, "form")
}

// Goal: the fast decoders mean what encoding/json means, also on what is almost canonical. Method:
// random canonical forms, a byte changed, put in or taken out, decoded both ways as every kind.
func TestFastDecodingAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := []byte(drawForm(t))
		agree(t, raw)
		at := rapid.IntRange(0, len(raw)-1).Draw(t, "at")
		b := rapid.SampledFrom([]byte(` "[]{},:-+.0179enulltruef\`)).Draw(t, "byte")
		agree(t, append(raw[:at:at], raw[at+1:]...))
		agree(t, append(append(raw[:at:at], b), raw[at:]...))
		agree(t, append(append(raw[:at:at], b), raw[at+1:]...))
		agree(t, raw[:at])
		agree(t, append(raw[:len(raw):len(raw)], b))
	})
}

// Goal: encoding loses nothing. Method: whatever decodes a random canonical form encodes it to what
// decodes to the same again.
func TestFormsRoundTrip(t *testing.T) {
	type encoder interface {
		Encode(kind string) json.RawMessage
	}
	rapid.Check(t, func(t *rapid.T) {
		raw := drawForm(t)
		for _, c := range codecs {
			for _, kind := range kinds {
				v, err := c.fast(kind, raw)
				if err != nil {
					continue
				}
				again := v.(encoder).Encode(kind)
				w, err := c.fast(kind, again)
				if diff := cmp.Diff(v, w); err != nil || diff != "" {
					t.Fatalf("%s of %s %s became %s: %v %s", c.name, kind, raw, again, err, diff)
				}
			}
		}
	})
}

// Goal: the JSON of the newer models is what the history's readers rely on. Method: every form, by
// the letter, both ways.
func TestForms(t *testing.T) {
	steps := []TxnStep{{KindRead, "t3.0", 0}, {KindAppend, "t3.1", 17}, {KindWrite, "t3.2", 5}}
	for _, c := range []struct {
		codec int
		kind  string
		value interface {
			Encode(string) json.RawMessage
		}
		want string
	}{
		{2, KindRead, AppendInput{}, `{}`},
		{2, KindAppend, AppendInput{17}, `{"value":17}`},
		{3, KindRead, AppendOutput{[]int64{1, -2}}, `{"values":[1,-2]}`},
		{3, KindRead, AppendOutput{[]int64{}}, `{"values":[]}`},
		{3, KindAppend, AppendOutput{}, `{}`},
		{4, KindRead, CounterInput{}, `{}`},
		{4, KindAdd, CounterInput{-3}, `{"delta":-3}`},
		{5, KindRead, CounterOutput{5}, `{"value":5}`},
		{5, KindAdd, CounterOutput{8}, `{"value":8}`},
		{6, KindTxn, TxnInput{steps},
			`{"steps":[["read","t3.0"],["append","t3.1",17],["write","t3.2",5]]}`},
		{6, KindTxn, TxnInput{[]TxnStep{{KindRead, "<\"\n", 0}}},
			`{"steps":[["read","\u003c\"\n"]]}`},
		{7, KindTxn, TxnOutput{[][]int64{{1, 2}, nil, {}}}, `{"steps":[[1,2],null,[]]}`},
	} {
		if got := string(c.value.Encode(c.kind)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.kind, got, c.want)
		}
		got, err := codecs[c.codec].fast(c.kind, json.RawMessage(c.want))
		if diff := cmp.Diff(any(c.value), got); err != nil || diff != "" {
			t.Errorf("%s of %s: %v %s", codecs[c.codec].name, c.want, err, diff)
		}
	}
}

// Goal: nothing incomplete or foreign is taken for an empty list or for zero. Method: each
// such form is an error.
func TestFormsRefuse(t *testing.T) {
	for _, c := range []struct {
		codec     int
		kind, raw string
	}{
		{2, KindAppend, `{}`}, {2, KindAppend, `{"value":null}`}, {2, KindAppend, `{"value":"1"}`},
		{2, KindAppend, `{"value":1.5}`}, {2, KindWrite, `{"value":1}`}, {2, KindRead, ``},
		{3, KindRead, `{}`}, {3, KindRead, `{"values":null}`}, {3, KindRead, `{"values":[null]}`},
		{3, KindRead, `{"values":[1,]}`}, {3, KindRead, `{"values":{}}`}, {3, KindAdd, `{}`},
		{4, KindAdd, `{}`}, {4, KindAdd, `{"delta":null}`}, {4, KindAppend, `{"delta":1}`},
		{5, KindRead, `{}`}, {5, KindAdd, `{"value":null}`}, {5, KindAdd, `{"value":[1]}`},
		{6, KindTxn, `{}`}, {6, KindTxn, `{"steps":[]}`}, {6, KindTxn, `{"steps":[[]]}`},
		{6, KindTxn, `{"steps":[["read"]]}`}, {6, KindTxn, `{"steps":[["read","a",1]]}`},
		{6, KindTxn, `{"steps":[["append","a"]]}`}, {6, KindTxn, `{"steps":[["write","a",null]]}`},
		{6, KindTxn, `{"steps":[["cas","a",1]]}`}, {6, KindTxn, `{"steps":[["read",null]]}`},
		{6, KindTxn, `{"steps":[["append","a",1,2]]}`}, {6, KindRead, `{"steps":[["read","a"]]}`},
		{7, KindTxn, `{}`}, {7, KindTxn, `{"steps":[]}`}, {7, KindTxn, `{"steps":[[null]]}`},
		{7, KindRead, `{"steps":[[1]]}`},
	} {
		if v, err := codecs[c.codec].fast(c.kind, json.RawMessage(c.raw)); err == nil {
			t.Errorf("%s of %s %s was taken for %+v", codecs[c.codec].name, c.kind, c.raw, v)
		}
	}
}

// FuzzDecoders: no bytes panic a decoder, and the fast ones agree with the slow ones.
func FuzzDecoders(f *testing.F) {
	for _, raw := range []string{
		`{}`, `{"value":17}`, `{"expected":null,"value":9}`, `{"swapped":false,"current":7}`,
		`{"values":[1,2]}`, `{"delta":-3}`, `{"steps":[["read","t3.0"],["append","t3.1",17]]}`,
		`{"steps":[[1,2],null]}`, `{"value":1000000000000000000}`, `{"value":-0}`, `{"value":01}`,
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { agree(t, raw) })
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		codec     int
		kind, raw string
	}{
		{0, KindCAS, `{"expected":12345,"value":12346}`},
		{1, KindCAS, `{"swapped":false,"current":12345}`},
		{1, KindRead, `{"value":12345}`},
		{3, KindRead, `{"values":[12345,12346,12347,12348,12349,12350]}`},
		{5, KindAdd, `{"value":12345}`},
		{6, KindTxn, `{"steps":[["read","t3.0"],["append","t3.1",17],["write","t3.2",5]]}`},
		{7, KindTxn, `{"steps":[[1,2],null,null]}`},
	} {
		raw := json.RawMessage(c.raw)
		b.Run(codecs[c.codec].name+" of "+c.kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				switch c.codec { // not through codecs, which box
				case 0:
					_, _ = DecodeRegisterInput(c.kind, raw)
				case 1:
					_, _ = DecodeRegisterOutput(c.kind, raw)
				case 3:
					_, _ = DecodeAppendOutput(c.kind, raw)
				case 5:
					_, _ = DecodeCounterOutput(c.kind, raw)
				case 6:
					_, _ = DecodeTxnInput(c.kind, raw)
				case 7:
					_, _ = DecodeTxnOutput(c.kind, raw)
				}
			}
		})
	}
}
