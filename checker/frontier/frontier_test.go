package frontier

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"gauntlet/checker/finding"
)

// table is an object by its transitions: next states by state and action, negative ones impossible.
type table [][]int32

func (t table) Step(state, action int32) (int32, bool) {
	next := t[state][action]
	return next, next >= 0
}

// randomTable draws an object. Some of its actions only look, some overwrite, most do anything.
func randomTable(r *rand.Rand) table {
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
	return t
}

// randomOps draws a history of a table, with equal stamps and pending operations. Half of them
// follow a run of the object, so that many are linearizable.
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

// rounds multiplies the rounds of a test by the number in the environment, for long runs by hand.
func rounds(n int) int {
	if times, err := strconv.Atoi(os.Getenv("ROUNDS")); err == nil {
		return n * times
	}
	return n
}

// brute tries all orders.
func brute(o Object, state int32, ops []Op) bool {
	must := false
	for _, op := range ops {
		must = must || !op.Pending
	}
	if !must {
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

// Goal: the search is exact for any object.
// Method: random transition tables and histories, against trying all orders.
func TestSearchAgainstBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	counts := map[finding.Answer]int{}
	for round := range rounds(20_000) {
		o := randomTable(r)
		ops := randomOps(r, o, 1+r.IntN(7))
		initial := []int32{0}
		want := brute(o, 0, ops)
		if r.IntN(4) == 0 {
			initial = append(initial, int32(len(o)-1))
			want = want || brute(o, int32(len(o)-1), ops)
		}
		got := Search(shaped{o, r.Uint()}, initial, ops, Limit{})
		counts[got.Answer]++
		if (got.Answer == finding.Linearizable) != want || got.Answer == finding.Undecided {
			t.Fatalf("round %d: %+v, want %v: %v %v %+v", round, got, want, o, initial, ops)
		}
	}
	if min(counts[finding.Linearizable], counts[finding.Violation]) < 4000 {
		t.Errorf("one-sided: %v", counts)
	}
}

// Goal: the search is stuck where the plain search is, also where histories are longer.
// Method: random transition tables and histories, against the twin.
func TestSearchAgainstPlainSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	counts := map[finding.Answer]int{}
	for round := range rounds(4_000) {
		o := randomTable(r)
		ops := randomOps(r, o, 1+r.IntN(24))
		want := plain(o, []int32{0}, ops)
		got := Search(shaped{o, r.Uint()}, []int32{0}, ops, Limit{})
		counts[got.Answer]++
		if got.Stuck != want || got.Answer == finding.Undecided {
			t.Fatalf("round %d: %+v, want %v: %v %+v", round, got, want, o, ops)
		}
	}
	if min(counts[finding.Linearizable], counts[finding.Violation]) < 700 {
		t.Errorf("one-sided: %v", counts)
	}
}
