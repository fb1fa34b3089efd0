package witness

import (
	"time"

	"gauntlet/raft/kv"
)

// Sessions counts what became of the sessions of a log.
type Sessions struct {
	Repeats uint32 // commands committed again, and not carried out again
	Dropped uint32 // ... whose answers had been acknowledged by then
	Expired uint32 // sessions
}

// Sessions returns the counts so far.
func (w *Witness) Sessions() Sessions { return w.twin.seen }

// session is what the twin knows of a client's session (thesis 6.3).
type session struct {
	timeout time.Duration
	heard   time.Duration
	acked   uint64
	told    map[uint64]told // by sequence
	bytes   int             // of all values in told
}

// told is the answer to a command, and which command that was.
type told struct {
	command uint64
	bytes   int
	result  kv.Result
}

// pass lets time pass, as the next entry has it.
func (t *twin) pass(to time.Duration) { t.now = max(t.now, to) }

// once carries out a command as the entry at an index; ran is false if it is not carried out, since
// it was before or because of its session.
func (t *twin) once(index uint64, c kv.Command) (result kv.Result, ran bool) {
	if c.Op == kv.OpenSession {
		t.open(index, c.Timeout)
		return kv.Result{Session: index}, true
	}
	if c.Session == 0 {
		return t.apply(index, c), true
	}
	s := t.sessions[c.Session]
	if s != nil && t.late(s) {
		t.expire(c.Session)
		s = nil
	}
	if s == nil {
		return kv.Result{Rejection: kv.UnknownSession}, false
	}
	s.heard = t.now
	if c.Op == kv.KeepAlive {
		return kv.Result{}, true
	}
	if c.AckedBelow > s.acked {
		s.acknowledge(c.AckedBelow)
	}
	if c.Sequence < s.acked {
		t.seen.Dropped++
		return kv.Result{Rejection: kv.AnswerDropped}, false
	}
	if before, known := s.told[c.Sequence]; known {
		if before.command != content(c) {
			return kv.Result{Rejection: kv.OtherCommand}, false
		}
		t.seen.Repeats++
		return before.result, false
	}
	if len(s.told) >= kv.MaxAnswers || s.bytes >= kv.MaxAnswerBytes {
		return kv.Result{Rejection: kv.TooManyAnswers}, false
	}
	result = t.apply(index, c)
	n := len(result.Value)
	for i := range result.Steps {
		n += len(result.Steps[i].Value)
	}
	s.told[c.Sequence] = told{content(c), n, result}
	s.bytes += n
	return result, true
}

// content is a digest of a command without the numbers that its session gave it.
func content(c kv.Command) uint64 {
	c.Session, c.Sequence, c.AckedBelow = 0, 0, 0
	return digest(&c)
}

func (s *session) acknowledge(below uint64) {
	s.acked = below
	for sequence, told := range s.told { // in any order: a sum does not mind
		if sequence < below {
			s.bytes -= told.bytes
			delete(s.told, sequence)
		}
	}
}

func (t *twin) late(s *session) bool { return t.now > s.heard+s.timeout }

func (t *twin) expire(id uint64) {
	delete(t.sessions, id)
	t.seen.Expired++
}

// open begins a session. The one that was not heard of for the longest time makes room for it.
func (t *twin) open(id uint64, timeout time.Duration) {
	longest := uint64(0)
	for other, s := range t.sessions {
		if t.late(s) {
			t.expire(other)
			continue
		}
		l := t.sessions[longest]
		if l == nil || s.heard < l.heard || s.heard == l.heard && other < longest {
			longest = other
		}
	}
	if len(t.sessions) >= kv.MaxSessions {
		delete(t.sessions, longest)
	}
	t.sessions[id] = &session{timeout: timeout, heard: t.now, told: make(map[uint64]told)}
}
