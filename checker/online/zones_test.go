package online

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"gauntlet/checker/finding"
	"gauntlet/checker/register"
	"gauntlet/checker/synth"
	"gauntlet/checker/zones"
	"gauntlet/history"
)

// mutated generates a history, with coarse stamps so that many are equal, and may change what a few
// of its reads saw, or when something was open.
func mutated(r *rand.Rand) []register.Op {
	ops := synth.Register(synth.Spec{Clients: 2 + r.IntN(12), Operations: 10 + r.IntN(120),
		CAS: r.IntN(2) == 0, Pending: 0.1 * r.Float64(), Stale: r.IntN(4) == 0, Seed: r.Uint64()})
	grain := int64(1 + r.IntN(400_000))
	for i := range ops {
		ops[i].Call /= grain
		if !ops[i].Pending {
			ops[i].Ret /= grain
		}
	}
	for range r.IntN(3) {
		op := &ops[r.IntN(len(ops))]
		switch {
		case op.Kind == register.Read && r.IntN(2) == 0:
			near := int(op.Before) + r.IntN(7) - 3
			op.Before = register.Value(min(max(near, 0), synth.Values(ops)-1))
		case op.Kind == register.Read:
			op.Before = register.Initial
		case !op.Pending:
			op.Ret = op.Call + (op.Ret-op.Call)/2
		}
	}
	slices.SortStableFunc(ops, func(a, b register.Op) int { return cmp.Compare(a.Call, b.Call) })
	return ops
}

// Goal: watched from its first event to its last, a history is wrong if and only if it is wrong as
// a whole.
// Method: generated histories of some size, half of them spoilt, as JSON; package zones judges
// them whole.
func TestAgreesWithZones(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 2))
	count := map[finding.Answer]int{}
	for range 1500 {
		ops := mutated(r)
		whole := zones.Check(ops, synth.Values(ops))
		count[whole.Answer]++
		w := watch(t)
		var alarm *Alarm
		for _, op := range inOrder(synth.Operations(ops, "x")) {
			a, err := w.Observe(op)
			if err != nil {
				t.Fatal(err)
			}
			if a != nil {
				alarm = a
			}
		}
		if (alarm != nil) != (whole.Answer == finding.Violation) {
			t.Fatalf("alarm %+v, but the whole is %+v: %+v", alarm, whole, ops)
		}
	}
	t.Log(count)
	if count[finding.Undecided] > 0 || count[finding.Violation] < 400 ||
		count[finding.Linearizable] < 400 {
		t.Errorf("not balanced: %v", count)
	}
}

// inOrder is the events of a history: every operation when it is called, and when it returned.
func inOrder(ops []history.Operation) []history.Operation {
	events := make([]history.Operation, 0, 2*len(ops))
	for _, op := range ops {
		called := op
		called.Outcome, called.Output = "", nil
		events = append(events, called, op)
	}
	at := func(op history.Operation) int64 {
		if op.Outcome == "" {
			return 2 * int64(op.Call) // calls come first
		}
		return 2*int64(op.Return) + 1
	}
	slices.SortStableFunc(events, func(a, b history.Operation) int {
		return cmp.Compare(at(a), at(b))
	})
	return events
}
