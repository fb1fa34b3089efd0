package zones

import (
	"cmp"
	"slices"
	"sort"

	"gauntlet/checker/register"
)

// schedule is an order in which all kept values may have been in force.
//
// Invariants:
//  1. start rises, not strictly: sequence[k] is in force from start[k], when it is written, until
//     start[k+1].
//  2. Every operation that reads or writes sequence[k] is open at some instant of that time.
type schedule struct {
	sequence []int32
	start    []int64
	position []int32 // of values in sequence, or none
}

// schedule orders blocks that can be ordered: a forward zone begins as late as it can, a backward
// zone as early as it can, with no time passing in it. So it begins at s, or if that lies within a
// forward zone where that ends, which is at f or before: else they would contradict each other.
func (h *history) schedule() *schedule {
	early := make([]block, len(h.backward))
	at := 0
	for i, b := range h.backward {
		at = h.over(b.s, at)
		early[i] = block{f: b.s, root: b.root}
		if at > 0 {
			early[i].f = max(b.s, h.forward[at-1].s)
		}
	}
	sortForward(early)
	sc := &schedule{
		sequence: make([]int32, 0, len(h.values)), start: make([]int64, 0, len(h.values)),
		position: make([]int32, len(h.values)),
	}
	for v := range sc.position {
		sc.position[v] = none
	}
	late := h.forward
	for len(early)+len(late) > 0 {
		// At equal times the backward zone comes first: the forward one takes time.
		if len(late) == 0 || len(early) > 0 && early[0].f <= late[0].f {
			h.extend(sc, early[0])
			early = early[1:]
		} else {
			h.extend(sc, late[0])
			late = late[1:]
		}
	}
	return sc
}

// extend appends a block that begins at its f: each of its values begins as early as it can then.
func (h *history) extend(sc *schedule, b block) {
	now := b.f
	for v := b.root; v != none; v = h.values[v].next {
		call, _ := h.written(v)
		now = max(now, call)
		sc.position[v] = int32(len(sc.sequence))
		sc.sequence, sc.start = append(sc.sequence, v), append(sc.start, now)
		now = max(now, h.values[v].call)
	}
}

// during is when a value is in force, from and to included. It is empty if the value is not kept.
func (sc *schedule) during(v register.Value) (from, to int64) {
	k := sc.position[v]
	if k == none {
		return register.Forever, begin
	}
	if to = register.Forever; int(k)+1 < len(sc.start) {
		to = sc.start[k+1]
	}
	return sc.start[k], to
}

// satisfies reports whether the schedule has an instant for an operation that saw any value but
// one: at the latest just before that is written, or at the earliest just after it is replaced.
func (sc *schedule) satisfies(op *register.Op) bool {
	from, to := sc.during(op.Before)
	return op.Call <= from || to <= op.Ret && to < register.Forever
}

// instant is an operation with its linearization point.
type instant struct {
	op int32
	at int64
}

// Order returns a linearization: the indices of operations in an order in which a register would
// have answered as it did. Unanswered operations that nobody observed are not in it. It is nil if
// Check does not say that the history is linearizable, or needs a search to say so.
func Order(ops []register.Op, values int) []int {
	h, why := index(ops, values)
	if why != "" || h.observe() != nil || h.order() != nil {
		return nil
	}
	h.sure()
	sc := h.schedule()
	if len(h.settle(sc, h.unsatisfied(sc))) > 0 {
		return nil
	}
	line, written := h.line(sc)
	type insertion struct {
		instant
		slot int // before line[slot]
	}
	var others []insertion
	for i := range h.ops {
		op := &h.ops[i]
		if op.Kind != register.NotEqual || op.Pending {
			continue
		}
		other := insertion{instant: instant{op: int32(i), at: op.Ret}}
		from, to := sc.during(op.Before)
		if op.Call > from {
			other.at = max(op.Call, to)
		}
		other.slot = sort.Search(len(line), func(k int) bool { return line[k].at > other.at })
		if k := sc.position[op.Before]; k != none && op.Call <= from && from <= op.Ret {
			other.at, other.slot = from, written[k]
		}
		others = append(others, other)
	}
	slices.SortStableFunc(others, func(a, b insertion) int {
		return cmp.Or(cmp.Compare(a.slot, b.slot), cmp.Compare(a.at, b.at))
	})
	order := []int{}
	for k := 0; k <= len(line); k++ {
		for len(others) > 0 && others[0].slot == k {
			order, others = append(order, int(others[0].op)), others[1:]
		}
		if k < len(line) && line[k].op != none {
			order = append(order, int(line[k].op))
		}
	}
	return order
}

// line is the schedule operation by operation, and where in it the writes are.
func (h *history) line(sc *schedule) (line []instant, written []int) {
	readers := make([][]int32, len(h.values))
	for i := range h.ops {
		if op := &h.ops[i]; reads(op) {
			readers[op.Before] = append(readers[op.Before], int32(i))
		}
	}
	for k, v := range sc.sequence {
		written = append(written, len(line))
		line = append(line, instant{h.values[v].writer, sc.start[k]})
		slices.SortFunc(readers[v], func(a, b int32) int {
			return cmp.Compare(h.ops[a].Call, h.ops[b].Call)
		})
		for _, i := range readers[v] {
			line = append(line, instant{i, max(sc.start[k], h.ops[i].Call)})
		}
	}
	return line, written
}
