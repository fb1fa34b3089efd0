package online

import (
	"maps"
	"slices"
	"sort"
)

// leastKept is how many versions an object may hold before it is worth while to forget some.
const leastKept = 32

// tidy forgets now and then: each time as much has come as was left the last time, so the work is
// that of a few steps an operation; and whenever nothing is open, since it may stay so for good.
func (k *object) tidy() {
	idle := k.first == nil
	if k.kept < k.enough && !(idle && k.kept > 2) {
		return
	}
	k.forget()
	k.enough = max(2*k.kept, leastKept)
	if k.peak > 2*leastKept && len(k.versions) < k.peak/4 || idle && k.peak > 8 {
		k.renew(k.versions)
	}
}

// renew puts the versions into a map of their size: maps never shrink.
func (k *object) renew(versions map[value]*version) {
	k.versions = make(map[value]*version, len(versions))
	maps.Copy(k.versions, versions)
	k.peak = len(versions)
}

// watermark is an instant before which no coming answer was called.
func (k *object) watermark() int64 {
	if k.first != nil {
		return k.first.call
	}
	return max(k.invoked, k.returned+1)
}

// forget gives up every version which no answer that is yet to come can have seen. Let W be the
// watermark: every operation that has not returned was called at W or later.
//
// Within a block, x is dead if something y after it in the chain returned before W. Whoever sees x
// from now on was called at W or later, hence after y was over, yet has to come before it. And a
// cas that replaces x leaves it with two successors.
//
// A block D is dead if there is another, B, with f(D) < s(B) and f(B) < W. Whatever joins D from
// now on raises s(D) to W or more: whoever sees a value of it was called then; so was a cas from
// its end, or else it was never answered, and is known to have happened only by somebody who saw
// its value. Then f(B) < W <= s(D), and the two have to come each before the other. So a value of D
// that is seen from now on is a violation, with or without D: see see.
//
// Of the blocks with f(B) < W, let B have the greatest s; what is dead by it goes. Nor is such a D
// missed by others: nothing that is left will ever have to come before it. As there is no violation
// yet, s(D) <= f(B) < W, so no return to come is below s(D), and B need not come before D. Any
// other X that is left has f(X) >= s(B), and s(B) >= s(D): by the choice of B if f(D) < W, and else
// because s(D) < W <= f(D) < s(B).
//
// What is left with f(X) < W, but for B, has s(X) <= s(B) <= f(X): all its operations were open at
// the instant s(B). So what is remembered is what was open then, what returned since W, and the
// writes that were never answered.
//
// A value that was forgotten may be written anew: whoever saw it before is done, whoever sees it
// from now on sees the new one.
func (k *object) forget() {
	w := k.watermark()
	for _, b := range k.order.forget(w) {
		for v := b.head; v != nil; v = v.next {
			k.remove(v)
		}
	}
	for _, b := range k.order.blocks {
		head := b.head
		for v := b.head.next; v != nil; v = v.next {
			if v.least().at < w {
				head = v
			}
		}
		for ; b.head != head; b.head = b.head.next {
			k.remove(b.head)
		}
	}
}

func (k *object) remove(v *version) {
	delete(k.versions, v.value)
	k.kept--
	k.forgot = true
}

// forget takes the blocks out that are dead at watermark w, and returns them.
func (o *order) forget(w int64) []*block {
	over := sort.Search(len(o.blocks), func(i int) bool { return o.blocks[i].f.at >= w })
	last := &block{s: stamp{at: never}}
	for _, b := range o.blocks[:over] {
		if b.s.at > last.s.at {
			last = b
		}
	}
	var dead []*block
	o.blocks = slices.DeleteFunc(o.blocks, func(b *block) bool {
		gone := b != last && b.f.at < last.s.at
		if gone {
			dead = append(dead, b)
		}
		return gone
	})
	o.upto = o.upto[:len(o.blocks)]
	for i, b := range o.blocks {
		b.at = i
	}
	o.sum(0, len(o.blocks))
	if cap(o.blocks) > leastKept && len(o.blocks) < cap(o.blocks)/4 {
		o.blocks, o.upto = slices.Clone(o.blocks), slices.Clone(o.upto)
	}
	return dead
}
