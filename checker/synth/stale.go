package synth

import (
	"math"

	"gauntlet/checker/register"
)

// staleness finds the read of a history that is to be answered with a value that was certainly
// replaced before, and that value.
//
// The value is certainly gone at an instant if everything that could have put it in force had
// returned before some write of another value was called, and that write has returned too. Unique
// values are not written again, so that the first one seen after the middle of the history will do.
// Of a small domain it is the greatest value: its writers are answered soon, and from 80 % on
// nobody writes it until the lie is told.
type staleness struct {
	wanted  bool
	unique  bool
	from    int            // the number of the first operation that may lie
	middle  int            // unique: the number of the first operation that may set the value
	value   register.Value // Initial if there is no other that could be stale
	near    bool           // from 80 % on until the lie is told: the value is not written
	liar    int            // the number of the stale read, once it is called
	open    int            // operations under way that may put the value in force
	last    int64          // when the last that did has returned
	another int64          // latest call of a write of another value that has returned
}

func newStaleness(s Spec) staleness {
	stale := staleness{
		wanted: s.Stale, unique: s.Domain == 0, from: s.Operations * 9 / 10,
		middle: s.Operations / 2, liar: -1, last: math.MinInt64, another: math.MinInt64,
	}
	if s.Domain > 1 {
		stale.value = register.Value(s.Domain)
	}
	return stale
}

// take reports whether operation id is to be the stale read.
func (s *staleness) take(id int) bool {
	if !s.wanted || id < s.from-s.from/9 {
		return false
	}
	s.near = true
	if id < s.from || s.open > 0 || s.another <= s.last || s.unique && s.value == register.Initial {
		return false
	}
	s.wanted, s.liar = false, id
	return true
}

// prompt reports whether an operation may put the value in force, and must be answered soon.
func (s *staleness) prompt(op register.Op) bool {
	return s.wanted && !s.unique && op.Writes() && op.After == s.value
}

// observe follows the history. asked is what the operation would have written, had it succeeded.
func (s *staleness) observe(e Event, asked register.Value) {
	restores := !s.unique && asked == s.value && asked != register.Initial
	switch {
	case !s.wanted:
		s.near = s.near && !(e.Kind == OK && e.ID == s.liar)
	case e.Kind == Invoke && restores:
		s.open++
	case e.Kind != OK:
	case restores:
		s.open--
		s.last = e.Time
	case s.unique && s.value == register.Initial && e.ID >= s.middle:
		s.value, s.last = seen(e.Op), e.Time
	case e.Op.Kind == register.Write && e.Op.After != s.value:
		s.another = max(s.another, e.Op.Call)
	}
}

// seen is the value that an operation shows to have been in force.
func seen(op register.Op) register.Value {
	switch {
	case op.Writes():
		return op.After
	case op.Observes():
		return op.Before
	}
	return register.Initial
}
