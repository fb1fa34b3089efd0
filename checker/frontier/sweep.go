package frontier

import (
	"fmt"
	"slices"
)

// mode is how a sweep takes unanswered operations.
type mode uint8

const (
	exact mode = iota
	// thrifty takes none while the rest explains what is observed, and keeps of configurations that
	// are else alike the one that took fewest. What it explains is linearizable.
	thrifty
	// generous lets each happen again and again. What it cannot explain is a violation.
	generous
)

// sweep holds all configurations that may be in force at one instant, and what is open then.
type sweep struct {
	object  Object
	shape   func(action int32) Shape
	limit   Limit
	mode    mode
	layout  layout
	slots   []int32 // by slot: the class of the operation in it
	free    []int32 // slots
	classes []class
	unused  []int32         // classes
	active  []int32         // classes with operations
	byName  map[int32]int32 // classes by action
	columns []int32         // by column of the pools: its class, or -1
	writers []uint64        // slots whose action overwrites

	now, next set // before and after the return that is looked at
	search    search
	peak      int
	patience  int    // returns until a Judge is asked again
	lossy     bool   // the mode has made a difference
	why       string // set if the sweep ended without an answer
}

// class is the open and the pending operations of one action.
type class struct {
	action int32
	shape  Shape
	open   []int32 // slots in the order of the calls
	size   int32   // how many are pending
	column int32   // of the pool of the pending ones, or -1
}

func newSweep(o Object, initial []int32, limit Limit, m mode) *sweep {
	if limit.Configs <= 0 {
		limit.Configs = 1_000_000
	}
	s := &sweep{
		object: o, limit: limit, mode: m, byName: make(map[int32]int32), patience: 64,
	}
	s.shape = func(int32) Shape { return Any }
	if shaper, ok := o.(Shaper); ok {
		s.shape = shaper.Shape
	}
	s.now.lean, s.next.lean, s.search.work.lean = m == thrifty, m == thrifty, m == thrifty
	s.now.reset(s.layout)
	for _, state := range initial {
		s.now.add([]uint64{uint64(uint32(state))})
	}
	s.peak = s.now.live
	return s
}

// class finds the class of an action, or begins one.
func (s *sweep) class(action int32) int32 {
	id, known := s.byName[action]
	if known {
		return id
	}
	if n := len(s.unused); n > 0 {
		id, s.unused = s.unused[n-1], s.unused[:n-1]
	} else {
		id = int32(len(s.classes))
		s.classes = append(s.classes, class{})
	}
	open := s.classes[id].open[:0]
	s.classes[id] = class{action: action, shape: s.shape(action), open: open, column: -1}
	s.byName[action] = id
	s.active = append(s.active, id)
	return id
}

// leave ends a class without operations.
func (s *sweep) leave(id int32) {
	c := &s.classes[id]
	if len(c.open) > 0 || c.size > 0 {
		return
	}
	delete(s.byName, c.action)
	s.unused = append(s.unused, id)
	i := slices.Index(s.active, id)
	s.active = slices.Delete(s.active, i, i+1)
}

// call opens an operation and tells its slot.
func (s *sweep) call(action int32) int32 {
	id := s.class(action)
	var slot int32
	if n := len(s.free); n > 0 {
		slot, s.free = s.free[n-1], s.free[:n-1]
	} else {
		slot = int32(len(s.slots))
		s.slots = append(s.slots, 0)
	}
	if int(slot) >= 64*s.layout.slots {
		s.layout.slots++
		s.now.relayout(s.layout)
		s.writers = append(s.writers, 0)
	}
	c := &s.classes[id]
	s.slots[slot] = id
	c.open = append(c.open, slot)
	if c.shape == Overwrites {
		put(s.writers, slot)
	}
	return slot
}

// pend adds an operation that will never return.
func (s *sweep) pend(action int32) {
	if s.shape(action) == Reads {
		return
	}
	id := s.class(action)
	c := &s.classes[id]
	c.size++
	if c.column >= 0 || s.mode == generous {
		return
	}
	if c.column = int32(slices.Index(s.columns, -1)); c.column < 0 {
		c.column = int32(len(s.columns))
		s.columns = append(s.columns, id)
	}
	s.columns[c.column] = id
	if int(c.column) >= lanes*s.layout.pools {
		s.layout.pools++
		s.now.relayout(s.layout)
	}
}

// prune forgets the pending operations that cannot matter any more.
func (s *sweep) prune(j Judge, at int64) {
	var useless []int32
	for _, id := range s.active {
		if c := &s.classes[id]; c.size > 0 && !j.Useful(c.action, at) {
			useless = append(useless, id)
		}
	}
	if len(useless) == 0 {
		return
	}
	for _, id := range useless {
		c := &s.classes[id]
		if c.column >= 0 {
			s.columns[c.column] = -1
			s.now.undraw(c.column)
		}
		c.size, c.column = 0, -1
		s.leave(id)
	}
	s.refresh()
}

// refresh drops what is dominated since the members of now were changed.
func (s *sweep) refresh() {
	s.next.reset(s.layout)
	for i := range s.now.size() {
		s.next.add(s.now.at(i))
	}
	s.swap()
}

// swap makes what comes next what is, without the dead.
func (s *sweep) swap() {
	s.now, s.next = s.next, s.now
	s.now.bury()
}

// ret lets an operation return. It is false if nothing may be in force any more, or why is set.
func (s *sweep) ret(slot int32) bool {
	s.expand(slot)
	if s.why != "" {
		return false
	}
	id := s.slots[slot]
	c := &s.classes[id]
	i := slices.Index(c.open, slot)
	c.open = slices.Delete(c.open, i, i+1)
	cut(s.writers, slot)
	s.leave(id)
	s.free = append(s.free, slot)
	s.swap()
	return s.now.live > 0
}

// spend ends the sweep without an answer.
func (s *sweep) spend(format string, args ...any) {
	if s.why == "" {
		s.why = fmt.Sprintf(format, args...)
	}
}
