package sets

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"gauntlet/checker/finding"
)

// histories is how many random histories each property meets.
var histories = flag.Int("histories", 20_000, "random histories for each property")

// timed is when an operation took place.
type timed struct {
	call, ret int64
	pending   bool
}

// bruteForce tries every order that respects real time. step is the sequential set: its content is
// a mask of elements.
func bruteForce(
	ops []timed, done []bool, content uint32, step func(i int, content uint32) (uint32, bool),
) bool {
	finished := true
	for i, op := range ops {
		if done[i] {
			continue
		}
		finished = finished && op.pending
		early := func(other timed) bool { return !other.pending && other.ret < op.call }
		if slices.ContainsFunc(undone(ops, done), early) {
			continue
		}
		next, ok := step(i, content)
		if !ok {
			continue
		}
		done[i] = true
		found := bruteForce(ops, done, next, step)
		done[i] = false
		if found {
			return true
		}
	}
	return finished
}

func undone(ops []timed, done []bool) []timed {
	var left []timed
	for i, op := range ops {
		if !done[i] {
			left = append(left, op)
		}
	}
	return left
}

// drawTimes draws when n operations took place, and an order in which they may have.
func drawTimes(chance *rand.Rand, n int) (times []timed, order []int) {
	times = make([]timed, n)
	points := make([]int, n)
	spread := 1 + chance.IntN(8)
	for i := range times {
		t := &times[i]
		t.call = int64(chance.IntN(2*n) - 3)
		t.ret = t.call + int64(chance.IntN(spread))
		t.pending = chance.IntN(8) == 0
		points[i] = int(t.call) + chance.IntN(int(t.ret-t.call)+1)
		if t.pending {
			points[i] = int(t.call) + chance.IntN(3*n)
		}
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return points[a] - points[b] })
	return times, order
}

// tally counts what was met, and wants enough of everything.
type tally struct {
	answers map[finding.Answer]int
	classes map[finding.Class]int
}

func newTally() tally {
	return tally{map[finding.Answer]int{}, map[finding.Class]int{}}
}

func (y tally) count(found finding.Finding) {
	y.answers[found.Answer]++
	y.classes[found.Class]++
}

func (y tally) balanced(t *testing.T, classes ...finding.Class) {
	t.Helper()
	t.Log(y.answers, y.classes)
	for _, answer := range []finding.Answer{finding.Linearizable, finding.Violation} {
		if y.answers[answer] < *histories/5 {
			t.Errorf("the histories are one-sided: %v", y.answers)
		}
	}
	for _, class := range classes {
		if y.classes[class] < *histories/1000 {
			t.Errorf("%s was met %d times only", class, y.classes[class])
		}
	}
}

// wanted is what the twin says.
func wanted(linearizable bool) finding.Answer {
	if linearizable {
		return finding.Linearizable
	}
	return finding.Violation
}

// rising wants culprits as findings promise them.
func rising(t *testing.T, found finding.Finding) {
	t.Helper()
	if len(found.Culprits) == 0 {
		t.Fatalf("%v blames nobody", found)
	}
	for i, c := range found.Culprits[1:] {
		if c <= found.Culprits[i] {
			t.Fatalf("culprits do not rise: %v", found.Culprits)
		}
	}
}

// show lists operations, one a line.
func show[T any](ops []T) string {
	var text string
	for i, op := range ops {
		text += fmt.Sprintf("%d: %+v\n", i, op)
	}
	return text
}
