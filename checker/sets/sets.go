// Package sets decides whether what clients saw of a set, to which elements are added and which is
// read as a whole, is linearizable: see Grow.
package sets

import (
	"slices"

	"gauntlet/checker/finding"
)

// none is the index of an operation that is not there.
const none = -1

// absent is a list of n times none.
func absent(n int) []int32 {
	list := make([]int32, max(n, 0))
	for i := range list {
		list[i] = none
	}
	return list
}

// violation sorts the culprits.
func violation(class finding.Class, culprits ...int32) *finding.Finding {
	slices.Sort(culprits)
	list := make([]int, len(culprits))
	for i, c := range culprits {
		list[i] = int(c)
	}
	return &finding.Finding{Answer: finding.Violation, Class: class, Culprits: list}
}
