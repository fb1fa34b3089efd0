package frontier

import "gauntlet/checker/finding"

// Nothing is the action of an operation that has no effect while it is not answered: a read.
const Nothing int32 = -1

// Ticket names an operation that was called and has not been answered yet.
type Ticket uint64

// Stream decides a history while it grows. Its calls are told in the order of the events; what is
// told later happened later or at the same time, and calls of one time are told before returns.
//
// What an operation did is known when it is answered, so the stream waits with all that came after
// a call until that call was answered. Memory: what is open, and what waits.
type Stream struct {
	sweep *sweep
	first Ticket  // of queue
	queue []event // from the first call that waits for its answer
	calls map[Ticket]int32
	last  Ticket // told last
	stuck Ticket
	found bool
}

// event is a call, or the return of one.
type event struct {
	ticket Ticket
	action int32
	kind   kind
}

type kind uint8

const (
	waiting kind = iota // a call whose answer is to come
	called              // a call that returned
	pending             // a call that will never return
	returned
	dropped
)

// NewStream begins with a history without operations. See Search for what is given.
func NewStream(o Object, initial []int32, limit Limit) *Stream {
	return &Stream{sweep: newSweep(o, initial, limit), calls: map[Ticket]int32{}}
}

// Call tells that an operation was called, and what it does if it is never answered.
func (s *Stream) Call(action int32) Ticket {
	t := s.first + Ticket(len(s.queue))
	s.queue = append(s.queue, event{ticket: t, action: action})
	return t
}

// Return tells that an operation was answered, and what it did. A ticket that is not waiting is
// ignored, here and below.
func (s *Stream) Return(t Ticket, action int32) {
	if s.answer(t, called, action) {
		s.queue = append(s.queue, event{ticket: t, kind: returned})
		s.advance()
	}
}

// Forget tells that an operation will never be answered: it may take effect at any time since its
// call, or never.
func (s *Stream) Forget(t Ticket) {
	if e := s.waiting(t); e != nil {
		s.answer(t, pending, e.action)
		s.advance()
	}
}

// Drop tells that an operation surely did nothing.
func (s *Stream) Drop(t Ticket) {
	if s.answer(t, dropped, Nothing) {
		s.advance()
	}
}

// waiting finds a call that was not answered.
func (s *Stream) waiting(t Ticket) *event {
	if t < s.first || t-s.first >= Ticket(len(s.queue)) {
		return nil
	}
	e := &s.queue[t-s.first]
	if e.kind != waiting {
		return nil
	}
	return e
}

func (s *Stream) answer(t Ticket, k kind, action int32) bool {
	e := s.waiting(t)
	if e != nil {
		e.kind, e.action = k, action
	}
	return e != nil
}

// advance gives the sweep all events before the first call that waits.
func (s *Stream) advance() {
	n := 0
	for n < len(s.queue) && s.queue[n].kind != waiting {
		s.feed(s.sweep, s.calls, s.queue[n])
		n++
	}
	s.queue = s.queue[n:]
	s.first += Ticket(n)
}

func (s *Stream) feed(to *sweep, slots map[Ticket]int32, e event) {
	if s.found || to.why != "" {
		return
	}
	switch e.kind {
	case called:
		slots[e.ticket] = to.call(e.action)
	case pending:
		if e.action != Nothing {
			to.pend(e.action)
		}
	case returned:
		if !to.ret(slots[e.ticket]) && to.why == "" {
			s.found, s.stuck = true, e.ticket
		}
		delete(slots, e.ticket)
	}
}

// Now looks at the history as it is, with all that was not answered yet as never answered. A
// violation stays one, however the history goes on. Time: what waits is gone through.
func (s *Stream) Now() {
	ahead := s.sweep.clone()
	slots := make(map[Ticket]int32, len(s.calls))
	for t, slot := range s.calls {
		slots[t] = slot
	}
	for _, e := range s.queue {
		if e.kind == waiting {
			e.kind = pending
		}
		s.feed(ahead, slots, e)
	}
}

// Answer is what is known: Violation, with the operation at whose return no configuration was left;
// Undecided, and why, once the limit was spent; else Linearizable, so far.
func (s *Stream) Answer() (answer finding.Answer, why string, stuck Ticket) {
	switch {
	case s.found:
		return finding.Violation, "", s.stuck
	case s.sweep.why != "":
		return finding.Undecided, s.sweep.why, 0
	}
	return finding.Linearizable, "", 0
}
