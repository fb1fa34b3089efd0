// Package frontier decides whether a history of any object is linearizable. It sweeps over the
// history in time and keeps all that may be in force now: the just-in-time search of Lowe (Testing
// for linearizability, Concurrency and Computation 29(4), 2017). What is kept depends on how many
// operations are open at once, not on how long the history is.
//
//	Search    decides a history          Object    what is searched over
//	                                     Register  makes an Object of a register
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

// Object is a sequential object whose states and actions are numbered. The numbers are its own;
// those of actions are not negative.
type Object interface {
	// Step is the state after an action. It is not ok if the action, answered as it was, cannot
	// happen in that state. Step is a function: the same arguments have the same results.
	Step(state, action int32) (next int32, ok bool)
}

// Shape is what all steps of an action have in common.
type Shape uint8

// The shapes of actions.
const (
	Any        Shape = iota
	Reads            // no step changes the state
	Overwrites       // there is a step from every state, and all lead to the same state
)

// Shaper is an Object that knows the shapes of its actions. Any is always right, but to know the
// others spares most of the search. The shape of an action does not change.
type Shaper interface {
	Shape(action int32) Shape
}

// Judge is an Object that knows when unanswered operations cannot matter any more: none of an
// action needs to take effect at a time, in nanoseconds, or later, to explain what was observed.
type Judge interface {
	Useful(action int32, at int64) bool
}

// Op is one operation: it took effect at one instant between its call and its return, both
// included. Operations with the same action are interchangeable.
//
// A precedes B if and only if A.Ret < B.Call.
type Op struct {
	Call, Ret int64 // nanoseconds
	Action    int32
	Pending   bool // it may as well never have happened, or after all others; Ret is not looked at
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
	// was called by then, with an open end if it returned later, is a violation by itself. Where
	// operations are pending, an earlier return may be enough.
	Stuck int
	Open  []int // rising: what was called by then and had not returned, the pending ones included
}

// Search decides a history. Operations may be in any order; initial are all states that may be in
// force at first. Equal stamps are concurrent. Time and memory grow linearly with the number of
// operations, and in the worst case exponentially with how many are open at once. If o is a
// Shaper, a Judge or Finite, it is asked.
//
// Unanswered operations make a search explode: each may have happened at any time since. Most
// histories can be explained with few of them, and most violations not even if each might happen
// again and again. So both are tried before the exact search.
func Search(o Object, initial []int32, ops []Op, limit Limit) Result {
	if why := refuse(initial, ops); why != "" {
		return Result{Stuck: -1, Why: why}
	}
	calls, returns := order(ops)
	s := newSweep(o, initial, limit, thrifty)
	r := s.run(ops, calls, returns)
	if r.Answer != finding.Violation || !s.lossy {
		return r
	}
	peak := r.Peak
	// What may happen for ever may lead to ever new states.
	few := Limit{Configs: min(s.limit.Configs, 1000+10*peak), Stop: limit.Stop}
	r = confirm(o, initial, ops, r.Stuck, few)
	peak = max(peak, r.Peak)
	if r.Answer != finding.Violation {
		r = newSweep(o, initial, limit, exact).run(ops, calls, returns)
	}
	r.Peak = max(peak, r.Peak)
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
	slices.SortFunc(calls, func(a, b int32) int {
		return cmp.Or(cmp.Compare(ops[a].Call, ops[b].Call), cmp.Compare(a, b))
	})
	slices.SortFunc(returns, func(a, b int32) int {
		return cmp.Or(cmp.Compare(ops[a].Ret, ops[b].Ret), cmp.Compare(a, b))
	})
	return calls, returns
}

// run sweeps over a history. At equal stamps calls come before returns.
func (s *sweep) run(ops []Op, calls, returns []int32) Result {
	r := Result{Stuck: -1}
	judge, _ := s.object.(Judge)
	slots := make([]int32, len(ops))
	next := 0
	for n, p := range returns {
		for ; next < len(calls) && ops[calls[next]].Call <= ops[p].Ret; next++ {
			i := calls[next]
			if ops[i].Pending {
				s.pend(ops[i].Action)
			} else {
				slots[i] = s.call(ops[i].Action)
			}
		}
		if judge != nil && n%s.patience == 0 {
			s.prune(judge, ops[p].Ret)
		}
		if s.ret(slots[p]) {
			continue
		}
		if r.Peak, r.Why = s.peak, s.why; r.Why == "" {
			r.Answer, r.Stuck = finding.Violation, int(p)
			r.Open = open(ops, int(p))
		}
		return r
	}
	r.Answer, r.Peak = finding.Linearizable, s.peak
	return r
}

// open lists what was called by the return of an operation and had not returned before.
func open(ops []Op, stuck int) (list []int) {
	at := ops[stuck].Ret
	for i, op := range ops {
		returned := !op.Pending && cmp.Or(cmp.Compare(op.Ret, at), cmp.Compare(i, stuck)) < 0
		if op.Call <= at && !returned {
			list = append(list, i)
		}
	}
	return list
}
