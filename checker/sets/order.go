package sets

import (
	"math"

	"gauntlet/checker/finding"
)

// walk goes over the blocks of a growing set and keeps the operation so far that was called last.
type walk struct {
	*growing
	latest int32
	call   int64 // of latest
	next   int32 // latest at the end of the block at hand
}

// order finds an operation that precedes one of an earlier block.
func (g *growing) order() *finding.Finding {
	w := &walk{growing: g, latest: none, call: math.MinInt64, next: none}
	levels := len(g.from) - 1
	elements := make([][]int32, levels+1)
	for e, level := range g.level {
		if level == 0 {
			level = int32(levels + 1)
		}
		elements[level-1] = append(elements[level-1], int32(e))
	}
	for level := range levels + 1 {
		if found := w.adds(elements[level]); found != nil {
			return found
		}
		if level == levels {
			break
		}
		if found := w.answers(g.reads[g.from[level]:g.from[level+1]]); found != nil {
			return found
		}
	}
	return nil
}

// adds are a block of elements.
func (w *walk) adds(elements []int32) *finding.Finding {
	for _, e := range elements {
		if i := w.ended[e]; i != none && w.ops[i].Ret < w.call {
			return w.missed(e)
		}
		if i := w.called[e]; i != none {
			w.see(i)
		}
	}
	w.close()
	return nil
}

// answers are a block of reads.
func (w *walk) answers(reads []int32) *finding.Finding {
	for _, r := range reads {
		if w.ops[r].Ret < w.call {
			if w.ops[w.latest].Read {
				return violation(finding.Stale, r, w.latest)
			}
			return violation(finding.Future, r, w.latest)
		}
		w.see(r)
	}
	w.close()
	return nil
}

// see takes note of an operation of the block at hand.
func (w *walk) see(i int32) {
	if w.next == none || w.ops[i].Call > w.ops[w.next].Call {
		w.next = i
	}
}

// close ends a block.
func (w *walk) close() {
	if w.next != none {
		w.latest, w.call = w.next, w.ops[w.next].Call
	}
}

// missed tells of an element that was added before latest was called, and yet stands on a later
// level. A read that misses it is latest itself, or is one that saw the element of latest first.
func (w *walk) missed(e int32) *finding.Finding {
	class := finding.LostWrite
	if latest := w.ops[w.latest]; !latest.Read {
		if w.level[e] != 0 {
			class = finding.Reordered
		}
		first := w.reads[w.from[w.level[latest.Element]-1]]
		return violation(class, w.ended[e], w.latest, first)
	}
	if w.level[e] == 0 {
		return violation(class, w.ended[e], w.latest)
	}
	for _, r := range w.reads[w.from[w.level[e]-1]:] {
		if w.ops[r].Ret >= w.call {
			class = finding.Stale
		}
	}
	return violation(class, w.ended[e], w.latest)
}

// cross tells of two reads that are incomparable.
func (g *growing) cross(a, b int32) *finding.Finding {
	if g.ops[a].Ret < g.ops[b].Call || g.ops[b].Ret < g.ops[a].Call {
		return violation(finding.Stale, a, b)
	}
	return violation(finding.Reordered, a, b)
}
