package frontier

import "math/rand/v2"

// table is an object by its transitions: next states by state and action, negative ones impossible.
type table [][]int32

func (t table) Step(state, action int32) (int32, bool) {
	next := t[state][action]
	return next, next >= 0
}

// shaped is a table that tells the shapes of some of its actions: those in a mask.
type shaped struct {
	table
	told uint64
}

func (s shaped) Shape(action int32) Shape {
	reads, overwrites := true, true
	for state := range s.table {
		next := s.table[state][action]
		reads = reads && (next < 0 || next == int32(state))
		overwrites = overwrites && next >= 0 && next == s.table[0][action]
	}
	switch {
	case s.told>>action&1 == 0:
		return Any
	case overwrites:
		return Overwrites
	case reads:
		return Reads
	}
	return Any
}

func (s shaped) States() (states []int32) {
	for state := range s.table {
		states = append(states, int32(state))
	}
	return states
}

// randomTable draws an object. Some of its actions look, some overwrite, most do anything.
func randomTable(r *rand.Rand) shaped {
	states, actions := 1+r.IntN(4), 1+r.IntN(5)
	t := make(table, states)
	for s := range t {
		t[s] = make([]int32, actions)
	}
	for a := range actions {
		shape, fixed, odds := r.IntN(4), r.IntN(states), 1+r.IntN(4)
		for s := range t {
			switch {
			case shape == 0:
				t[s][a] = int32(fixed)
			case r.IntN(4) >= odds:
				t[s][a] = -1
			case shape == 1:
				t[s][a] = int32(s)
			default:
				t[s][a] = int32(r.IntN(states))
			}
		}
	}
	return shaped{t, r.Uint64()}
}

// randomOps draws up to n operations, with equal stamps, and some pending. Half of the histories
// follow a run of the object from state 0, so that many are linearizable.
func randomOps(r *rand.Rand, t table, n int) []Op {
	var ops []Op
	state, span, pending := int32(0), 1+r.IntN(8), r.IntN(4)
	honest := r.IntN(2) == 0
	for i := range n {
		op := Op{Action: int32(r.IntN(len(t[0])))}
		at := int64(2 * i)
		op.Call, op.Ret = at-int64(r.IntN(span)), at+int64(r.IntN(span))
		if r.IntN(10) < pending {
			op.Pending, op.Ret = true, Forever
		}
		if next, ok := t.Step(state, op.Action); ok && honest {
			state = next
		} else if honest {
			continue
		}
		ops = append(ops, op)
	}
	r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	return ops
}

// brute tries all orders.
func brute(o Object, state int32, ops []Op) bool {
	left := false
	for _, op := range ops {
		left = left || !op.Pending
	}
	if !left {
		return true
	}
	for i, op := range ops {
		first := true
		for _, other := range ops {
			first = first && (other.Pending || other.Ret >= op.Call)
		}
		rest := append(append([]Op(nil), ops[:i]...), ops[i+1:]...)
		if next, ok := o.Step(state, op.Action); first && ok && brute(o, next, rest) {
			return true
		}
	}
	return false
}

// pastStuck is the history up to the place where a search was stuck: what is open has no end, but
// for the operation that is stuck.
func pastStuck(ops []Op, r Result) []Op {
	open := make(map[int]bool)
	for _, i := range r.Open {
		open[i] = i != r.Stuck
	}
	var kept []Op
	for i, op := range ops {
		if op.Pending && !open[i] || !op.Pending && op.Call > ops[r.Stuck].Ret {
			continue
		}
		if open[i] {
			op.Pending, op.Ret = true, Forever
		}
		kept = append(kept, op)
	}
	return kept
}
