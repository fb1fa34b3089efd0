// Package frontier decides whether any history of any object is linearizable, by sweeping over the
// history in time and keeping all that may be in force now: the just-in-time search of Lowe
// (Testing for linearizability, Concurrency and Computation 29(4), 2017). What it keeps depends on
// how many operations are open at once, not on how long the history is.
//
//	Search    a whole history               Register  histories of registers as such
//	Stream    a history while it grows      Object    what is searched over
package frontier

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gauntlet/checker/finding"
)

// Forever is the return of an operation that may take effect at any time to come.
const Forever = math.MaxInt64

// Object is a sequential object whose states and actions are numbered. Both numberings are its own;
// actions are not negative.
type Object interface {
	// Step is the state after an action. It is not ok if the action, answered as it was, cannot
	// happen in that state. Step is a function: the same arguments have the same results.
	Step(state, action int32) (next int32, ok bool)
}

// Op is one operation: it took effect at one instant between its call and its return, both
// included. Operations with the same action are interchangeable.
//
// A precedes B if and only if A.Ret < B.Call.
type Op struct {
	Call, Ret int64 // nanoseconds
	Action    int32
	Pending   bool // it may as well never have happened, or happen after all others; Ret is not used
}

// Limit bounds a search.
type Limit struct {
	Configs int         // that may be in force at once; 0: a million
	Stop    func() bool // is asked now and then, and ends the search; may be nil
}

// Result is the answer of a search.
//
// Invariant: Stuck >= 0 if and only if Answer is Violation, and then Open holds Stuck.
type Result struct {
	Answer finding.Answer
	Why    string // if undecided: what was spent, or what is wrong with the input
	Peak   int    // the most configurations at once
	// Stuck is the index of the operation at whose return no configuration was left, or -1. What
	// was called before that return, without what is called later, is a violation already.
	Stuck int
	Open  []int // rising: what was called by then and had not returned, the pending ones included
}

// Search decides a history. Operations may be in any order; initial are all states that may be in
// force at first. Equal stamps are concurrent. Time and memory grow with the number of operations
// that are open at once, exponentially in the worst case, and linearly with that of operations.
func Search(o Object, initial []int32, ops []Op, limit Limit) Result {
	r := Result{Stuck: -1}
	if r.Why = refuse(initial, ops); r.Why != "" {
		return r
	}
	calls, returns := order(ops)
	s := newSweep(o, initial, limit)
	slots := make([]int32, len(ops))
	next := 0
	for _, p := range returns {
		for ; next < len(calls) && ops[calls[next]].Call <= ops[p].Ret; next++ {
			op := ops[calls[next]]
			if op.Pending {
				s.pend(op.Action)
			} else {
				slots[calls[next]] = s.call(op.Action)
			}
		}
		if !s.ret(slots[p]) {
			r.Peak, r.Why = s.peak, s.why
			if s.why == "" {
				r.Answer, r.Stuck = finding.Violation, int(p)
				r.Open = open(ops, calls[:next], returns, p)
			}
			return r
		}
	}
	r.Answer, r.Peak = finding.Linearizable, s.peak
	return r
}

// refuse tells what is wrong with the input, if anything is.
func refuse(initial []int32, ops []Op) string {
	if len(initial) == 0 {
		return "no initial state"
	}
	for i, op := range ops {
		if !op.Pending && op.Call > op.Ret {
			return fmt.Sprintf("operation %d: its call at %d is after its return at %d",
				i, op.Call, op.Ret)
		}
		if op.Action < 0 {
			return fmt.Sprintf("operation %d: its action %d is negative", i, op.Action)
		}
	}
	return ""
}

// order sorts the operations by call, and those that return by return.
func order(ops []Op) (calls, returns []int32) {
	calls = make([]int32, len(ops))
	returns = make([]int32, 0, len(ops))
	for i := range ops {
		calls[i] = int32(i)
		if !ops[i].Pending {
			returns = append(returns, int32(i))
		}
	}
	slices.SortStableFunc(calls, func(a, b int32) int { return cmp.Compare(ops[a].Call, ops[b].Call) })
	slices.SortStableFunc(returns, func(a, b int32) int { return cmp.Compare(ops[a].Ret, ops[b].Ret) })
	return calls, returns
}

// open lists which of those called had not returned when stuck did.
func open(ops []Op, called, returns []int32, stuck int32) []int {
	gone := make(map[int32]bool)
	for _, i := range returns {
		if i == stuck {
			break
		}
		gone[i] = true
	}
	var left []int
	for _, i := range called {
		if !gone[i] {
			left = append(left, int(i))
		}
	}
	slices.Sort(left)
	return left
}
