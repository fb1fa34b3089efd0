package raft

// ballot is what a candidate knows of one member's vote.
type ballot uint8

const (
	unanswered ballot = iota
	refused
	granted
)

// tickElection starts an election when no leader was heard, and none elected, for a timeout
// (paper, figure 2, rules for followers and candidates). Who may not campaign goes on waiting.
func (c *Core) tickElection() {
	if c.now < c.electionDue {
		return
	}
	if !c.mayCampaign() || c.diskHangs() { // who leads must be able to write
		c.become(Follower, 0)
		c.restartElectionTimer()
		return
	}
	if c.cfg.PreVote {
		c.becomePreCandidate()
	} else {
		c.becomeCandidate(false)
	}
}

// restartElectionTimer draws a new timeout. It is called on word from the current leader, on
// granting a vote and on starting an election, and at no other time (paper, figure 2): a candidate
// with a short log must not silence one that could win.
func (c *Core) restartElectionTimer() {
	c.electionDue = c.now +
		c.chance.Duration(c.cfg.ElectionTimeoutMin, c.cfg.ElectionTimeoutMax-1)
}

// hearsLeader tells whether this member leads, or heard from its leader within the minimum election
// timeout. Such a voter refuses pre-votes of its own term, and with check quorum ignores candidates
// (thesis 4.2.3, 9.6): who cannot hear the leader must not depose it for all others.
//
// With check quorum this is a promise, on which lease reads rest. So it outlives the leadership
// that it was given to: a voter that learns of a later term keeps it, and one that has just started
// does not know what it promised before.
func (c *Core) hearsLeader() bool {
	return c.role == Leader ||
		(c.leader != 0 || c.cfg.CheckQuorum) && c.now < c.heard+c.cfg.ElectionTimeoutMin
}

// sticky tells whether this member must not vote for a candidate.
func (c *Core) sticky(m *Message) bool {
	return c.cfg.CheckQuorum && !m.Transfer && c.hearsLeader()
}

// becomeFollower enters a term, or goes back to being a follower in the current one. The vote is
// given up only with the term.
func (c *Core) becomeFollower(term uint64, leader NodeID) {
	if term > c.hard.Term {
		c.hard = HardState{Term: term}
	}
	if c.role == Leader {
		c.restartElectionTimer()
	}
	c.become(Follower, leader)
}

// becomePreCandidate asks whether an election could be won, raising no term (thesis 9.6).
func (c *Core) becomePreCandidate() {
	c.become(PreCandidate, 0)
	c.restartElectionTimer()
	c.campaign(Message{Kind: PreVote, Term: c.hard.Term + 1})
	c.count(c.self, true)
}

// becomeCandidate starts an election (paper 5.2). The own vote counts when it is durable, see
// Persisted: without that a crash here would allow a second vote in this term. In a transfer the
// leader itself has asked for the election, and voters are told so.
func (c *Core) becomeCandidate(transfer bool) {
	c.hard = HardState{Term: c.hard.Term + 1, Vote: c.cfg.ID}
	c.become(Candidate, 0)
	c.restartElectionTimer()
	c.campaign(Message{Kind: Vote, Term: c.hard.Term, Transfer: transfer})
}

// become changes role and leader. Reads under way were promised by the old ones.
func (c *Core) become(role Role, leader NodeID) {
	if role != c.role || leader != c.leader {
		c.failReads()
		c.transfer = transfer{}
	}
	c.role, c.leader = role, leader
}

// campaign forgets all votes and asks every other voter for a new one.
func (c *Core) campaign(question Message) {
	clear(c.votes)
	question.Index = c.log.last()
	question.LogTerm = c.log.term(question.Index)
	for _, s := range c.seats {
		if s.id != c.cfg.ID && (s.voter || s.outgoing) {
			question.To = s.id
			c.send(question)
		}
	}
}

// count notes the answer of the member in this seat; -1, no member, counts for nothing. With those
// of a majority of all voters the election goes on.
func (c *Core) count(seat int, grant bool) {
	if seat < 0 {
		return
	}
	c.votes[seat] = refused
	if grant {
		c.votes[seat] = granted
	}
	if !c.elected() {
		return
	}
	switch c.role {
	case PreCandidate:
		c.becomeCandidate(false)
	case Candidate:
		c.becomeLeader()
	}
}

// stepPreVote says whether the sender would get this member's vote in the term it names, and leaves
// the election timer alone. A refusal carries our term: a log that is needed must not stay behind
// in a lower one.
//
// The sender itself is in the term before the one it names, which is adopted like any other (paper,
// figure 2): a leader of an older term is none, and whoever still followed it, because it can be
// heard but does not hear, would refuse its vote for ever.
func (c *Core) stepPreVote(m *Message) {
	if entered := m.Term - 1; entered > c.hard.Term && !(c.cfg.CheckQuorum && c.hearsLeader()) {
		c.becomeFollower(entered, 0)
	}
	grant := m.Term > c.hard.Term && !c.hearsLeader() && c.log.upToDate(m.Index, m.LogTerm)
	answer := Message{Kind: PreVoteAnswer, To: m.From, Reject: !grant}
	if grant {
		answer.Term = m.Term
	}
	c.send(answer)
}

// stepPreVoteGranted counts an answer to the question this member is asking now. Refusals go the
// common way of Step, for the term they may bring.
func (c *Core) stepPreVoteGranted(m *Message) {
	if c.role == PreCandidate && m.Term == c.hard.Term+1 {
		c.count(c.place(m.From), true)
	}
}

// stepVote gives at most one vote in a term, to the first candidate that asks and whose log is at
// least as up-to-date as ours (paper 5.2, 5.4.1).
func (c *Core) stepVote(m *Message) {
	free := c.hard.Vote == 0 || c.hard.Vote == m.From
	grant := free && c.log.upToDate(m.Index, m.LogTerm) && !c.sticky(m)
	if grant {
		c.hard.Vote = m.From
		c.restartElectionTimer()
	}
	c.send(Message{Kind: VoteAnswer, To: m.From, Reject: !grant})
}

// stepVoteAnswer counts a vote of the current term.
func (c *Core) stepVoteAnswer(m *Message) {
	if c.role == Candidate {
		c.count(c.place(m.From), !m.Reject)
	}
}
