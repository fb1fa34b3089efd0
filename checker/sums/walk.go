package sums

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"gauntlet/checker/finding"
)

// walk sweeps over a history in time and keeps all that may be in force (Lowe, Testing for
// linearizability, Concurrency and Computation 29(4), 2017). At each return it lets happen whatever
// ends with the operation that returns, and forgets what has not got it.
//
// Every add that returned told the sum that it found, so it can happen at that sum only; usually
// that is one of those open, and the next one after it. A read is let happen wherever it can: that
// hinders nothing. An unanswered add need not happen before the moment in which something was told,
// and there only if the sum told lacks it: so before each operation those sets of unanswered adds
// are tried that make the difference to the sum that it found, if it is not there already.
//
// The first walk is lazy: it tries unanswered adds one by one, and together only where nothing else
// lets the operation that returns happen. That mostly finds an order if there is one. Only a walk
// that tries everything can find that there is none.
type walk struct {
	*history
	stop func() bool
	lazy bool

	slots [maxOpen]int32 // open operations that told the sum
	open  uint64         // which slots are in use
	pools *pools         // of the unanswered adds that were called
	now   []state        // what may be in force

	met     []state // room for explore
	partial bool    // not everything was tried: only the answer "linearizable" counts
	spent   int     // steps of the search
}

// state is what may be in force.
type state struct {
	sum  int64
	done uint64 // the open operations that have happened
	used int32  // the unanswered adds that have: see pools
}

// The limits of the search.
const (
	maxOpen   = 64      // operations open at once
	maxStates = 1 << 12 // in force at once; those that used more unanswered adds are forgotten
	fewStates = 1 << 8  // the same for the lazy walk
	maxMet    = 1 << 14 // met on the way to a return
	maxSteps  = 1 << 27 // in all
)

func newWalk(h *history, stop func() bool) *walk {
	return &walk{history: h, stop: stop, pools: newPools(), now: []state{{}}}
}

// walked tries the lazy walk, and the other one if that is not enough.
func walked(h *history, stop func() bool) Result {
	if stop == nil {
		stop = func() bool { return false }
	}
	w := newWalk(h, stop)
	w.lazy = true
	if found := w.decide(); found.Answer != finding.Undecided || !w.partial {
		return found
	}
	return newWalk(h, stop).decide()
}

// decide goes over all returns in their order. Before each it sees the calls up to that instant.
func (w *walk) decide() Result {
	byCall := func(a, b int32) int { return cmp.Compare(w.ops[a].Call, w.ops[b].Call) }
	calls, silent := slices.Clone(w.told), slices.Clone(w.silent)
	slices.SortFunc(calls, byCall)
	slices.SortFunc(silent, byCall)
	returns := slices.Clone(w.told)
	slices.SortFunc(returns, func(a, b int32) int { return cmp.Compare(w.ops[a].Ret, w.ops[b].Ret) })
	slot := make(map[int32]int)
	for _, p := range returns {
		now := w.ops[p].Ret
		for ; len(calls) > 0 && w.ops[calls[0]].Call <= now; calls = calls[1:] {
			free := bits.TrailingZeros64(^w.open)
			if free == maxOpen {
				return undecided(fmt.Sprintf("more than %d operations are open at once", maxOpen))
			}
			w.open |= 1 << free
			w.slots[free], slot[calls[0]] = calls[0], free
		}
		for ; len(silent) > 0 && w.ops[silent[0]].Call <= now; silent = silent[1:] {
			w.pools.add(w.ops[silent[0]].Delta)
		}
		if !w.ret(slot[p]) {
			w.partial = false
			return undecided("out of time")
		}
		delete(slot, p)
		if len(w.now) > 0 && (w.lazy || !w.partial) {
			continue
		}
		if w.partial {
			return undecided("there are too many unanswered adds to try all their sums")
		}
		return Result{Finding: *violation(finding.NoOrder), Stuck: int(p)}
	}
	return linearizable()
}

// ret lets happen the operation of a slot, and frees the slot. It reports false if time is up.
func (w *walk) ret(slot int) bool {
	bit := uint64(1) << slot
	next := w.explore(bit, w.lazy)
	if w.lazy && len(w.pools.deltas) > 0 {
		w.partial = true
		if len(next) == 0 {
			next = w.explore(bit, false)
		}
	}
	w.open &^= bit
	w.now = w.fewest(next)
	return w.spent < maxSteps && !w.stop()
}

// explore finds all that may be in force when the operation of a slot has happened, with unanswered
// adds on the way, taken singly or together. Between such leaps it goes as far as answered
// operations lead: the sums that unanswered adds can make are many, and mostly lead nowhere. So the
// lazy walk leaps no further than it must.
func (w *walk) explore(bit uint64, singly bool) map[state]bool {
	seen, next := make(map[state]bool), make(map[state]bool)
	met := w.met[:0]
	defer func() { w.met = met }()
	reach := func(s state) {
		if s = w.reads(s); s.done&bit != 0 {
			s.done &^= bit
			next[s] = true
			return
		}
		if !seen[s] {
			seen[s] = true
			met = append(met, s)
		}
	}
	for _, s := range w.now {
		reach(s)
	}
	for from := 0; from < len(met); { // which took one leap more each time
		for i := from; i < len(met) && !w.tooMuch(len(met)); i++ {
			w.link(met[i], reach)
		}
		if w.lazy && !singly && len(next) > 0 || len(w.pools.deltas) == 0 {
			break
		}
		for end := len(met); from < end; from++ {
			if w.tooMuch(len(met)) || from >= 4*w.most() {
				w.partial = true
				return next
			}
			w.leap(met[from], singly, reach)
		}
	}
	return next
}

// tooMuch tells that a search has to end, and notes that it has not tried everything.
func (w *walk) tooMuch(met int) bool {
	over := met > maxMet || w.spent >= maxSteps
	w.partial = w.partial || over
	return over
}

// most is how many states are kept.
func (w *walk) most() int {
	if w.lazy {
		return fewStates
	}
	return maxStates
}

// reads lets happen every open read that can.
func (w *walk) reads(s state) state {
	for rest := w.open &^ s.done; rest != 0; rest &= rest - 1 {
		slot := bits.TrailingZeros64(rest)
		if op := w.ops[w.slots[slot]]; op.Delta == 0 && op.Sum == s.sum {
			s.done |= 1 << slot
		}
	}
	return s
}

// link lets happen each open operation that finds the sum in force.
func (w *walk) link(s state, reach func(state)) {
	for rest := w.open &^ s.done; rest != 0; rest &= rest - 1 {
		slot := bits.TrailingZeros64(rest)
		w.spent++
		if op := w.ops[w.slots[slot]]; op.before() == s.sum {
			reach(state{sum: op.Sum, done: s.done | 1<<slot, used: s.used})
		}
	}
}

// leap lets happen each open operation that can after some unanswered adds.
func (w *walk) leap(s state, singly bool, reach func(state)) {
	for rest := w.open &^ s.done; rest != 0; rest &= rest - 1 {
		slot := bits.TrailingZeros64(rest)
		op := w.ops[w.slots[slot]]
		next := state{sum: op.Sum, done: s.done | 1<<slot}
		switch lack := op.before() - s.sum; {
		case lack == 0:
		case singly:
			if set, found := w.pools.single(s.used, lack); found {
				next.used = set
				reach(next)
			}
		default:
			all, steps := w.pools.making(s.used, lack, func(set int32) {
				next.used = set
				reach(next)
			})
			w.partial, w.spent = w.partial || !all, w.spent+steps
		}
	}
}

// fewest forgets what is no better than another state with the same sum and operations and fewer
// unanswered adds, and beyond a number of states those that used most of them.
func (w *walk) fewest(states map[state]bool) []state {
	list := make([]state, 0, len(states))
	for s := range states {
		list = append(list, s)
	}
	if len(list) == 1 {
		return list
	}
	slices.SortFunc(list, func(a, b state) int {
		return cmp.Or(cmp.Compare(w.pools.count(a.used), w.pools.count(b.used)),
			cmp.Compare(a.sum, b.sum), cmp.Compare(a.done, b.done), cmp.Compare(a.used, b.used))
	})
	type place struct {
		sum  int64
		done uint64
	}
	var kept []state
	better := make(map[place][]int32)
	for _, s := range list {
		at := place{s.sum, s.done}
		if slices.ContainsFunc(better[at], func(u int32) bool { return w.pools.within(u, s.used) }) {
			continue
		}
		if len(kept) == w.most() {
			w.partial = true
			break
		}
		kept = append(kept, s)
		better[at] = append(better[at], s.used)
	}
	return kept
}
