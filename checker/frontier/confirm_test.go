package frontier

import (
	"math/rand/v2"
	"testing"

	"gauntlet/checker/finding"
)

// Goal: a window that is a violation proves that the history is one, whatever it begins with.
// Method: random windows of random histories, against trying all orders from all states; many must
// be violations.
func TestWindowAgainstBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	found := 0
	for round := range 30_000 {
		o := randomTable(r)
		ops := randomOps(r, o.table, 2+r.IntN(6))
		_, returns := order(ops)
		if len(returns) < 2 {
			continue
		}
		first := r.IntN(len(returns))
		last := first + r.IntN(len(returns)-first)
		index, list := window(ops, int(returns[first]), int(returns[last]))
		calls, ends := order(list)
		got := newSweep(o, o.States(), Limit{}, generous).run(list, calls, ends)
		if got.Answer != finding.Violation {
			continue
		}
		found++
		if op := ops[index[got.Stuck]]; op.Pending || op.Ret > ops[returns[last]].Ret {
			t.Fatalf("round %d: %+v is stuck, which returns outside: %+v", round, op, ops)
		}
		for _, state := range o.States() {
			if brute(o, state, ops) {
				t.Fatalf("round %d: a violation from %d to %d, but not from state %d: %v %+v",
					round, returns[first], returns[last], state, o, ops)
			}
		}
	}
	if found < 500 {
		t.Errorf("only %d violations", found)
	}
}

// Goal: what meets the borders of a window at one instant is not taken to be on one side of them.
// Method: histories that are linearizable because two operations swap at a border.
func TestWindowBorders(t *testing.T) {
	const none = -1
	o := shaped{table: table{
		{0, 1, none, none, 2}, {1, none, 2, none, 2}, {2, none, none, 2, 2},
	}}
	for _, c := range []struct {
		name        string
		ops         []Op
		first, last int
	}{
		// Action 1 leads from 0 to 1, then action 2 to 2: both at instant 10.
		{"first", []Op{
			{Call: 0, Ret: 10, Action: 2}, {Call: 0, Ret: 10, Action: 0},
			{Call: 10, Ret: 20, Action: 1}, {Call: 25, Ret: 30, Action: 3},
		}, 1, 3},
		// Action 3 sees state 2, which action 4 writes: both at instant 30. In between is state 1.
		{"last", []Op{
			{Call: 0, Ret: 5, Action: 0}, {Call: 6, Ret: 7, Action: 1},
			{Call: 25, Ret: 30, Action: 3}, {Call: 30, Ret: 40, Action: 4},
		}, 0, 2},
	} {
		if !brute(o, 0, c.ops) {
			t.Fatalf("%s: not linearizable at all", c.name)
		}
		_, list := window(c.ops, c.first, c.last)
		calls, ends := order(list)
		if got := newSweep(o, o.States(), Limit{}, generous).run(list, calls, ends); got.Stuck >= 0 {
			t.Errorf("%s: %+v of %+v", c.name, got, list)
		}
	}
}
