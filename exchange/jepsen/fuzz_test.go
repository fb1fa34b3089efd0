package jepsen_test

import (
	"bytes"
	"strings"
	"testing"

	"gauntlet/exchange/jepsen"
)

// fuzz holds what must be true of any text: no panic; an error is one line that names the file; a
// history that is read keeps the laws, and can be written and read again.
func fuzz(f *testing.F, seeds ...string) {
	for _, seed := range seeds {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, ofRegister bool) {
		model := "set"
		if ofRegister {
			model = "cas-register(nil)"
		}
		h, err := jepsen.Read(strings.NewReader(text), "h", model)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "h:") || strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("error %q", err)
			}
			return
		}
		if err := h.Valid(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		var written bytes.Buffer
		if err := jepsen.Write(&written, h); err != nil {
			if !strings.Contains(text, "header") { // of ours, inputs are taken unseen
				t.Errorf("%q: written: %v", text, err)
			}
			return
		}
		again, err := jepsen.Read(&written, "h", "any")
		if err != nil && len(h.Operations) > 0 {
			t.Errorf("%q: written, then read: %v", text, err)
		}
		if err == nil && len(again.Operations) != len(h.Operations) {
			t.Errorf("%q: %d operations became %d", text, len(h.Operations), len(again.Operations))
		}
	})
}

// Goal: no EDN history breaks the reader.
func FuzzReadEDN(f *testing.F) {
	fuzz(f, register, `{:type :invoke, :value [[:r :x nil] [:append 1 2]]}
		{:type :ok, :value [[:r :x [1 2]] [:append 1 2]]}`,
		`(#op{:process 3 :type :invoke :f :read :value [5 nil] :index 1})`)
}

// Goal: no JSON history breaks the reader.
func FuzzReadJSON(f *testing.F) {
	fuzz(f, asJSON(register), `[{"type":"invoke","f":"add","value":{"a":[1.5,"\u00e9"]},"process":0}]`)
}

// Goal: no log breaks the reader.
func FuzzReadLog(f *testing.F) {
	fuzz(f, log)
}

// Goal: no history of ours breaks the reader.
func FuzzReadOwn(f *testing.F) {
	fuzz(f, `{"type":"header","version":1}
{"type":"invoke","time":5,"id":1,"process":0,"node":"n1","kind":"write","input":{"value":1}}
{"type":"return","time":9,"id":1,"process":0,"outcome":"ok","output":{}}
`)
}
