package sets

import (
	"fmt"
	"slices"

	"gauntlet/checker/finding"
)

// Op is one operation on a set that only grows, at one instant between its call and its return,
// both included: an add of Element, or a read of all Elements. Of a pending add Ret means nothing;
// a pending read says nothing.
type Op struct {
	Call, Ret int64   // nanoseconds; at equal stamps calls come before returns
	Element   int32   // of an add; elements are counted from 0
	Elements  []int32 // of a read, in any order
	Read      bool
	Pending   bool
}

// growing is the history of a set that only grows.
//
// Each read stands on a level: the first is that of the smallest reads, the next that of the
// smallest larger ones, and so on. An element stands on the level of the reads that saw it first.
// In any linearization the adds of the first level come first, then the reads of the first level,
// then the adds of the second, and so on; last come the adds of what no read saw.
type growing struct {
	ops    []Op
	called []int32 // by element: the add that was called first, or none
	ended  []int32 // by element: the completed add that returned first, or none

	reads []int32 // by size
	level []int32 // by element: counted from 1, or 0 if no read saw it
	from  []int32 // by level: where its reads begin in reads; one more at the end
}

// Grow judges the operations of one growing set that begins empty, in any order, in O(n log n) and
// the size of all reads. An element may be added more than once. Elements lie from 0 to elements-1.
// It is undecided only if an operation makes no sense.
//
// Two reads of one linearizable set are never incomparable, so reads by size are reads in their
// order. What then has to come before what is a chain of blocks: see growing. There are instants
// for all of it if and only if no operation of a later block precedes one of an earlier block.
//
// An element added more than once is in the set from the first add on, which may be anywhere
// between the first call and the first return of all its adds: the others say nothing.
func Grow(ops []Op, elements int) finding.Finding {
	g := &growing{
		ops: ops, called: absent(elements), ended: absent(elements),
		level: make([]int32, max(elements, 0)),
	}
	if why := g.place(); why != "" {
		return finding.Finding{Why: why}
	}
	for _, rule := range []func() *finding.Finding{g.foreign, g.rise, g.order} {
		if found := rule(); found != nil {
			return *found
		}
	}
	return finding.Finding{Answer: finding.Linearizable}
}

// place puts every operation where it belongs. It says what keeps the history from being judged.
func (g *growing) place() string {
	for i, op := range g.ops {
		elements := op.Elements
		if !op.Read {
			elements = []int32{op.Element}
		}
		for _, e := range elements {
			if e < 0 || int(e) >= len(g.level) {
				return fmt.Sprintf("operation %d has element %d, want 0 to %d", i, e, len(g.level)-1)
			}
		}
		if !op.Pending && op.Ret < op.Call {
			return fmt.Sprintf("operation %d returned before it was called", i)
		}
		switch {
		case op.Read && !op.Pending:
			g.reads = append(g.reads, int32(i))
		case !op.Read:
			g.added(int32(i))
		}
	}
	return ""
}

// added takes note of an add.
func (g *growing) added(i int32) {
	op := g.ops[i]
	if first := &g.called[op.Element]; *first == none || op.Call < g.ops[*first].Call {
		*first = i
	}
	if op.Pending {
		return
	}
	if first := &g.ended[op.Element]; *first == none || op.Ret < g.ops[*first].Ret {
		*first = i
	}
}

// foreign finds an answer that no set gives: an element from nowhere, or twice.
func (g *growing) foreign() *finding.Finding {
	seen := absent(len(g.level)) // by element: the last read that held it
	for _, r := range g.reads {
		for _, e := range g.ops[r].Elements {
			switch {
			case g.called[e] == none:
				return violation(finding.NeverWritten, r)
			case seen[e] == r:
				return violation(finding.Contradiction, r)
			}
			seen[e] = r
		}
	}
	return nil
}

// rise puts reads and elements on their levels. It finds two reads that are incomparable.
func (g *growing) rise() *finding.Finding {
	slices.SortStableFunc(g.reads, func(a, b int32) int {
		return len(g.ops[a].Elements) - len(g.ops[b].Elements)
	})
	size := -1
	for at, r := range g.reads {
		elements := g.ops[r].Elements
		known := 0
		for _, e := range elements {
			if g.level[e] > 0 {
				known++
			}
		}
		if at > 0 && known < size {
			return g.cross(g.reads[at-1], r)
		}
		if len(elements) > size {
			g.from, size = append(g.from, int32(at)), len(elements)
		}
		for _, e := range elements {
			if g.level[e] == 0 {
				g.level[e] = int32(len(g.from))
			}
		}
	}
	g.from = append(g.from, int32(len(g.reads)))
	return nil
}
