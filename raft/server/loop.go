package server

import (
	"runtime"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/raft/wire"
)

// Bounds of one turn: enough to batch well, too little to make a heartbeat late.
const (
	turnMessages = 256
	turnRequests = 256
)

// loop drives the replica. Everything else reaches it through channels.
type loop struct {
	s       *Server
	replica *replica.Replica
	links   map[linkKey]*link
	timer   *time.Timer

	control   chan raft.Message // from the peers' control streams
	bulk      chan raft.Message // from their bulk streams, so that heartbeats overtake appends
	chunks    chan raft.Message // from their snapshot streams
	requests  chan *request
	abandoned chan *request
	questions chan func() // run between two turns, to look at one consistent state
	callers   chan Member // servers that dialled in, and may not be members

	open   map[uint64]*request // by id
	lastID uint64
	outbox replica.Outbox
}

func newLoop(s *Server, member *replica.Replica) *loop {
	l := &loop{
		s:         s,
		replica:   member,
		links:     map[linkKey]*link{},
		timer:     time.NewTimer(0),
		control:   make(chan raft.Message, 1024),
		bulk:      make(chan raft.Message, 64),
		chunks:    make(chan raft.Message, 16),
		requests:  make(chan *request, 1024),
		abandoned: make(chan *request, 1024),
		questions: make(chan func(), 16),
		callers:   make(chan Member, 16),
		open:      map[uint64]*request{},
	}
	return l
}

// run is the loop: take in what there is, let time pass, carry out what follows from it.
func (l *loop) run() {
	defer l.timer.Stop()
	for {
		if !l.replica.HasEffects() && !l.wait() {
			return
		}
		l.drain()
		if now := l.s.now(); now >= l.replica.Deadline() {
			l.replica.Tick(now)
		}
		if err := l.carryOut(); err != nil {
			l.s.fail(err)
			return
		}
		select {
		case <-l.s.stop:
			return
		case err := <-l.s.disk.failed:
			l.s.fail(err)
			return
		default:
		}
	}
}

// wait sleeps until there is one input, and takes it in. It returns false at the end.
func (l *loop) wait() bool {
	l.timer.Reset(l.replica.Deadline() - l.s.now())
	select {
	case m := <-l.control:
		l.replica.Step(l.s.now(), m)
	case m := <-l.bulk:
		l.replica.Step(l.s.now(), m)
	case m := <-l.chunks:
		l.replica.Step(l.s.now(), m)
	case r := <-l.requests:
		l.begin(r)
	case r := <-l.abandoned:
		l.abandon(r)
	case look := <-l.questions:
		look()
	case m := <-l.callers:
		l.welcome(m)
	case sequence := <-l.s.disk.persisted:
		l.persisted(sequence)
	case result := <-l.s.shots.results:
		result()
	case <-l.timer.C:
	case err := <-l.s.disk.failed:
		l.s.fail(err)
		return false
	case <-l.s.stop:
		return false
	}
	runtime.Gosched() // whoever is about to put in more gets to do so first: a turn has its price
	return true
}

// drain takes in what else has arrived, so that one turn makes one write and one message of much.
// What keeps a leadership alive comes first.
func (l *loop) drain() {
	// A voter's promise to its leader runs from the reading, so it must not be older than the message:
	// lease reads rest on that, see raft/lease.go.
	step := func(m raft.Message) { l.replica.Step(l.s.now(), m) }
	take(l.control, turnMessages, step)
	take(l.s.disk.persisted, 1, l.persisted)
	take(l.s.shots.results, turnRequests, func(result func()) { result() })
	take(l.abandoned, turnRequests, l.abandon)
	take(l.questions, turnRequests, func(look func()) { look() })
	take(l.callers, turnRequests, l.welcome)
	take(l.requests, turnRequests, l.begin)
	take(l.bulk, turnMessages, step)
	take(l.chunks, 1, step)
}

// take feeds at most limit waiting inputs of one kind to f.
func take[T any](from chan T, limit int, f func(T)) {
	for range limit {
		select {
		case v := <-from:
			f(v)
		default:
			return
		}
	}
}

// carryOut does what the replica asks for, in the order that rules 1 and 2 of the package demand.
func (l *loop) carryOut() error {
	if !l.replica.HasEffects() {
		return nil
	}
	e := l.replica.Effects()
	for _, changed := range e.Events {
		l.s.metrics.event(changed)
		if changed.Configuration != nil {
			l.relink(*changed.Configuration)
		}
		if err := l.s.events.write(l.s.describe(changed)); err != nil {
			return err
		}
	}
	now, w, write := l.outbox.Add(&e)
	l.send(now)
	if write {
		l.s.disk.add(w)
	}
	l.s.shots.carryOut(&e)
	for _, a := range e.Answers {
		if r := l.open[a.ID]; r != nil {
			delete(l.open, a.ID)
			r.done <- a
		}
	}
	return nil
}

// persisted lets go what waited for the writes up to sequence.
func (l *loop) persisted(sequence uint64) {
	l.send(l.outbox.Persisted(sequence))
	l.replica.Persisted(l.s.now(), sequence)
}

// send hands messages to the links. It never blocks.
func (l *loop) send(messages []raft.Message) {
	for _, m := range messages {
		if link := l.links[linkKey{m.To, wire.StreamOf(m.Kind)}]; link != nil {
			link.queue.push(m)
		}
	}
}

// describe turns a replica's event into a line of the log.
func (s *Server) describe(e replica.Event) event {
	line := event{
		Event: e.Kind, Term: e.Term, Leader: s.directory.name(e.Leader), Vote: s.directory.name(e.Vote),
	}
	if e.Kind == "role" {
		line.Role = e.Role.String()
	}
	if e.Configuration != nil {
		line.configuration(*e.Configuration)
	}
	line.Peer, line.State, line.Index = s.directory.name(e.Peer), e.State, e.Index
	return line
}
