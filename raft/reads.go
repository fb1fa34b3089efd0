package raft

// Linearizable reads without the log (thesis 6.4). A leader that has committed an entry of its own
// term takes its commit index as the read index, learns from a round of heartbeats begun after
// the read that it was still the leader, and has the read served once that index is applied. A
// follower asks its leader for the read index.
//
// Reads are batched: while a round (or a follower's question) is under way, further reads gather
// for the next one. Lease reads skip the round, within a bound on clock drift: see lease.go.

// pendingRead waits for its index.
type pendingRead struct {
	id    uint64 // the caller's; on a leader also a follower's Message.ID
	from  NodeID // this member, or the follower that asked
	index uint64
	// round is the latest that began before the read was known to be covered: on a leader the
	// round of heartbeats that will confirm it, on a follower the number of its question. Later
	// rounds confirm it as well. 0: not begun.
	round uint64
}

func (c *Core) read(id uint64) error {
	if c.leader == 0 {
		return ErrNoLeader
	}
	c.reads = append(c.reads, pendingRead{id: id, from: c.cfg.ID})
	c.out.unsent = true
	return nil
}

// underWay tells whether a round or a question is out that pending reads wait for.
func (c *Core) underWay() bool {
	return len(c.reads) > 0 && c.reads[0].round != 0
}

// begin lets all reads that gathered wait for a round, the leader's commit index being index.
func (c *Core) begin(round, index uint64) {
	for i := len(c.reads) - 1; i >= 0 && c.reads[i].round == 0; i-- {
		c.reads[i].round, c.reads[i].index = round, index
	}
}

// knowsCommitted tells whether a leader's commit index is up to date. A new leader holds all
// committed entries, but knows which they are only after one of its own term (thesis 6.4).
func (c *Core) knowsCommitted() bool {
	return c.log.term(c.commit) == c.hard.Term
}

// confirmLeadership starts a round for the reads that gathered.
func (c *Core) confirmLeadership() {
	if len(c.reads) > 0 && !c.underWay() && c.knowsCommitted() {
		c.startRound()
	}
}

// attachReads makes the reads that gathered wait for the round that begins now.
func (c *Core) attachReads() {
	if c.knowsCommitted() {
		c.begin(c.round, c.commit)
	}
}

// confirmReads answers the reads whose round a majority has answered.
func (c *Core) confirmReads() {
	if !c.underWay() && len(c.lease.rounds) == 0 {
		return
	}
	confirmed := c.majority(func(p *progress) uint64 { return p.round })
	c.extendLease(confirmed)
	room := c.reads[:0]
	for c.underWay() && c.reads[0].round <= confirmed {
		r := c.reads[0]
		c.reads = c.reads[1:]
		c.out.unsent = true
		if r.from == c.cfg.ID {
			c.out.reads = append(c.out.reads, ReadAnswer{ID: r.id, Index: r.index})
			continue
		}
		match := uint64(0)
		if peer := c.place(r.from); peer >= 0 {
			match = c.peers[peer].match
		}
		c.send(Message{
			Kind: ReadIndexAnswer, To: r.from, ID: r.id, Index: r.index,
			Commit: min(match, c.commit), // spares a caught-up follower the wait for a heartbeat
		})
	}
	c.reads = append(room, c.reads...)
}

// failReads gives up all reads. Followers find out by asking again.
func (c *Core) failReads() {
	for _, r := range c.reads {
		if r.from == c.cfg.ID {
			c.out.reads = append(c.out.reads, ReadAnswer{ID: r.id, Failed: true})
		}
	}
	c.reads = c.reads[:0]
}

// stepReadIndex takes a follower's question.
func (c *Core) stepReadIndex(m *Message) {
	if c.role != Leader {
		c.send(Message{Kind: ReadIndexAnswer, To: m.From, ID: m.ID, Reject: true})
		return
	}
	c.reads = append(c.reads, pendingRead{id: m.ID, from: m.From})
	c.out.unsent = true
}

// asking tells whether a follower waits for its leader's answer.
func (c *Core) asking() bool {
	return c.role != Leader && c.underWay()
}

// askLeader asks about the reads that gathered, one question at a time.
func (c *Core) askLeader() {
	if len(c.reads) > 0 && !c.underWay() {
		c.sendReadIndex()
	}
}

// tickReads repeats a question that got no answer, under a fresh id.
func (c *Core) tickReads() {
	if c.asking() && c.now >= c.askDue {
		c.sendReadIndex()
	}
}

func (c *Core) sendReadIndex() {
	c.ask++
	c.askDue = c.now + c.cfg.HeartbeatInterval
	c.begin(c.ask, 0)
	c.send(Message{Kind: ReadIndex, To: c.leader, ID: c.ownID(c.ask)})
}

// stepReadIndexAnswer serves all reads that began before the question answered here was asked.
func (c *Core) stepReadIndexAnswer(m *Message) {
	question, own := c.ownCount(m.ID)
	if c.role == Leader || !own || question > c.ask {
		return
	}
	if !m.Reject {
		c.commitTo(m.Commit)
	}
	room := c.reads[:0]
	for c.underWay() && c.reads[0].round <= question {
		c.out.reads = append(c.out.reads,
			ReadAnswer{ID: c.reads[0].id, Index: m.Index, Failed: m.Reject})
		c.reads = c.reads[1:]
	}
	c.reads = append(room, c.reads...)
	c.out.unsent = true
}
