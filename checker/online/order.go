package online

import "sort"

// block is versions that follow each other without a gap: a write, and a chain of cas from it. It
// is in force at one stretch. With f its least return and s its greatest call, block A has to come
// before block B if and only if f(A) < s(B).
type block struct {
	f, s stamp
	head *version // the first that is remembered
	at   int      // its place in the order; -1: none yet
}

// order holds blocks by f. They can be put in an order if and only if no two have to come each
// before the other: a shortest cycle of three or more, A before B before C, lacks the chords, so
// f(A) < s(B) <= f(X) for every X of it but A, and f(B) < s(C) <= f(A) alike: a contradiction
// (Gibbons and Korach 1997, in the form of zones).
//
// Invariants:
//  1. f never falls along blocks, and upto[i] is the greatest s of blocks[0..i].
//  2. No two blocks have to come each before the other.
type order struct {
	blocks []*block
	upto   []int64
}

// settle takes in that a block is new, or that its f fell or its s rose. It returns another one
// with which it cannot be put in order, if there is one; the order is of no use after that.
func (o *order) settle(b *block) *block {
	if b.at < 0 {
		b.at = len(o.blocks)
		o.blocks = append(o.blocks, b)
		o.upto = append(o.upto, never)
	}
	last := b.at
	for ; b.at > 0 && o.blocks[b.at-1].f.at > b.f.at; b.at-- {
		other := o.blocks[b.at-1]
		o.blocks[b.at], other.at = other, b.at
	}
	o.blocks[b.at] = b
	o.sum(b.at, last)
	return o.against(b)
}

// sum brings upto up to date for blocks that changed, and what comes after them.
func (o *order) sum(first, last int) {
	for i := first; i < len(o.blocks); i++ {
		greatest := o.blocks[i].s.at
		if i > 0 {
			greatest = max(greatest, o.upto[i-1])
		}
		if i > last && o.upto[i] == greatest {
			return
		}
		o.upto[i] = greatest
	}
}

// against finds another block X with f(X) < s(b) and f(b) < s(X).
//
// Before and after b in the order are two cases, so that b is not taken for its own. After it there
// are only blocks all of whose operations are open at f(b), or X is found: few, and so are those
// whose upto a growing s changes.
func (o *order) against(b *block) *block {
	before := b.at
	if b.s.at <= b.f.at {
		before = sort.Search(before, func(i int) bool { return o.blocks[i].f.at >= b.s.at })
	}
	if before > 0 && o.upto[before-1] > b.f.at {
		for i := before - 1; ; i-- {
			if o.blocks[i].s.at > b.f.at {
				return o.blocks[i]
			}
		}
	}
	for _, x := range o.blocks[b.at+1:] {
		if x.f.at >= b.s.at {
			break
		}
		if x.s.at > b.f.at {
			return x
		}
	}
	return nil
}
