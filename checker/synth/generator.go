package synth

import (
	"gauntlet/chance"
	"gauntlet/checker/register"
)

// The latencies of the register, in nanoseconds: most answers take up to a millisecond, one in
// slowShare up to ten times that.
const (
	latencyMin = 50_000
	latencyMax = 1_000_000
	slowShare  = 50
	pauseMax   = 20_000 // between an answer and the client's next call
	lateMax    = 20     // an unanswered operation happens within so many latencies, if at all
)

// generator is the true register with its clients, as a simulation of discrete events.
type generator struct {
	spec      Spec
	draws     *chance.Stream
	queue     queue
	state     register.Value
	values    register.Value // handed out so far
	invoked   int
	processes int
	stale     staleness
}

// job is one operation on its way.
type job struct {
	id, process int
	op          register.Op
	asked       register.Value // what it is to write, if it succeeds
	lie         bool           // answered with the stale value
}

func newGenerator(s Spec) *generator {
	s.Clients = max(s.Clients, 1)
	g := &generator{spec: s, draws: chance.New(s.Seed, "synth", 0), processes: s.Clients}
	g.stale = newStaleness(s)
	for process := range s.Clients {
		g.queue.push(int64(g.draws.Intn(latencyMax)), atCall, &job{process: process})
	}
	return g
}

func (g *generator) run(yield func(Event) bool) {
	for !g.queue.empty() {
		now, phase, j := g.queue.pop()
		event := Event{Time: now}
		switch phase {
		case atCall:
			if g.invoked >= g.spec.Operations {
				continue
			}
			g.call(now, j)
			event.Kind = Invoke
		case atPoint:
			g.point(j)
			continue
		case atReturn:
			event.Kind = g.answer(now, j)
		}
		event.ID, event.Process, event.Op = j.id, j.process, j.op
		g.stale.observe(event, j.asked)
		if !yield(event) {
			return
		}
		if phase == atReturn {
			next := &job{process: j.process}
			if event.Kind == Info {
				next.process, g.processes = g.processes, g.processes+1
			}
			g.queue.push(now+1+int64(g.draws.Intn(pauseMax)), atCall, next)
		}
	}
}

// call draws what a client asks, and when the register hears of it and answers.
func (g *generator) call(now int64, j *job) {
	j.id = g.invoked
	g.invoked++
	j.lie = g.stale.take(j.id)
	j.op = g.ask(j.lie)
	j.asked = j.op.After
	j.op.Call, j.op.Ret = now, register.Forever
	latency := int64(latencyMin + g.draws.Intn(latencyMax-latencyMin))
	if g.draws.Intn(slowShare) == 0 && !g.stale.prompt(j.op) {
		latency *= 10
	}
	point := int64(g.draws.Intn(int(latency) + 1))
	if j.op.Kind == register.CAS && g.draws.Intn(2) == 0 {
		point = 0 // before others change the value: else hardly any of many clients would succeed
	}
	unanswered := g.draws.Intn(1_000_000) < int(g.spec.Pending*1_000_000)
	if unanswered && j.op.Writes() && !g.stale.prompt(j.op) {
		j.op.Pending = true
		if g.draws.Intn(2) == 0 {
			g.queue.push(now+int64(g.draws.Intn(lateMax*int(latency))), atPoint, j)
		}
	} else {
		g.queue.push(now+point, atPoint, j)
	}
	g.queue.push(now+latency, atReturn, j)
}

// ask draws an operation.
func (g *generator) ask(lie bool) register.Op {
	kinds := []register.Kind{register.Read, register.Write, register.CAS}
	if !g.spec.CAS {
		kinds = kinds[:2]
	}
	op := register.Op{Kind: kinds[g.draws.Intn(len(kinds))]}
	if lie {
		op.Kind = register.Read
	}
	if op.Writes() {
		op.After = g.value()
	}
	if op.Kind == register.CAS {
		op.Before = g.state
		if g.spec.Domain > 0 && g.draws.Intn(2) == 0 {
			op.Before = register.Value(1 + g.draws.Intn(g.spec.Domain))
		}
	}
	return op
}

// value draws what to write.
func (g *generator) value() register.Value {
	if g.spec.Domain == 0 {
		g.values++
		return g.values
	}
	domain := g.spec.Domain
	if g.stale.near && domain > 1 {
		domain-- // the greatest value is not written now: see staleness
	}
	return register.Value(1 + g.draws.Intn(domain))
}

// point is the instant at which an operation takes effect.
func (g *generator) point(j *job) {
	op := &j.op
	switch op.Kind {
	case register.Read:
		op.Before = g.state
	case register.Write:
		g.state = op.After
	case register.CAS:
		if g.state == op.Before {
			g.state = op.After
		} else if !op.Pending {
			g.fail(op)
		}
	}
}

// fail turns a compare-and-set that did not swap into what its answer says.
func (g *generator) fail(op *register.Op) {
	op.After = register.Initial
	if op.Kind = register.NotEqual; !g.spec.Silent {
		op.Kind, op.Before = register.Read, g.state
	}
}

// answer ends an operation for its client.
func (g *generator) answer(now int64, j *job) EventKind {
	if j.op.Pending {
		return Info
	}
	j.op.Ret = now
	if j.lie {
		j.op.Before = g.stale.value
	}
	return OK
}
