package zones

import (
	"fmt"

	"gauntlet/checker/finding"
	"gauntlet/checker/register"
)

// differ decides about compare-and-sets that failed without saying on what, in a history that is
// linearizable without them. Each saw any value but one.
//
// Most find room in the schedule as it is. For most others it is enough to have one value begin
// earlier, or later. One whose value was surely in force all the time is a violation. What is left
// is searched for, in a window of the history; see windows.
func (h *history) differ() finding.Finding {
	sc := h.schedule()
	left := h.unsatisfied(sc)
	if len(left) == 0 {
		return finding.Finding{Answer: finding.Linearizable}
	}
	h.sure()
	for _, i := range left {
		op := &h.ops[i]
		if h.begun(op.Before) < op.Call && op.Ret < h.lasting(op.Before) {
			return *h.unmoved(i)
		}
	}
	if left = h.settle(sc, left); len(left) > 0 {
		return h.windows(sc, left)
	}
	return finding.Finding{Answer: finding.Linearizable}
}

// settle moves values in the schedule, whose order stays, and returns which operations it still
// leaves unsatisfied.
func (h *history) settle(sc *schedule, left []int32) []int32 {
	for round := 0; round < rounds && len(left) > 0; round++ {
		for _, i := range left {
			op := &h.ops[i]
			if sc.satisfies(op) {
				continue
			}
			if late := round%2 == 1; !h.move(sc, op, late) {
				h.move(sc, op, !late)
			}
		}
		left = h.unsatisfied(sc)
	}
	return left
}

// rounds bounds how often values are moved: what helps one operation may hinder another.
const rounds = 6

// unsatisfied lists the operations for which the schedule has no instant.
func (h *history) unsatisfied(sc *schedule) []int32 {
	var left []int32
	for i := range h.ops {
		op := &h.ops[i]
		if op.Kind == register.NotEqual && !op.Pending && !sc.satisfies(op) {
			left = append(left, int32(i))
		}
	}
	return left
}

// move makes room for an operation that saw any value but one: it has that value begin later, or
// the next one earlier. The order stays.
func (h *history) move(sc *schedule, op *register.Op, late bool) bool {
	k := sc.position[op.Before]
	last := int(k)+1 == len(sc.sequence)
	if late {
		latest := h.begun(op.Before)
		if !last {
			latest = min(latest, sc.start[k+1])
		}
		if op.Call > latest {
			return false
		}
		sc.start[k] = op.Call
		return true
	}
	if last {
		return false
	}
	call, _ := h.written(sc.sequence[k+1])
	earliest := max(sc.start[k], h.values[op.Before].call, call)
	if earliest > op.Ret {
		return false
	}
	sc.start[k+1] = earliest
	return true
}

// period is what is sure of when a kept value was in force, whatever the order: if it begins before
// it ends, all the time between, without the ends.
type period struct {
	begun   int64 // the earliest return in its chain from its write on: it was written by then
	lasting int64 // the latest call in its chain up to the write after: it was not replaced before
}

// sure fills the periods of all kept values.
func (h *history) sure() {
	h.periods = make([]period, len(h.values))
	for v := range h.values {
		if !h.kept(int32(v)) || !h.root(int32(v)) {
			continue
		}
		last := int32(v)
		for w, latest := last, int64(begin); w != none; w = h.values[w].next {
			call, _ := h.written(w)
			latest = max(latest, call, h.values[w].call)
			h.periods[w].lasting = latest
			if next := h.values[w].next; next != none {
				call, _ = h.written(next)
				h.periods[w].lasting = max(latest, call)
			}
			last = w
		}
		for w, earliest := last, int64(register.Forever); ; {
			_, ret := h.written(w)
			earliest = min(earliest, ret, h.values[w].ret)
			h.periods[w].begun = earliest
			if h.root(w) {
				break
			}
			w = int32(h.ops[h.values[w].writer].Before)
		}
	}
}

func (h *history) begun(v register.Value) int64   { return h.periods[v].begun }
func (h *history) lasting(v register.Value) int64 { return h.periods[v].lasting }

// unmoved is the finding about an operation that saw any value but one, while that was in force.
func (h *history) unmoved(i int32) *finding.Finding {
	op := &h.ops[i]
	named := append(h.proof(op.Before, op.Call, op.Ret), i)
	return violation(finding.Stale, h.grounded(named))
}

// proof names the operations by which a kept value was in force from a time to another, between
// what begun and lasting say: the nearest one that had returned, the nearest one still to be
// called, and what joins them. Where there is none on a side, it names none.
func (h *history) proof(v register.Value, from, to int64) []int32 {
	root, place := int32(v), int32(0)
	for ; !h.root(root); place += 2 {
		root = int32(h.ops[h.values[root].writer].Before)
	}
	all := h.members(root)
	past, coming := member{op: none, place: place}, member{op: none, place: place}
	for k := range all {
		m := all[k]
		if m.place <= place+2 && m.call > to {
			coming = m
		}
		if m = all[len(all)-1-k]; m.place >= place && m.ret < from {
			past = m
		}
	}
	return h.culprits(all, pair{past, coming})
}

// undecided is the finding about an operation for which there was no answer in the effort allowed.
func undecided(i int32) finding.Finding {
	return finding.Finding{Why: fmt.Sprintf(
		"operation %d failed without saying on what, and there are too many orders", i)}
}
