package frontier

// search is what expand needs while it lets one operation return.
type search struct {
	slot   int32 // of that operation
	class  int32
	work   set      // configurations in which it has not taken effect
	node   []uint64 // the one that is looked at
	child  []uint64 // what a step makes of it
	noops  index    // by state: where in masks
	masks  []uint64 // slots whose action leaves a state as it is
	movers []int32  // classes whose action may change a state
	mixed  bool     // some of them do not overwrite
	frugal bool     // pending operations are passed over
	passed bool     // that has happened
	steps  int      // since the start of the sweep
	toll   int      // words compared, at most, since the time was last asked for
}

// expand makes next of now: what may be in force once the operation in slot took effect.
//
// It is enough to look at the instants at which some operation must take effect at last, and there
// at sequences that end with it: in any order that explains the history, each operation can be put
// off until it returns, or until one after it in the order does (Lowe 2017: just-in-time).
func (s *sweep) expand(slot int32) {
	x := &s.search
	x.slot, x.class = slot, s.slots[slot]
	x.noops.reset()
	x.masks = x.masks[:0]
	x.movers, x.mixed = x.movers[:0], false
	for _, id := range s.active {
		if c := &s.classes[id]; c.shape != Reads {
			x.movers = append(x.movers, id)
			x.mixed = x.mixed || c.shape == Any
		}
	}
	x.frugal, x.passed = s.mode == thrifty, false
	s.explore()
	if s.next.live == 0 && x.passed && s.why == "" {
		x.frugal = false
		s.explore()
	}
}

// explore follows all sequences that may matter.
func (s *sweep) explore() {
	x := &s.search
	x.work.reset(s.layout)
	s.next.reset(s.layout)
	for i := range s.now.size() {
		x.node = append(x.node[:0], s.now.at(i)...)
		s.settle(x.node)
		s.begin(x.node)
	}
	s.watch()
	for i := 0; i < x.work.size() && s.why == ""; i++ {
		if x.work.at(i)[0]&dead != 0 {
			continue
		}
		x.node = append(x.node[:0], x.work.at(i)...)
		s.grow(x.node)
		s.watch()
	}
}

// watch counts, and ends the search when its limit is spent.
func (s *sweep) watch() {
	configs := s.search.work.size() + s.next.live
	s.peak = max(s.peak, configs)
	s.search.steps++
	if configs > s.limit.Configs {
		s.spend("more than %d configurations at once", s.limit.Configs)
	}
	if s.search.steps%256 == 0 {
		s.ask()
	}
}

// ask ends the search if its time is up.
func (s *sweep) ask() {
	s.search.toll = 0
	if s.limit.Stop != nil && s.limit.Stop() {
		configs := s.search.work.size() + s.next.live
		s.spend("out of time with %d configurations at once", configs)
	}
}

// mostToll is how many words may be compared before the time is asked for: some milliseconds.
const mostToll = 1 << 24

// begin decides a configuration at once, or puts it to work.
//
// If an operation of the class was called later and is spent, the one that returns takes over its
// point. The other is then unused: it can do, and later, whatever the one that returns might do at
// its end. So nothing else needs a look, but that the other keeps its point if it is not quiet.
func (s *sweep) begin(c []uint64) {
	x := &s.search
	quiet := has(s.layout.quiet(c), x.slot)
	if s.classes[x.class].shape == Reads {
		if quiet {
			s.emit(c)
		} else {
			x.work.add(c)
		}
		return
	}
	if has(s.layout.spent(c), x.slot) {
		s.emit(c)
		return
	}
	if heir := s.heir(c); heir >= 0 {
		if quiet && !has(s.layout.quiet(c), heir) {
			s.emit(c)
		}
		cut(s.layout.spent(c), heir)
		s.emit(c)
		return
	}
	if quiet {
		s.emit(c)
	}
	x.work.add(c)
}

// heir is the first spent operation of the class called after the one that returns, or -1.
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

// emit puts a configuration into next, without the operation that returns.
func (s *sweep) emit(c []uint64) {
	x := &s.search
	spent, quiet, state := s.layout.spent(c), s.layout.quiet(c), c[0]
	wasSpent, wasQuiet := has(spent, x.slot), has(quiet, x.slot)
	cut(spent, x.slot)
	cut(quiet, x.slot)
	c[0] &^= fresh
	s.next.add(c)
	c[0] = state
	if wasSpent {
		put(spent, x.slot)
	}
	if wasQuiet {
		put(quiet, x.slot)
	}
}

// grow lets one more operation take effect, in every way that may matter.
func (s *sweep) grow(c []uint64) {
	x := &s.search
	if s.classes[x.class].shape != Reads {
		s.finish(c)
	}
	for _, id := range x.movers {
		if id != x.class {
			s.step(c, id)
		}
		// Where many are unanswered a configuration is long, and one step is much work.
		if x.toll += len(c) * (1 + x.work.size()); x.toll > mostToll {
			if s.ask(); s.why != "" {
				return
			}
		}
	}
}

// finish lets the operation that returns take effect.
func (s *sweep) finish(c []uint64) {
	x := &s.search
	class := &s.classes[x.class]
	overwrites := class.shape == Overwrites
	if overwrites && c[0]&fresh != 0 {
		return // see step
	}
	next, ok := s.object.Step(stateOf(c), class.action)
	if !ok {
		return
	}
	x.child = append(x.child[:0], c...)
	if overwrites || next != stateOf(c) {
		s.move(x.child, next, overwrites)
	}
	s.emit(x.child)
}

// step lets an operation of another class take effect. Where one overwrites right after another
// did, and nothing was gained between the two, the other can be quiet as well: what comes of the
// second alone dominates.
func (s *sweep) step(c []uint64, id int32) {
	x := &s.search
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
	if s.classes[x.class].shape == Reads && has(s.layout.quiet(x.child), x.slot) {
		s.emit(x.child)
		return
	}
	if overwrites && !gained {
		if !x.mixed {
			return // nothing but another that overwrites could follow
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

// take gives the next point to the operation of the class that was called last of those unused, or
// else to a pending one. It is false if there is none.
//
// Operations of one action are interchangeable, and the point may pass to any that was called
// before: so the one called last leaves most choices open. A pending one can wait for ever, and is
// better kept.
func (s *sweep) take(c []uint64, class *class) bool {
	spent := s.layout.spent(c)
	for i := len(class.open) - 1; i >= 0; i-- {
		if slot := class.open[i]; !has(spent, slot) {
			put(spent, slot)
			return true
		}
	}
	if class.size == 0 {
		return false
	}
	if s.search.frugal {
		s.search.passed, s.lossy = true, true
		return false
	}
	if s.mode == generous {
		s.lossy = true
		return true
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

// move sets the state, and marks who may have taken effect at this instant without a trace. It
// reports whether more could than because something overwrites.
//
// What overwrites can happen in any state: before another that overwrites, any number of them may
// take effect at the same instant, and the state afterwards is the same.
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

// settle marks who may take effect in the state as it is, without a trace: who leaves it so. It
// reports whether these are more than before.
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
	n := s.layout.slots
	if at, known := x.noops.get(state); known {
		return x.masks[at : int(at)+n]
	}
	at := len(x.masks)
	x.noops.set(state, int32(at))
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
