package raft

import (
	"strings"
	"testing"
	"time"
)

// Goal: an option that could not keep its promise is refused, and says why. Method: one setting
// each.
func TestLeaseOptions(t *testing.T) {
	for _, c := range []struct {
		adjust func(*Config)
		want   string
	}{
		{func(c *Config) { c.LeaseReads = true }, "lease reads need check quorum"},
		{func(c *Config) { c.LeaseMargin = 100 }, "lease margin"},
		{func(c *Config) { c.LeaseMargin = -1 }, "lease margin"},
		{func(c *Config) { c.DiskPatience = -1 }, "disk patience"},
		{func(c *Config) { c.LeaseReads, c.CheckQuorum = true, true }, ""},
	} {
		cfg := Config{
			ID: 1, Members: Members(1, 2, 3), ElectionTimeoutMin: testET,
			ElectionTimeoutMax: 2 * testET, HeartbeatInterval: testHeartbeat,
		}
		c.adjust(&cfg)
		if _, err := New(cfg, Restored{}); (err == nil) != (c.want == "") ||
			err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// Goal: the default margin bears clocks that run 5 % off in the worst direction, to the nanosecond.
// Method: the lease on the slowest clock and the promise on the fastest one, in true time.
func TestLeaseMarginBearsDrift(t *testing.T) {
	cfg := Config{ElectionTimeoutMin: testET}.withDefaults()
	const off = 50_000 // parts per million
	lease := cfg.leaseLength() * 1_000_000 / (1_000_000 - off)
	promise := testET * 1_000_000 / (1_000_000 + off)
	if lease > promise {
		t.Errorf("the lease lasts %v, the promise %v", lease, promise)
	}
	if lease < promise*9/10 {
		t.Errorf("the lease lasts %v of %v: more margin than it takes", lease, promise)
	}
}

// Goal: one round trip to a majority commits, whatever the size of the batch, and no more messages
// follow than one notice of it for each follower. Method: count what a batch takes, with the
// messages in the order that they are sent in.
func TestCommitTakesOneRoundTrip(t *testing.T) {
	f := newTrio(t)
	f.propose(t, 1, []byte("x"))
	for _, batch := range []int{1, 10, 100} {
		f.messages = 0
		f.propose(t, batch, make([]byte, 64))
		// An Append, its answer and a notice, for each of two followers.
		if f.messages != 6 {
			t.Errorf("%d messages for a batch of %d", f.messages, batch)
		}
	}
	leader := f.cores[0]
	for range 3 {
		if _, err := leader.Propose(f.now, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	r := leader.Ready()
	leader.Persisted(f.now, r.Sequence)
	if len(r.Now) != 2 || len(r.AfterPersist) != 0 {
		t.Fatalf("%d messages to two followers, %d of them late", len(r.Now)+len(r.AfterPersist),
			len(r.AfterPersist))
	}
	before := leader.Status().Commit
	follower := f.cores[r.Now[0].To-1]
	follower.Step(f.now, r.Now[0])
	answer := follower.Ready()
	follower.Persisted(f.now, answer.Sequence)
	leader.Step(f.now, answer.AfterPersist[0])
	if is := leader.Status().Commit; is != before+3 {
		t.Errorf("committed %d of 3 entries with the first answer", is-before)
	}
}

// Goal: who waits for a hung disk is told in time: Deadline names the moment. Method: a leader with
// a write under way, ticked at its deadlines only.
func TestHungDiskDeadline(t *testing.T) {
	core := candidate(t)
	core.cfg.DiskPatience = 2
	core.Step(2*testET, Message{Kind: VoteAnswer, From: 2, To: 1, Term: 2})
	core.Ready()
	begun := core.now
	for range 100 { // more than there are heartbeats in two election timeouts
		if core.Status().Role != Leader {
			break
		}
		core.Tick(core.Deadline())
		core.Ready()
	}
	if s := core.Status(); core.now != begun+2*testET || !s.DiskHangs {
		t.Errorf("resigned after %v: %+v", core.now-begun, s)
	}
	if due := core.Deadline(); due <= core.now {
		t.Errorf("due again at %v, now %v", due, core.now)
	}
	core.Tick(core.now + 5*testET)
	if s := core.Status(); s.Role != Follower || s.Term != 2 {
		t.Errorf("campaigns while its disk hangs: %+v", s)
	}
	core.Persisted(core.now, 2*uint64(time.Second))
	core.Tick(core.Deadline())
	if s := core.Status(); s.DiskHangs || s.Role == Follower {
		t.Errorf("does not campaign with its disk back: %+v", s)
	}
}

// Goal: a voter keeps its promise to a leader over a restart, and over what it learns of a later
// term; and no longer than an election timeout. Method: candidates ask a member that has just
// started, and one that has just heard its leader and then of a later term, in time and too late.
func TestPromiseIsKept(t *testing.T) {
	for name, heard := range map[string]bool{"restarted": false, "told of a later term": true} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(3, nil)
			n := c.nodes[0]
			c.now = time.Hour
			c.crash(n)
			c.start(n)
			if heard {
				n.core.Step(c.now, Message{Kind: Heartbeat, From: 2, To: 1, Term: 4, Round: 1})
				n.core.Step(c.now, Message{Kind: AppendAnswer, From: 3, To: 1, Term: 5, Reject: true})
			}
			before := n.core.Status().Term
			question := Message{Kind: Vote, From: 3, To: 1, Term: 6}
			n.core.Step(c.now+testET-1, question)
			if s := n.core.Status(); s.Term != before || s.Vote != 0 {
				t.Errorf("within the promise: %+v", s)
			}
			n.core.Step(c.now+testET, question)
			if s := n.core.Status(); s.Term != 6 || s.Vote != 3 {
				t.Errorf("once it has ended: %+v", s)
			}
		})
	}
}
