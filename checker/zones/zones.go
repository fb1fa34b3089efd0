// Package zones decides whether the history of one register whose values are all different is
// linearizable, in O(n log n), and names the few operations that contradict each other if it is
// not.
//
// All operations on a value lie between its write and the next, so they form a block; a
// compare-and-set belongs to two values and joins their blocks into one chain. What is left to
// find is an order of blocks. With
//
//	f(A) = the earliest return in A    A has begun by then
//	s(A) = the latest call in A        A has not ended before then
//
// block A must come before block B if and only if f(A) < s(B). An order exists unless there is a
// cycle, and a shortest cycle has two blocks: in a longer one A1, A2, ... two steps that are not
// neighbours lack their chords, so f(A1) < s(A2) <= f(A2) ... gives f(A1) < f(A1). Two blocks that
// must each come first are two forward zones [f, s] that overlap, or a backward zone [s, f] inside
// a forward one.
//
// Source: P. Gibbons, E. Korach, "Testing Shared Memories", SIAM J. Comput. 26(4), 1997, section 5;
// chains of compare-and-sets and unanswered operations are our own.
package zones

import (
	"gauntlet/checker/finding"
	"gauntlet/checker/register"
)

// Check says whether the history of one register is linearizable. The operations come in any order;
// values is how many distinct values they speak of, the initial one included.
//
// It is undecided where a value has two writers, the initial one counting as one, where an
// operation breaks the invariants of register.Op, and in rare cases where compare-and-sets failed
// without saying on what: then Why names the first of these.
//
// Time O(n log n), memory some 50 bytes an operation.
func Check(ops []register.Op, values int) finding.Finding {
	h, why := index(ops, values)
	if why != "" {
		return finding.Finding{Why: why}
	}
	if found := h.observe(); found != nil {
		return *found
	}
	if found := h.order(); found != nil {
		return *found
	}
	if h.differing > 0 {
		return h.differ()
	}
	return finding.Finding{Answer: finding.Linearizable}
}

// violation is the finding that these operations contradict each other.
func violation(class finding.Class, culprits []int32) *finding.Finding {
	return &finding.Finding{Answer: finding.Violation, Class: class, Culprits: ascending(culprits)}
}
