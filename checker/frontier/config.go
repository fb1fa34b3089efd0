package frontier

// A configuration is a few words: the state, and in its upper half a flag; which open operations are
// spent; which are quiet; and of each pool of pending operations how many were drawn. It stands for
// every way to tell what took effect so far that agrees with it:
//
//   - A spent operation stands for a point at which its action changed something. The point may be
//     its own, or that of any open operation of its action which was called before it.
//   - A quiet operation that is not spent may have taken effect without a trace, or not yet.
//
// Quiet operations and points without an owner are what makes few configurations of many.

const (
	fresh = 1 << 32 // the state was just overwritten, and nothing was gained by it yet
	dead  = 1 << 63 // dominated since it was put into its set
	lanes = 4       // pools in a word
	full  = 1<<16 - 1
)

// layout says how many words of a configuration are about slots, twice, and how many about pools.
type layout struct{ slots, pools int }

func (l layout) stride() int               { return 1 + 2*l.slots + l.pools }
func (l layout) spent(c []uint64) []uint64 { return c[1 : 1+l.slots] }
func (l layout) quiet(c []uint64) []uint64 { return c[1+l.slots : 1+2*l.slots] }
func (l layout) tally(c []uint64) []uint64 { return c[1+2*l.slots:] }

func stateOf(c []uint64) int32 { return int32(uint32(c[0])) }

func has(mask []uint64, slot int32) bool { return mask[slot>>6]>>(slot&63)&1 != 0 }
func put(mask []uint64, slot int32)      { mask[slot>>6] |= 1 << (slot & 63) }
func cut(mask []uint64, slot int32)      { mask[slot>>6] &^= 1 << (slot & 63) }

// drawn is how many operations of the pool in a column took effect.
func drawn(pools []uint64, column int32) int32 {
	return int32(pools[column/lanes] >> (16 * (column % lanes)) & full)
}

func draw(pools []uint64, column int32) { pools[column/lanes] += 1 << (16 * (column % lanes)) }

func undraw(pools []uint64, column int32) {
	pools[column/lanes] &^= full << (16 * (column % lanes))
}

// dominates reports whether whatever may follow y may follow x. Both have the same state.
//
// What y has unused, x has; what y has done, x has done or quiet; and x has drawn no more. A point
// that x lacks belongs in y to an operation called no later than the one spent there, which is
// quiet in x; so is then the owner, as what makes one quiet makes all of its action that are open.
func (l layout) dominates(x, y []uint64) bool {
	if x[0]&fresh > y[0]&fresh {
		return false
	}
	for i := 1; i <= l.slots; i++ {
		spentX, spentY, quietX, quietY := x[i], y[i], x[i+l.slots], y[i+l.slots]
		if spentX&^spentY != 0 || (quietY|spentY&^spentX)&^quietX != 0 {
			return false
		}
	}
	for i := 1 + 2*l.slots; i < len(x); i++ {
		if x[i] != y[i] && !drawnLess(x[i], y[i]) {
			return false
		}
	}
	return true
}

// drawnLess compares a word of pools: in no lane is x more than y.
func drawnLess(x, y uint64) bool {
	for ; x != 0; x, y = x>>16, y>>16 {
		if x&full > y&full {
			return false
		}
	}
	return true
}

// set holds configurations none of which dominates another, by state.
type set struct {
	layout
	words []uint64 // stride words a member, dead ones among them
	next  []int32  // by member: another of its state, or -1
	heads index    // by state: a member
	live  int
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
		member := s.at(int(i))
		if s.dominates(member, c) {
			return
		}
		if !s.dominates(c, member) {
			before = i
			continue
		}
		member[0] |= dead
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

// index is a small map from states that is emptied often.
type index struct {
	entries []entry // a power of two
	round   uint32  // of the entries in use
	used    int
}

type entry struct {
	state, value int32
	round        uint32
}

func (x *index) reset() {
	x.used = 0
	x.round++
	if x.round == 0 || x.entries == nil {
		x.entries, x.round = make([]entry, max(16, len(x.entries))), 1
	}
}

// find is the place of a state, or the free one where it belongs.
func (x *index) find(state int32) *entry {
	mask := uint32(len(x.entries) - 1)
	for i := uint32(state) * 0x9e3779b1 >> 7; ; i++ {
		e := &x.entries[i&mask]
		if e.round != x.round || e.state == state {
			return e
		}
	}
}

func (x *index) get(state int32) (int32, bool) {
	e := x.find(state)
	return e.value, e.round == x.round
}

func (x *index) set(state, value int32) {
	e := x.find(state)
	if e.round == x.round {
		e.value = value
		return
	}
	*e = entry{state: state, value: value, round: x.round}
	if x.used++; 2*x.used > len(x.entries) {
		x.grow()
	}
}

func (x *index) grow() {
	old, round := x.entries, x.round
	x.entries, x.round, x.used = make([]entry, 2*len(old)), 1, 0
	for _, e := range old {
		if e.round == round {
			x.set(e.state, e.value)
		}
	}
}
