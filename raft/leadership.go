package raft

import "time"

// becomeLeader begins a leadership (paper, figure 2, rules for leaders): a no-op goes into the log,
// since only an entry of its own term lets a leader commit (paper 5.4.2) and know what is
// committed (thesis 6.4), and everybody hears of it at once.
func (c *Core) becomeLeader() {
	c.become(Leader, c.cfg.ID)
	c.peers = make([]progress, len(c.seats))
	for i := range c.peers {
		c.peers[i] = c.newProgress(c.log.last() + 1)
	}
	c.round, c.lease = 0, lease{rounds: c.lease.rounds[:0]}
	c.forwards = forwards{term: c.hard.Term, last: make(map[asker]uint64)}
	c.uncommitted = sizes(c.log.between(c.commit, c.log.last()))
	c.startClusterTime()
	c.appendOwn(EntryNoop, nil)
	c.peers[c.self].match = c.log.durable
	c.startRound()
}

// tickLeader sends heartbeats, and resigns in time.
func (c *Core) tickLeader() {
	if c.cfg.CheckQuorum && c.now >= c.quorumDue() {
		c.becomeFollower(c.hard.Term, 0)
		return
	}
	if c.diskHangs() {
		c.becomeFollower(c.hard.Term, 0)
		return
	}
	c.tickTransfer()
	if c.now >= c.heartbeatDue {
		c.startRound()
	}
}

func (c *Core) leaderDeadline() time.Duration {
	due := c.heartbeatDue
	if c.cfg.CheckQuorum {
		due = min(due, c.quorumDue())
	}
	if c.cfg.DiskPatience > 0 && len(c.out.writes) > 0 {
		due = min(due, c.diskDue())
	}
	if c.transfer.to != 0 {
		due = min(due, c.transfer.due)
	}
	return due
}

// quorumDue returns when a leader resigns unless it hears more: one minimum election timeout after
// a majority, itself included, was last in touch (thesis 6.2). Only answers count, so a leader
// whose messages leave but meet with none gives way (and one whose messages do not leave, too).
func (c *Core) quorumDue() time.Duration {
	c.peers[c.self].heard = c.now
	heard := c.majority(func(p *progress) uint64 { return uint64(p.heard) })
	return time.Duration(heard) + c.cfg.ElectionTimeoutMin
}

// diskHangs tells whether the oldest write has been on its way to the disk for longer than the
// configured patience. A leader then resigns: others commit without its disk, but nothing that it
// will ever have to vouch for alone gets anywhere, and what waits for the disk waits with it.
func (c *Core) diskHangs() bool {
	return c.cfg.DiskPatience > 0 && len(c.out.writes) > 0 && c.now >= c.diskDue()
}

// diskDue returns when the oldest outstanding write has taken too long.
func (c *Core) diskDue() time.Duration {
	return c.out.writes[0].at + time.Duration(c.cfg.DiskPatience)*c.cfg.ElectionTimeoutMin
}

// startRound sends a heartbeat to everyone. Its answers show who is in touch, and confirm that
// this member still led when the round began: see reads.go.
//
// A heartbeat commits no more than the follower is known to hold: it does not check the log.
func (c *Core) startRound() {
	c.round++
	c.heartbeatDue = c.now + c.cfg.HeartbeatInterval
	c.peers[c.self].round = c.round
	c.noteRound()
	c.attachReads()
	for i := range c.peers {
		if i != c.self {
			c.sendHeartbeat(i, c.round)
		}
	}
	c.confirmReads()
}

func (c *Core) sendHeartbeat(peer int, round uint64) {
	p := &c.peers[peer]
	p.told = max(p.told, min(p.match, c.commit))
	c.send(Message{
		Kind: Heartbeat, To: c.seats[peer].id, Round: round, Commit: min(p.match, c.commit),
	})
}

// announceCommit tells a peer of a new commit index when no Append and no heartbeat has, so that
// its clients need not wait for the next heartbeat. Round 0 asks for no answer.
func (c *Core) announceCommit(peer int) {
	p := &c.peers[peer]
	if p.told < min(p.match, c.commit) {
		c.sendHeartbeat(peer, 0)
	}
}

// follow takes word from the leader of this term: it ends a candidacy and restarts the election
// timer. It returns false on a leader, which by election safety hears of no other in its term.
func (c *Core) follow(leader NodeID) bool {
	if c.role == Leader {
		return false
	}
	c.become(Follower, leader)
	c.heard = c.now
	c.restartElectionTimer()
	return true
}

func (c *Core) stepHeartbeat(m *Message) {
	if !c.follow(m.From) {
		return
	}
	c.commitTo(m.Commit)
	if m.Round != 0 {
		c.send(Message{Kind: HeartbeatAnswer, To: m.From, Round: m.Round})
	}
}

func (c *Core) stepHeartbeatAnswer(m *Message) {
	peer := c.place(m.From)
	if c.role != Leader || peer < 0 || m.Round > c.round {
		return
	}
	p := &c.peers[peer]
	p.heard = c.now
	p.round = max(p.round, m.Round)
	c.nudge(peer)
	c.repeatTimeoutNow(m.From)
	c.confirmReads()
}
