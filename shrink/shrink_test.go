package shrink_test

import (
	"math/bits"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gauntlet/shrink"
)

// unlimited is more than any test here can spend.
const unlimited = 1 << 30

// Goal: what Subset keeps fails, and is 1-minimal, whatever fails.
// Method: every predicate is a random table over all subsets of up to ten parts, far from monotone;
// each single part of the answer is left out by hand.
func TestSubsetIsOneMinimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 10).Draw(t, "parts")
		table := rapid.SliceOfN(rapid.Bool(), 1<<n, 1<<n).Draw(t, "fails")
		table[1<<n-1] = true
		fails := func(kept []int) bool {
			if !slices.IsSorted(kept) {
				t.Fatalf("parts out of order: %v", kept)
			}
			return table[mask(kept)]
		}
		kept := shrink.Subset(n, &shrink.Budget{Left: unlimited}, fails)
		if !fails(kept) {
			t.Fatalf("%v does not fail", kept)
		}
		for i := range kept {
			rest := slices.Delete(slices.Clone(kept), i, i+1)
			if fails(rest) {
				t.Fatalf("%v fails, and so does %v", kept, rest)
			}
		}
		again := shrink.Subset(n, &shrink.Budget{Left: unlimited}, fails)
		if !slices.Equal(kept, again) {
			t.Fatalf("%v, then %v", kept, again)
		}
	})
}

// Goal: where more parts never heal a failure, the answer is a smallest cause, as brute force over
// all subsets finds it.
// Method: an input fails if it holds one of a few random causes.
func TestSubsetFindsACause(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 10).Draw(t, "parts")
		causes := rapid.SliceOfN(rapid.Uint64Range(1, 1<<n-1), 1, 3).Draw(t, "causes")
		fails := func(parts uint64) bool {
			return slices.ContainsFunc(causes, func(c uint64) bool { return parts&c == c })
		}
		var minimal []uint64 // the failing subsets of which no smaller one fails
		for parts := range uint64(1) << n {
			smaller := func(m uint64) bool { return parts&m == m }
			if fails(parts) && !slices.ContainsFunc(minimal, smaller) {
				minimal = append(minimal, parts)
			}
		}
		kept := shrink.Subset(n, &shrink.Budget{Left: unlimited},
			func(kept []int) bool { return fails(mask(kept)) })
		if !slices.Contains(minimal, mask(kept)) {
			t.Fatalf("%v is none of %b", kept, minimal)
		}
	})
}

// Goal: few parts of many are found at a price that replays can pay.
// Method: three of 200, at places that pieces cut badly.
func TestSubsetIsCheap(t *testing.T) {
	causes := []int{3, 99, 100}
	budget := &shrink.Budget{Left: unlimited}
	kept := shrink.Subset(200, budget, func(kept []int) bool {
		return !slices.ContainsFunc(causes, func(c int) bool { return !slices.Contains(kept, c) })
	})
	if spent := unlimited - budget.Left; !slices.Equal(kept, causes) || spent > 60 {
		t.Errorf("kept %v after %d candidates, want %v after at most 60", kept, spent, causes)
	}
}

// Goal: never more candidates than the budget, and with any of them an answer that fails.
// Method: every budget from none to enough.
func TestBudgetIsKept(t *testing.T) {
	for left := range 100 {
		tried := 0
		fails := func(kept []int) bool {
			return slices.Contains(kept, 5) && slices.Contains(kept, 30)
		}
		budget := &shrink.Budget{Left: left}
		kept := shrink.Subset(40, budget, func(kept []int) bool { tried++; return fails(kept) })
		if !fails(kept) || tried > left || budget.Left != left-tried {
			t.Fatalf("budget %d: kept %v after %d candidates, %d left", left, kept, tried, budget.Left)
		}
		tried = 0
		budget = &shrink.Budget{Left: left}
		n := shrink.Number(1<<40, 0, 1, budget, func(n int) bool { tried++; return n > 12345 })
		if n <= 12345 || tried > left {
			t.Fatalf("budget %d: %d after %d candidates", left, n, tried)
		}
	}
}

// Goal: the nearest number is found in either direction, whatever the step.
// Method: against a walk from the simple number.
func TestNumberAgainstAWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(-300, 300).Draw(t, "from")
		simple := rapid.IntRange(-300, 300).Draw(t, "simple")
		step := rapid.IntRange(1, 50).Draw(t, "step")
		least := rapid.IntRange(0, 300).Draw(t, "distance that fails")
		fails := func(n int) bool { return n == from || distance(n, simple) >= least }
		direction := 1
		if from < simple {
			direction = -1
		}
		want := simple
		for !fails(want) && distance(want, simple) < distance(from, simple) {
			want += direction * step
		}
		if distance(want, simple) > distance(from, simple) {
			want = from
		}
		got := shrink.Number(from, simple, step, &shrink.Budget{Left: unlimited}, fails)
		if got != want {
			t.Fatalf("from %d towards %d by %d: %d, want %d", from, simple, step, got, want)
		}
	})
}

// Goal: a duration becomes round, and stays what it is if only that fails.
func TestNumberOfDurations(t *testing.T) {
	budget := &shrink.Budget{Left: unlimited}
	got := shrink.Number(1234567891*time.Nanosecond, 0, 10*time.Millisecond, budget,
		func(d time.Duration) bool { return d > 333*time.Millisecond })
	if got != 340*time.Millisecond {
		t.Errorf("%v, want 340ms", got)
	}
	odd := 1234567891 * time.Nanosecond
	got = shrink.Number(odd, 0, 10*time.Millisecond, budget,
		func(d time.Duration) bool { return d == odd })
	if got != odd {
		t.Errorf("%v, want %v", got, odd)
	}
}

func mask(kept []int) uint64 {
	var m uint64
	for _, i := range kept {
		m |= 1 << i
	}
	if bits.OnesCount64(m) != len(kept) {
		panic("a part was given twice")
	}
	return m
}

func distance(a, b int) int { return max(a-b, b-a) }
