package sim

import (
	"fmt"
	"runtime/debug"
	"time"

	"gauntlet/chance"
	"gauntlet/history"
	"gauntlet/raft"
	"gauntlet/raft/wal"
	"gauntlet/sim/failure"
	"gauntlet/sim/invariant"
	"gauntlet/sim/schedule"
	"gauntlet/sim/trace"
	"gauntlet/sim/witness"
)

// Options are what a run should keep besides its outcome.
type Options struct {
	Trace   bool
	History bool // and the operations as they were issued
}

// World plays schedules, one after the other, and keeps its memory between them. It is not safe
// for concurrent use; worlds share nothing.
type World struct {
	schedule *schedule.Schedule
	options  *schedule.Options
	seed     uint64
	keep     Options

	now     time.Duration
	heap    heap
	hash    hash
	cause   int // index of the record of the input that is being worked on
	trace   *trace.Log
	outcome *Outcome
	ended   bool
	events  int64

	ids     []raft.NodeID
	names   []string
	members []*member
	links   []link

	flights     []flight
	freeFlights []int32
	frame       []byte // scratch: a message as it is on the wire

	watch   *invariant.Watch
	witness *witness.Witness
	replay  *witness.Replay

	clients
	operator
	timeline
	recoveries
	faults []faultState
	heal   healing
	notes  notices
}

// NewWorld returns an empty world.
func NewWorld() *World {
	return &World{watch: invariant.New(), witness: witness.New()}
}

// Run plays a schedule to its end, or until something breaks. The schedule must be valid. A panic
// of the replica is a failure of the run.
func (w *World) Run(s *schedule.Schedule, keep Options) (outcome *Outcome) {
	w.reset(s, keep)
	outcome = w.outcome
	defer func() {
		if p := recover(); p != nil {
			w.fail(&failure.Failure{Signature: failure.Panicked, Text: fmt.Sprintf("panic: %v", p),
				Stack: string(debug.Stack())})
			w.finish()
		}
	}()
	w.begin()
	for steps := 0; !w.ended && len(w.heap.events) > 0; steps++ {
		if steps == mostSteps {
			w.runaway(nil)
			break
		}
		e := w.heap.pop()
		w.now = e.at
		w.step(&e)
		if w.watch.Failure() != nil || w.witness.Failure() != nil || w.replay.Failure() != nil {
			w.failed()
		}
	}
	if w.witness.Ended(); w.outcome.Failure == nil && w.witness.Failure() != nil {
		w.failed()
	}
	w.finish()
	return outcome
}

// What no run comes near: it has no end, or its time no longer passes.
const (
	mostSteps  = 200_000_000 // events, idle ones included
	mostRounds = 10_000      // of one turn of a member
)

// runaway ends a run that has no end, because of a member or of all.
func (w *World) runaway(m *member) {
	f := &failure.Failure{Signature: failure.Runaway, Text: "the run does not end"}
	if m != nil {
		f.Nodes, f.Text = []int{m.index}, m.name+" always has more to be carried out"
	}
	w.fail(f)
}

// step makes one event happen.
func (w *World) step(e *event) {
	w.cause = -1
	switch e.kind {
	case eventMessage:
		w.arrive(e)
		return
	case eventCall, eventArrive, eventAnswer, eventRetry, eventTimeout:
		w.stepClient(e)
		return
	case eventFault:
		w.strike(int(e.ref))
		return
	case eventFaultEnd:
		w.relent(int(e.ref))
		return
	case eventLook:
		w.look()
		return
	case eventRelent:
		w.relentAll()
		return
	case eventHeal:
		w.healAll()
		return
	case eventProbe:
		w.probe()
		return
	case eventOrder:
		w.order(int(e.ref))
		return
	case eventStop:
		w.stop(w.members[e.who])
		return
	case eventFinish:
		w.ended = true
		return
	}
	m := w.members[e.who]
	if e.life != m.life {
		return // a process that is no more began it
	}
	switch e.kind {
	case eventTimer:
		w.timer(m, e)
	case eventTurn:
		w.turn(m)
	case eventDisk:
		w.written(m, e)
	case eventSnapshot:
		w.jobDone(m, e)
	case eventLive:
		w.live(m)
	case eventPower:
		w.powerStrikes(m)
	case eventRestart:
		if m.state == down && m.holds == 0 {
			w.start(m)
		}
	}
}

// stepClient makes one event happen between a client and the member that it asks.
func (w *World) stepClient(e *event) {
	switch e.kind {
	case eventCall:
		w.call(int(e.who))
	case eventArrive:
		w.reach(e)
	case eventAnswer:
		if w.operations[e.ref].try == e.life { // else its client asked again
			w.answer(e.ref)
		}
	case eventRetry:
		w.retry(e)
	case eventTimeout:
		w.timeout(e.ref)
	}
}

func (w *World) turn(m *member) {
	m.turnDue = false
	if m.state == running {
		w.carryOut(m)
		w.setTimer(m)
	}
}

// reset makes the world new for a schedule.
func (w *World) reset(s *schedule.Schedule, keep Options) {
	w.schedule, w.options, w.seed, w.keep = s, &s.Options, s.Seed, keep
	w.now, w.hash, w.cause, w.ended, w.events = 0, 0, -1, false, 0
	w.outcome = &Outcome{Seed: s.Seed}
	w.heap.reset(chance.Key(s.Seed, "sim/ties", 0, 0))
	w.resetMembers(s.Options.Nodes + s.Options.Spares)
	w.flights, w.freeFlights = w.flights[:0], w.freeFlights[:0]
	w.watch.Reset(s.Options.Nodes, s.Options.Spares)
	w.watch.MaxLearnerLag = uint64(s.Options.Raft.MaxLearnerLag)
	w.witness.Reset()
	w.replay = witness.NewReplay()
	w.trace = nil
	if keep.Trace {
		w.trace = &trace.Log{Nodes: append([]string(nil), w.names...)}
	}
	w.notes = notices{}
	w.resetClients()
	w.resetOperator()
	w.resetFaults()
	w.heal = healing{}
}

func (w *World) resetMembers(n int) {
	w.ids, w.names = w.ids[:0], w.names[:0]
	w.members, w.links = make([]*member, n), make([]link, n*n)
	for i := range n {
		w.ids = append(w.ids, raft.NodeID(i+1))
		w.names = append(w.names, fmt.Sprintf("n%d", i+1))
	}
	for i := range n {
		m := &member{
			index: i, name: w.names[i], memory: wal.NewMemory(),
			draws:         chance.New(w.seed, "sim/member", uint64(i)),
			snapshotDraws: chance.New(w.seed, "sim/snapshots", uint64(i)),
		}
		if i >= w.options.Nodes {
			m.absent, m.holds = true, 1
		}
		m.memory.Deferred = true
		m.memory.Fault = m.disk.fault
		c := &w.options.Clock
		rate := int64(million) - int64(c.DriftPPM) + int64(m.draws.Intn(2*c.DriftPPM+1))
		m.clock = clock{then: m.draws.Duration(0, c.Offset), rate: rate, own: rate}
		w.members[i] = m
		for j := range n {
			w.links[i*n+j] = link{from: i, to: j,
				draws: chance.New(w.seed, "sim/link", uint64(i*n+j)), clogged: w.links[i*n+j].clogged[:0]}
		}
	}
}

// begin lays the first events out.
func (w *World) begin() {
	w.phase("load")
	for _, m := range w.members[:w.options.Nodes] {
		w.start(m)
	}
	w.beginOperator()
	w.beginFaults()
	w.beginClients()
	w.heap.push(event{at: w.options.Load, kind: eventHeal})
}

func (w *World) phase(name string) {
	w.record(func() trace.Record {
		return trace.Record{Kind: trace.Phase, Node: -1, Peer: -1, Cause: -1, Label: name}
	})
	w.phases = append(w.phases, history.Phase{Name: name, At: w.now})
}

// record takes a record into the account, if there is one. What it costs to make it is spent only
// then.
func (w *World) record(make func() trace.Record) int {
	if w.trace == nil {
		return -1
	}
	r := make()
	r.At = w.now
	return w.trace.Add(r)
}

// failed ends the run with what the invariants or the witness found.
func (w *World) failed() {
	f := w.watch.Failure()
	if f == nil {
		f = w.replay.Failure()
	}
	if f == nil {
		f = w.witness.Failure()
	}
	w.fail(f)
	for _, id := range f.Operations { // what is wrong about an answer is what its client is told
		if op := &w.operations[id-1]; op.settled && !op.done {
			w.answer(int32(id - 1))
		}
	}
}

// fail ends the run. The first failure counts.
func (w *World) fail(f *failure.Failure) {
	w.ended = true
	if w.outcome.Failure != nil {
		return
	}
	f.At = w.now
	w.outcome.Failure = f
	node := -1
	if len(f.Nodes) > 0 {
		node = f.Nodes[0]
	}
	w.record(func() trace.Record {
		return trace.Record{Kind: trace.Violation, Node: node, Peer: -1, Cause: w.cause, Term: f.Term,
			Index: f.Index, Label: string(f.Signature) + ": " + f.Text}
	})
}

// finish fills the outcome in.
func (w *World) finish() {
	o := w.outcome
	w.hash.add(uint64(w.now))
	o.TraceHash, o.Events, o.Virtual = uint64(w.hash), w.events, w.now
	o.Trace = w.trace
	w.finishClients()
	if w.keep.History || o.Failure != nil {
		o.History, o.Issued = w.history(), w.issued
	}
}
