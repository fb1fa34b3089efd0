// Package shrink makes failing inputs small. It knows nothing of what it shrinks: a caller numbers
// the parts of an input and says whether what is left of them still fails.
//
// Source: A. Zeller, R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE
// 28(2), 2002.
package shrink

// Budget is how many more candidates may be tried. When it is spent nothing fails any more, so the
// smallest input found until then is the answer.
type Budget struct {
	Left int
}

// Try reports whether a candidate fails, at the price of one.
func (b *Budget) Try(fails func() bool) bool {
	if b.Left <= 0 {
		return false
	}
	b.Left--
	return fails()
}

// Subset returns which of the n parts of a failing input to keep, in order.
//
// Unless the budget ran out the answer is 1-minimal: without any one of its parts it does not fail.
// Fails borrows parts in order, and must answer alike whenever it is asked.
//
// This is ddmin, reducing to complements only, since the subsets that it would try as well seldom
// fail alone. It leaves out pieces, the last ones first: what comes after a failure goes at once.
// Pieces become smaller as long as none can be left out, and larger again when one could: a failure
// that hangs on chance may well survive the second attempt at what it did not survive before.
func Subset(n int, budget *Budget, fails func(kept []int) bool) []int {
	kept := make([]int, n)
	for i := range kept {
		kept[i] = i
	}
	if n == 0 || budget.Try(func() bool { return fails(nil) }) {
		return nil
	}
	for size := n / 2; len(kept) > 1 && budget.Left > 0; {
		size = max(1, min(size, len(kept)/2))
		fewer := leaveOut(kept, size, budget, fails)
		switch {
		case len(fewer) < len(kept):
			kept, size = fewer, 2*size
		case size == 1:
			return kept
		default:
			size /= 2
		}
	}
	return kept
}

// leaveOut leaves out every piece of this size that it can.
func leaveOut(kept []int, size int, budget *Budget, fails func([]int) bool) []int {
	for end := len(kept); end > 0 && budget.Left > 0; end -= size {
		start := max(0, end-size)
		rest := append(kept[:start:start], kept[end:]...)
		if len(rest) > 0 && budget.Try(func() bool { return fails(rest) }) {
			kept = rest
		}
	}
	return kept
}

// Number returns the number nearest to simple, of those a whole number of steps from it and not
// beyond from, that bisection finds to fail; from itself, which is known to fail, if none does.
// Where all numbers between a failing one and from fail as well, it is the nearest of all. A step
// is above 0.
func Number[N ~int | ~int64](from, simple, step N, budget *Budget, fails func(N) bool) N {
	try := func(n N) bool { return budget.Try(func() bool { return fails(n) }) }
	if from == simple || try(simple) {
		return simple
	}
	if from < simple {
		step = -step
	}
	// So many steps from simple it does not fail, and so many it does: there stands best.
	passing, failing, best := N(0), (from-simple)/step, from
	if simple+failing*step != from {
		failing++
	}
	for failing-passing > 1 {
		middle := passing + (failing-passing)/2
		if n := simple + middle*step; try(n) {
			failing, best = middle, n
		} else {
			passing = middle
		}
	}
	return best
}
