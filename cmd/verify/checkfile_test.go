package main

import (
	"encoding/json"
	"strings"
	"testing"

	"gauntlet/checker"
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

// Goal: the operations of a violation are told with their times, or the numbers of their records
// where that is all that is known; those that nobody answered are open.
func TestEvidence(t *testing.T) {
	h := &history.History{Operations: []history.Operation{
		{ID: 1, Kind: "acquire", Call: 3, Return: 5, Outcome: history.OutcomeOK},
		{ID: 2, Kind: "acquire", Call: 4, Return: 9, Outcome: history.OutcomeInfo},
		{ID: 3, Kind: "acquire", Call: 6, Return: 7, Outcome: history.OutcomeOK},
	}}
	list := evidenceOf("mutex", h, &checker.Violation{Operations: []int64{1, 2}})
	if len(list) != 2 || list[0].Open || !list[1].Open {
		t.Fatalf("%+v", list)
	}
	for i, want := range [][2]string{
		{"3ns to 5ns", "record 3 to 5"}, {"4ns to ...", "record 4 to ..."},
	} {
		timed, counted := list[i].when(false), list[i].when(true)
		if strings.TrimSpace(timed) != want[0] || strings.TrimSpace(counted) != want[1] {
			t.Errorf("%q, %q, want %q", timed, counted, want)
		}
	}
}

// Goal: nothing of a file reaches a terminal but what can be seen there, and that unchanged.
func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain 'text' \"€\" \\": "plain 'text' \"€\" \\", "": "",
		"\x1b[2J\nVALID\x7f": `\x1b[2J\nVALID\x7f`, "\u009b\u202e": `\u009b\u202e`, "\r\xff": `\r�`,
	} {
		if got := visible(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
