package raft

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// node is a core with a disk that writes when told to. What is not written is lost in a crash.
type node struct {
	cfg     Config
	core    *Core // nil: crashed
	disk    Restored
	writes  []Ready // handed out, not yet on disk
	applied uint64
	term    uint64            // highest seen, over all lives
	reads   map[uint64]uint64 // by id: what was committed when it began
	role    Role              // last traced
	checked []uint64          // terms of the entries that were checked
	config  string            // last traced

	first   Position // the entry before disk.Entries
	files   []file   // durable snapshots, by index
	stores  []Chunk  // received, not yet on disk
	partial []byte   // on disk of the snapshot being received, disk.Partial
	late    Snapshot // received when there was no use for it; Index 0: none
}

// cluster is nodes and a network whose messages move when told to. It checks the invariants of
// the paper's figure 3, and the promises of Ready, after every step.
type cluster struct {
	now     time.Duration
	nodes   []*node
	network []Message
	trace   func(format string, args ...any) // what happens
	detail  func(format string, args ...any) // ... message by message

	leaders   map[uint64]NodeID    // by term: election safety
	votes     map[Position]NodeID  // by voter (Index) and term: votes that left their node
	entries   map[Position]written // every entry ever seen: log matching
	committed []Entry              // leader completeness, state machine safety
	refused   map[string]bool      // proposals that certainly never happen
	forwarded map[uint64]string    // by the forward's id
	id        uint64               // for reads, forwards and proposals
	installed int                  // snapshots
}

// written is what all holders of a position must agree on.
type written struct {
	previous uint64 // term
	kind     EntryKind
	data     string
}

const (
	testET        = 100 * time.Millisecond
	testHeartbeat = 20 * time.Millisecond
)

func newCluster(members int, adjust func(*Config)) *cluster {
	c := &cluster{
		trace:     func(string, ...any) {},
		detail:    func(string, ...any) {},
		leaders:   make(map[uint64]NodeID),
		votes:     make(map[Position]NodeID),
		entries:   make(map[Position]written),
		refused:   make(map[string]bool),
		forwarded: make(map[uint64]string),
	}
	var ids []NodeID
	for i := range members {
		ids = append(ids, NodeID(i+1))
	}
	for _, id := range ids {
		cfg := Config{
			ID: id, Members: Members(ids...), PreVote: true, CheckQuorum: true, Seed: 1,
			ElectionTimeoutMin: testET, ElectionTimeoutMax: 2 * testET,
			HeartbeatInterval: testHeartbeat, ChunkBytes: testChunkBytes, MaxLearnerLag: 3,
		}
		if adjust != nil {
			adjust(&cfg)
		}
		n := &node{cfg: cfg, reads: make(map[uint64]uint64)}
		c.nodes = append(c.nodes, n)
		c.start(n)
	}
	return c
}

// start begins a life of a node with what its disk holds.
func (c *cluster) start(n *node) {
	n.cfg.Incarnation++
	core, err := New(n.cfg, n.restored())
	if err != nil {
		panic(err)
	}
	n.core, n.applied, n.role, n.checked = core, n.disk.Snapshot.Index, Follower, nil
	n.late = Snapshot{}
	core.Tick(c.now)
}

// crash ends a life: all that was not yet written is lost.
func (c *cluster) crash(n *node) {
	n.core, n.writes, n.stores = nil, nil, nil
	clear(n.reads)
}

// drain takes what a node has ready. Nothing is written yet.
func (c *cluster) drain(n *node) {
	c.check(n)
	for n.core.HasReady() {
		r := n.core.Ready()
		if r.HardState != nil {
			c.detail("%d writes term=%d vote=%d", n.cfg.ID, r.HardState.Term, r.HardState.Vote)
		}
		if len(r.Entries) > 0 {
			c.detail("%d writes %s", n.cfg.ID, describeEntries(r.Entries))
		}
		r.AfterPersist = slices.Clone(r.AfterPersist)
		n.writes = append(n.writes, r)
		c.leave(n, r.Now)
		c.apply(n, r.Committed)
		c.fill(n, r.Chunks)
		n.stores = append(n.stores, r.Store...)
		for _, a := range r.Reads {
			c.answerRead(n, a)
		}
		for _, f := range r.Refused {
			c.trace("%d learns that forward %d is refused: %s", n.cfg.ID, f.ID, f.Reason)
			c.refused[c.forwarded[f.ID]] = true
		}
	}
	if n.late.Index > 0 && n.late.Index <= n.applied {
		n.core.Compact(n.late)
		n.late = Snapshot{}
	}
	c.check(n)
	if n.core.applied != n.applied {
		panic(fmt.Sprintf("%d counts %d applied of %d", n.cfg.ID, n.applied, n.core.applied))
	}
}

// persist completes the oldest write of a node and sends what waited for it.
func (c *cluster) persist(n *node) {
	r := n.writes[0]
	n.writes = n.writes[1:]
	if r.HardState != nil {
		n.disk.HardState = *r.HardState
	}
	if r.Base != nil {
		n.first, n.disk.Entries = *r.Base, nil
	}
	if len(r.Entries) > 0 {
		keep := r.Entries[0].Index - 1 - n.first.Index
		n.disk.Entries = append(n.disk.Entries[:keep:keep], r.Entries...)
	}
	n.core.Persisted(c.now, r.Sequence)
	c.leave(n, r.AfterPersist)
	c.drain(n)
}

// settle completes all writes of a node.
func (c *cluster) settle(n *node) {
	c.drain(n)
	for len(n.writes)+len(n.stores) > 0 {
		if len(n.writes) > 0 {
			c.persist(n)
		} else {
			c.store(n)
		}
	}
}

// leave puts messages on the network, if they reveal nothing that a crash could take back.
func (c *cluster) leave(n *node, messages []Message) {
	hard := n.disk.HardState
	for _, m := range messages {
		c.detail("%s", describe(m))
		asks := m.Kind == PreVote || m.Kind == PreVoteAnswer && !m.Reject
		if !asks && m.Term > hard.Term {
			panic(fmt.Sprintf("term not durable: %s", describe(m)))
		}
		if m.Kind == VoteAnswer && !m.Reject {
			if m.Term == hard.Term && hard.Vote != m.To {
				panic(fmt.Sprintf("vote not durable: %s", describe(m)))
			}
			c.vote(m.From, m.Term, m.To)
		}
		if m.Kind == Vote {
			c.vote(m.From, m.Term, m.From)
		}
		if m.Kind == AppendAnswer && !m.Reject && !n.onDisk(m.Index, m.LogTerm) {
			panic(fmt.Sprintf("acknowledged entry not durable: %s", describe(m)))
		}
		c.network = append(c.network, m)
	}
}

func (c *cluster) vote(voter NodeID, term uint64, candidate NodeID) {
	key := Position{uint64(voter), term}
	if earlier, ok := c.votes[key]; ok && earlier != candidate {
		panic(fmt.Sprintf("%d voted twice in term %d: %d, %d", voter, term, earlier, candidate))
	}
	c.votes[key] = candidate
}

// apply checks that all members apply the same entries, each durable on a majority.
func (c *cluster) apply(n *node, entries []Entry) {
	if len(entries) > 0 {
		c.trace("%d commits %s", n.cfg.ID, describeEntries(entries))
	}
	for _, e := range entries {
		if e.Index != n.applied+1 {
			panic(fmt.Sprintf("%d applies entry %d after %d", n.cfg.ID, e.Index, n.applied))
		}
		n.applied = e.Index
		if e.Index <= uint64(len(c.committed)) {
			if first := c.committed[e.Index-1]; !sameEntry(first, e) {
				panic(fmt.Sprintf("entry %d committed as %v and as %v", e.Index, first, e))
			}
			continue
		}
		c.committed = append(c.committed, e)
		if !c.held(n, e) {
			panic(fmt.Sprintf("entry %d committed without majorities of durable copies", e.Index))
		}
		if e.Kind == EntryCommand {
			c.once(e)
		}
	}
}

// once checks that no proposal is committed twice, or after it was refused.
func (c *cluster) once(e Entry) {
	if c.refused[string(e.Data)] {
		panic(fmt.Sprintf("%q was refused, and committed", e.Data))
	}
	for _, earlier := range c.committed[:e.Index-1] {
		if earlier.Kind == EntryCommand && bytes.Equal(earlier.Data, e.Data) {
			panic(fmt.Sprintf("%q was committed twice", e.Data))
		}
	}
}

// check holds the invariants of one node against those of all.
func (c *cluster) check(n *node) {
	if err := n.core.valid(); err != nil {
		panic(err)
	}
	s := n.core.Status()
	if s.Role != n.role {
		c.trace("%d is %v in term %d", s.ID, s.Role, s.Term)
		n.role = s.Role
	}
	if s.Term < n.term {
		panic(fmt.Sprintf("term of %d fell from %d to %d", n.cfg.ID, n.term, s.Term))
	}
	n.term = n.disk.HardState.Term
	c.checkConfiguration(n)
	previous := n.core.log.base.Term
	for _, e := range n.core.log.entries {
		i := int(e.Index) - 1
		n.checked = append(n.checked, make([]uint64, max(0, i-len(n.checked)))...)
		if i < len(n.checked) && n.checked[i] == e.Term {
			previous = e.Term
			continue // looked at before; all are looked at again after a restart, and at the end
		}
		n.checked = append(n.checked[:i], e.Term)
		is := written{previous, e.Kind, string(e.Data)}
		if was, ok := c.entries[Position{e.Index, e.Term}]; ok && was != is {
			panic(fmt.Sprintf("entry %d of term %d is %v and %v", e.Index, e.Term, was, is))
		}
		c.entries[Position{e.Index, e.Term}] = is
		previous = e.Term
	}
	if s.Role != Leader {
		return
	}
	if other, ok := c.leaders[s.Term]; ok && other != s.ID {
		panic(fmt.Sprintf("%d and %d both lead term %d", other, s.ID, s.Term))
	} else if !ok {
		c.leaders[s.Term] = s.ID
		for _, e := range c.committed {
			if e.Index >= n.core.log.base.Index && !n.core.log.holds(e.Index, e.Term) {
				panic(fmt.Sprintf("leader %d lacks committed entry %d", s.ID, e.Index))
			}
		}
	}
}

// propose hands a fresh proposal to a leader.
func (c *cluster) propose(n *node) error {
	c.id++
	_, err := n.core.Propose(c.now, fmt.Appendf(nil, "p%d", c.id))
	return err
}

// forward lets a follower hand a fresh proposal on.
func (c *cluster) forward(n *node) error {
	c.id++
	c.forwarded[c.id] = fmt.Sprintf("f%d", c.id)
	return n.core.Forward(c.now, c.id, []byte(c.forwarded[c.id]))
}

// read begins a read, which must see all that is committed by now.
func (c *cluster) read(n *node) error {
	c.id++
	n.reads[c.id] = uint64(len(c.committed))
	return n.core.Read(c.now, c.id)
}

// leaseRead is a read that a lease may spare its round.
func (c *cluster) leaseRead(n *node) error {
	c.id++
	n.reads[c.id] = uint64(len(c.committed))
	return n.core.LeaseRead(c.now, c.id)
}

func (c *cluster) answerRead(n *node, a ReadAnswer) {
	c.trace("%d answers read %d: index=%d failed=%v", n.cfg.ID, a.ID, a.Index, a.Failed)
	floor, ok := n.reads[a.ID]
	if !ok {
		panic(fmt.Sprintf("read %d was answered twice", a.ID))
	}
	delete(n.reads, a.ID)
	if !a.Failed && a.Index < floor {
		panic(fmt.Sprintf("stale read %d at %d: %d was committed", a.ID, a.Index, floor))
	}
}

// deliver hands over message i of the network; it stays there if keep is set.
func (c *cluster) deliver(i int, keep bool) *node {
	m := c.network[i]
	if !keep {
		c.network = slices.Delete(c.network, i, i+1)
	}
	n := c.nodes[m.To-1]
	if n.core == nil {
		return n
	}
	n.core.Step(c.now, m)
	c.drain(n)
	return n
}

func sameEntry(a, b Entry) bool {
	return a.Index == b.Index && a.Term == b.Term && a.Kind == b.Kind && bytes.Equal(a.Data, b.Data)
}
