package zones

import (
	"math/rand/v2"
	"runtime"
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

// Goal: windows in long histories prove what they claim for the whole.
// Method: true histories of which some failures are blamed on a value written at about that time,
// against a search of the whole.
func TestLongHistoriesAgreeWithFrontier(t *testing.T) {
	seen := map[finding.Answer]int{}
	for seed := range uint64(90) {
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
	if min(seen[finding.Linearizable], seen[finding.Violation]) < 20 {
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
