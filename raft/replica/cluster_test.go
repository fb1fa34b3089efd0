package replica

import (
	"fmt"
	"slices"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/kv"
)

// cluster is replicas whose disks and network move when told to.
type cluster struct {
	now      time.Duration
	nodes    []*node
	network  []raft.Message
	answered func(*node, Answer)
	events   []Event
	claims   map[uint64]raft.NodeID // by term, as recorded in events
}

// node is a replica and its disk; replica is nil while it is down.
// Lives and request ids start anew on every node, so that they coincide wherever they can.
type node struct {
	id       raft.NodeID
	replica  *Replica
	disk     raft.Restored
	writes   []Effects
	life     uint64
	requests uint64
}

const testET = 100 * time.Millisecond

func newCluster(members int) *cluster {
	c := &cluster{claims: make(map[uint64]raft.NodeID), answered: func(*node, Answer) {}}
	for i := range members {
		c.nodes = append(c.nodes, &node{id: raft.NodeID(i + 1)})
	}
	for _, n := range c.nodes {
		c.start(n)
	}
	return c
}

func (c *cluster) start(n *node) {
	n.life, n.requests = n.life+1, 0
	cfg := Config{Incarnation: n.life, Raft: raft.Config{
		ID: n.id, ElectionTimeoutMin: testET, ElectionTimeoutMax: 2 * testET,
		HeartbeatInterval: testET / 5, PreVote: true, CheckQuorum: true,
		LeaseReads: true, DiskPatience: 4,
		MaxUncommittedBytes: 4000,
	}}
	for _, other := range c.nodes {
		cfg.Raft.Members = append(cfg.Raft.Members, raft.Member{ID: other.id})
	}
	restored := raft.Restored{HardState: n.disk.HardState, Entries: slices.Clone(n.disk.Entries)}
	r, err := New(cfg, restored)
	if err != nil {
		panic(err)
	}
	r.Tick(c.now)
	n.replica = r
}

func (c *cluster) crash(n *node) {
	n.replica, n.writes = nil, nil
}

// drain carries out what a node has ready, except for its writes. A claim of leadership must be
// on record before a message of that leadership leaves.
func (c *cluster) drain(n *node) {
	for n.replica.HasEffects() {
		e := n.replica.Effects()
		for _, event := range e.Events {
			if event.Kind == "role" && event.Role == raft.Leader {
				c.claim(n.id, event.Term)
			}
		}
		c.events = append(c.events, e.Events...)
		c.leave(e.Now)
		e.AfterPersist = slices.Clone(e.AfterPersist)
		n.writes = append(n.writes, e)
		for _, a := range e.Answers {
			c.answered(n, a)
		}
	}
}

func (c *cluster) claim(id raft.NodeID, term uint64) {
	if other, ok := c.claims[term]; ok {
		panic(fmt.Sprintf("term %d claimed by %d and by %d", term, other, id))
	}
	c.claims[term] = id
}

func (c *cluster) leave(messages []raft.Message) {
	for _, m := range messages {
		leads := m.Kind == raft.Append || m.Kind == raft.Heartbeat
		if leads && c.claims[m.Term] != m.From {
			panic(fmt.Sprintf("%v of %d in term %d left before the claim", m.Kind, m.From, m.Term))
		}
		c.network = append(c.network, m)
	}
}

func (c *cluster) persist(n *node) {
	e := n.writes[0]
	n.writes = n.writes[1:]
	if e.HardState != nil {
		n.disk.HardState = *e.HardState
	}
	if len(e.Entries) > 0 {
		keep := e.Entries[0].Index - 1
		n.disk.Entries = append(n.disk.Entries[:keep:keep], e.Entries...)
	}
	n.replica.Persisted(c.now, e.Sequence)
	c.leave(e.AfterPersist)
	c.drain(n)
}

func (c *cluster) settle(n *node) {
	c.drain(n)
	for len(n.writes) > 0 {
		c.persist(n)
	}
}

// run lets time pass, with fast disks and messages that take a millisecond, if passes lets them.
func (c *cluster) run(d time.Duration, passes func(raft.Message) bool) {
	for end := c.now + d; c.now < end; c.now += time.Millisecond {
		for _, n := range c.nodes {
			if n.replica != nil {
				n.replica.Tick(c.now)
				c.settle(n)
			}
		}
		for range len(c.network) {
			m := c.network[0]
			c.network = c.network[1:]
			if n := c.nodes[m.To-1]; n.replica != nil && (passes == nil || passes(m)) {
				n.replica.Step(c.now, m)
				c.settle(n)
			}
		}
	}
}

// leader runs until a node leads that the others follow.
func (c *cluster) leader() *node {
	for range 100 {
		c.run(10*time.Millisecond, nil)
		for _, n := range c.nodes {
			status := n.replica.Status()
			if status.Role == raft.Leader && status.Commit == status.LastIndex {
				return n
			}
		}
	}
	panic("no leader")
}

// follower returns the next node after n.
func (c *cluster) follower(n *node) *node {
	return c.nodes[int(n.id)%len(c.nodes)]
}

func put(key, value string) kv.Command {
	return kv.Command{Op: kv.Put, Key: key, Value: []byte(value)}
}
