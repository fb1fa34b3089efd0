package frontier

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
