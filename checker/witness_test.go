package checker

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gauntlet/history"
	"gauntlet/workload"
)

// Goal: results tell the operations of a violation without the history, unanswered ones as such,
// and whatever an operation holds. Method: a read that saw an unanswered write too early, through
// JSON.
func TestWitnesses(t *testing.T) {
	ops := parseOperations(t, workload.ModelRegister, `
		1 n1 0-10 ok write 5
		2 n2 20-30 ok read 17
		3 n3 40- info write 17`)
	result := Linearizable(workload.ModelRegister, ops, time.Minute)
	data, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	var back KeyResult
	if err := json.Unmarshal(data, &back); err != nil || back.Violation == nil {
		t.Fatalf("%v: %s", err, data)
	}
	returned := 30 * time.Millisecond
	want := []Witness{
		{ID: 2, Process: 2, Node: "n2", Kind: "read", Input: ops[1].Input, Output: ops[1].Output,
			Call: 20 * time.Millisecond, Return: &returned, Outcome: history.OutcomeOK},
		{ID: 3, Process: 3, Node: "n3", Kind: "write", Input: ops[2].Input,
			Call: 40 * time.Millisecond, Outcome: history.OutcomeInfo},
	}
	if diff := cmp.Diff(want, back.Violation.Evidence); diff != "" {
		t.Error(diff)
	}
	hostile := effect{op: history.Operation{Input: json.RawMessage("{"), Output: json.RawMessage("")}}
	if _, err := json.Marshal(newViolation("It is no JSON.", hostile)); err != nil {
		t.Error(err)
	}
	many := newViolation("They are many.", make([]effect, mostEvidence+1)...)
	if many.Evidence != nil ||
		len(many.Operations) != mostEvidence+1 {
		t.Errorf("%d operations, evidence %v", len(many.Operations), many.Evidence)
	}
}
