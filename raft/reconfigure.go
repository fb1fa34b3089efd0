package raft

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// How the members change (paper, section 6; thesis 4.3). A leader that is asked to change the
// voters appends a joint configuration, under which all decisions take majorities of the old and of
// the new voters. Once that is committed neither can decide alone, and the leader appends the new
// configuration by itself. Once that is committed, too, the old voters have no say, and a leader
// that is none of the new ones steps down (paper: it managed a cluster that does not include it,
// and did not count itself). A change that leaves the voters alone takes one entry.
//
// A new server first gets the log as a learner, so that the cluster never waits for it (thesis
// 4.2.1), and is promoted when it has caught up.

// ChangeKind says what is to become of a member.
type ChangeKind uint8

// The changes. To replace a member, its successor is added as a learner; when that has caught up,
// one change promotes it and removes the other.
const (
	AddLearner ChangeKind = 1 // a new member, whose id is above all earlier ones
	Promote    ChangeKind = 2 // makes a learner a voter
	Remove     ChangeKind = 3 // a learner or a voter, be it the leader
)

// Change is one part of a reconfiguration.
type Change struct {
	Kind   ChangeKind
	Member Member // Promote and Remove look at its ID alone
}

// Why a leader does not reconfigure now. Both pass by themselves.
var (
	ErrReconfiguring = errors.New("another change of the members is under way")
	ErrTooEarly      = errors.New("no entry of this leader's term is committed yet")
)

// ErrChange is what all errors about a change wrap that makes no sense with the members as they
// are.
var ErrChange = errors.New("impossible change of the members")

// ErrBehind is what an error wraps that refuses to promote a learner as yet.
var ErrBehind = errors.New("the learner has not caught up")

// Reconfigure begins to change the members by all these changes at once. The entry at the position
// returned may or may not be committed later, like that of Propose; if it is, the change will be
// completed by this leader or a later one. The errors are ErrNotLeader, ErrTransferring,
// ErrReconfiguring, ErrTooEarly, and ones that wrap ErrChange or ErrBehind.
func (c *Core) Reconfigure(now time.Duration, changes []Change) (Position, error) {
	c.advance(now)
	switch latest := c.latest(); {
	case c.role != Leader:
		return Position{}, ErrNotLeader
	case c.transfer.to != 0:
		return Position{}, ErrTransferring
	case !c.knowsCommitted():
		return Position{}, ErrTooEarly
	case latest.Joint() || latest.at.Index > c.commit:
		return Position{}, ErrReconfiguring
	}
	next, err := c.latest().changed(changes)
	if err != nil {
		return Position{}, fmt.Errorf("%w: %w", ErrChange, err)
	}
	for _, change := range changes {
		if change.Kind == Promote && !c.caughtUp(change.Member.ID) {
			return Position{}, fmt.Errorf("%w: member %d lacks more than %d entries, or is not heard",
				ErrBehind, change.Member.ID, c.cfg.MaxLearnerLag)
		}
	}
	return c.appendConfiguration(next), nil
}

// changed returns the configuration that the changes lead to: a joint one if the voters change.
func (c Configuration) changed(changes []Change) (Configuration, error) {
	next := Configuration{
		Voters: slices.Clone(c.Voters), Learners: slices.Clone(c.Learners), Highest: c.Highest,
	}
	if len(changes) == 0 {
		return next, errors.New("nothing is to change")
	}
	for _, change := range changes {
		if err := next.apply(change); err != nil {
			return next, err
		}
	}
	if len(next.Voters) == 0 {
		return next, errors.New("no voter would be left")
	}
	if !slices.Equal(next.Voters, c.Voters) {
		next.Outgoing = slices.Clone(c.Voters)
	}
	return next, next.valid()
}

// apply makes one change.
func (c *Configuration) apply(change Change) error {
	id := change.Member.ID
	is := func(m Member) bool { return m.ID == id }
	learner := slices.IndexFunc(c.Learners, is)
	switch change.Kind {
	case AddLearner:
		if id <= c.Highest {
			return fmt.Errorf("id %d is not above %d, the highest so far: ids are never used again",
				id, c.Highest)
		}
		c.Learners, c.Highest = append(c.Learners, change.Member), id
	case Promote:
		if learner < 0 {
			return fmt.Errorf("member %d is no learner", id)
		}
		c.Voters = append(c.Voters, c.Learners[learner])
		slices.SortFunc(c.Voters, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
		c.Learners = slices.Delete(c.Learners, learner, learner+1)
	case Remove:
		if learner < 0 && !has(c.Voters, id) {
			return fmt.Errorf("member %d is not there", id)
		}
		c.Learners = slices.DeleteFunc(c.Learners, is)
		c.Voters = slices.DeleteFunc(c.Voters, is)
	default:
		return fmt.Errorf("unknown kind %d", change.Kind)
	}
	return nil
}

// caughtUp tells whether a learner is at hand and lacks so little that as a voter it would hold up
// nothing (thesis 4.2.1).
func (c *Core) caughtUp(id NodeID) bool {
	seat := c.place(id)
	if seat < 0 { // it is added by the very same request
		return false
	}
	p := &c.peers[seat]
	agrees := p.state == stream || p.match == c.log.last()
	return agrees && c.log.last()-p.match <= c.cfg.MaxLearnerLag &&
		c.now < p.heard+c.cfg.ElectionTimeoutMin
}

// appendConfiguration appends a configuration, which is in effect from now on.
func (c *Core) appendConfiguration(next Configuration) Position {
	at := c.appendOwn(EntryConfiguration, next.Encode())
	c.configs = append(c.configs, located{at, next})
	c.takeSeats()
	return at
}

// completeChange follows each advance of a leader's commit index. A joint configuration that is
// committed is followed by the new one; a leader that a committed one does not name steps down,
// and lets the voter that lacks the least campaign at once (thesis 4.2.2).
func (c *Core) completeChange() {
	latest := c.latest()
	switch {
	case latest.at.Index > c.commit:
	case latest.Joint():
		c.appendConfiguration(Configuration{
			Voters: latest.Voters, Learners: latest.Learners, Highest: latest.Highest,
		})
	case !has(latest.Voters, c.cfg.ID):
		c.send(Message{Kind: TimeoutNow, To: c.successor()})
		c.becomeFollower(c.hard.Term, 0)
	}
}
