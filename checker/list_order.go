package checker

import (
	"slices"

	"gauntlet/workload"
)

// listOrder is what the reads of a history tell of the order of values.
type listOrder struct {
	writers map[element]listWriter
	before  map[element]tail // of every value that was read: what stood right before it
}

// listWriter is the step that wrote a value.
type listWriter struct {
	effect *effect
	kind   string
}

// newListOrder knows who wrote what, and of no read yet.
func newListOrder(effects []effect) *listOrder {
	o := &listOrder{writers: make(map[element]listWriter), before: make(map[element]tail)}
	for _, e := range listEffects(effects) {
		for _, s := range e.steps {
			if s.writes() {
				o.writers[s.element()] = listWriter{e.effect, s.Kind}
			}
		}
	}
	return o
}

// listFlaw is what is wrong with a list that was read.
type listFlaw int

// The flaws. The value at fault is the one at the position that take returns.
const (
	flawNone      listFlaw = iota
	flawTwice              // the value stood in the list already
	flawPhantom            // nobody wrote it
	flawOverwrite          // it was written over the list, and something stands before it
	flawOrder              // another read had something else right before it
)

// take learns the order of a list that was read, up to the first flaw.
func (o *listOrder) take(s listStep) (at int, flaw listFlaw) {
	var previous tail
	for i, v := range s.list {
		e := element{s.Key, v}
		writer, known := o.writers[e]
		before, seen := o.before[e]
		switch {
		case seen && before != previous && slices.Contains(s.list[:i], v):
			return i, flawTwice
		case !known:
			return i, flawPhantom
		case writer.kind == workload.KindWrite && previous.present:
			return i, flawOverwrite
		case seen && before != previous:
			return i, flawOrder
		}
		o.before[e] = previous
		previous = tailOf(v)
	}
	return 0, flawNone
}

func tailOf(v int64) tail { return tail{present: true, read: true, value: v} }

// move sets what a step needs of its list and makes of it.
func (o *listOrder) move(s listStep, m *listMove) {
	before, read := o.before[s.element()]
	switch {
	case s.told && len(s.list) == 0:
		m.free = false
	case s.told:
		m.free, m.needs = false, tailOf(s.list[len(s.list)-1])
	case !s.writes():
	case !read:
		m.writes, m.after = true, tail{present: true}
	default:
		m.writes, m.after = true, tailOf(s.Value)
		if s.Kind == workload.KindAppend {
			m.free, m.needs = false, before
		}
	}
}
