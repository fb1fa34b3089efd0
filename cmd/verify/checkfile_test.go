package main

import (
	"encoding/json"
	"strings"
	"testing"

	"gauntlet/history"
)

// Goal: a check that outgrows its memory ends without an answer, before the machine does; one that
// does not is not disturbed.
// Method: work that never ends with no memory allowed, and work that ends with plenty.
func TestWithinMemory(t *testing.T) {
	forever := make(chan struct{})
	defer close(forever)
	kept := false
	keep := func() { kept = true }
	if within(0, func() func() { <-forever; return keep }) || kept {
		t.Error("work that never ends was waited for")
	}
	if !within(1<<40, func() func() { return keep }) || !kept {
		t.Error("work that ended was not kept")
	}
}

// Goal: any operation can be put into words, however odd.
// Method: inputs and outputs of every shape, for models that are ours and models that are not.
func TestWords(t *testing.T) {
	odd := []json.RawMessage{nil, {}, []byte("null"), []byte("{}"), []byte("{"), []byte("[1]"),
		[]byte(`{"value":3}`), []byte("\xff")}
	for _, model := range []string{"cas-register(0)", "register", "counter", "txn", "mutex", ""} {
		for _, in := range odd {
			for _, out := range odd {
				op := history.Operation{Kind: "read", Input: in, Output: out,
					Outcome: history.OutcomeOK}
				if asked, _ := words(model, op); !strings.HasPrefix(asked, "read") {
					t.Errorf("%s %q %q: asked %q", model, in, out, asked)
				}
			}
		}
	}
	write := history.Operation{Kind: "write", Input: []byte(`{"value":3}`)}
	if asked, answered := words("cas-register", write); asked != "write 3" || answered != "no answer" {
		t.Errorf("%q, %q", asked, answered)
	}
}
