package raft

// propose appends a command to a leader's log (paper, figure 2, rules for leaders).
func (c *Core) propose(data []byte) (Position, error) {
	if c.role != Leader {
		return Position{}, ErrNotLeader
	}
	if c.transfer.to != 0 {
		return Position{}, ErrTransferring
	}
	if c.uncommitted > 0 && c.uncommitted+len(data) > c.cfg.MaxUncommittedBytes {
		return Position{}, ErrBusy
	}
	return c.appendOwn(EntryCommand, data), nil
}

// appendOwn appends an entry of a leader's own term. Disk and peers get it with the next Ready.
func (c *Core) appendOwn(kind EntryKind, data []byte) Position {
	e := Entry{
		Index: c.log.last() + 1, Term: c.hard.Term, Kind: kind, Time: c.clusterTime(), Data: data,
	}
	c.log.append(e)
	c.uncommitted += size(e)
	c.out.unsent = true
	return Position{Index: e.Index, Term: e.Term}
}

// replicate sends a peer what it lacks, as far as flow control allows.
func (c *Core) replicate(peer int) {
	p := &c.peers[peer]
	if p.next <= c.log.base.Index {
		c.sendSnapshot(peer)
		return
	}
	for p.next <= c.log.last() && p.mayTake(c.cfg.MaxInflightBytes) {
		entries := c.log.from(p.next, c.cfg.MaxAppendBytes)
		if p.gathers() && entries[len(entries)-1].Index == c.log.last() {
			return // there is room for more in this one
		}
		c.sendAppend(peer, entries)
	}
}

func (c *Core) sendAppend(peer int, entries []Entry) {
	p := &c.peers[peer]
	previous := p.next - 1
	c.send(Message{
		Kind: Append, To: c.seats[peer].id, Index: previous, LogTerm: c.log.term(previous),
		Entries: entries, Commit: c.commit,
	})
	p.sent(entries, c.now)
	p.told = max(p.told, min(c.commit, previous+uint64(len(entries))))
}

// nudge asks again when nothing was sent for a heartbeat interval and something is still
// unacknowledged: an Append or its answer was lost. An empty Append shows what got there. It is
// called when the peer has just answered a heartbeat, so nobody dead is nudged.
func (c *Core) nudge(peer int) {
	p := &c.peers[peer]
	if p.match == c.log.last() || c.now < p.sentAt+c.cfg.HeartbeatInterval {
		return
	}
	switch p.state {
	case install:
		if c.now >= p.sentAt+c.patience(&p.shipment) {
			c.nudgeTransfer(p)
		}
		return
	case stream:
		if p.next > c.log.base.Index {
			c.sendAppend(peer, nil)
			return
		}
	}
	p.probing = false
	c.out.unsent = true
}

// stepAppend is the receiver of AppendEntries (paper, figure 2).
func (c *Core) stepAppend(m *Message) {
	if !c.follow(m.From) {
		return
	}
	if m.Index < c.log.base.Index {
		c.vouchForCommitted(m.From)
		return
	}
	if !c.log.holds(m.Index, m.LogTerm) {
		hint := c.log.lastUpToTerm(m.Index, m.LogTerm)
		c.send(Message{
			Kind: AppendAnswer, To: m.From, Index: m.Index, LogTerm: m.LogTerm, Reject: true,
			HintIndex: hint, HintTerm: c.log.term(hint),
		})
		return
	}
	c.adopt(m.Entries)
	last := m.Index + uint64(len(m.Entries))
	c.commitTo(min(m.Commit, last)) // what lies above last may differ from the leader's
	c.send(Message{Kind: AppendAnswer, To: m.From, Index: last, LogTerm: c.log.term(last)})
}

// vouchForCommitted answers a leader that sends what is compacted away here. All of that is
// committed, so it is in the leader's log, too (paper 5.4.3, leader completeness).
func (c *Core) vouchForCommitted(leader NodeID) {
	c.send(Message{
		Kind: AppendAnswer, To: leader, Index: c.commit, LogTerm: c.log.term(c.commit),
	})
}

// adopt takes over the entries that the log lacks. What conflicts with them goes; what does not
// stays, also behind the last of them: a late Append must not undo a later one.
func (c *Core) adopt(entries []Entry) {
	missing := entries[c.log.conflict(entries):]
	if len(missing) == 0 {
		return
	}
	if missing[0].Index <= c.log.last() {
		c.truncate(missing[0].Index)
	}
	c.log.append(missing...)
	if c.noteConfigurations(missing) {
		c.takeSeats()
	}
}

// stepAppendAnswer notes what a follower holds, or finds out where to go on. An acknowledgement
// names the entry it vouches for, and only one that this leader's log holds counts.
func (c *Core) stepAppendAnswer(m *Message) {
	peer := c.place(m.From)
	if c.role != Leader || peer < 0 {
		return
	}
	p := &c.peers[peer]
	p.heard = c.now
	c.out.unsent = true
	if m.Reject {
		p.refused(m.Index, c.log.lastUpToTerm(m.HintIndex, m.HintTerm))
		return
	}
	if c.log.holds(m.Index, m.LogTerm) {
		p.acknowledged(m.Index)
		c.advanceCommit()
	} else if p.state == install && m.Index >= p.shipment.snapshot.Index {
		p.state = probe // it needs no such snapshot any more, but a newer one: see replicate
	}
}

// advanceCommit commits what a majority holds durably: "if there exists an N such that N >
// commitIndex, a majority of matchIndex[i] >= N, and log[N].term == currentTerm" (paper, figure 2).
// Entries of earlier terms are committed only through one of the own term (paper 5.4.2, figure 8).
func (c *Core) advanceCommit() {
	n := c.majority(func(p *progress) uint64 { return p.match })
	if n <= c.commit || c.log.term(n) != c.hard.Term {
		return
	}
	c.uncommitted -= sizes(c.log.between(c.commit, n))
	c.commitTo(n)
	c.out.unsent = true
	c.completeChange()
}

// commitTo advances the commit index, which never falls and never passes the end of the log.
func (c *Core) commitTo(index uint64) {
	c.commit = max(c.commit, min(index, c.log.last()))
}
