package raft

import "time"

// Step takes a message in. Messages that are not for this member, not from another member, or
// malformed are ignored; late, repeated and reordered ones do no harm.
//
// Rules for all servers (paper, figure 2): a higher term is adopted and makes a follower; a lower
// one is answered with ours, which brings back a leader or a candidate stuck in the past.
func (c *Core) Step(now time.Duration, m Message) {
	c.advance(now)
	if !c.admissible(&m) {
		return
	}
	switch {
	case m.Kind == PreVote: // asks about a term that nobody has entered yet
		c.stepPreVote(&m)
		return
	case m.Kind == PreVoteAnswer && !m.Reject: // likewise
		c.stepPreVoteGranted(&m)
		return
	case m.Kind == Vote && m.Term > c.hard.Term && c.sticky(&m):
		return // a sticky voter does not even adopt the term (thesis 4.2.3)
	case m.Term > c.hard.Term:
		c.becomeFollower(m.Term, 0)
	case m.Term < c.hard.Term:
		c.answerStale(&m)
		return
	}
	c.dispatch(&m)
}

// dispatch handles a message of the current term.
func (c *Core) dispatch(m *Message) {
	switch m.Kind {
	case Vote:
		c.stepVote(m)
	case VoteAnswer:
		c.stepVoteAnswer(m)
	case Append:
		c.stepAppend(m)
	case AppendAnswer:
		c.stepAppendAnswer(m)
	case Heartbeat:
		c.stepHeartbeat(m)
	case HeartbeatAnswer:
		c.stepHeartbeatAnswer(m)
	case ReadIndex:
		c.stepReadIndex(m)
	case ReadIndexAnswer:
		c.stepReadIndexAnswer(m)
	case Forward:
		c.stepForward(m)
	case ForwardRefused:
		c.stepForwardRefused(m)
	case TimeoutNow:
		c.stepTimeoutNow(m)
	case SnapshotChunk:
		c.stepSnapshotChunk(m)
	case SnapshotAnswer:
		c.stepSnapshotAnswer(m)
	}
}

// answerStale tells the sender of a question from a lower term what the term is by now. Answers
// from a lower term are dropped, and so is a Forward: it may have been taken in its own term. A
// TimeoutNow is an order of its term's leader: of a lower term it is void.
func (c *Core) answerStale(m *Message) {
	switch m.Kind {
	case Vote:
		c.send(Message{Kind: VoteAnswer, To: m.From, Reject: true})
	case Append:
		c.send(Message{Kind: AppendAnswer, To: m.From, Reject: true})
	case SnapshotChunk:
		c.send(Message{Kind: SnapshotAnswer, To: m.From, Reject: true})
	case Heartbeat:
		c.send(Message{Kind: HeartbeatAnswer, To: m.From, Reject: true})
	case ReadIndex:
		c.send(Message{Kind: ReadIndexAnswer, To: m.From, ID: m.ID, Reject: true})
	}
}

// admissible tells whether a message makes sense at all, whoever composed it.
func (c *Core) admissible(m *Message) bool {
	if m.To != c.cfg.ID || m.From == c.cfg.ID || m.From == 0 || m.Term == 0 {
		return false
	}
	if m.Kind == SnapshotChunk || m.Kind == SnapshotAnswer {
		return c.sensible(m)
	}
	term, latest := m.LogTerm, time.Duration(0)
	for i, e := range m.Entries {
		if e.Index != m.Index+uint64(i)+1 || e.Term < term || e.Term > m.Term ||
			e.Time < latest {
			return false
		}
		if e.Kind == EntryConfiguration {
			if _, err := DecodeConfiguration(e.Data); err != nil {
				return false
			}
		}
		term, latest = e.Term, e.Time
	}
	return true
}
