package zones

import (
	"cmp"
	"math"
	"slices"

	"gauntlet/checker/finding"
	"gauntlet/checker/register"
)

// member is an operation of a block.
type member struct {
	op        int32 // none stands for the write of the initial value
	place     int32 // 2k if it wrote the k-th value of the chain, 2k+1 if it read that
	call, ret int64
}

// pair is two operations of one block, maybe the same: one that had returned by then, and one that
// was still to be called.
type pair struct{ past, coming member }

func (p pair) single() bool { return p.past == p.coming }

// members returns the operations of a block along its chain.
func (h *history) members(root int32) []member {
	position := make([]int32, len(h.values)) // in the chain, from 1; 0 if in another
	length := int32(0)
	for v := root; v != none; v = h.values[v].next {
		length++
		position[v] = length
	}
	// The place of an operation, or a negative number if it is in another block.
	place := func(op *register.Op) int32 {
		switch {
		case reads(op):
			return 2*position[op.Before] - 1
		case op.Kind == register.Write || swaps(op):
			return 2*position[op.After] - 2
		}
		return none
	}
	count := 1
	for i := range h.ops {
		if place(&h.ops[i]) >= 0 {
			count++
		}
	}
	all := make([]member, 0, count)
	if root == int32(register.Initial) {
		all = append(all, member{op: none, call: begin, ret: begin})
	}
	for i := range h.ops {
		if op := &h.ops[i]; place(op) >= 0 {
			all = append(all, member{op: int32(i), place: place(op), call: op.Call, ret: op.Ret})
		}
	}
	slices.SortFunc(all, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.op, b.op))
	})
	return all
}

// zone returns f and s of operations.
func zone(all []member) (f, s int64) {
	f, s = register.Forever, begin
	for _, m := range all {
		f, s = min(f, m.ret), max(s, m.call)
	}
	return f, s
}

// nearest returns the two operations nearest to each other in a chain of which one returned before
// a time, and the other was called after another. It prefers one that did both. They exist.
func nearest(all []member, before, after int64) pair {
	var best, last pair
	least := int32(math.MaxInt32)
	past, coming := false, false
	for _, m := range all {
		if m.ret < before {
			last.past, past = m, true
		}
		if m.call > after {
			last.coming, coming = m, true
		}
		if !past || !coming {
			continue
		}
		apart := last.past.place - last.coming.place
		apart = 2 * max(apart, -apart)
		if !last.single() {
			apart++
		}
		if apart < least {
			best, least = last, apart
		}
	}
	return best
}

// culprits are the operations of a pair and the compare-and-sets that join them.
func (h *history) culprits(all []member, p pair) []int32 {
	low, high := min(p.past.place, p.coming.place), max(p.past.place, p.coming.place)
	named := []int32{p.past.op, p.coming.op}
	for _, m := range all {
		if m.place%2 == 0 && m.place/2 > low/2 && m.place <= high {
			named = append(named, m.op)
		}
	}
	return named
}

// contradiction is the finding about two blocks each of which must come before the other. It looks
// for one operation of one of them that lies between two of the other.
func (h *history) contradiction(x, y int32) *finding.Finding {
	outer, inner := h.members(x), h.members(y)
	between := pairBetween(outer, inner)
	if !between.single() {
		if other := pairBetween(inner, outer); other.single() {
			x, y = y, x
			outer, inner, between = inner, outer, other
		}
	}
	around := nearest(outer, between.coming.call, between.past.ret)
	class := finding.Reordered
	switch replaced, _ := h.written(y); {
	case between.single() && h.lost(outer, between.past, around.coming):
		class = finding.LostWrite
	case between.single() || replaced > around.past.ret:
		class = finding.Stale
	default:
		if replaced, _ := h.written(x); replaced > between.past.ret {
			class = finding.Stale
		}
	}
	named := append(h.culprits(outer, around), h.culprits(inner, between)...)
	return violation(class, h.grounded(named))
}

// pairBetween returns what of the inner block must lie between operations of the outer one.
func pairBetween(outer, inner []member) pair {
	f, s := zone(outer)
	return nearest(inner, s, f)
}

// lost reports whether an acknowledged write is gone rather than not yet seen everywhere: nobody
// ever saw it, and what was there before was taken away by a compare-and-set, or seen more than
// once.
func (h *history) lost(older []member, write, again member) bool {
	if write.op == none || write.place%2 != 0 || h.observed(h.ops[write.op].After) {
		return false
	}
	sightings := 0
	for _, m := range older {
		if m.call > write.ret && m.place > 0 {
			sightings++
		}
	}
	return sightings > 1 || again.place%2 == 0
}

// disordered is the finding about a chain, in which an operation on a value returned before an
// operation on an earlier one was called.
func (h *history) disordered(root, late int32) *finding.Finding {
	all := h.members(root)
	position := int32(0)
	for v := root; v != late; v = h.values[v].next {
		position++
	}
	var newer, older member
	first, latest := 0, int64(begin) // the latest call at earlier places, which end at first
	for i, m := range all {
		for ; all[first].place < m.place; first++ {
			latest = max(latest, all[first].call)
		}
		if m.place/2 == position && m.ret < latest {
			newer = all[i]
			break
		}
	}
	for _, m := range all {
		if m.place < newer.place && m.call > newer.ret {
			older = m
		}
	}
	class := finding.Stale
	switch {
	case older.place%2 == 0:
		class = finding.Future // what was seen had yet to be made of it
	case h.lost(before(all, newer.place), newer, older):
		class = finding.LostWrite
	}
	return violation(class, h.grounded(h.culprits(all, pair{newer, older})))
}

// before returns the members at earlier places.
func before(all []member, place int32) []member {
	i := 0
	for i < len(all) && all[i].place < place {
		i++
	}
	return all[:i]
}

// circular is the finding about values that were made of each other only.
func (h *history) circular() *finding.Finding {
	reached := make([]bool, len(h.values))
	for v := range h.values {
		if h.kept(int32(v)) && h.root(int32(v)) {
			for at := int32(v); at != none; at = h.values[at].next {
				reached[at] = true
			}
		}
	}
	var ring []int32
	read := register.Value(none) // one of them that a read saw
	for v := range h.values {
		if h.kept(int32(v)) && !reached[v] {
			for at := int32(v); !reached[at]; at = h.values[at].next {
				reached[at] = true
				ring = append(ring, h.values[at].writer)
				if h.values[at].call != begin {
					read = register.Value(at)
				}
			}
			break
		}
	}
	if !slices.ContainsFunc(ring, func(i int32) bool { return !h.ops[i].Pending }) {
		ring = append(ring, h.witness(read)) // an unanswered one alone proves nothing
	}
	return violation(finding.Reordered, ring)
}

// grounded adds, for every unanswered operation named, one that saw what it wrote: without, it may
// as well never have happened.
func (h *history) grounded(named []int32) []int32 {
	seen := map[register.Value]bool{}
	for _, i := range named {
		if i != none && (reads(&h.ops[i]) || swaps(&h.ops[i])) {
			seen[h.ops[i].Before] = true
		}
	}
	for k := 0; k < len(named); k++ { // it grows
		i := named[k]
		if i == none || !h.ops[i].Pending {
			continue
		}
		if v := h.ops[i].After; !seen[v] && h.observed(v) {
			seen[v] = true
			named = append(named, h.witness(v))
		}
	}
	return named
}

// witness returns an operation that saw a value: a read if there is one.
func (h *history) witness(v register.Value) int32 {
	if h.values[v].call == begin {
		return h.values[h.values[v].next].writer
	}
	return int32(slices.IndexFunc(h.ops, func(op register.Op) bool {
		return reads(&op) && op.Before == v
	}))
}

// ascending sorts what is named, each once, without what stands for the initial value.
func ascending(named []int32) []int {
	sorted := make([]int, 0, len(named))
	for _, i := range named {
		if i != none {
			sorted = append(sorted, int(i))
		}
	}
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
