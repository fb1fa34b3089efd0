// Package raft is the protocol core of Raft as a pure state machine: time, messages, proposals and
// disk completions go in, a Ready comes out. It does no I/O, reads no clock, starts no goroutine,
// ranges over no map and draws chance only from the seed it was given, so raftd and a simulator
// drive the very same code.
//
// Sources: D. Ongaro and J. Ousterhout, "In Search of an Understandable Consensus Algorithm"
// (2014), cited as "paper"; D. Ongaro, "Consensus: Bridging Theory and Practice" (2014), cited as
// "thesis".
//
// Where the rules of the paper's figure 2 are:
//
//	state                                       Core, below; log in log.go; peers in progress.go
//	log compaction (section 7)                  snapshot.go
//	InstallSnapshot (figure 13)                 install.go
//	all servers: apply up to the commit index   Ready, in ready.go
//	all servers: a higher term is adopted       Step, in step.go
//	followers, candidates, RequestVote          election.go (with pre-vote and sticky voters)
//	leaders: heartbeats, and when to resign     leadership.go
//	leaders: the time of an entry (thesis 6.3)  clock.go
//	leaders: AppendEntries, commit; its receiver  replication.go
//	majorities                                  quorum.go
//	cluster membership (paper, section 6)       configuration.go, membership.go, reconfigure.go
//	durable before answering                    ready.go
//	reads (thesis 6.4)                          reads.go
//	proposals handed to the leader              forward.go
//	leadership transfer (thesis 3.10)           transfer.go
//	lease reads (thesis 6.4.1)                  lease.go
//
// Sessions live in raft/kv, and so do the bytes of snapshots.
package raft

import (
	"errors"
	"fmt"
	"time"

	"gauntlet/chance"
)

// Why a core refuses a request. Each certainly had no effect.
var (
	ErrNotLeader    = errors.New("not the leader")
	ErrNoLeader     = errors.New("no known leader")
	ErrBusy         = errors.New("too many uncommitted proposals")
	ErrTransferring = errors.New("leadership is being transferred")
)

// Core is one member. It is not safe for concurrent use.
//
// Invariants, which valid checks:
//
//  1. applied <= commit <= last index; durable <= handed <= last index; the log begins at or before
//     the snapshot's last entry, and all that is compacted away is applied and durable.
//  2. Terms and times in the log never fall, and no term is above the current one.
//  3. A leader knows itself as the leader, and voted for itself.
//  4. For every peer of a leader: match < next <= last index + 1.
//  5. A candidate voted for itself and knows no leader.
//  6. Configurations follow each other along the log, and each member of the latest has one seat.
type Core struct {
	cfg    Config
	self   int           // own place in seats, peers and votes
	now    time.Duration // the latest clock reading given
	awake  bool          // one was given
	chance *chance.Stream

	// Persistent state, "updated on stable storage before responding to RPCs" (paper, figure 2).
	hard     HardState
	log      log
	snapshot Snapshot // the newest one that is durable; the caller has its bytes

	// Who the members are, by the log: see membership.go.
	configs   []located // the one before the log and all in it, oldest first: the last is in effect
	seats     []seat    // its members, and this one
	receiving reception // of a newer one; what of it is stored may be lost at any time

	// Volatile state on all servers.
	role        Role
	leader      NodeID // of the current term; 0: unknown
	commit      uint64
	applied     uint64        // handed out in Ready.Committed
	electionDue time.Duration // when to stop waiting for a leader, or for votes
	heard       time.Duration // the last word from a leader, or the start
	reads       []pendingRead // oldest first
	ask         uint64        // follower: number of the latest ReadIndex sent
	askDue      time.Duration // follower: when to send it again

	// Volatile state on candidates.
	votes []ballot

	// Volatile state on leaders. The own row holds what this member's disk holds.
	peers        []progress
	round        uint64 // of heartbeats, in this term
	heartbeatDue time.Duration
	ahead        time.Duration // of cluster time over this member's clock
	uncommitted  int           // bytes of proposals above commit
	forwards     forwards
	transfer     transfer
	lease        lease
	sorted       []uint64 // room for majority to work in

	out outbox
}

// New returns a core that starts as a follower with what its disk held. Its election timer starts
// with the first clock reading it is given. Its errors name the setting or the entry that is wrong.
func New(cfg Config, restored Restored) (*Core, error) {
	cfg = cfg.withDefaults()
	if err := cfg.valid(); err != nil {
		return nil, err
	}
	if err := restored.valid(); err != nil {
		return nil, err
	}
	c := &Core{
		cfg:    cfg,
		chance: chance.New(cfg.Seed, "election-timeout", uint64(cfg.ID)),
		hard:   restored.HardState,
		log:    restoredLog(restored.Snapshot.last(), restored.Entries),
	}
	c.snapshot = restored.Snapshot
	c.commit, c.applied = c.snapshot.Index, c.snapshot.Index // "reset state machine", paper figure 13
	c.restoreConfigurations(restored)
	if restored.Partial.Index > c.commit {
		c.receiving = reception{restored.Partial, restored.PartialBytes, restored.PartialBytes}
	}
	c.out.handed, c.out.durable = c.hard, c.hard
	return c, nil
}

// Tick lets time pass. It is needed no earlier than Deadline, and does no harm at any time.
func (c *Core) Tick(now time.Duration) {
	c.advance(now)
	if c.role == Leader {
		c.tickLeader()
		return
	}
	c.tickReads()
	c.tickElection()
}

// Deadline returns the clock reading at which Tick is next needed: of a fresh core, at once.
func (c *Core) Deadline() time.Duration {
	if c.role == Leader {
		return c.leaderDeadline()
	}
	if c.asking() {
		return min(c.electionDue, c.askDue)
	}
	return c.electionDue
}

// Propose appends a command to the log of a leader, which takes data over. The entry at the
// position returned may or may not be committed later; should another entry be committed at its
// index, it never was. It returns ErrNotLeader, ErrBusy or ErrTransferring.
func (c *Core) Propose(now time.Duration, data []byte) (Position, error) {
	c.advance(now)
	return c.propose(data)
}

// Forward hands a proposal to the leader, which takes it at most once. The caller's ids must rise.
// An id that comes back in Ready.Refused certainly will not be proposed. It returns ErrNoLeader,
// also on the leader itself.
func (c *Core) Forward(now time.Duration, id uint64, data []byte) error {
	c.advance(now)
	return c.forward(id, data)
}

// Read asks, on the leader or a follower, for the index that a linearizable read with this id must
// wait for. Ready.Reads answers, once. It returns ErrNoLeader.
func (c *Core) Read(now time.Duration, id uint64) error {
	c.advance(now)
	return c.read(id)
}

// Status returns one consistent view.
func (c *Core) Status() Status {
	return Status{
		ID: c.cfg.ID, Term: c.hard.Term, Role: c.role, Leader: c.leader, Vote: c.hard.Vote,
		Commit: c.commit, Applied: c.applied,
		FirstIndex: c.log.base.Index + 1, SnapshotIndex: c.snapshot.Index,
		LastIndex: c.log.last(), LastTerm: c.log.term(c.log.last()),
		Transferee: c.transfer.to, TransferTold: c.transfer.told,
		DiskHangs:     c.diskHangs(),
		Configuration: c.latest().at,
	}
}

// Configuration returns the one in effect, which nobody may change. It is that of the entry at
// Status.Configuration.
func (c *Core) Configuration() Configuration {
	return c.latest().Configuration
}

// Progress returns what a leader knows of each member and of itself; nil on others.
func (c *Core) Progress() []Progress {
	if c.role != Leader {
		return nil
	}
	rows := make([]Progress, len(c.peers))
	for i, p := range c.peers {
		rows[i] = Progress{ID: c.seats[i].id, Match: p.match, Next: p.next, State: p.state.String()}
		if p.state == install {
			rows[i].SnapshotLeft = p.shipment.snapshot.Size - p.shipment.stored
		}
	}
	return rows
}

// valid checks the invariants.
func (c *Core) valid() error {
	l, last := &c.log, c.log.last()
	if c.applied > c.commit || c.commit > last || l.durable > l.handed || l.handed > last {
		return fmt.Errorf("applied %d, commit %d, durable %d, handed %d, last %d are out of order",
			c.applied, c.commit, l.durable, l.handed, last)
	}
	if l.base.Index > min(c.applied, l.durable, c.snapshot.Index) {
		return fmt.Errorf("log compacted up to %d; applied %d, durable %d, snapshot of %d",
			l.base.Index, c.applied, l.durable, c.snapshot.Index)
	}
	if err := validEntries(l.base, l.entries, c.hard.Term); err != nil {
		return err
	}
	leads, campaigns := c.role == Leader, c.role == Candidate
	if leads != (c.leader == c.cfg.ID) || campaigns && c.leader != 0 {
		return fmt.Errorf("a %v takes %d for the leader", c.role, c.leader)
	}
	if (leads || campaigns) && c.hard.Vote != c.cfg.ID {
		return fmt.Errorf("a %v of term %d voted for %d", c.role, c.hard.Term, c.hard.Vote)
	}
	for i, p := range c.peers {
		if leads && i != c.self && (p.match >= p.next || p.next > last+1) {
			return fmt.Errorf("match %d, next %d of member %d are out of order with last %d",
				p.match, p.next, c.seats[i].id, last)
		}
	}
	return c.validMembership()
}

// advance takes a clock reading; the core's time never runs backwards.
func (c *Core) advance(now time.Duration) {
	c.now = max(c.now, now)
	if !c.awake {
		c.awake, c.heard = true, c.now
		c.restartElectionTimer()
	}
}
