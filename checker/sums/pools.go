package sums

import (
	"cmp"
	"math/bits"
	"slices"
)

// pools number sets of unanswered adds, and find those that make a difference to a sum.
type pools struct {
	deltas []int64 // of all unanswered adds so far, by their call
	bySize map[int64][]int
	sets   [][]byte // the sets that were met, as bits; the first one is empty
	known  map[string]int32
	cached map[int32]*pool // by the set that is used up, for deltas as they are
}

// pool is what is left to choose from, in two halves: all sums of the one, and of the other by sum
// (Horowitz and Sahni, Computing partitions with applications to the knapsack problem, 1974).
type pool struct {
	adds  []int // what the bits of choices stand for
	left  []choice
	right map[int64][]uint32
	all   bool // nothing was left out
}

// choice is a set of adds of a pool, and what they make together.
type choice struct {
	sum  int64
	adds uint32
}

// mostAdds is how many unanswered adds are tried together: those that were called last, since what
// takes effect at all mostly does so soon.
const mostAdds = 20

func newPools() *pools {
	p := &pools{known: make(map[string]int32), bySize: make(map[int64][]int)}
	p.number(nil)
	p.forget()
	return p
}

func (p *pools) forget() { p.cached = make(map[int32]*pool) }

// add brings one more unanswered add.
func (p *pools) add(delta int64) {
	p.bySize[delta] = append(p.bySize[delta], len(p.deltas))
	p.deltas = append(p.deltas, delta)
	p.forget()
}

// number is the number of a set. Sets do not end in zeros.
func (p *pools) number(set []byte) int32 {
	for len(set) > 0 && set[len(set)-1] == 0 {
		set = set[:len(set)-1]
	}
	n, known := p.known[string(set)]
	if !known {
		n = int32(len(p.sets))
		p.sets, p.known[string(set)] = append(p.sets, set), n
	}
	return n
}

// count is how many adds a set holds.
func (p *pools) count(set int32) (n int) {
	for _, b := range p.sets[set] {
		n += bits.OnesCount8(b)
	}
	return n
}

// within reports whether one set is a part of another.
func (p *pools) within(part, whole int32) bool {
	a, b := p.sets[part], p.sets[whole]
	if len(a) > len(b) {
		return false
	}
	for i := range a {
		if a[i]&^b[i] != 0 {
			return false
		}
	}
	return true
}

// single is a set with one add of a size more, if there is one left. Adds of one size can stand for
// each other.
func (p *pools) single(used int32, delta int64) (set int32, found bool) {
	for _, add := range p.bySize[delta] {
		if !p.holds(used, add) {
			with := make([]byte, max(len(p.sets[used]), add/8+1))
			copy(with, p.sets[used])
			with[add/8] |= 1 << (add % 8)
			return p.number(with), true
		}
	}
	return 0, false
}

// holds reports whether an add is in a set.
func (p *pools) holds(set int32, add int) bool {
	in := p.sets[set]
	return add/8 < len(in) && in[add/8]>>(add%8)&1 == 1
}

// making calls found with each set that used makes together with adds of a sum. It reports whether
// these are all, and how many steps it took.
func (p *pools) making(
	used int32, sum int64, found func(set int32),
) (all bool, steps int) {
	left, known := p.cached[used]
	if !known {
		left = p.rest(used)
		p.cached[used] = left
	}
	for _, c := range left.left {
		for _, adds := range left.right[sum-c.sum] {
			found(p.with(used, left, c.adds|adds))
		}
	}
	return left.all, len(left.left)
}

// with is a set with more adds.
func (p *pools) with(used int32, from *pool, adds uint32) int32 {
	set := make([]byte, (len(p.deltas)+7)/8)
	copy(set, p.sets[used])
	for ; adds != 0; adds &= adds - 1 {
		add := from.adds[bits.TrailingZeros32(adds)]
		set[add/8] |= 1 << (add % 8)
	}
	return p.number(set)
}

// rest is the pool of what a set has not used up, adds of one size side by side and in one half.
func (p *pools) rest(used int32) *pool {
	left := &pool{all: true}
	for add := len(p.deltas) - 1; add >= 0; add-- {
		if p.holds(used, add) {
			continue
		}
		if len(left.adds) == mostAdds {
			left.all = false
			break
		}
		left.adds = append(left.adds, add)
	}
	slices.SortStableFunc(left.adds, func(a, b int) int {
		return cmp.Compare(p.deltas[a], p.deltas[b])
	})
	half := len(left.adds) / 2
	for half > 0 && half < len(left.adds) && p.same(left.adds, half) {
		half++
	}
	left.left = p.choices(left.adds[:half], 0)
	left.right = make(map[int64][]uint32)
	for _, c := range p.choices(left.adds[half:], half) {
		left.right[c.sum] = append(left.right[c.sum], c.adds)
	}
	return left
}

// same reports whether an add is of the same size as the one before it.
func (p *pools) same(adds []int, i int) bool { return p.deltas[adds[i]] == p.deltas[adds[i-1]] }

// choices are all sets of some adds, whose bits begin at one. Adds of the same size can stand for
// each other: none is chosen without the one before it.
func (p *pools) choices(adds []int, first int) []choice {
	all := []choice{{}}
	for i, add := range adds {
		for _, c := range all {
			if i > 0 && p.same(adds, i) && c.adds>>(first+i-1)&1 == 0 {
				continue
			}
			all = append(all, choice{c.sum + p.deltas[add], c.adds | 1<<(first+i)})
		}
	}
	return all
}
