package online

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// clashes is what settle is to find, by definition: whether any two blocks have to come each before
// the other.
func clashes(blocks []*block) bool {
	for i, a := range blocks {
		for _, b := range blocks[:i] {
			if a.f.at < b.s.at && b.f.at < a.s.at {
				return true
			}
		}
	}
	return false
}

// valid returns the first invariant that is broken.
func (o *order) valid() error {
	greatest := int64(never)
	for i, b := range o.blocks {
		greatest = max(greatest, b.s.at)
		switch {
		case b.at != i:
			return fmt.Errorf("block %d believes to be at %d", i, b.at)
		case i > 0 && o.blocks[i-1].f.at > b.f.at:
			return fmt.Errorf("f falls at block %d", i)
		case o.upto[i] != greatest:
			return fmt.Errorf("upto[%d] is %d, want %d", i, o.upto[i], greatest)
		}
	}
	return nil
}

// Goal: the order finds a clash with the change that makes it one, however far that moves a block,
// and what it forgets was dead by the definition.
// Method: random blocks that come, grow and are forgotten; all pairs of them, after every change.
func TestOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 3))
	clashing, forgotten, moved := 0, 0, 0
	for range 4000 {
		var o order
		span := int64(2 + r.IntN(40))
		for step := range int64(60) {
			now := step * 3
			b := &block{f: stamp{at: now + r.Int64N(span)}, s: stamp{at: now + r.Int64N(8) - 4}, at: -1}
			if n := len(o.blocks); n > 0 && r.IntN(2) == 0 {
				b = o.blocks[n-1-r.IntN(min(n, 8))]
				if r.IntN(2) == 0 {
					b.f.fall(stamp{at: b.f.at - r.Int64N(span)})
				} else {
					b.s.rise(stamp{at: b.s.at + r.Int64N(6)})
				}
			}
			from := b.at
			other := o.settle(b)
			if from > b.at+1 {
				moved++
			}
			if (other != nil) != clashes(o.blocks) {
				t.Fatalf("found %v, but in truth %v: %+v", other, clashes(o.blocks), o)
			}
			if other != nil {
				if other == b || !clashes([]*block{b, other}) {
					t.Fatalf("found %+v, which does not clash with %+v", other, b)
				}
				clashing++
				break
			}
			if r.IntN(6) > 0 {
				continue
			}
			all, w := slices.Clone(o.blocks), now-r.Int64N(30)
			for _, d := range o.forget(w) {
				forgotten++
				if !slices.ContainsFunc(all, func(b *block) bool {
					return b != d && d.f.at < b.s.at && b.f.at < w
				}) {
					t.Fatalf("forgot %+v, which is not dead at %d", d, w)
				}
			}
			if err := o.valid(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d clashes, %d moved far, %d forgotten", clashing, moved, forgotten)
	if clashing < 1000 || clashing > 3900 || moved < 1000 || forgotten < 1000 {
		t.Errorf("%d clashes, %d moved far, %d forgotten", clashing, moved, forgotten)
	}
}
