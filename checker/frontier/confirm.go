package frontier

import (
	"cmp"
	"slices"

	"gauntlet/checker/finding"
)

// Finite is an Object that lists its states: all that the operations of a history may lead to.
type Finite interface {
	States() []int32
}

// A window is so many returns at first, and then widened.
const (
	narrow = 128
	wider  = 8
)

// confirm looks for a violation that stands even if each unanswered operation could happen again
// and again. Other searches were stuck at a return; this one may be at another.
//
// If the states are known, a short time before that return is often enough.
func confirm(o Object, initial []int32, ops []Op, stuck int, limit Limit) Result {
	calls, returns := order(ops)
	if finite, ok := o.(Finite); ok {
		last := slices.Index(returns, int32(stuck))
		for size := narrow; size < last; size *= wider {
			index, list := window(ops, int(returns[last-size]), stuck)
			calls, returns := order(list)
			r := newSweep(o, finite.States(), limit, generous).run(list, calls, returns)
			if r.Answer == finding.Violation {
				r.Stuck = index[r.Stuck]
				r.Open = open(ops, r.Stuck)
				return r
			}
		}
	}
	return newSweep(o, initial, limit, generous).run(ops, calls, returns)
}

// window is what a history allows, and more, between two returns: anything may be in force at the
// first; what was called by then and returns later is taken as unanswered, and so is what returns
// after the second; what returned before the first is left out. It tells where in ops each is from.
func window(ops []Op, first, last int) (index []int, list []Op) {
	from, to := ops[first].Ret, ops[last].Ret
	for i, op := range ops {
		before := !op.Pending && cmp.Or(cmp.Compare(op.Ret, from), cmp.Compare(i, first)) < 0
		if before || op.Call > to {
			continue
		}
		op.Pending = op.Pending || op.Call <= from || op.Ret > to
		index, list = append(index, i), append(list, op)
	}
	return index, list
}
