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
