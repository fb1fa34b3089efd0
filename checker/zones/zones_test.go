package zones

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gauntlet/checker/finding"
	"gauntlet/checker/register"
	"gauntlet/checker/synth"
)

// recipes are the small histories that all orders can be tried of.
var recipes = []recipe{
	{5, 10, 5, "rw", 0, 0.8},
	{6, 8, 6, "rrww", 0.3, 0.8},
	{7, 12, 6, "rwc", 0.3, 0.8},
	{7, 6, 4, "rcc", 0.2, 0.8},
	{12, 20, 8, "rwcc", 0.3, 0.6},
	{14, 30, 12, "rrwc", 0.2, 0.5},
	{9, 3, 2, "rrwc", 0.2, 0.5},
}

// Goal: the answer is right, always given, and proved: a violation by the operations named, alone,
// and else by an order.
// Method: many small histories, true ones and false ones, against all orders tried.
func TestAgreesWithAllOrders(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	seen := map[string]int{}
	for n := range 30_000 {
		ops, values := draw(random, recipes[n%len(recipes)])
		found := Check(ops, values)
		seen[found.Answer.String()]++
		seen[string(found.Class)]++
		if found.Answer == finding.Undecided || brute(ops) != (found.Answer == finding.Linearizable) {
			t.Fatalf("%d: %+v\n%s", n, found, show(ops))
		}
		if wrong := unproved(ops, values, found); wrong != "" {
			t.Fatalf("%d: %+v: %s\n%s", n, found, wrong, show(ops))
		}
	}
	for _, what := range []finding.Class{finding.NeverWritten, finding.Future, finding.LostWrite,
		finding.Stale, finding.Twice, finding.Reordered} {
		if seen[string(what)] < 50 {
			t.Errorf("only %d of %s", seen[string(what)], what)
		}
	}
	if valid := seen[finding.Linearizable.String()]; valid < 10_000 || valid > 25_000 {
		t.Errorf("%d of 30000 are linearizable", valid)
	}
}

// unproved says what is wrong with the evidence for a finding, if anything is.
func unproved(ops []register.Op, values int, found finding.Finding) string {
	switch {
	case found.Answer == finding.Linearizable:
		return replay(ops, Order(ops, values))
	case found.Class == finding.NeverWritten:
		written := map[register.Value]bool{register.Initial: true}
		for _, op := range ops {
			written[op.After] = written[op.After] || op.Writes() && op.Before != op.After
		}
		for _, i := range found.Culprits {
			if !written[ops[i].Before] {
				return ""
			}
		}
		return "what they saw was written"
	case brute(alone(ops, found.Culprits)):
		return "alone they are no violation"
	}
	return ""
}

// replay says what is wrong with a linearization, if anything is.
func replay(ops []register.Op, order []int) string {
	place := make([]int, len(ops)) // from 1
	state, latest := register.Initial, int64(begin)
	for k, i := range order {
		if place[i] != 0 {
			return fmt.Sprintf("%d is in the order twice", i)
		}
		place[i] = k + 1
		ok, next := apply(state, ops[i])
		if !ok {
			return fmt.Sprintf("%d finds %d", i, state)
		}
		state = next
		if ops[i].Ret < latest {
			return fmt.Sprintf("%d returned before one that stands before it was called", i)
		}
		latest = max(latest, ops[i].Call)
	}
	for i, op := range ops {
		if place[i] == 0 && !op.Pending {
			return fmt.Sprintf("%d is not in the order", i)
		}
	}
	return ""
}

// Goal: larger histories are answered rightly.
// Method: against porcupine.
func TestAgreesWithPorcupine(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	valid := 0
	for n := range 1500 {
		ops, values := draw(random, recipe{25, 60, 10, []string{"rrw", "rwc", "rcc"}[n%3], 0.1, 0.6})
		found := Check(ops, values)
		if found.Answer == finding.Undecided ||
			general(ops) != (found.Answer == finding.Linearizable) {
			t.Fatalf("%d: %+v\n%s", n, found, show(ops))
		}
		if found.Answer == finding.Linearizable {
			valid++
		}
	}
	if valid < 400 || valid > 1300 {
		t.Errorf("%d of 1500 are linearizable", valid)
	}
}

// Goal: what breaks a precondition is not judged, and nothing makes the check panic.
// Method: one history for each precondition, and random garbage.
func TestRefusesWhatItCannotJudge(t *testing.T) {
	write := register.Op{Call: 1, Ret: 2, Kind: register.Write, After: 1}
	for why, op := range map[string]register.Op{
		"a value has two writers": {
			Call: 5, Ret: 6, Kind: write.Kind, After: 1,
		},
		"the initial value is written again": {Call: 5, Ret: 6, Kind: write.Kind},

		"operation 1 is of no known kind: 9":                          {Call: 5, Ret: 6, Kind: 9},
		"operation 1 is called before all time":                       {Call: begin, Ret: 6},
		"operation 1 speaks of a value that is none of the 2: 2..2":   {Call: 5, Ret: 6, Before: 2},
		"operation 1 speaks of a value that is none of the 2: -1..-1": {Call: 5, Ret: 6, Before: -1},
		"operation 1 returns at 4, before its call at 5":              {Call: 5, Ret: 4},
		"operation 1 is pending, yet returns at 6":                    {Call: 5, Ret: 6, Pending: true},
	} {
		found := Check([]register.Op{write, op}, 2)
		if found.Answer != finding.Undecided || found.Why != why {
			t.Errorf("%+v, want %s", found, why)
		}
	}
	random := rand.New(rand.NewPCG(3, 3))
	for range 20_000 {
		ops := make([]register.Op, random.IntN(6))
		for i := range ops {
			call := random.Int64N(8) - 4
			ops[i] = register.Op{Call: call, Ret: call + random.Int64N(4),
				Kind:   register.Kind(random.IntN(5)),
				Before: register.Value(random.IntN(5) - 1), After: register.Value(random.IntN(5) - 1)}
			if random.IntN(4) == 0 {
				ops[i].Ret, ops[i].Pending = register.Forever, random.IntN(2) == 0
			}
		}
		values := random.IntN(6) - 1
		found := Check(ops, values)
		if found.Answer != finding.Undecided && brute(ops) != (found.Answer == finding.Linearizable) {
			t.Fatalf("%+v\n%s", found, show(ops))
		}
		Order(ops, values)
	}
}

// BenchmarkCheck measures one hot register with unique values.
func BenchmarkCheck(b *testing.B) {
	for _, spec := range []synth.Spec{
		{Clients: 5, Operations: 100_000}, {Clients: 100, Operations: 100_000},
		{Clients: 5, Operations: 1_000_000}, {Clients: 100, Operations: 1_000_000},
		{Clients: 10, Operations: 1_000_000, CAS: true},
		{Clients: 10, Operations: 1_000_000, CAS: true, Silent: true},
	} {
		spec.Pending, spec.Seed = 0.01, 1
		name := fmt.Sprintf("n=%d/clients=%d/cas=%v/silent=%v",
			spec.Operations, spec.Clients, spec.CAS, spec.Silent)
		b.Run(name, func(b *testing.B) {
			ops := synth.Register(spec)
			values := synth.Values(ops)
			b.ReportAllocs()
			for b.Loop() {
				if found := Check(ops, values); found.Answer != finding.Linearizable {
					b.Fatal(found)
				}
			}
		})
	}
}
