package invariant_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"gauntlet/chance"
	"gauntlet/raft"
	"gauntlet/raft/kv"
	"gauntlet/raft/replica"
	"gauntlet/sim/failure"
	"gauntlet/sim/invariant"
	"gauntlet/sim/witness"
)

var seeds = flag.Int("seeds", 200, "random schedules to play")

const testET = 100 * time.Millisecond

// node is a replica, its disk and what waits for it. The replica is nil while it is down.
type node struct {
	id       raft.NodeID
	replica  *replica.Replica
	outbox   *replica.Outbox
	writes   *replica.Writes
	syncing  *replica.Write // on its way to the disk
	disk     raft.Restored
	life     uint64
	requests uint64
}

// answer is on its way to a client.
type answer struct {
	op   int64
	of   witness.Request
	key  string
	read bool
	replica.Answer
}

// asked names a request of a life of a member.
type asked struct{ node, life, request uint64 }

// play is a cluster under watch, on a random network and random disks.
type play struct {
	draw    *chance.Stream
	watch   *invariant.Watch
	witness *witness.Witness
	now     time.Duration
	nodes   []*node
	network []raft.Message
	cut     map[[2]raft.NodeID]bool
	open    map[asked]answer
	back    []answer
	calm    int  // how long trouble lasts
	lazy    bool // several inputs may come before what they ask for is carried out
	ops     int64
	leaders int
	commits uint64
	answers int
}

func newPlay(seed uint64, watch *invariant.Watch, judge *witness.Witness) *play {
	draw := chance.New(seed, "schedule", 0)
	p := &play{
		draw: draw, watch: watch, witness: judge, cut: make(map[[2]raft.NodeID]bool),
		open: make(map[asked]answer), calm: 1 + draw.Intn(5), lazy: draw.Intn(3) == 0,
	}
	members := 1 + draw.Intn(5)
	if draw.Intn(4) != 0 {
		members = max(members, 3)
	}
	watch.Reset(members, 0)
	judge.Reset()
	for i := range members {
		p.nodes = append(p.nodes, &node{id: raft.NodeID(i + 1)})
	}
	for _, n := range p.nodes {
		p.start(n)
	}
	return p
}

func (n *node) place() int { return int(n.id) - 1 }

func (p *play) start(n *node) {
	n.life, n.requests = n.life+1, 0
	n.outbox, n.writes, n.syncing = &replica.Outbox{}, &replica.Writes{}, nil
	cfg := replica.Config{Incarnation: n.life, Raft: raft.Config{
		ID: n.id, ElectionTimeoutMin: testET, ElectionTimeoutMax: 2 * testET,
		HeartbeatInterval: testET / 5, PreVote: p.calm != 1, CheckQuorum: p.calm%2 == 0,
		MaxUncommittedBytes: 4000, MaxAppendBytes: 200, Seed: uint64(len(p.nodes)),
	}}
	for _, other := range p.nodes {
		cfg.Raft.Members = append(cfg.Raft.Members, raft.Member{ID: other.id})
	}
	n.disk.Entries = slices.Clone(n.disk.Entries)
	r, err := replica.New(cfg, n.disk)
	if err != nil {
		panic(err)
	}
	n.replica = r
	p.watch.Started(n.place(), &n.disk)
	r.Tick(p.now)
	p.drain(n)
}

// crash ends a life, with the write under way done or not.
func (p *play) crash(n *node) {
	if n.syncing != nil && p.draw.Intn(2) == 0 {
		n.store()
	}
	n.replica = nil
	p.watch.Crashed(n.place(), p.draw.Intn(2) == 0)
}

// store carries the write under way out.
func (n *node) store() {
	if hard := n.syncing.HardState; hard != nil {
		n.disk.HardState = *hard
	}
	if entries := n.syncing.Entries; len(entries) > 0 {
		keep := entries[0].Index - 1
		n.disk.Entries = append(n.disk.Entries[:keep:keep], entries...)
	}
}

// sync begins a write, or ends the one under way.
func (p *play) sync(n *node) {
	if n.syncing == nil {
		if w, ok := n.writes.Take(); ok {
			n.syncing = &w
		}
		return
	}
	n.store()
	p.watch.Durable(n.place(), n.syncing.HardState, n.syncing.Entries)
	sequence := n.syncing.Sequence
	n.syncing = nil
	n.replica.Persisted(p.now, sequence)
	p.leave(n, n.outbox.Persisted(sequence))
	p.drain(n)
}

func (p *play) leave(n *node, messages []raft.Message) {
	for i := range messages {
		p.watch.Leaves(n.place(), &messages[i])
		p.network = append(p.network, messages[i])
	}
}

// drain carries out what a replica asks for, perhaps only after more inputs.
func (p *play) drain(n *node) {
	if p.lazy && p.draw.Intn(2) != 0 {
		return
	}
	for n.replica.HasEffects() {
		e := n.replica.Effects()
		s := n.replica.Status()
		p.watch.Changed(n.place(), &e, s)
		p.commits = max(p.commits, s.Commit)
		for _, event := range e.Events {
			if event.Kind == "role" && event.Role == raft.Leader {
				p.leaders++
			}
		}
		_, committed := p.watch.Committed()
		for _, c := range committed {
			p.witness.Committed(c)
		}
		now, w, write := n.outbox.Add(&e)
		if write {
			n.writes.Add(w)
		}
		p.leave(n, now)
		for _, a := range e.Answers {
			request := asked{uint64(n.id), n.life, a.ID}
			returning := p.open[request]
			delete(p.open, request)
			returning.Answer = a
			p.back = append(p.back, returning)
		}
	}
}

func (p *play) step() {
	n := p.nodes[p.draw.Intn(len(p.nodes))]
	if n.replica != nil {
		p.drain(n)
	}
	switch what := p.draw.Intn(100); {
	case what < 52:
		p.move()
	case what < 70:
		if n.replica != nil {
			p.sync(n)
		}
	case what < 80:
		p.pass(time.Duration(p.draw.Intn(12)) * time.Millisecond)
	case what < 88:
		p.request(n)
	case what < 92:
		if len(p.back) > 0 {
			a := p.back[0]
			p.back = p.back[1:]
			if a.Refusal == nil {
				p.answers++
			}
			p.witness.Returned(a.op, a.of, &a.Answer, a.key, a.read)
		}
	case what < 94:
		p.trouble(n)
	case what < 96:
		if p.draw.Intn(p.calm) == 0 {
			clear(p.cut)
		}
	case what < 98 && n.replica != nil && p.draw.Intn(3) == 0:
		p.crash(n)
	case n.replica == nil:
		p.start(n)
	}
}

// trouble cuts one direction of a link, or a member off.
func (p *play) trouble(n *node) {
	if p.draw.Intn(3) != 0 {
		p.cut[[2]raft.NodeID{n.id, p.nodes[p.draw.Intn(len(p.nodes))].id}] = true
		return
	}
	for _, other := range p.nodes {
		p.cut[[2]raft.NodeID{n.id, other.id}] = true
		p.cut[[2]raft.NodeID{other.id, n.id}] = true
	}
}

func (p *play) pass(d time.Duration) {
	p.now += d
	for _, n := range p.nodes {
		if n.replica != nil && n.replica.Deadline() <= p.now {
			n.replica.Tick(p.now)
			p.drain(n)
		}
	}
}

// move delivers, loses or repeats some messages, mostly old ones.
func (p *play) move() {
	for range 1 + p.draw.Intn(6) {
		if len(p.network) == 0 {
			return
		}
		i := 0
		if p.draw.Intn(4) == 0 {
			i = p.draw.Intn(len(p.network))
		}
		m, fate := p.network[i], p.draw.Intn(20)
		if fate != 1 {
			p.network = slices.Delete(p.network, i, i+1)
		}
		n := p.nodes[m.To-1]
		if n.replica != nil && fate != 0 && !p.cut[[2]raft.NodeID{m.From, m.To}] {
			n.replica.Step(p.now, m)
			p.drain(n)
		}
	}
}

func (p *play) request(n *node) {
	if n.replica == nil {
		return
	}
	n.requests++
	p.ops++
	cmd := p.command()
	a := answer{op: p.ops, key: cmd.Key, read: cmd.Op == 0,
		of: witness.Request{Node: n.place(), Incarnation: n.life, ID: n.requests}}
	p.open[asked{uint64(n.id), n.life, n.requests}] = a
	p.witness.Called(a.op, p.now, n.place(), n.life, n.requests, !a.read)
	if a.read {
		n.replica.Read(p.now, n.requests, cmd.Key, false)
	} else {
		n.replica.Write(p.now, n.requests, cmd)
	}
	p.drain(n)
}

// command draws what a client wants; Op 0 is a read. Numbers and lists meet on the same keys, so
// that there are conflicts.
func (p *play) command() kv.Command {
	c := kv.Command{Key: fmt.Sprint("k", p.draw.Intn(4))}
	switch p.draw.Intn(10) {
	case 0:
		c.Op, c.Value = kv.CAS, fmt.Append(nil, p.ops)
		if p.draw.Intn(2) == 0 {
			c.Expected = fmt.Append(nil, p.draw.Intn(100))
		}
	case 1:
		c.Op, c.Key = kv.Txn, ""
		for range 1 + p.draw.Intn(3) {
			op, key, value := p.change()
			c.Steps = append(c.Steps, kv.Step{Op: op, Key: key, Value: value})
		}
	case 2, 3, 4:
		c.Op, c.Key, c.Value = p.change()
		if c.Op == kv.Get {
			c.Op = 0
		}
	}
	return c
}

func (p *play) change() (op kv.Op, key string, value []byte) {
	ops := []kv.Op{kv.Put, kv.Append, kv.Append, kv.Add, kv.Add, kv.Add, kv.Delete, kv.Get}
	op, key = ops[p.draw.Intn(len(ops))], fmt.Sprint("k", p.draw.Intn(4))
	switch op {
	case kv.Append:
		value = fmt.Appendf(nil, "%d,", p.ops)
	case kv.Put, kv.Add:
		value = fmt.Append(nil, p.draw.Intn(100))
	}
	return op, key, value
}

// failed returns what either judge found.
func (p *play) failed() *failure.Failure {
	if f := p.watch.Failure(); f != nil {
		return f
	}
	return p.witness.Failure()
}

// Goal: neither judge accuses a correct cluster, whatever network, disks and crashes do; and both
// can be used again. Method: random schedules on real replicas, checked after each step; many
// seeds with one pair of judges.
func TestCorrectReplicasStayClean(t *testing.T) {
	watch, judge := invariant.New(), witness.New()
	leaders, commits, answers := 0, uint64(0), 0
	for seed := range *seeds {
		p := newPlay(uint64(seed), watch, judge)
		for step := range 4000 {
			p.step()
			if f := p.failed(); f != nil {
				t.Fatalf("seed %d, step %d: %s: %s", seed, step, f.Signature, f.Text)
			}
		}
		leaders, commits, answers = leaders+p.leaders, commits+p.commits, answers+p.answers
	}
	t.Logf("%d schedules: %d leaderships, %d commits, %d answers", *seeds, leaders, commits, answers)
	if leaders < 2**seeds || commits < uint64(20**seeds) || answers < 20**seeds {
		t.Error("the schedules are too idle to show anything")
	}
}
