package frontier

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/anishathalye/porcupine"

	"gauntlet/checker/finding"
	"gauntlet/checker/register"
	"gauntlet/checker/synth"
)

// randomRegister draws a history of a register with up to n operations: few values or many, with
// operations of all kinds, equal stamps, and some pending. Half follow a run.
func randomRegister(r *rand.Rand, n int) (ops []register.Op, values int) {
	values = 2 + r.IntN(6)
	state, span, pending := register.Initial, 1+r.IntN(10), r.IntN(5)
	honest := r.IntN(2) == 0
	value := func() register.Value { return register.Value(r.IntN(values)) }
	for i := range n {
		op := register.Op{Kind: register.Kind(r.IntN(4)), Before: value()}
		if op.Writes() {
			op.After = value()
		}
		if honest && op.Kind == register.Read {
			op.Before = state
		}
		at := int64(2 * i)
		op.Call, op.Ret = at-int64(r.IntN(span)), at+int64(r.IntN(span))
		if op.Writes() && r.IntN(10) < pending {
			op.Pending, op.Ret = true, register.Forever
		}
		if s := applied(state, op); s >= 0 {
			state = s
		} else if honest {
			continue
		}
		ops = append(ops, op)
	}
	r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	return ops, values
}

// applied is the value after an operation, or -1 if it cannot have happened.
func applied(state register.Value, op register.Op) register.Value {
	switch {
	case op.Kind == register.NotEqual && state == op.Before:
		return -1
	case op.Observes() && state != op.Before:
		return -1
	case op.Writes():
		return op.After
	}
	return state
}

// porcupineSays asks porcupine. A pending cas that cannot have happened did nothing.
func porcupineSays(ops []register.Op, initial register.Value) bool {
	model := porcupine.Model{
		Init: func() any { return initial },
		Step: func(state, input, _ any) (bool, any) {
			op := input.(register.Op)
			next := applied(state.(register.Value), op)
			if next < 0 {
				return op.Pending, state
			}
			return true, next
		},
	}
	list := make([]porcupine.Operation, len(ops))
	for i, op := range ops {
		list[i] = porcupine.Operation{ClientId: i, Input: op, Call: op.Call, Return: op.Ret}
	}
	return porcupine.CheckOperations(model, list)
}

// Goal: registers come out as porcupine has them, whichever values nobody asks for and whenever
// unanswered operations are forgotten.
// Method: random histories; the search as it is, and the exact sweep with the Judge asked at every
// return.
func TestRegisterAgainstPorcupine(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	counts := map[finding.Answer]int{}
	for round := range 6_000 {
		ops, values := randomRegister(r, 1+r.IntN(16))
		initial := []register.Value{register.Value(r.IntN(2) * r.IntN(values))}
		want := finding.Violation
		if porcupineSays(ops, initial[0]) {
			want = finding.Linearizable
		}
		o, first, list := Register(ops, values, initial)
		got := Search(o, first, list, Limit{})
		counts[got.Answer]++
		if got.Answer != want {
			t.Fatalf("round %d: %+v, want %v: %+v", round, got, want, ops)
		}
		if state, ok := beyond(o, first, list); ok {
			t.Fatalf("round %d: state %d is not listed: %+v", round, state, ops)
		}
		s := newSweep(o, first, Limit{}, exact)
		s.patience = 1
		if got := s.run(list, sorted(list), returning(list)); got.Answer != want {
			t.Fatalf("round %d: pruned: %+v, want %v: %+v", round, got, want, ops)
		}
	}
	balanced(t, counts, 1_000)
}

// beyond finds a state that the initial ones or one step lead to and that is not listed.
func beyond(o Object, initial []int32, ops []Op) (state int32, ok bool) {
	listed := map[int32]bool{}
	for _, state := range o.(Finite).States() {
		listed[state] = true
	}
	for _, state := range initial {
		if !listed[state] {
			return state, true
		}
	}
	for state := range listed {
		for _, op := range ops {
			if next, ok := o.Step(state, op.Action); ok && !listed[next] {
				return next, true
			}
		}
	}
	return 0, false
}

func sorted(ops []Op) []int32 {
	calls, _ := order(ops)
	return calls
}

func returning(ops []Op) []int32 {
	_, returns := order(ops)
	return returns
}

// Goal: an unanswered operation is useful exactly as long as something may ask for what it writes.
// Method: a chain of pending cas that ends in a read, with a write that starts it, one that nobody
// asks for, and one that a failed cas may want.
func TestRegisterUseful(t *testing.T) {
	pending := func(kind register.Kind, before, after register.Value) register.Op {
		return register.Op{
			Kind: kind, Before: before, After: after, Pending: true, Ret: register.Forever,
		}
	}
	ops := []register.Op{
		pending(register.Write, 0, 1), pending(register.CAS, 1, 2), pending(register.CAS, 2, 3),
		pending(register.Write, 0, 4),
		{Kind: register.Read, Before: 3, Call: 10, Ret: 20},
		{Kind: register.Read, Before: 1, Call: 0, Ret: 5},
	}
	check := func(at int64, want ...bool) {
		t.Helper()
		o, _, list := Register(ops, 5, nil)
		for i, useful := range want {
			if o.(Judge).Useful(list[i].Action, at) != useful {
				t.Errorf("at %d: operation %d: useful is not %v", at, i, useful)
			}
		}
	}
	check(-3, true, true, true, false)
	check(20, true, true, true, false)
	check(21, false, false, false, false)
	ops = append(ops, register.Op{Kind: register.NotEqual, Before: 4, Call: 10, Ret: 30})
	check(30, true, true, true, true)
	check(31, false, false, false, false)
}

// Goal: nothing that a caller may get wrong about registers makes the search panic.
// Method: values out of range, reads that are pending, no values at all.
func TestRegisterHostile(t *testing.T) {
	ops := []register.Op{
		{Kind: register.Write, After: -7, Ret: 3}, {Kind: register.Read, Before: -7, Call: 4, Ret: 5},
		{Kind: register.CAS, Before: -7, After: math.MaxInt32, Call: 6, Ret: 7},
		{Kind: register.Read, Before: 9, Pending: true, Ret: register.Forever},
		{Kind: 77, Before: math.MaxInt32, Call: 8, Ret: 9},
	}
	for _, values := range []int{-1, 0, 3, 20} {
		o, first, list := Register(ops, values, []register.Value{0, -3})
		if got := Search(o, first, list, Limit{}); got.Answer != finding.Linearizable {
			t.Errorf("%d values: %+v", values, got)
		}
	}
}

// Goal: how much is kept does not depend on how long a history is, nor on how many operations were
// never answered.
// Method: registers with few values, from 5 to 100 clients, valid and with one stale read, have to
// be decided within a peak that is fixed.
func TestRegisterPeak(t *testing.T) {
	for _, c := range []struct {
		spec synth.Spec
		peak int
	}{
		{synth.Spec{Clients: 10, Operations: 20_000}, 100},
		{synth.Spec{Clients: 10, Operations: 20_000, CAS: true}, 500},
		{synth.Spec{Clients: 10, Operations: 20_000, CAS: true, Silent: true, Pending: 0.01}, 1500},
		{synth.Spec{Clients: 25, Operations: 2_000, Pending: 0.01}, 400},
		{synth.Spec{Clients: 25, Operations: 500, CAS: true}, 3000},
		{synth.Spec{Clients: 100, Operations: 2_000, Pending: 0.01}, 1500},
	} {
		for _, c.spec.Stale = range []bool{false, true} {
			c.spec.Domain, c.spec.Seed = 5, 7
			ops := synth.Register(c.spec)
			o, first, list := Register(ops, synth.Values(ops), []register.Value{register.Initial})
			got := Search(o, first, list, Limit{Configs: c.peak})
			want := finding.Linearizable
			if c.spec.Stale {
				want = finding.Violation
			}
			if got.Answer != want || got.Peak > c.peak {
				t.Errorf("%+v: %v %s, peak %d, want %v", c.spec, got.Answer, got.Why, got.Peak, want)
			}
		}
	}
}
