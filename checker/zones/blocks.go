package zones

import (
	"cmp"
	"slices"
	"sort"

	"gauntlet/checker/finding"
	"gauntlet/checker/register"
)

// block is a value that was written plainly and all that compare-and-sets made of it, in force one
// after the other. It is named by that first value, its root.
type block struct {
	f, s int64 // the earliest return and the latest call of its operations
	root int32
}

// order finds out whether the blocks can be ordered. It leaves them in forward, sorted by f, and
// backward.
func (h *history) order() *finding.Finding {
	// Forward zones fill the slice from its front, backward ones from its end.
	blocks := make([]block, h.writes+1)
	front, end := 0, len(blocks)
	reached, kept := 0, 0
	for v := range h.values {
		if !h.kept(int32(v)) {
			continue
		}
		kept++
		if !h.root(int32(v)) {
			continue
		}
		b, length, late := h.walk(int32(v))
		if late != none {
			return h.disordered(int32(v), late)
		}
		reached += length
		if b.f < b.s {
			blocks[front] = b
			front++
		} else {
			end--
			blocks[end] = b
		}
	}
	if reached < kept {
		return h.circular()
	}
	h.forward, h.backward = blocks[:front:front], blocks[end:]
	sortForward(h.forward)
	return h.overlap()
}

// walk goes along the chain of a block. Late is the first value of which an operation returned
// before an earlier one of the chain was called, or none.
func (h *history) walk(root int32) (b block, length int, late int32) {
	b = block{f: register.Forever, s: begin, root: root}
	for v := root; v != none; v = h.values[v].next {
		call, ret := h.written(v)
		if ret < b.s {
			return b, length, v
		}
		b.s = max(b.s, call)
		seen := &h.values[v]
		if seen.ret < b.s {
			return b, length, v
		}
		b.f, b.s = min(b.f, ret, seen.ret), max(b.s, seen.call)
		length++
	}
	return b, length, none
}

// sortForward sorts by f. Values are mostly numbered in the order of their writes, so most blocks
// stand near their place already; where that costs more than sorting, it is given up.
func sortForward(blocks []block) {
	moves := 16 * len(blocks)
	for i := 1; i < len(blocks); i++ {
		b, j := blocks[i], i
		for ; j > 0 && blocks[j-1].f > b.f; j-- {
			blocks[j] = blocks[j-1]
		}
		blocks[j] = b
		if moves -= i - j; moves < 0 {
			slices.SortFunc(blocks, func(a, b block) int { return cmp.Compare(a.f, b.f) })
			return
		}
	}
}

// overlap finds two blocks each of which must come before the other.
func (h *history) overlap() *finding.Finding {
	for i := 1; i < len(h.forward); i++ {
		if h.forward[i].f < h.forward[i-1].s {
			return h.contradiction(h.forward[i-1].root, h.forward[i].root)
		}
	}
	at := 0
	for i := range h.backward {
		b := &h.backward[i]
		at = h.over(b.s, at)
		if at > 0 && b.f < h.forward[at-1].s {
			return h.contradiction(h.forward[at-1].root, b.root)
		}
	}
	return nil
}

// over is how many forward zones begin before the time, looking near a guess first: times asked one
// after the other are mostly near each other.
func (h *history) over(time int64, guess int) int {
	low, high := guess, guess // the answer is in low..high
	for step := 1; low > 0 && h.forward[low-1].f >= time; step *= 2 {
		high = low - 1
		low = max(0, low-step)
	}
	for step := 1; high < len(h.forward) && h.forward[high].f < time; step *= 2 {
		low = high + 1
		high = min(len(h.forward), high+step)
	}
	return low + sort.Search(high-low, func(i int) bool { return h.forward[low+i].f >= time })
}
