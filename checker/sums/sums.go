// Package sums decides whether what clients saw of a counter is linearizable. To decide any counter
// is NP-hard: what unanswered adds made of a sum is the subset sum problem. So it is undecided at
// times, and otherwise exact, in one of two ways.
//
//	steps.go  if all adds go one way, and those that did not tell the sum are of one size: O(n log n)
//	walk.go   if every add that returned told the sum: a search over what may be in force. Adds that
//	          returned are links of a chain, as compare-and-set is to a register; unanswered adds
//	          are tried only where they make the difference to an answer.
package sums

import (
	"fmt"
	"math"

	"gauntlet/checker/finding"
)

// Op is one operation, at one instant between its call and its return, both included: an add of
// Delta, or a read, whose Delta is 0. Of a pending one neither Ret nor Told means anything: an add
// may have been made, or not.
type Op struct {
	Call, Ret int64 // nanoseconds; at equal stamps calls come before returns
	Delta     int64
	Sum       int64 // what was told, with Delta in it
	Told      bool
	Pending   bool
}

// before is the sum that an operation found, if it told one.
func (o Op) before() int64 { return o.Sum - o.Delta }

// history is a counter's history without what says nothing.
type history struct {
	ops    []Op
	told   []int32 // what told the sum
	silent []int32 // adds that did not
	sure   bool    // some of these returned
}

// Result is what was found of a counter. Where one or two operations are a violation by themselves,
// they are the culprits. Otherwise the class is finding.NoOrder, and nobody is blamed.
type Result struct {
	finding.Finding
	// Stuck is the index of an operation at whose return it was certain that this is a violation,
	// or -1 if that is not known.
	Stuck int
}

// Check judges the operations of one counter that begins at 0, in any order. Stop is asked now and
// then whether to give up; it may be nil. Sums wrap around as int64 does.
func Check(ops []Op, stop func() bool) Result {
	h := &history{ops: ops}
	if why := h.place(); why != "" {
		return undecided(why)
	}
	if s := newSteps(h); s != nil {
		return s.decide()
	}
	if h.sure {
		return undecided("adds of several sizes or signs returned without telling the sum")
	}
	return walked(h, stop)
}

func undecided(why string) Result {
	return Result{Finding: finding.Finding{Why: why}, Stuck: none}
}

func linearizable() Result {
	return Result{Finding: finding.Finding{Answer: finding.Linearizable}, Stuck: none}
}

// place puts every operation where it belongs. It says what keeps the history from being judged.
//
// A silent add that was called after the last answer can come after everything that told something,
// and is left out.
func (h *history) place() string {
	last := int64(math.MinInt64)
	for i, op := range h.ops {
		if op.Pending {
			continue
		}
		if op.Ret < op.Call {
			return fmt.Sprintf("operation %d returned before it was called", i)
		}
		if op.Told {
			last = max(last, op.Ret)
			h.told = append(h.told, int32(i))
		}
	}
	for i, op := range h.ops {
		if op.Delta == 0 || op.Told && !op.Pending || op.Call > last {
			continue
		}
		h.silent = append(h.silent, int32(i))
		h.sure = h.sure || !op.Pending
	}
	return ""
}
