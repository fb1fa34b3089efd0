package kv

import (
	"cmp"
	"hash/crc32"
	"slices"
	"time"
)

// Client sessions: exactly once (thesis 6.3). A client that hears no answer cannot know whether its
// command took effect, and asking again might carry it out twice. So it opens a session, whose id
// is the log index of the entry that opened it, and numbers its commands. The state machine keeps
// the answers: a command that comes again gets the answer of the first time, and is not run.
//
// All of this is a function of the log alone. Sessions expire by cluster time (raft.Entry.Time), so
// at the same entry on every member, and they are a part of the snapshot.

// Bounds of what sessions take, the same on all members for ever.
const (
	MaxSessions = 4096 // when another is opened, the least recently used one goes

	// Of the answers that a session keeps until its client acknowledges them. At a bound no new
	// command is carried out; the last one before it may exceed the bytes.
	MaxAnswers     = 256
	MaxAnswerBytes = 64 << 10
)

// Rejection is why a command of a session was not carried out. It speaks for this one try: an
// earlier one, whose answer was lost, may have been.
type Rejection uint8

// The rejections. None changes the map.
const (
	NotRejected    Rejection = 0
	UnknownSession Rejection = 1 // never opened, expired, or gone for MaxSessions: for ever
	AnswerDropped  Rejection = 2 // the client has acknowledged the answer to this sequence
	OtherCommand   Rejection = 3 // this sequence was another command
	TooManyAnswers Rejection = 4 // MaxAnswers or MaxAnswerBytes: the client must acknowledge some
)

// session is what is known of one client.
//
// Invariants:
//
//  1. active is at most the store's time.
//  2. The answers' sequences rise, and none is below acked.
//  3. bytes is the sum of the answers' sizes.
//  4. It is changed only while epoch is the store's: otherwise a View shares it.
type session struct {
	epoch   uint64
	timeout time.Duration
	active  time.Duration // cluster time of its last command
	acked   uint64        // the client has the answers to all sequences below
	answers []answer
	bytes   int
}

// answer is what a command found when it was carried out.
type answer struct {
	sequence uint64
	index    uint64 // of the entry
	digest   uint32 // of the command, to tell it from another
	result   Result
}

func (a *answer) bytes() int {
	n := len(a.result.Value)
	for _, r := range a.result.Steps {
		n += len(r.Value)
	}
	return n
}

// open begins a session. What has expired goes now, if nobody found out before.
func (s *Store) open(id uint64, timeout time.Duration) Result {
	var expired []uint64
	oldest, least := uint64(0), time.Duration(-1)
	s.sessions.Scan(func(id uint64, x *session) bool {
		if s.expired(x) {
			expired = append(expired, id)
		} else if least < 0 || x.active < least {
			oldest, least = id, x.active
		}
		return true
	})
	for _, id := range expired {
		s.sessions.Delete(id)
	}
	if s.sessions.Len() >= MaxSessions {
		s.sessions.Delete(oldest)
	}
	s.sessions.Set(id, &session{epoch: s.epoch, timeout: timeout, active: s.now})
	return Result{Session: id}
}

func (s *Store) expired(x *session) bool {
	return s.now-x.active > x.timeout
}

// renew returns a session whose client has just been heard, to be changed; nil if there is none.
func (s *Store) renew(id uint64) *session {
	x, found := s.sessions.Get(id)
	if !found || s.expired(x) {
		return nil
	}
	if x.epoch != s.epoch {
		own := *x
		own.epoch, own.answers = s.epoch, slices.Clone(x.answers)
		x = &own
		s.sessions.Set(id, x)
	}
	x.active = s.now
	return x
}

// once carries out a command of a session, unless it was before.
func (s *Store) once(index uint64, cmd *Command, digest uint32) Result {
	x := s.renew(cmd.Session)
	if x == nil {
		return Result{Rejection: UnknownSession}
	}
	if cmd.Op == KeepAlive {
		return Result{}
	}
	x.acknowledge(cmd.AckedBelow)
	if cmd.Sequence < x.acked {
		return Result{Rejection: AnswerDropped}
	}
	at, again := slices.BinarySearchFunc(x.answers, cmd.Sequence, func(a answer, n uint64) int {
		return cmp.Compare(a.sequence, n)
	})
	switch {
	case again && x.answers[at].digest != digest:
		return Result{Rejection: OtherCommand}
	case again:
		result := x.answers[at].result
		result.Repeats = x.answers[at].index
		return result
	case len(x.answers) >= MaxAnswers || x.bytes >= MaxAnswerBytes:
		return Result{Rejection: TooManyAnswers}
	}
	first := answer{cmd.Sequence, index, digest, s.do(cmd)}
	x.answers = slices.Insert(x.answers, at, first)
	x.bytes += first.bytes()
	return first.result
}

// acknowledge drops the answers that the client has.
func (x *session) acknowledge(below uint64) {
	x.acked = max(x.acked, below)
	n := 0
	for n < len(x.answers) && x.answers[n].sequence < x.acked {
		x.bytes -= x.answers[n].bytes()
		n++
	}
	x.answers = slices.Delete(x.answers, 0, n)
}

// digestOf tells one command from another, whoever sends them: body is what Encode writes behind
// the numbers.
func digestOf(op Op, body []byte) uint32 {
	return crc32.Update(uint32(op), castagnoli, body)
}
