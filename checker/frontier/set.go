package frontier

// set holds configurations none of which dominates another, by state.
type set struct {
	layout
	words []uint64 // stride words a member, dead ones among them
	next  []int32  // by member: another of its state, or -1
	heads index    // by state: a member
	live  int
	lean  bool // among those else alike, whoever drew fewer of all pools together dominates
}

// dominates reports whether whatever may follow y may follow x. Both have the same state.
//
// Open operations that are unused in y are so in x; those that may have taken effect in y may have
// in x; and x drew no more of any pool. A point that x lacks belongs in y to an operation called no
// later than the one spent for it, which must be quiet in x; so the owner is quiet in x as well.
// Whether x is fresh does not matter: what would overwrite it was looked at where x comes from.
func (s *set) dominates(x, y []uint64) bool {
	for i := 1; i <= s.slots; i++ {
		spentX, spentY, quietX, quietY := x[i], y[i], x[i+s.slots], y[i+s.slots]
		if spentX&^spentY != 0 || (quietY|spentY&^spentX)&^quietX != 0 {
			return false
		}
	}
	for i := 1 + 2*s.slots; i < len(x); i++ {
		if !within(x[i], y[i]) {
			return s.lean && total(s.tally(x)) <= total(s.tally(y))
		}
	}
	return true
}

// compare tells whether c dominates the member at a word, and whether that dominates c: most of the
// time goes here, so the usual layout is compared both ways at once.
func (s *set) compare(at int, c []uint64) (worse, better bool) {
	m := s.words[at : at+len(c) : at+len(c)]
	if len(c) > 3 || s.slots != 1 {
		return s.dominates(c, m), s.dominates(m, c)
	}
	spentM, spentC, quietM, quietC := m[1], c[1], m[2], c[2]
	better = spentM&^spentC|(quietC|spentC&^spentM)&^quietM == 0
	worse = spentC&^spentM|(quietM|spentM&^spentC)&^quietC == 0
	return worse, better
}

// reset empties the set, keeping its memory.
func (s *set) reset(l layout) {
	s.layout, s.live = l, 0
	s.words, s.next = s.words[:0], s.next[:0]
	s.heads.reset()
}

func (s *set) size() int { return len(s.next) }

// at is a member. What is added to the set may move it.
func (s *set) at(i int) []uint64 {
	stride := s.stride()
	return s.words[i*stride : (i+1)*stride : (i+1)*stride]
}

// add puts in a copy of c, unless a member dominates it, and marks as dead what c dominates.
func (s *set) add(c []uint64) {
	state := stateOf(c)
	head, known := s.heads.get(state)
	if !known {
		head = -1
	}
	before := int32(-1)
	for i := head; i >= 0; i = s.next[i] {
		worse, better := s.compare(int(i)*len(c), c)
		if better {
			return
		}
		if !worse {
			before = i
			continue
		}
		s.words[int(i)*len(c)] |= dead
		s.live--
		if before < 0 {
			head = s.next[i]
		} else {
			s.next[before] = s.next[i]
		}
	}
	s.heads.set(state, int32(len(s.next)))
	s.words = append(s.words, c...)
	s.next = append(s.next, head)
	s.live++
}

// bury drops the dead.
func (s *set) bury() {
	if s.live == s.size() {
		return
	}
	kept := 0
	for i := range s.size() {
		if c := s.at(i); c[0]&dead == 0 {
			copy(s.at(kept), c)
			kept++
		}
	}
	s.words, s.next = s.words[:kept*s.stride()], s.next[:kept]
	s.heads.reset()
}

// undraw forgets of one pool what was drawn. Members may dominate another then.
func (s *set) undraw(column int32) {
	for i := range s.size() {
		s.tally(s.at(i))[column/lanes] &^= full << (16 * (column % lanes))
	}
}

// relayout gives the members, none of which is dead, more or fewer words.
func (s *set) relayout(l layout) {
	old := s.layout
	words := make([]uint64, 0, len(s.next)*l.stride())
	for i := range s.next {
		c := s.at(i)
		to := make([]uint64, l.stride())
		to[0] = c[0]
		copy(l.spent(to), old.spent(c))
		copy(l.quiet(to), old.quiet(c))
		copy(l.tally(to), old.tally(c))
		words = append(words, to...)
	}
	s.words, s.layout = words, l
}
