package history

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Goal: a history that is known as a whole reads back as it was.
// Method: one of each kind of record, with stamps that coincide and an operation left open.
func TestWriteReadsBack(t *testing.T) {
	want := &History{
		Header: Header{Version: Version, Run: "r", Suite: "s", Seed: 1 << 63, Nodes: []string{"n1"}},
		Operations: []Operation{
			{ID: 1, Node: "n1", Kind: "write", Key: "a", Input: json.RawMessage(`{"value":"<&>"}`),
				Output: json.RawMessage(`{}`), Call: 5, Return: 5, Outcome: OutcomeOK},
			{ID: 2, Node: "n1", Kind: "read", Key: "a", Input: json.RawMessage(`{}`), Call: 5, Return: 9,
				Outcome: OutcomeFail, Error: "no answer"},
			{ID: 7, Process: 1, Node: "n1", Kind: "write", Key: "b", Input: json.RawMessage(`{}`),
				Call: 6, Return: 30, Outcome: OutcomeInfo, Error: "timeout"},
		},
		Faults: []Fault{
			{ID: 1, Kind: "kill", Hosts: []string{"n1"}, Stage: StageResumed, Start: 3, Stop: 8, Resumed: 12,
				Evidence: []Evidence{{Host: "n1", At: 3, Moment: "start", Bit: true}}},
			{ID: 2, Kind: "pause", Hosts: []string{"n1"}, Stage: StageInjected, Start: 4},
			{ID: 3, Kind: "loss", Hosts: []string{"n1"}, Stage: StageHealed, Start: 4, Stop: 8, Heard: 11,
				Cuts: []Cut{{From: Clients, To: "n1", Mode: CutReject, Rate: 300, Size: 1400}}},
		},
		Observations: []Observation{{Node: "n1", At: 7, Term: 3, Role: RoleLeader, Source: "log"}},
		Phases:       []Phase{{Name: "load", At: 0}, {Name: "heal", At: 10}},
	}
	var text bytes.Buffer
	if err := want.Write(&text); err != nil {
		t.Fatal(err)
	}
	if phase, heard := strings.Index(text.String(), `"heal"`), strings.Index(text.String(),
		`"heard"`); heard < phase {
		t.Errorf("what was heard at 11 stands before a phase at 10:\n%s", &text)
	}
	got, err := Read(bytes.NewReader(text.Bytes()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, &text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	want.Operations[2].Outcome, want.Operations[2].Return = "", 0
	text.Reset()
	if err := want.Write(&text); err != nil {
		t.Fatal(err)
	}
	got, err = Read(&text)
	if err != nil || len(got.Warnings) != 1 || got.Operations[2].Outcome != OutcomeInfo ||
		got.Operations[2].Return != 12*time.Nanosecond {
		t.Errorf("left open: %+v, %v", got.Operations[2], err)
	}
}
