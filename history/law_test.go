package history

import (
	"encoding/json"
	"testing"
	"time"
)

// lawful is two operations of one process, one after the other, and one of another across both.
func lawful() History {
	return History{
		Operations: []Operation{
			{ID: 1, Process: 0, Kind: "write", Call: 10, Return: 20, Outcome: OutcomeOK,
				Output: json.RawMessage("{}")},
			{ID: 2, Process: 1, Kind: "read", Call: 15, Return: 90, Outcome: OutcomeFail},
			{ID: 4, Process: 0, Kind: "cas", Call: 20, Return: 30, Outcome: OutcomeInfo},
		},
		Faults: []Fault{{ID: 1, Start: 5, Stop: 6}, {ID: 2, Start: 50}},
		Phases: []Phase{{Name: "warm-up", At: 0}, {Name: "load", At: 10}},
	}
}

// Goal: each law holds the history it forbids and lets a lawful one pass. Method: a lawful history,
// then one change that breaks one law, with the exact message.
func TestValid(t *testing.T) {
	if h := lawful(); h.Valid() != nil {
		t.Fatal(h.Valid())
	}
	if h := (&History{}); h.Valid() != nil {
		t.Fatal(h.Valid())
	}
	for _, c := range []struct {
		want   string
		change func(h *History)
	}{
		{"operation 2: process -1, want 0 or more",
			func(h *History) { h.Operations[1].Process = -1 }},
		{"operation 1: no kind",
			func(h *History) { h.Operations[0].Kind = "" }},
		{"operation 1: call at -1ns, before the run's start",
			func(h *History) { h.Operations[0].Call = -1 }},
		{`operation 1: outcome "perhaps", want ok, fail, info or none`,
			func(h *History) { h.Operations[0].Outcome = "perhaps" }},
		{"operation 1: return at 9ns, before its call at 10ns",
			func(h *History) { h.Operations[0].Return = 9 }},
		{`operation 2: has an output, but its outcome is "fail"`,
			func(h *History) { h.Operations[1].Output = json.RawMessage("{}") }},
		{"operation 2: follows operation 2: ids must rise",
			func(h *History) { h.Operations[0].ID = 2 }},
		{"operation 2: call at 9ns, before that of operation 1 at 10ns",
			func(h *History) { h.Operations[1].Call = 9 }},
		{"operation 4: call at 20ns, but process 1 had operation 2 open until 90ns",
			func(h *History) { h.Operations[2].Process = 1 }},
		{"operation 4: process 0 was retired by operation 1, whose outcome is unknown",
			func(h *History) { h.Operations[0].Outcome, h.Operations[0].Output = OutcomeInfo, nil }},
		{"operation 4: process 0 was retired by operation 1, whose outcome is unknown",
			func(h *History) { h.Operations[0].Outcome, h.Operations[0].Output = "", nil }},
		{"fault 1: stop 4ns before start 5ns",
			func(h *History) { h.Faults[0].Stop = 4 }},
		{"phase load: at 10ns, before phase warm-up at 11ns",
			func(h *History) { h.Phases[0].At = 11 * time.Nanosecond }},
	} {
		h := lawful()
		c.change(&h)
		if err := h.Valid(); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

// Goal: a fault is proven only by evidence of both its moments, none contrary. Method: each case.
func TestFaultBit(t *testing.T) {
	start, end := Evidence{Moment: "start", Bit: true}, Evidence{Moment: "end", Bit: true}
	for _, c := range []struct {
		name  string
		fault Fault
		want  bool
	}{
		{"nothing", Fault{}, false},
		{"start only", Fault{Evidence: []Evidence{start}}, false},
		{"end only", Fault{Evidence: []Evidence{end}}, false},
		{"both", Fault{Evidence: []Evidence{start, end}}, true},
		{"contrary", Fault{Evidence: []Evidence{start, end, {Moment: "end"}}}, false},
		{"failed", Fault{Evidence: []Evidence{start, end}, Error: "no revert"}, false},
	} {
		if got := c.fault.Bit(); got != c.want {
			t.Errorf("%s: got %t", c.name, got)
		}
	}
}
