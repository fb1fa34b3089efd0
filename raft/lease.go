package raft

import "time"

// Lease reads (thesis 6.4.1). A leader that a majority has just answered knows that nobody else can
// lead for a while, and serves reads from its own state, without a round of heartbeats for them.
//
// Why it is safe. A round begins at time t on the leader's clock. Whoever answers it heard from
// the leader later than t, and promises (hearsLeader, in election.go) to vote for nobody for a
// minimum election timeout from then on, whatever terms it learns of meanwhile; a member that has
// just started keeps the promise that it may have given before. A new leader needs the votes of a
// majority, so one of those who answered. Until t + ElectionTimeoutMin nobody else can lead,
// nothing else can be committed, and the commit index is the latest there is, once an entry of
// the leader's own term is committed (knowsCommitted). Hence:
//
//   - the lease runs from the sending of a round, not from its answers, which do not say how long
//     they were on their way;
//   - it needs check quorum on all members: without that voters promise nothing. Pre-vote is no
//     substitute, and not needed: who did not ask first is refused the vote itself;
//   - all members must have the same ElectionTimeoutMin.
//
// What it assumes of clocks. They need not agree, only run: no member's clock may gain on another's
// more than LeaseMargin percent of an election timeout within one, so that the lease has ended on
// the leader's clock before the promise has on a voter's. With rates off by at most r either way a
// margin of 2r/(1+r) will do: the default of 10 % bears 5 %. A clock must go on while its process
// is paused; a virtual machine that is suspended together with its clock must not use lease reads.
// Readings must be taken after what they are given with has come in.
//
// A transfer breaks the promise on purpose: whoever is told to campaign is voted for. The lease is
// suspended while one is under way; and once a TimeoutNow has left, for the rest of the term, since
// it may be obeyed at any time.

// lease is what a leader knows of its lease.
type lease struct {
	rounds []sentRound   // not yet answered by a majority, oldest first
	until  time.Duration // nobody else leads before
}

// sentRound is when a round of heartbeats began.
type sentRound struct {
	round uint64
	at    time.Duration
}

// LeaseRead is Read, answered at once where this member leads and holds a lease. Others have their
// leader asked, and so has a member without Config.LeaseReads.
func (c *Core) LeaseRead(now time.Duration, id uint64) error {
	c.advance(now)
	if c.hasLease() {
		c.out.reads = append(c.out.reads, ReadAnswer{ID: id, Index: c.commit, Lease: true})
		return nil
	}
	return c.read(id)
}

// hasLease tells whether this member's commit index is the latest there is.
func (c *Core) hasLease() bool {
	return c.role == Leader && c.now < c.lease.until && c.knowsCommitted() &&
		c.transfer.to == 0 && !c.transfer.told
}

// noteRound remembers when the present round began: now, before any of its messages leaves.
func (c *Core) noteRound() {
	if c.cfg.LeaseReads {
		c.lease.rounds = append(c.lease.rounds, sentRound{c.round, c.now})
	}
}

// extendLease makes the lease run from the latest round that a majority has answered.
func (c *Core) extendLease(answered uint64) {
	l, n := &c.lease, 0
	for n < len(l.rounds) && l.rounds[n].round <= answered {
		l.until = l.rounds[n].at + c.cfg.leaseLength()
		n++
	}
	l.rounds = l.rounds[:copy(l.rounds, l.rounds[n:])]
}

// leaseLength is how long after the sending of a round nobody else can lead, by this clock.
func (c Config) leaseLength() time.Duration {
	return c.ElectionTimeoutMin * time.Duration(100-c.LeaseMargin) / 100
}
