package server

import (
	"context"
	"sync/atomic"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/kv"
	"gauntlet/raft/replica"
)

// request is one client's read or write on its way through the loop.
type request struct {
	write *kv.Command // nil: a read of key
	key   string
	stale bool
	lease bool
	hand  *handover // a transfer; nil: none

	changes []raft.Change // of the members; nil: none

	id    uint64 // given by the loop
	state atomic.Int32
	done  chan replica.Answer // holds one, so that the loop never waits for a client
}

// A request is queued until either the loop takes it or its handler withdraws it, never both: so a
// withdrawn one certainly had no effect.
const (
	queued int32 = iota
	taken
	withdrawn
)

// What a client is told when there is no answer of the replica.
const (
	reasonTimeout = "no answer in time: no quorum, or overloaded"
	reasonGone    = "client gone"
	reasonStop    = "server is stopping"
)

// do runs a request and always returns an answer, at most RequestTimeout later.
func (s *Server) do(ctx context.Context, r *request) replica.Answer {
	begin := time.Now()
	answer := s.await(ctx, r)
	s.metrics.request(r, &answer, time.Since(begin))
	return answer
}

func (s *Server) await(ctx context.Context, r *request) replica.Answer {
	r.done = make(chan replica.Answer, 1)
	timeout := time.NewTimer(s.cfg.RequestTimeout)
	defer timeout.Stop()
	reason := reasonTimeout
	submit := s.loop.requests
	for {
		select {
		case submit <- r:
			submit = nil
			continue
		case answer := <-r.done:
			return answer
		case <-timeout.C:
		case <-ctx.Done():
			reason = reasonGone
		case <-s.draining:
			reason = reasonStop
		case <-s.stop:
			reason = reasonStop
		}
		break
	}
	return s.giveUp(r, reason)
}

// giveUp ends a request that has no answer yet.
func (s *Server) giveUp(r *request, reason string) replica.Answer {
	refusal := &replica.Refusal{Reason: reason}
	if r.state.CompareAndSwap(queued, withdrawn) {
		if r.write != nil {
			r.write = &kv.Command{} // its place in the queue may be kept for long, what it carries not
		}
		return replica.Answer{Refusal: refusal}
	}
	select {
	case s.loop.abandoned <- r:
	case answer := <-r.done: // it came at the last moment
		return answer
	case <-s.stop:
	}
	refusal.Unknown = r.write != nil || r.hand != nil || r.changes != nil
	return replica.Answer{Refusal: refusal}
}

// status returns the status alone: see view.
func (s *Server) status(ctx context.Context) (raft.Status, bool) {
	v, ok := s.view(ctx)
	return v.status, ok
}

// view is what a member knows at one instant.
type view struct {
	status   raft.Status
	config   raft.Configuration
	progress []raft.Progress // of a leader
}

// view asks the loop, so that all fields are of one instant. It returns false if the loop does not
// answer in time.
func (s *Server) view(ctx context.Context) (view, bool) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
	defer cancel()
	answer := make(chan view, 1)
	look := func() {
		r := s.loop.replica
		answer <- view{r.Status(), r.Configuration(), r.Progress()}
	}
	questions := s.loop.questions
	for {
		select {
		case questions <- look:
			questions = nil
		case seen := <-answer:
			return seen, true
		case <-ctx.Done():
			return view{}, false
		case <-s.stop:
			return view{}, false
		}
	}
}

// begin hands a request to the replica under a fresh id.
func (l *loop) begin(r *request) {
	if !r.state.CompareAndSwap(queued, taken) {
		return
	}
	l.lastID++
	r.id = l.lastID
	l.open[r.id] = r
	switch {
	case r.changes != nil:
		l.replica.Reconfigure(l.s.now(), r.id, r.changes)
	case r.hand != nil:
		l.replica.Transfer(l.s.now(), r.id, r.hand.to)
	case r.write != nil:
		l.replica.Write(l.s.now(), r.id, *r.write)
	case r.lease:
		l.replica.LeaseRead(l.s.now(), r.id, r.key)
	default:
		l.replica.Read(l.s.now(), r.id, r.key, r.stale)
	}
}

// abandon forgets a request whose client no longer waits.
func (l *loop) abandon(r *request) {
	if l.open[r.id] == r {
		delete(l.open, r.id)
		l.replica.Abandon(r.id)
	}
}
