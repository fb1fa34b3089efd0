package sim

import (
	"time"

	"gauntlet/chance"
	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/raft/kv"
	"gauntlet/raft/replica"
	"gauntlet/sim/schedule"
	"gauntlet/sim/trace"
	"gauntlet/workload"
)

// clients is the workers, what they asked, and what they were told.
type clients struct {
	model       workload.Model
	generator   workload.Generator // nil: the schedule lists the operations
	workers     []worker
	operations  []operation
	processes   int
	loadOver    bool
	finals      []workload.Invocation // final reads that are still to be made
	outstanding int                   // operations without an answer
	issued      []schedule.Operation
	claims      []history.Observation
	phases      []history.Phase
}

// worker makes one request at a time of one member.
type worker struct {
	index   int
	process int
	open    int32          // the operation without an answer; -1: none
	thinks  *chance.Stream // apart from delays, which a listed operation has as well
	delays  *chance.Stream
	listed  []int32 // the schedule's operations of this worker that are still to be made
	pending bool    // a call event is under way
	client
}

// operation is one request, from its call to its return.
type operation struct {
	history.Operation
	worker  int
	member  int
	request workload.Request
	inv     workload.Invocation
	life    uint8 // of the member when the request reached it
	id      uint64
	reached bool
	settled bool // an answer is on its way, or has come
	done    bool
	read    bool
	lease   bool   // a read that may rest on a lease
	term    uint64 // of the member when the request reached it
	reign   uint64 // the highest term that anybody had led until then
	answer  replica.Answer
	record  int
	unsure  bool // an earlier try may yet take effect
	tries
}

func (w *World) resetClients() {
	c := &w.clients
	n := w.options.Workload.Clients
	*c = clients{
		workers: append(c.workers[:0], make([]worker, n)...), operations: c.operations[:0],
		claims: c.claims[:0], phases: c.phases[:0], processes: n,
	}
	c.model, _ = workload.Find(w.options.Workload.Kind) // the schedule is valid
	for i := range c.workers {
		c.workers[i] = worker{index: i, process: i, open: -1,
			thinks: chance.New(w.seed, "sim/think", uint64(i)),
			delays: chance.New(w.seed, "sim/client-delay", uint64(i)),
			client: client{rests: chance.New(w.seed, "sim/rest", uint64(i))}}
	}
	if w.schedule.Operations == nil {
		c.generator = c.model.New(workload.Spec{Clients: n, Keys: w.options.Workload.Keys,
			OpsPerKey: w.options.Workload.OpsPerKey, KeysPerGroup: w.options.Workload.PerGroup},
			chance.Key(w.seed, "sim/workload", 0, 0))
		return
	}
	for i, op := range w.schedule.Operations {
		c.workers[op.Worker].listed = append(c.workers[op.Worker].listed, int32(i))
	}
}

func (w *World) beginClients() {
	for i := range w.workers {
		w.next(&w.workers[i])
	}
}

// next plans the worker's next request.
func (w *World) next(c *worker) {
	if c.pending || c.open >= 0 {
		return
	}
	o := &w.options.Workload
	at := w.now + c.thinks.Duration(o.ThinkMin, o.ThinkMax)
	if w.generator == nil {
		if len(c.listed) == 0 {
			return
		}
		at = max(w.now, w.schedule.Operations[c.listed[0]].At)
	} else if w.loadOver {
		if len(w.finals) == 0 || !w.answers(c) {
			return
		}
		at = w.now
	} else {
		at += w.rest(c)
	}
	c.pending = true
	w.heap.push(event{at: at, kind: eventCall, who: int16(c.index)})
}

// answers tells whether the worker's member is one that a liveness phase counts on.
func (w *World) answers(c *worker) bool {
	return w.heal.serving&(1<<w.asked(c.index).index) != 0
}

// call makes a worker's next request.
func (w *World) call(index int) {
	c := &w.workers[index]
	c.pending = false
	inv, lease, ok := w.invocation(c)
	if !ok {
		return
	}
	request, err := w.model.Request(inv)
	if err != nil {
		return // a schedule is valid before it is played
	}
	ref, m := int32(len(w.operations)), w.asked(index)
	op := operation{
		Operation: history.Operation{ID: int64(ref) + 1, Process: c.process, Node: m.name,
			Kind: inv.Kind, Key: inv.Key, Input: inv.Input,
			Call: w.now},
		worker: index, member: m.index, request: request, inv: inv,
		read: request.Op == workload.OpGet, record: -1,
	}
	op.lease = op.read && lease
	w.operations = append(w.operations, op)
	w.issued = append(w.issued, schedule.Operation{Worker: index, At: w.now, Kind: inv.Kind,
		Key: inv.Key, Input: inv.Input, Lease: op.lease})
	c.open = ref
	w.outstanding++
	w.beginTries(ref)
	w.sendTry(ref)
	w.heap.push(event{at: w.now + w.options.Workload.Timeout, kind: eventTimeout, ref: ref})
}

// invocation is what a worker asks next, and whether a lease will do: as listed, or as drawn.
func (w *World) invocation(c *worker) (inv workload.Invocation, lease, ok bool) {
	if w.generator == nil {
		op := &w.schedule.Operations[c.listed[0]]
		c.listed = c.listed[1:]
		return workload.Invocation{Kind: op.Kind, Key: op.Key, Input: op.Input}, op.Lease, true
	}
	if ppm := w.options.Workload.LeasePPM; ppm > 0 {
		lease = hits(c.thinks.Uint64(), ppm)
	}
	if !w.loadOver {
		return w.generator.Next(c.index), lease, true
	}
	if len(w.finals) == 0 {
		return workload.Invocation{}, false, false
	}
	inv = w.finals[0]
	w.finals = w.finals[1:]
	return inv, lease, true
}

// reach brings a request to its member.
func (w *World) reach(e *event) {
	op := &w.operations[e.ref]
	m := w.members[e.who]
	current := e.life == op.try && !op.done
	if !current && !op.once {
		return
	}
	if m.clientCuts > 0 {
		w.bite(nemesis.KindClientCut, m.struck)
		if m.clientResets > 0 && current {
			w.disconnect(e.ref)
		}
		return // else its client waits in vain
	}
	switch m.state {
	case paused:
		m.deferred = append(m.deferred, event{kind: eventArrive, ref: e.ref, who: e.who, life: e.life})
		return
	case down, starting:
		if current {
			w.refused(e.ref, "no connection")
		}
		return
	}
	w.events++
	w.hash.event(e)
	m.requests = append(m.requests, e.ref)
	id := uint64(len(m.requests))
	w.cause = w.record(func() trace.Record {
		return trace.Record{Kind: trace.Call, Node: m.index, Peer: -1, Cause: -1, Operation: op.ID,
			Label: wordsOfTry(op, e.life)}
	})
	if current {
		op.id, op.life, op.reached, op.record = id, m.life, true, w.cause
	}
	if op.read {
		w.readTry(m, op, id)
	} else {
		w.writeTry(m, op, e.life, id)
	}
	if !current {
		m.replica.Abandon(id) // its client has gone on to another try, or to another request
	}
	w.after(m)
}

// readTry has a member answer a read.
func (w *World) readTry(m *member, op *operation, id uint64) {
	w.witness.Called(op.ID, w.now, m.index, w.incarnation(m), id, false)
	if local := m.clock.read(w.now); op.lease {
		op.term, op.reign = m.replica.Status().Term, w.watch.Reign()
		w.noticeLeaseRead(m)
		m.replica.LeaseRead(local, id, op.Key)
	} else {
		m.replica.Read(local, id, op.Key, false)
	}
}

// answered takes an answer of a replica. It is on its way to its client from now on.
func (w *World) answered(m *member, a *replica.Answer) {
	ref := m.requests[a.ID-1]
	if ref <= firstAsk {
		w.told(m, int(firstAsk-ref), a)
		return
	}
	if ref < 0 {
		w.answeredOther(m, ref, a)
		return
	}
	op := &w.operations[ref]
	if op.settled || !op.waitsAt(m) || op.id != a.ID {
		return
	}
	op.settled, op.answer = true, *a
	if a.Lease {
		w.watch.Leased(m.index, op.term, op.reign)
	}
	if !op.opens(op.try) {
		w.witness.Returned(op.ID, w.requestAt(m, a.ID), a, op.Key, op.read)
	}
	w.noticeAnswer(m, op, a)
	c := &w.workers[op.worker]
	w.heap.push(event{at: w.now + c.delays.Duration(0, w.options.Workload.DelayMax),
		kind: eventAnswer, ref: ref, life: op.try})
}

// refused ends an operation, or a try of one, that certainly never reached a replica.
func (w *World) refused(ref int32, why string) {
	if !w.again(ref) {
		w.end(ref, w.operations[ref].outcome(), why)
	}
}

// disconnect ends the request of a process that is no more: its client sees the connection break.
func (w *World) disconnect(ref int32) {
	if ref < 0 || w.operations[ref].settled || w.operations[ref].done {
		return
	}
	op := &w.operations[ref]
	op.settled = true
	op.answer = replica.Answer{Refusal: &replica.Refusal{Reason: "connection lost", Unknown: true}}
	w.heap.push(event{at: w.now + w.options.Workload.DelayMax, kind: eventAnswer, ref: ref,
		life: op.try})
}

// answer brings an answer to its client.
func (w *World) answer(ref int32) {
	op := &w.operations[ref]
	if op.done {
		return
	}
	if r := op.answer.Refusal; r != nil {
		op.unsure = op.unsure || r.Unknown && !op.read && !op.opens(op.try)
		w.refused(ref, r.Reason)
		return
	}
	if op.opens(op.try) {
		w.opened(ref)
		return
	}
	if rejection := op.answer.Result.Rejection; rejection != kv.NotRejected {
		w.rejected(ref, rejection)
		return
	}
	if op.answer.Result.Conflict {
		w.end(ref, history.OutcomeFail, "conflict")
		return
	}
	output, err := w.model.Output(op.inv, reply(&op.answer.Result))
	if err != nil {
		w.end(ref, history.OutcomeInfo, err.Error())
		return
	}
	op.Output = output
	w.end(ref, history.OutcomeOK, "")
}

// timeout ends a request whose client has waited long enough, and tells the server so.
func (w *World) timeout(ref int32) {
	op := &w.operations[ref]
	if op.done {
		return
	}
	m := w.members[op.member]
	w.saw(clientTimeout)
	if !op.settled && m.state == running && op.waitsAt(m) {
		m.replica.Abandon(op.id)
		op.settled = true
	}
	op.unsure = op.unsure || !op.read && !op.opens(op.try)
	w.end(ref, op.outcome(), "no answer in time")
}

// end returns an operation to its worker, which goes on with the next one: as a new process, if
// the operation may still happen.
func (w *World) end(ref int32, outcome history.Outcome, why string) {
	op := &w.operations[ref]
	op.done, op.settled = true, true
	op.Return, op.Outcome, op.Error = w.now, outcome, why
	w.outstanding--
	w.record(func() trace.Record {
		return trace.Record{Kind: trace.Return, Node: op.member, Peer: -1, Cause: op.record,
			Operation: op.ID, Label: string(outcome) + " " + words(&op.Operation)}
	})
	if outcome == history.OutcomeOK {
		w.outcome.OK++
		w.stir()
	}
	c := &w.workers[op.worker]
	c.open = -1
	if outcome == history.OutcomeInfo {
		c.process = w.processes
		w.processes++
	}
	if w.generator != nil {
		w.generator.Observe(op.Operation)
	}
	w.next(c)
	if w.heal.reached && w.outstanding == 0 && w.nothingListed() {
		w.ended = true
	}
}

// nothingListed tells whether no request is left to be made once the load is over.
func (w *World) nothingListed() bool {
	if w.generator != nil {
		return len(w.finals) == 0
	}
	for i := range w.workers {
		if len(w.workers[i].listed) > 0 {
			return false
		}
	}
	return true
}

// finishClients counts what was asked.
func (w *World) finishClients() {
	w.outcome.Ops = len(w.operations)
}

// latest is the time of the last thing that can still come for a client.
func (w *World) patience() time.Duration {
	return w.options.Workload.Timeout + 2*w.options.Workload.DelayMax
}
