package zones

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"gauntlet/checker/finding"
	"gauntlet/checker/frontier"
	"gauntlet/checker/register"
	"gauntlet/checker/synth"
)

// silent are small histories with compare-and-sets that failed without saying on what.
var silent = []recipe{
	{6, 10, 6, "rwnn", 0.3, 0.5},
	{7, 12, 6, "wwcnn", 0.3, 0.5},
	{8, 8, 6, "rwcnnn", 0.2, 0.3},
	{9, 14, 8, "rcnn", 0.2, 0.3},
	{14, 24, 9, "rwcnnn", 0.2, 0.2},
	{18, 14, 5, "rwwnnn", 0.1, 0.2},
	{60, 150, 9, "rwcnnn", 0.05, 0.2},
	{60, 150, 9, "rwwnn", 0.05, 0.2},
	{50, 200, 16, "rccnnn", 0.1, 0.2},
}

// crowded are histories in which silent failures find little room.
var crowded = []recipe{
	{8, 8, 6, "rwcnnn", 0.2, 0},
	{14, 10, 6, "wcnnn", 0.1, 0},
	{14, 14, 3, "wwnnnn", 0.2, 0},
	{20, 24, 6, "wccnnnn", 0.2, 0},
	{24, 40, 6, "rwcnnn", 0.1, 0},
	{40, 60, 6, "wcnnnn", 0.1, 0},
}

// Goal: compare-and-sets that failed silently are judged rightly, in small histories always, by
// what is quick and by the search in windows alone.
// Method: against all orders tried. A violation holds by itself, an order replays.
func TestSilentFailuresAgreeWithAllOrders(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	seen := map[string]int{}
	for n := range 20_000 {
		ops, values := draw(random, silent[n%len(silent)])
		found := Check(ops, values)
		if n%2 == 1 {
			found = searched(ops, values, found)
		}
		seen[found.Answer.String()]++
		seen[string(found.Class)]++
		if found.Answer == finding.Undecided || brute(ops) != (found.Answer == finding.Linearizable) {
			t.Fatalf("%d: %+v\n%s", n, found, show(ops))
		}
		order := Order(ops, values)
		if found.Answer == finding.Linearizable && order == nil {
			seen["searched"]++ // and that says no order
		} else if wrong := unproved(ops, values, found); wrong != "" {
			t.Fatalf("%d: %+v: %s\n%s", n, found, wrong, show(ops))
		}
	}
	for what, least := range map[string]int{"searched": 100, string(finding.NoOrder): 30,
		string(finding.Stale): 100, finding.Linearizable.String(): 10_000} {
		if seen[what] < least {
			t.Errorf("only %d are %s", seen[what], what)
		}
	}
}

// searched decides with windows alone what is linearizable without the silent failures.
func searched(ops []register.Op, values int, found finding.Finding) finding.Finding {
	h, why := index(ops, values)
	if why != "" || h.observe() != nil || h.order() != nil {
		return found
	}
	h.sure()
	sc := h.schedule()
	return h.windows(sc, h.unsatisfied(sc))
}

// Goal: what one window proves holds for the whole: with an order for it there is one for all that
// the schedule satisfied before, and without any there is a violation.
// Method: arbitrary windows of histories of up to 60 operations, against all orders tried.
func TestWindowsProveTheWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 6))
	proofs := map[bool]int{}
	for n := range 12_000 {
		ops, values := draw(random, crowded[n%len(crowded)])
		for range random.IntN(4) {
			blame(random, ops, 6)
		}
		h, why := index(ops, values)
		if why != "" || h.observe() != nil || h.order() != nil {
			continue
		}
		h.sure()
		sc := h.schedule()
		left := h.unsatisfied(sc)
		w := window{low: random.IntN(len(sc.sequence))}
		w.high = min(w.low+random.IntN(4), len(sc.sequence)-1)
		if len(left) == 0 && n%3 > 0 {
			continue
		}
		if len(left) > 0 {
			k := int(sc.position[ops[left[0]].Before])
			w.low, w.high = max(k-random.IntN(3), 0), min(k+random.IntN(4), len(sc.sequence)-1)
		}
		if found := h.searcher(sc).relaxed(w); found.Answer == finding.Violation {
			proofs[false]++
			if wrong := unproved(ops, values, found); brute(ops) || wrong != "" {
				t.Fatalf("%d: %+v in %+v: %s\n%s", n, found, w, wrong, show(ops))
			}
		}
		if h.searcher(sc).frozen(&w) {
			proofs[true]++
			if kept := without(ops, sc, left, w); !brute(kept) {
				t.Fatalf("%d: an order of %+v in %v\n%s", n, w, sc, show(kept))
			}
		}
	}
	if proofs[true] < 1000 || proofs[false] < 100 {
		t.Errorf("one-sided: %v", proofs)
	}
}

// without are the operations but for those left that do not belong to the window.
func without(ops []register.Op, sc *schedule, left []int32, w window) []register.Op {
	var kept []register.Op
	for i, op := range ops {
		k := int(sc.position[op.Before])
		if !slices.Contains(left, int32(i)) || w.low <= k && k <= w.high {
			kept = append(kept, op)
		}
	}
	return kept
}

// Goal: a window ends with the value that the next compare-and-set expects.
// Method: 0 must have gone by 2, and only 2 could replace it, which is called later; 2 has no room
// after 1 either, as that is swapped away by 12. A window around 0 and 1 knows only the swap.
func TestWindowEndsWithWhatFollows(t *testing.T) {
	read, swap, differs := register.Read, register.CAS, register.NotEqual
	ops := []register.Op{
		{Call: 0, Ret: 2, Kind: read, Before: 0},
		{Call: 0, Ret: 2, Kind: differs, Before: 0},
		{Call: 0, Ret: 5, Kind: register.Write, After: 1},
		{Call: 1, Ret: 4, Kind: read, Before: 1},
		{Call: 5, Ret: 5, Kind: read, Before: 1},
		{Call: 3, Ret: 8, Kind: register.Write, After: 2},
		{Call: 7, Ret: 12, Kind: swap, Before: 1, After: 3},
		{Call: 7, Ret: 9, Kind: read, Before: 3},
		{Call: 9, Ret: 9, Kind: read, Before: 3},
	}
	if found := Check(ops, 4); brute(ops) || found.Answer != finding.Violation {
		t.Errorf("%+v", found)
	}
}

// Goal: an unanswered write helps in one window only.
// Method: two values that nobody is seen to replace in time, far apart, with one such write and
// with two.
func TestUnansweredWritesHelpOnce(t *testing.T) {
	var ops []register.Op
	for v := range int64(40) {
		at := 100 * v
		write := register.Op{Call: at, Ret: at, Kind: register.Write, After: register.Value(v + 1)}
		ops = append(ops, write)
		if v == 5 || v == 30 {
			ops = append(ops, register.Op{Call: at + 50, Ret: at + 50, Kind: register.NotEqual,
				Before: write.After})
		}
	}
	for count, want := range []finding.Answer{
		finding.Violation, finding.Violation, finding.Linearizable,
	} {
		if found := Check(ops, 43); found.Answer != want {
			t.Errorf("%d unanswered: %+v, want %v", count, found, want)
		}
		ops = append(ops, register.Op{Call: 1, Ret: register.Forever, Kind: register.Write,
			After: register.Value(41 + count), Pending: true})
	}
}

// Goal: windows in long histories prove what they claim for the whole.
// Method: true histories of which some failures are blamed on a value written at about that time,
// against a search of the whole.
func TestLongHistoriesAgreeWithFrontier(t *testing.T) {
	seen := map[finding.Answer]int{}
	for seed := range uint64(54) {
		random := rand.New(rand.NewPCG(5, seed))
		length := []int64{4, 6, 10}[seed%3]
		kinds := []string{"wnnn", "rwwcnnn", "rrwn"}[seed/3%3]
		ops, values := draw(random, recipe{1000, 2000, length, kinds, 0.02, 0})
		for range []int{2, 20, 200}[seed/9%3] {
			blame(random, ops, length)
		}
		found := Check(ops, values)
		seen[found.Answer]++
		object, initial, all := frontier.Register(ops, values, []register.Value{0})
		want := frontier.Search(object, initial, all, frontier.Limit{}).Answer
		if found.Answer != want {
			t.Fatalf("seed %d: %+v, want %v", seed, found, want)
		}
	}
	if min(seen[finding.Linearizable], seen[finding.Violation]) < 10 {
		t.Errorf("one-sided: %v", seen)
	}
}

// blame has one silent failure expect a value that was written near it.
func blame(random *rand.Rand, ops []register.Op, length int64) {
	op := &ops[random.IntN(len(ops))]
	for range 10 * len(ops) {
		write := ops[random.IntN(len(ops))]
		if op.Kind == register.NotEqual && write.Writes() && write.Call < op.Ret &&
			write.Call > op.Call-2*length {
			op.Before = write.After
			return
		}
	}
}

// Goal: a busy register is decided in little memory, however its compare-and-sets answer.
// Method: true histories of 100,000 operations; what is allocated in all, freed or not, stays below
// 120 bytes an operation.
func TestLargeHistories(t *testing.T) {
	for _, spec := range []synth.Spec{
		{Clients: 5, Pending: 0.01, CAS: true, Silent: true},
		{Clients: 10, CAS: true, Silent: true},
		{Clients: 100, Pending: 0.001, CAS: true},
	} {
		spec.Operations, spec.Seed = 100_000, 1
		ops := synth.Register(spec)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		found := Check(ops, synth.Values(ops))
		runtime.ReadMemStats(&after)
		if found.Answer != finding.Linearizable {
			t.Errorf("%+v: %+v", spec, found)
		}
		if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 120*uint64(spec.Operations) {
			t.Errorf("%+v: %d bytes", spec, bytes)
		}
	}
}
