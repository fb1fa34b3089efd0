package sums

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gauntlet/checker/finding"
)

// Goal: the sets of unanswered adds that make a sum are all found, as far as it is said that they
// are all. Method: random adds, some of one size, some used up, against every set there is; sets
// that differ only in which of the adds of one size they hold count once.
func TestPoolsAgainstBruteForce(t *testing.T) {
	chance := rand.New(rand.NewPCG(4, 11))
	for range 2000 {
		p, used := newPools(), []byte{0}
		for i := range 1 + chance.IntN(8) {
			p.add(chance.Int64N(7) - 3)
			p.making(0, 1, func(int32) {}) // nothing of it is remembered when the next one comes
			used[0] |= byte(chance.IntN(4)/3) << i
		}
		first := p.number(used)
		sum := chance.Int64N(9) - 4
		want, got := map[string]bool{}, map[string]bool{}
		for set := range 1 << len(p.deltas) {
			if byte(set)&used[0] == 0 && total(p, []byte{byte(set)}) == sum {
				want[sizes(p, []byte{byte(set) | used[0]})] = true
			}
		}
		all, _ := p.making(first, sum, func(set int32) {
			if !p.within(first, set) || p.count(set) < p.count(first) {
				t.Fatalf("%b is lost of %b", used, p.sets[set])
			}
			key := sizes(p, p.sets[set])
			if got[key] {
				t.Fatalf("%s came twice", key)
			}
			got[key] = true
		})
		if !all || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%d of %v without %b: %v, want %v", sum, p.deltas, used, got, want)
		}
	}
}

// total is what a set of adds makes.
func total(p *pools, set []byte) (sum int64) {
	for i, delta := range p.deltas {
		if i/8 < len(set) && set[i/8]>>(i%8)&1 == 1 {
			sum += delta
		}
	}
	return sum
}

// sizes are the adds of a set by size.
func sizes(p *pools, set []byte) string {
	counts := map[int64]int{}
	for i, delta := range p.deltas {
		if i/8 < len(set) && set[i/8]>>(i%8)&1 == 1 {
			counts[delta]++
		}
	}
	return fmt.Sprint(counts)
}

// Goal: with more unanswered adds than can be tried together, an order that is found counts, and
// that none is found does not. Method: adds of which the last one took effect; and a sum that only
// adds left out could make, or none could.
func TestTooManyUnanswered(t *testing.T) {
	var ops []Op
	for i := range int64(mostAdds) {
		ops = append(ops, Op{Call: i, Delta: (i + 1) * 100, Pending: true})
	}
	told := Op{Call: 100, Ret: 101, Told: true, Delta: -1}
	for _, c := range []struct {
		more int64
		sum  int64
		want finding.Answer
	}{
		{0, mostAdds*100 - 1, finding.Linearizable}, {0, 7, finding.Violation},
		{300_001, 300_000, finding.Linearizable}, {300_001, 100*101 + 300_000, finding.Linearizable},
		{300_001, 7, finding.Undecided},
	} {
		list, last := ops, told
		if c.more != 0 {
			list = append(ops[:len(ops):len(ops)], Op{Call: 50, Delta: c.more, Pending: true})
		}
		last.Sum = c.sum
		if found := Check(append(list[:len(list):len(list)], last), nil); found.Answer != c.want {
			t.Errorf("%d unanswered adds, told %d: %v, want %v", len(list), c.sum, found, c.want)
		}
	}
}

// Goal: what could make the same sum of other adds is not forgotten. Method: four unanswered adds,
// two pairs of which make 5, and every sum that can follow.
func TestOtherAddsOfOneSum(t *testing.T) {
	for next, want := range map[int64]finding.Answer{
		5: finding.Linearizable, 6: finding.Linearizable, 7: finding.Linearizable,
		8: finding.Linearizable, 9: finding.Linearizable, 10: finding.Linearizable,
		4: finding.Violation, 11: finding.Violation,
	} {
		var ops []Op
		for _, delta := range []int64{1, 4, 2, 3} {
			ops = append(ops, Op{Delta: delta, Pending: true})
		}
		ops = append(ops, Op{Call: 1, Ret: 2, Sum: 5, Told: true},
			Op{Call: 3, Ret: 4, Sum: next, Told: true})
		if found := Check(ops, nil); found.Answer != want {
			t.Errorf("5, then %d: %v, want %v", next, found, want)
		}
	}
}

// Goal: an order is found in which a few unanswered adds lead to an operation that returns late,
// and that one to those that return before it, although all can also be reached by unanswered adds
// alone, from where nothing leads on. Method: what clients saw of a counter that seed 90101996 of
// the simulator cut off for three seconds, from the last sum on that was told before.
func TestFewUnansweredAddsFirst(t *testing.T) {
	var ops []Op
	for _, delta := range []int64{95, 155, 167, 91, 67, -127, 105, 124, 106, 116, -86, 120, 100, 126,
		137, 89, 143, 147, 110, 133, 96, -161, 163, 114, 209, 166, -109} {
		ops = append(ops, Op{Delta: delta, Pending: true})
	}
	told := func(call, ret, delta, sum int64) {
		ops = append(ops, Op{Call: call, Ret: ret, Delta: delta, Sum: sum - 388, Told: true})
	}
	told(8446, 8934, 286, 1040)
	told(8463, 8903, 276, 1316)
	told(8502, 9044, 290, 1606)
	told(8560, 9089, -219, 1387)
	told(8674, 9187, -201, 1186)
	told(8692, 9145, 0, 1186)
	told(8698, 9274, -223, 963)
	told(8753, 9256, 171, 1134)
	told(8769, 9600, 0, 1134)
	if found := Check(ops, nil); found.Answer != finding.Linearizable {
		t.Error(found)
	}
}

// Goal: a search that meets more than it may keep ends, and says so. Method: many open adds of one
// size up and down, so that each set of them may have happened, and a read of what none of them
// makes; with and without an unanswered add.
func TestTooManyMet(t *testing.T) {
	for _, unanswered := range []int{0, 1} {
		var ops []Op
		for range maxOpen/2 - 1 {
			ops = append(ops, Op{Delta: 5, Sum: 5, Told: true, Ret: 9},
				Op{Delta: -5, Sum: 0, Told: true, Ret: 9})
		}
		for range unanswered {
			ops = append(ops, Op{Delta: 1, Pending: true})
		}
		ops = append(ops, Op{Sum: 7, Told: true, Ret: 8})
		w := newWalk(&history{ops: ops}, func() bool { return false })
		if why := w.place(); why != "" {
			t.Fatal(why)
		}
		if found := w.decide(); found.Answer == finding.Linearizable || cap(w.met) > 4*maxMet {
			t.Errorf("%v, room for %d states", found, cap(w.met))
		}
	}
}

// Goal: the search ends when it is asked to, and where too much is open, and says why. Method: a
// history that takes thousands of steps, stopped at once; and one operation more than there is
// room for.
func TestLimits(t *testing.T) {
	chance := rand.New(rand.NewPCG(5, 11))
	ops := closedLoop(chance, 3000, 5, 0)
	if found := Check(ops, func() bool { return true }); found.Answer != finding.Undecided {
		t.Errorf("stopped: %v", found)
	}
	for open, want := range map[int]finding.Answer{
		maxOpen: finding.Linearizable, maxOpen + 1: finding.Undecided,
	} {
		ops := []Op{{Delta: -5, Sum: -5, Told: true, Ret: 9}, {Delta: 5, Told: true, Ret: 9}}
		for len(ops) < open {
			ops = append(ops, Op{Told: true, Ret: 10})
		}
		if found := Check(ops, nil); found.Answer != want {
			t.Errorf("%d open at once: %v, want %v", open, found, want)
		}
	}
}

// closedLoop makes a history of clients that add and read, each after its last answer. No two
// deltas are of one size, half of them are negative; some in a thousand are not answered.
func closedLoop(chance *rand.Rand, n, clients, unanswered int) []Op {
	free := make([]int64, clients)
	ops := make([]Op, 0, n)
	sum := int64(0)
	for now := int64(0); len(ops) < n; now += 10 {
		client := chance.IntN(clients)
		op := Op{Call: max(free[client], now-chance.Int64N(int64(10*clients)))}
		if op.Call > now {
			continue
		}
		op.Ret = now + 1 + chance.Int64N(int64(10*clients))
		free[client] = op.Ret + 1
		if chance.IntN(16) >= 6 {
			if op.Delta = int64(len(ops) + 1); chance.IntN(2) == 0 {
				op.Delta = -op.Delta
			}
		}
		op.Pending = op.Delta != 0 && chance.IntN(1000) < unanswered
		if !op.Pending || chance.IntN(2) == 0 {
			sum += op.Delta
		}
		if op.Told = !op.Pending; op.Told {
			op.Sum = sum
		}
		ops = append(ops, op)
	}
	return ops
}

// BenchmarkCheck measures counters of our own workload, and of unit adds that tell nothing.
func BenchmarkCheck(b *testing.B) {
	for _, c := range []struct{ n, clients, unanswered int }{
		{1000, 5, 10}, {1000, 25, 10}, {1000, 50, 50}, {100_000, 10, 0}, {100_000, 25, 0},
		{100_000, 10, 1}, {10_000, 10, 10},
	} {
		name := fmt.Sprintf("%d operations, %d clients, %d per mille", c.n, c.clients, c.unanswered)
		b.Run(name, func(b *testing.B) {
			ops := closedLoop(rand.New(rand.NewPCG(3, 11)), c.n, c.clients, c.unanswered)
			for b.Loop() {
				if found := Check(ops, nil); found.Answer != finding.Linearizable {
					b.Fatal(found)
				}
			}
		})
	}
	b.Run("1000000 operations, units", func(b *testing.B) {
		ops := closedLoop(rand.New(rand.NewPCG(3, 11)), 1_000_000, 25, 10)
		sum := int64(0)
		for i := range ops {
			op := &ops[i]
			if op.Delta != 0 {
				op.Delta, op.Told = 1, false
			}
			if sum += op.Delta; op.Told {
				op.Sum = sum
			}
		}
		for b.Loop() {
			if found := Check(ops, nil); found.Answer != finding.Linearizable {
				b.Fatal(found)
			}
		}
	})
}
