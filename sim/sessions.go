package sim

import (
	"time"

	"gauntlet/chance"
	"gauntlet/history"
	"gauntlet/raft"
	"gauntlet/raft/kv"
	"gauntlet/raft/replica"
	"gauntlet/sim/witness"
)

// client is the session of a worker (thesis 6.3).
type client struct {
	session  uint64 // 0: none is open
	sequence uint64 // of its last command
	rests    *chance.Stream
}

// tries is how often an operation was asked. Without a session it is asked once, as try 0.
//
// Tries are numbered from 1 on. Those before firstWrite ask for a session, all others are the same
// command with the same numbers. A try whose client waits no longer may still reach its member.
type tries struct {
	once       bool // it is a write of a session
	try        uint8
	left       int   // tries that its client may still make
	firstWrite uint8 // 0: there is no session yet
	session    uint64
	sequence   uint64
	asked      uint64 // the term in which firstWrite reached a member; 0: it did not
}

// opens tells whether a try asks for a session.
func (t *tries) opens(try uint8) bool {
	return t.once && (t.firstWrite == 0 || try < t.firstWrite)
}

// waitsAt tells whether the current try is a request of this life of a member.
func (op *operation) waitsAt(m *member) bool {
	return op.reached && op.member == m.index && op.life == m.life
}

// outcome is what a client knows of an operation that ended badly.
func (op *operation) outcome() history.Outcome {
	if op.unsure {
		return history.OutcomeInfo
	}
	return history.OutcomeFail
}

// rest is how long a client rests before its next request: long enough, often, for its session to
// expire.
func (w *World) rest(c *worker) time.Duration {
	s := &w.options.Workload.Sessions
	if s.Timeout == 0 || c.rests.Intn(million) >= s.RestPPM {
		return 0
	}
	return c.rests.Duration(s.Timeout/2, 2*s.Timeout)
}

// beginTries decides whether an operation belongs to a session.
func (w *World) beginTries(ref int32) {
	op := &w.operations[ref]
	s := &w.options.Workload.Sessions
	if s.Timeout == 0 || op.read {
		return
	}
	op.once, op.left = true, s.Tries
	if c := &w.workers[op.worker]; c.session != 0 {
		w.number(op, c)
		op.firstWrite = 1
	}
}

// number gives an operation the next sequence of its client's session.
func (w *World) number(op *operation, c *worker) {
	c.sequence++
	op.session, op.sequence = c.session, c.sequence
}

// sendTry sends an operation on its way to its member, for the first time or once more.
func (w *World) sendTry(ref int32) {
	op := &w.operations[ref]
	o := &w.options.Workload
	delay := w.workers[op.worker].delays.Duration(0, o.DelayMax)
	op.reached, op.settled = false, false
	if op.once {
		op.try++
		op.left--
		part := o.Timeout / time.Duration(o.Sessions.Tries)
		w.heap.push(event{at: w.now + part, kind: eventRetry, ref: ref, life: op.try})
	}
	w.heap.push(event{at: w.now + delay, kind: eventArrive, ref: ref, who: int16(op.member),
		life: op.try})
}

// again asks the next member; false: the client has tried often enough, or has no session in which
// it may.
func (w *World) again(ref int32) bool {
	op := &w.operations[ref]
	if !op.once || op.left <= 0 {
		return false
	}
	for range w.members {
		op.member = (op.member + 1) % len(w.members)
		if w.present(w.members[op.member]) {
			break
		}
	}
	op.Node = w.names[op.member]
	w.sendTry(ref)
	return true
}

// retry ends the patience of a client with one try.
func (w *World) retry(e *event) {
	op := &w.operations[e.ref]
	if op.done || op.try != e.life || op.left <= 0 {
		return
	}
	m := w.members[op.member]
	if !op.settled && m.state == running && op.waitsAt(m) {
		m.replica.Abandon(op.id)
	}
	op.unsure = op.unsure || !op.opens(op.try)
	w.again(e.ref)
}

// opened takes the answer to a try that asked for a session, and makes the write in it.
func (w *World) opened(ref int32) {
	op := &w.operations[ref]
	c := &w.workers[op.worker]
	c.session, c.sequence = op.answer.Result.Session, 0
	w.number(op, c)
	op.firstWrite = op.try + 1
	op.left++ // to be told of a session is no failure
	w.sendTry(ref)
}

// rejected ends an operation that the state machine did not carry out when it was asked last.
func (w *World) rejected(ref int32, rejection kv.Rejection) {
	op := &w.operations[ref]
	why := "rejected"
	if rejection == kv.UnknownSession {
		why = "unknown session"
		if op.try > op.firstWrite {
			w.saw(retryUnknown)
		}
		if c := &w.workers[op.worker]; c.session == op.session {
			c.session = 0
		}
	}
	w.end(ref, op.outcome(), why)
}

// writeTry has a member carry out one try of a write.
func (w *World) writeTry(m *member, op *operation, try uint8, id uint64) {
	if op.opens(try) {
		w.witness.Probed(m.index, w.incarnation(m), id)
		m.replica.Write(m.clock.read(w.now), id,
			kv.Command{Op: kv.OpenSession, Timeout: w.options.Workload.Sessions.Timeout})
		return
	}
	cmd := command(op.request)
	if op.once {
		every := uint64(w.options.Workload.Sessions.AckEvery)
		cmd.Session, cmd.Sequence = op.session, op.sequence
		cmd.AckedBelow = op.sequence - op.sequence%every
		if op.asked == 0 {
			op.asked = m.seen.Term
		}
	}
	w.witness.Called(op.ID, w.now, m.index, w.incarnation(m), id, true)
	w.witness.Wants(op.ID, &cmd)
	m.replica.Write(m.clock.read(w.now), id, cmd)
}

// requestAt names a request for the witness.
func (w *World) requestAt(m *member, id uint64) witness.Request {
	return witness.Request{Node: m.index, Incarnation: w.incarnation(m), ID: id}
}

// wordsOfTry is what a member is asked, in short.
func wordsOfTry(op *operation, try uint8) string {
	if op.opens(try) {
		return "open a session"
	}
	return words(&op.Operation)
}

// noticeTry looks at the answer to a write.
func (w *World) noticeTry(m *member, op *operation, a *replica.Answer) {
	if a.Result.Repeats != 0 {
		w.saw(repeatAnswered)
	}
	if op.once && op.try > op.firstWrite && !op.opens(op.try) && m.seen.Term > op.asked &&
		a.Result.Rejection == kv.NotRejected {
		w.saw(retryAfterLeader)
	}
}

// noticeSessions looks at what became of sessions as entries were committed.
func (w *World) noticeSessions() {
	is := w.witness.Sessions()
	w.outcome.Coverage[repeatCommitted] = is.Repeats
	w.outcome.Coverage[sessionExpired] = is.Expired
	w.outcome.Coverage[droppedNotRun] = is.Dropped
}

// comparedEvery is at which indexes the states of members are compared: where batches of entries
// happen to end there on both.
const comparedEvery = 8

// compare compares the state of a member, sessions included, with what others had at its index.
func (w *World) compare(m *member, is *raft.Status) {
	if is.Applied%comparedEvery != 0 || is.Applied <= m.compared {
		return
	}
	index, view := m.replica.State()
	m.compared = index
	if w.watch.State(m.index, index, view) {
		w.saw(statesCompared)
	}
}
