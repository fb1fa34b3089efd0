package frontier

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gauntlet/checker/finding"
)

// balanced fails unless both answers came up often.
func balanced(t *testing.T, counts map[finding.Answer]int, least int) {
	t.Helper()
	if min(counts[finding.Linearizable], counts[finding.Violation]) < least {
		t.Errorf("one-sided: %v", counts)
	}
}

// Goal: the search is exact for any object, from several initial states too, and where it is stuck
// the history is a violation already.
// Method: random transition tables and histories, against trying all orders.
func TestSearchAgainstBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	counts := map[finding.Answer]int{}
	for round := range 60_000 {
		o := randomTable(r)
		ops := randomOps(r, o.table, 1+r.IntN(7))
		initial := []int32{0}
		want := brute(o, 0, ops)
		if r.IntN(4) == 0 {
			initial = append(initial, int32(len(o.table)-1))
			want = want || brute(o, initial[1], ops)
		}
		got := Search(o, initial, ops, Limit{})
		counts[got.Answer]++
		if (got.Answer == finding.Linearizable) != want || got.Answer == finding.Undecided {
			t.Fatalf("round %d: %+v, want %v: %v %v %+v", round, got, want, o, initial, ops)
		}
		if got.Answer == finding.Linearizable {
			continue
		}
		if !rightlyOpen(ops, got) {
			t.Fatalf("round %d: %+v of %+v", round, got, ops)
		}
		for _, state := range initial {
			if past := pastStuck(ops, got); brute(o, state, past) {
				t.Fatalf("round %d: not a violation yet: %+v: %v %+v", round, got, o, ops)
			}
		}
	}
	balanced(t, counts, 12_000)
}

// rightlyOpen reports whether a result names as open what must be, and nothing that cannot be.
func rightlyOpen(ops []Op, r Result) bool {
	at := ops[r.Stuck].Ret
	for i, op := range ops {
		must := i == r.Stuck || op.Call <= at && (op.Pending || op.Ret > at)
		may := must || op.Ret == at
		if listed := slices.Contains(r.Open, i); listed && !may || must && !listed {
			return false
		}
	}
	return slices.IsSorted(r.Open)
}

// Goal: the search is right where histories are longer as well.
// Method: random transition tables and histories, against the plain search. Without pending
// operations it is stuck at the same return; with them, no sooner.
func TestSearchAgainstPlainSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	counts := map[finding.Answer]int{}
	for round := range 3_000 {
		o := randomTable(r)
		ops := randomOps(r, o.table, 1+r.IntN(24))
		want := plain(o, []int32{0}, ops)
		got := Search(o, []int32{0}, ops, Limit{})
		counts[got.Answer]++
		agree := got.Stuck == want
		if want >= 0 && got.Stuck >= 0 {
			pending := slices.ContainsFunc(ops, func(op Op) bool { return op.Pending })
			agree = agree || pending && ops[got.Stuck].Ret >= ops[want].Ret
		}
		if !agree || got.Answer == finding.Undecided {
			t.Fatalf("round %d: %+v, want %v: %v %+v", round, got, want, o, ops)
		}
	}
	balanced(t, counts, 600)
}

// Goal: what is tried before the exact search never says more than it knows, and the exact search
// needs neither.
// Method: each mode by itself on random histories with pending operations, against trying all
// orders; each mode must often be enough, and often not.
func TestModesAgainstBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	enough, lossy := map[mode]int{}, map[mode]int{}
	for round := range 40_000 {
		o := randomTable(r)
		ops := randomOps(r, o.table, 1+r.IntN(7))
		want := finding.Violation
		if brute(o, 0, ops) {
			want = finding.Linearizable
		}
		calls, returns := order(ops)
		for _, m := range []mode{exact, thrifty, generous} {
			s := newSweep(o, []int32{0}, Limit{}, m)
			got := s.run(ops, calls, returns)
			sure := !s.lossy || m == thrifty && got.Answer == finding.Linearizable ||
				m == generous && got.Answer == finding.Violation
			if sure {
				enough[m]++
			} else {
				lossy[m]++
			}
			if sure && got.Answer != want {
				t.Fatalf("round %d: mode %d: %+v, want %v: %v %+v", round, m, got, want, o, ops)
			}
		}
	}
	if lossy[exact] > 0 || min(lossy[thrifty], lossy[generous]) < 300 {
		t.Errorf("enough %v, not enough %v", enough, lossy)
	}
}

// Goal: rules that random histories seldom meet.
// Method: histories made for them, which can be explained in one way only.
func TestRareRules(t *testing.T) {
	const none = -1
	for _, c := range []struct {
		name string
		o    table
		ops  []Op
	}{{
		// Action 0 does nothing in state 0, and leads from 1 to 2 once. It is called twice: one had
		// no effect, and the one called later keeps the point.
		"who was called later keeps its point", table{{0, 1, none}, {2, none, none}, {none, none, 2}},
		[]Op{
			{Call: 0, Ret: 100, Action: 0}, {Call: 10, Ret: 10, Action: 1},
			{Call: 20, Ret: 200, Action: 0}, {Call: 30, Ret: 40, Action: 2},
			{Call: 300, Ret: 300, Action: 2},
		},
	}, {
		// Writing 1 has to be undone by writing 0 before the cas from 0 to 2.
		"an overwriting action that leaves the state hides others",
		table{{0, 1, 2, none}, {0, 1, none, none}, {0, 1, none, 2}},
		[]Op{
			{Call: 0, Ret: 100, Action: 0}, {Call: 0, Ret: 100, Action: 1},
			{Call: 0, Ret: 10, Action: 2}, {Call: 20, Ret: 30, Action: 3},
			{Call: 150, Ret: 160, Action: 3},
		},
	}} {
		if !brute(c.o, 0, c.ops) || plain(c.o, []int32{0}, c.ops) >= 0 {
			t.Fatalf("%s: not linearizable at all", c.name)
		}
		for _, told := range []uint64{0, 1<<64 - 1} {
			got := Search(shaped{c.o, told}, []int32{0}, c.ops, Limit{})
			if got.Answer != finding.Linearizable {
				t.Errorf("%s: %+v", c.name, got)
			}
		}
	}
}

// Goal: more than 64 operations may be open at once.
// Method: a hundred reads are called at any one time and stay open: the answer is as without them.
func TestManyOpen(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	counts := map[finding.Answer]int{}
	for round := range 2_000 {
		o := randomTable(r)
		for s := range o.table {
			o.table[s] = append(o.table[s], int32(s))
		}
		ops := randomOps(r, o.table, 1+r.IntN(12))
		want := Search(o, []int32{0}, ops, Limit{})
		padded, from := slices.Clone(ops), int64(r.IntN(24))
		for range 100 {
			padded = append(padded, Op{Call: from, Ret: 100, Action: int32(len(o.table[0]) - 1)})
		}
		got := Search(o, []int32{0}, padded, Limit{})
		counts[got.Answer]++
		if got.Answer != want.Answer || got.Answer == finding.Undecided {
			t.Fatalf("round %d: %+v, want %+v: %v %+v", round, got, want, o, ops)
		}
	}
	balanced(t, counts, 400)
}

// Goal: a search without an end says what was spent, and one without sense what is wrong.
// Method: too few configurations; a stop at once; hostile operations.
func TestSearchUndecided(t *testing.T) {
	flip := table{{1, 0}, {0, 1}} // action 0 changes the state, action 1 reads either
	var ops []Op
	for i := range int64(600) {
		ops = append(ops, Op{Call: i, Ret: i + 20, Action: 0})
	}
	stop := func() bool { return true }
	for _, c := range []struct {
		initial []int32
		ops     []Op
		limit   Limit
		why     string
	}{
		{[]int32{0, 1}, ops, Limit{Configs: 1}, "more than 1 configurations at once"},
		{[]int32{0}, ops, Limit{Stop: stop}, "out of time with"},
		{nil, ops, Limit{}, "no initial state"},
		{[]int32{0}, []Op{{Call: 7, Ret: 5}}, Limit{},
			"operation 0: its call at 7 is after its return at 5"},
		{[]int32{0}, []Op{{}, {Action: -1}}, Limit{}, "operation 1: its action -1 is negative"},
	} {
		got := Search(flip, c.initial, c.ops, c.limit)
		if got.Answer != finding.Undecided || got.Stuck != -1 || !strings.HasPrefix(got.Why, c.why) {
			t.Errorf("%+v, want %q", got, c.why)
		}
	}
}

// Goal: an unanswered operation that goes on for ever does not make the search do so.
// Method: an object without an end, and one that needs more than can be there.
func TestGenerousEnds(t *testing.T) {
	ops := []Op{{Action: 0, Pending: true}, {Call: 1, Ret: 2, Action: 1}}
	got := Search(counter{}, []int32{0}, ops, Limit{})
	if got.Answer != finding.Violation || got.Peak > 2000 {
		t.Errorf("%+v", got)
	}
}

// counter counts up with action 0; action 1 sees a number below zero.
type counter struct{}

func (counter) Step(state, action int32) (int32, bool) {
	if action == 0 {
		return state + 1, true
	}
	return state, state < 0
}

// tally is an object of which each action leads to a state of its own, and that counts its steps.
type tally struct{ steps int }

func (c *tally) Step(state, action int32) (int32, bool) {
	c.steps++
	return state*7919 + action + 1, action != 0
}

// Goal: a search that is asked to stop does so soon, also where one configuration is much work.
// Method: an answer that nothing explains, beside thousands of unanswered operations; how many
// steps are taken until the search first asks.
func TestAsksToStopInTime(t *testing.T) {
	ops := []Op{{Call: 1, Ret: 2}}
	for i := range int32(4000) {
		ops = append(ops, Op{Call: 0, Ret: Forever, Action: i + 1, Pending: true})
	}
	o, first := &tally{}, 0
	r := Search(o, []int32{1}, ops, Limit{Stop: func() bool {
		if first == 0 {
			first = o.steps
		}
		return true
	}})
	if r.Answer != finding.Undecided || first == 0 || first > 100_000 {
		t.Errorf("%+v, asked after %d steps", r, first)
	}
}
