package frontier

// search is what expand needs while it lets one operation return.
type search struct {
	slot   int32
	class  int32
	work   set      // configurations in which slot has not taken effect
	node   []uint64 // the one that is looked at
	child  []uint64 // what a step makes of it
	noops  index    // by state: where in masks
	masks  []uint64 // slots whose action leaves a state as it is
	movers []int32  // classes whose action may change a state
	any    bool     // some of them do not overwrite
	steps  int      // since the start of the sweep
}

// expand makes next of now: what may be in force once the operation in slot took effect.
//
// It is enough to look at points when an operation must take effect at last, and then at sequences
// that end with it: of any order that explains the history, each operation can be put off until it
// returns or another one after it does (Lowe 2017, section 5: just-in-time linearization).
func (s *sweep) expand(slot int32) {
	x := &s.search
	x.slot, x.class = slot, s.slots[slot]
	x.noops.reset()
	x.masks = x.masks[:0]
	x.work.reset(s.layout)
	s.next.reset(s.layout)
	x.movers, x.any = x.movers[:0], false
	for _, id := range s.active {
		if c := &s.classes[id]; c.shape != Reads {
			x.movers = append(x.movers, id)
			x.any = x.any || c.shape == Any
		}
	}
	for i := range s.now.size() {
		x.node = append(x.node[:0], s.now.at(i)...)
		s.settle(x.node)
		s.begin(x.node)
	}
	for i := 0; i < x.work.size() && s.why == ""; i++ {
		if x.work.at(i)[0]&dead != 0 {
			continue
		}
		x.node = append(x.node[:0], x.work.at(i)...)
		s.grow(x.node)
		s.watch(x.work.size() + s.next.live)
	}
	s.peak = max(s.peak, x.work.size(), s.next.live)
}

// watch ends the search when its limit is spent.
func (s *sweep) watch(configs int) {
	s.search.steps++
	if configs > s.limit.Configs {
		s.spend("more than %d configurations at once", s.limit.Configs)
	}
	if s.search.steps%256 == 0 && s.limit.Stop != nil && s.limit.Stop() {
		s.spend("stopped with %d configurations at once", configs)
	}
}

// begin decides a configuration at once, or puts it to work.
//
// If another operation of the class was called later and is spent, the one that returns takes over
// its point. The other is then unused, and can do whatever the one that returns could do now, and
// do it later; so nothing else needs a look, but where the other was not quiet: there it may be
// better that it keeps the point.
func (s *sweep) begin(c []uint64) {
	x := &s.search
	l := s.layout
	shape := s.classes[x.class].shape
	quiet := has(l.quiet(c), x.slot)
	switch {
	case has(l.spent(c), x.slot), shape == Reads && quiet:
		s.emit(c)
		return
	case shape == Reads:
		x.work.add(c)
		return
	}
	if heir := s.heir(c); heir >= 0 {
		if quiet && !has(l.quiet(c), heir) {
			s.emit(c)
		}
		cut(l.spent(c), heir)
		s.emit(c)
		return
	}
	if quiet {
		s.emit(c)
	}
	x.work.add(c)
}

// heir is the first operation of the class called after the one that returns and spent, or -1.
func (s *sweep) heir(c []uint64) int32 {
	spent := s.layout.spent(c)
	after := false
	for _, slot := range s.classes[s.search.class].open {
		if after && has(spent, slot) {
			return slot
		}
		after = after || slot == s.search.slot
	}
	return -1
}

// emit puts a configuration into next, without the operation that returns. It spoils c's bits of it.
func (s *sweep) emit(c []uint64) {
	quiet, spent, was := s.layout.quiet(c), s.layout.spent(c), c[0]
	q, p := has(quiet, s.search.slot), has(spent, s.search.slot)
	cut(quiet, s.search.slot)
	cut(spent, s.search.slot)
	c[0] &^= fresh
	s.next.add(c)
	c[0] = was
	if q {
		put(quiet, s.search.slot)
	}
	if p {
		put(spent, s.search.slot)
	}
}

// grow adds one step to a configuration in every way that may matter.
func (s *sweep) grow(c []uint64) {
	x := &s.search
	if s.classes[x.class].shape != Reads {
		s.finish(c)
	}
	for _, id := range x.movers {
		if id != x.class {
			s.step(c, id)
		}
	}
}

// finish lets the operation that returns take effect.
func (s *sweep) finish(c []uint64) {
	x := &s.search
	class := &s.classes[x.class]
	overwrites := class.shape == Overwrites
	if overwrites && c[0]&fresh != 0 {
		return // dominated by the same without the last step
	}
	state := stateOf(c)
	next, ok := s.object.Step(state, class.action)
	if !ok {
		return
	}
	x.child = append(x.child[:0], c...)
	if next != state || overwrites {
		s.move(x.child, next, overwrites)
	}
	s.emit(x.child)
}

// move sets the state, and marks who may have taken effect at this instant without a trace.
//
// What overwrites can happen in any state; so before one such action, any number of others may
// happen at the same instant, and the state afterwards is the same. What leaves the state as it is
// may happen as soon as it is reached.
func (s *sweep) move(c []uint64, state int32, overwrites bool) (gained bool) {
	c[0] = uint64(uint32(state))
	if overwrites {
		quiet := s.layout.quiet(c)
		for i, w := range s.writers {
			quiet[i] |= w
		}
	}
	return s.settle(c)
}

// settle marks as quiet what leaves the state as it is. It reports whether that is any more.
func (s *sweep) settle(c []uint64) (gained bool) {
	quiet := s.layout.quiet(c)
	for i, m := range s.noops(stateOf(c)) {
		gained = gained || m&^quiet[i] != 0
		quiet[i] |= m
	}
	return gained
}

// noops are the slots whose action leaves a state as it is.
func (s *sweep) noops(state int32) []uint64 {
	x := &s.search
	n := int32(s.layout.slots)
	if at, known := x.noops.get(state); known {
		return x.masks[at : at+n]
	}
	at := int32(len(x.masks))
	x.noops.set(state, at)
	for range n {
		x.masks = append(x.masks, 0)
	}
	mask := x.masks[at:]
	for _, id := range s.active {
		c := &s.classes[id]
		if len(c.open) == 0 {
			continue
		}
		if next, ok := s.object.Step(state, c.action); ok && next == state {
			for _, slot := range c.open {
				put(mask, slot)
			}
		}
	}
	return mask
}

// step lets one more operation of a class take effect. If one overwrites directly after another did
// from which nothing was gained, the same without the other dominates.
func (s *sweep) step(c []uint64, id int32) {
	x := &s.search
	l := s.layout
	class := &s.classes[id]
	overwrites := class.shape == Overwrites
	if overwrites && c[0]&fresh != 0 {
		return
	}
	next, ok := s.object.Step(stateOf(c), class.action)
	if !ok || next == stateOf(c) && !(overwrites && s.loud(c)) {
		return
	}
	x.child = append(x.child[:0], c...)
	if !s.take(x.child, class) {
		return
	}
	gained := s.move(x.child, next, overwrites)
	if has(l.quiet(x.child), x.slot) && s.classes[x.class].shape == Reads {
		s.emit(x.child)
		return
	}
	if overwrites && !gained {
		if !x.any {
			return
		}
		x.child[0] |= fresh
	}
	x.work.add(x.child)
}

// loud reports whether some operation that overwrites is not quiet.
func (s *sweep) loud(c []uint64) bool {
	quiet := s.layout.quiet(c)
	for i, w := range s.writers {
		if w&^quiet[i] != 0 {
			return true
		}
	}
	return false
}

// take gives a point to the operation of the class that was called last of those unused, or else to
// a pending one, if there is any.
//
// Operations of one action are interchangeable. Whoever takes the point, it can be given to any of
// them that was called before; so the one called last leaves all choices open. A pending operation
// can take effect for ever, so it is better kept for later than one that will return.
func (s *sweep) take(c []uint64, class *class) bool {
	spent := s.layout.spent(c)
	for i := len(class.open) - 1; i >= 0; i-- {
		if slot := class.open[i]; !has(spent, slot) {
			put(spent, slot)
			return true
		}
	}
	if class.column < 0 {
		return false
	}
	pools := s.layout.tally(c)
	n := drawn(pools, class.column)
	if n == full {
		s.spend("more than %d unanswered operations of one action took effect", full)
	}
	if n >= min(class.size, full) {
		return false
	}
	draw(pools, class.column)
	return true
}
