package frontier

import (
	"maps"

	"gauntlet/checker/finding"
)

// Nothing is the action of an operation that has no effect unless it is answered: a read.
const Nothing int32 = -1

// Ticket names an operation of a Stream.
type Ticket uint64

// Stream decides a history while it grows. It is told of events in their order: what is told later
// happened later, or at the same time; and at one time calls are told before returns.
//
// What an operation did is known when it is answered. So the stream waits with all that came after
// a call until the call is answered, forgotten or dropped. Memory: what is open, and what waits.
//
// When the configurations that may be in force exceed the limit, unanswered operations are taken
// from then on as if each could happen again and again: a violation is one still, but no other
// answer is given any more.
type Stream struct {
	sweep *sweep
	first Ticket  // of the queue
	queue []event // from the first call that waits for its answer; a return has a ticket too
	slots map[Ticket]int32
	stuck Ticket
	found bool
}

// event is a call or a return.
type event struct {
	of     Ticket // the call
	action int32
	kind   eventKind
}

type eventKind uint8

const (
	waiting eventKind = iota // a call of which nothing is known yet
	called                   // a call that was answered
	pending                  // a call that will never be answered
	dropped                  // a call that did nothing
	returned
)

// NewStream begins with a history without operations. Its arguments are those of Search.
func NewStream(o Object, initial []int32, limit Limit) *Stream {
	s := &Stream{sweep: newSweep(o, initial, limit, exact), slots: make(map[Ticket]int32)}
	if len(initial) == 0 {
		s.sweep.spend("no initial state")
	}
	return s
}

// Call tells that an operation was called, and what it does if it takes effect unanswered.
func (s *Stream) Call(action int32) Ticket {
	t := s.first + Ticket(len(s.queue))
	s.queue = append(s.queue, event{of: t, action: action})
	return t
}

// Return tells that an operation was answered, and what it did. Here and below, nothing happens if
// the operation does not wait for its answer.
func (s *Stream) Return(t Ticket, action int32) {
	if call := s.waiting(t); call != nil && action >= 0 {
		call.kind, call.action = called, action
		s.queue = append(s.queue, event{of: t, kind: returned})
		s.advance()
	}
}

// Forget tells that an operation will never be answered: it may take effect at any time since its
// call, or never.
func (s *Stream) Forget(t Ticket) {
	if call := s.waiting(t); call != nil {
		call.kind = pending
		s.advance()
	}
}

// Drop tells that an operation surely had no effect.
func (s *Stream) Drop(t Ticket) {
	if call := s.waiting(t); call != nil {
		call.kind = dropped
		s.advance()
	}
}

// waiting finds a call of which nothing is known yet.
func (s *Stream) waiting(t Ticket) *event {
	if t < s.first || t-s.first >= Ticket(len(s.queue)) {
		return nil
	}
	if e := &s.queue[t-s.first]; e.kind == waiting {
		return e
	}
	return nil
}

// advance gives the sweep all events before the first call that waits.
func (s *Stream) advance() {
	n := 0
	for n < len(s.queue) && s.queue[n].kind != waiting {
		s.feed(s.sweep, s.slots, s.queue[n])
		n++
	}
	s.queue, s.first = s.queue[n:], s.first+Ticket(n)
}

func (s *Stream) feed(to *sweep, slots map[Ticket]int32, e event) {
	if s.found || to.why != "" {
		return
	}
	switch e.kind {
	case called:
		slots[e.of] = to.call(e.action)
	case pending:
		if e.action >= 0 {
			to.pend(e.action)
		}
	case returned:
		ok := to.ret(slots[e.of])
		if to.why != "" && to.layout.pools > 0 {
			to.why = ""
			to.loosen()
			ok = to.ret(slots[e.of])
		}
		if !ok && to.why == "" {
			s.found, s.stuck = true, e.of
		}
		delete(slots, e.of)
	}
}

// Now looks at the history as it is: operations that wait for an answer may yet take effect, or
// not. A violation that is found so stays one, however the history goes on. What waits is gone
// through, and what is open is copied.
func (s *Stream) Now() {
	ahead, slots := s.sweep.clone(), maps.Clone(s.slots)
	for _, e := range s.queue {
		if e.kind == waiting {
			e.kind = pending
		}
		s.feed(ahead, slots, e)
	}
}

// Answer is Violation if there is one, with the operation at whose return no configuration was
// left; Undecided, and why, if a limit was exceeded; else Linearizable, as far as the stream is.
func (s *Stream) Answer() (answer finding.Answer, why string, stuck Ticket) {
	switch {
	case s.found:
		return finding.Violation, "", s.stuck
	case s.sweep.why != "":
		return finding.Undecided, s.sweep.why, 0
	case s.sweep.mode == generous:
		return finding.Undecided, "too many configurations with unanswered operations", 0
	}
	return finding.Linearizable, "", 0
}
