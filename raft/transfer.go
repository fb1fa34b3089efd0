package raft

import (
	"fmt"
	"time"
)

// Leadership transfer (thesis 3.10). The leader stops taking proposals, brings its successor up to
// date, and then tells it to campaign at once (TimeoutNow). The successor asks nobody whether it
// could win, and voters do not refuse it for hearing the leader: the leader itself wants it. All
// else is a usual election, so a transfer can break nothing that an election could not.
//
// The leader waits until its whole log is committed, so that the transfer leaves no client behind
// with a write of which nobody can say whether it happened.
//
// A transfer that takes longer than the minimum election timeout is given up, and the leader serves
// again. Its TimeoutNow may still be on the way and be obeyed later, in this term alone: see told.

// transfer is what a leader knows of its transfers.
type transfer struct {
	to   NodeID        // the successor; 0: no transfer is under way
	due  time.Duration // when to give up
	sent bool          // TimeoutNow is on its way
	told bool          // one was sent in this term, by this transfer or by one given up
}

// Transfer begins to hand the leadership to another voter, 0: to the one that lacks the least. It
// ends with the leadership (Status.Role), or is given up after one minimum election timeout
// (Status.Transferee is 0 again). Asking once more for the same transfer changes nothing. It
// returns ErrNotLeader, ErrTransferring while a transfer to another member is under way, and an
// error that says why this member cannot take over.
func (c *Core) Transfer(now time.Duration, to NodeID) error {
	c.advance(now)
	t := &c.transfer
	switch {
	case c.role != Leader:
		return ErrNotLeader
	case t.to != 0 && (to == 0 || to == t.to):
		return nil
	case t.to != 0:
		return ErrTransferring
	}
	if to == 0 {
		to = c.successor()
	}
	switch {
	case to == 0:
		return fmt.Errorf("no other voter could lead")
	case to == c.cfg.ID:
		return fmt.Errorf("member %d leads already", to)
	case !has(c.latest().Voters, to):
		return fmt.Errorf("member %d is no voter", to)
	}
	t.to, t.due, t.sent = to, c.now+c.cfg.ElectionTimeoutMin, false
	c.out.unsent = true
	return nil
}

// successor returns the other voter that lacks the least, of equals the one heard from last; 0:
// there is no other.
func (c *Core) successor() NodeID {
	best := -1
	for i := range c.peers {
		if i == c.self || !c.seats[i].voter {
			continue
		}
		if best < 0 || c.peers[i].match > c.peers[best].match ||
			c.peers[i].match == c.peers[best].match && c.peers[i].heard > c.peers[best].heard {
			best = i
		}
	}
	if best < 0 {
		return 0
	}
	return c.seats[best].id
}

// handOver tells the successor to campaign once it holds the whole log, which is committed.
func (c *Core) handOver() {
	t, last := &c.transfer, c.log.last()
	successor := c.place(t.to) // none: it was removed meanwhile
	if t.to == 0 || t.sent || c.commit < last ||
		successor < 0 || c.peers[successor].match < last {
		return
	}
	t.sent, t.told = true, true
	c.send(Message{Kind: TimeoutNow, To: t.to})
}

// repeatTimeoutNow has it sent again: whoever still answers heartbeats of this term lost it.
func (c *Core) repeatTimeoutNow(peer NodeID) {
	if c.transfer.to == peer {
		c.transfer.sent, c.out.unsent = false, true
	}
}

// tickTransfer gives a transfer up in time.
func (c *Core) tickTransfer() {
	if c.transfer.to != 0 && c.now >= c.transfer.due {
		c.transfer.to = 0
	}
}

// stepTimeoutNow has this member campaign at once, as its leader wants.
func (c *Core) stepTimeoutNow(m *Message) {
	if c.follow(m.From) && c.mayCampaign() && !c.diskHangs() {
		c.becomeCandidate(true)
	}
}
