package edn_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"gauntlet/exchange/edn"
)

// Goal: no text makes the decoder panic, and what it accepts survives being written.
// Method: each value's text decodes to a value with the same text, and its JSON is JSON.
func FuzzDecoder(f *testing.F) {
	for _, seed := range []string{
		`[{:type :invoke, :f :write, :process 0, :value 1 :time 10}]`,
		"#jepsen.history.Op{:index 0, :value [nil #{1 2} \"\\u00e9\" \\a 1/3 2.5M]}\n; c\n{}",
		"#:a{:b #_ 1 2} ^:m [##Inf -0.0 1e3 9999999999999999999N]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		limits := edn.Limits{Depth: 20, Bytes: 10_000}
		err := edn.NewDecoder(strings.NewReader(text), limits).Each(func(_ int, v edn.Value) error {
			written := edn.Text(v)
			if strings.ContainsAny(written, "\n\r") {
				t.Errorf("%q: more than one line", written)
			}
			again, err := all1(written)
			if err != nil || edn.Text(again) != written {
				t.Errorf("%q became %q, %v", written, edn.Text(again), err)
			}
			if raw := edn.AppendJSON(nil, v); !json.Valid(raw) {
				t.Errorf("%q: not JSON: %s", written, raw)
			}
			return nil
		})
		var e *edn.Error
		if err != nil && (!errors.As(err, &e) || e.Line < 1 || strings.Contains(err.Error(), "\n")) {
			t.Errorf("error %q, want one line with its number", err)
		}
	})
}

// all1 decodes one value, within brackets so that it is not taken for the whole sequence.
func all1(text string) (edn.Value, error) {
	var value edn.Value
	err := edn.NewDecoder(strings.NewReader("["+text+"]"), edn.DefaultLimits).
		Each(func(_ int, v edn.Value) error {
			value = v
			return nil
		})
	return value, err
}
