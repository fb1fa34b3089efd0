package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"gauntlet/raft"
	"gauntlet/raft/kv"
	"gauntlet/raft/replica"
	"gauntlet/raft/wal"
	"gauntlet/raft/wire"
)

// snapshotter reads and writes snapshots in a goroutine of its own, so that neither the loop nor
// the log's disk waits for them. What becomes of it goes back to the loop.
type snapshotter struct {
	s     *Server
	files *wal.Snapshots

	mu   sync.Mutex
	jobs []func() error // oldest first; the protocol bounds how many gather
	wake chan struct{}

	results chan func() // for the loop to run
}

func newSnapshotter(s *Server, files *wal.Snapshots) *snapshotter {
	return &snapshotter{
		s: s, files: files, wake: make(chan struct{}, 1), results: make(chan func(), 64),
	}
}

// add queues a job; it never blocks.
func (p *snapshotter) add(job func() error) {
	p.mu.Lock()
	p.jobs = append(p.jobs, job)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *snapshotter) take() func() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.jobs) == 0 {
		return nil
	}
	job := p.jobs[0]
	p.jobs[0] = nil // it holds a chunk, or a whole frozen state
	p.jobs = p.jobs[1:]
	return job
}

// run carries the jobs out. A disk that fails at it ends the process, as it does for the log.
func (p *snapshotter) run() {
	for {
		job := p.take()
		if job == nil {
			select {
			case <-p.wake:
				continue
			case <-p.s.stop:
				return
			}
		}
		if err := job(); err != nil {
			p.s.fail(fmt.Errorf("snapshot: %w", err))
			return
		}
	}
}

// report has the loop take in a result.
func (p *snapshotter) report(result func()) {
	select {
	case p.results <- result:
	case <-p.s.stop:
	}
}

// carryOut queues what the replica asks for. The links are the loop's, whose goroutine calls this:
// no job may look for one.
func (p *snapshotter) carryOut(e *replica.Effects) {
	for _, m := range e.Chunks {
		if link := p.s.loop.links[linkKey{m.To, wire.Snapshots}]; link != nil {
			p.add(func() error { return p.send(m, link.queue) })
		}
	}
	for _, part := range e.Store {
		p.add(func() error { return p.store(part) })
	}
	if taking := e.Take; taking != nil {
		p.add(func() error { return p.save(taking) })
	}
}

// send completes a chunk and sends it. One whose snapshot is gone is lost, like any message may be.
func (p *snapshotter) send(m raft.Message, to *queue) error {
	part := m.Chunk
	data, there, err := p.files.Chunk(part.Snapshot, part.Offset)
	if err != nil || !there {
		return err
	}
	m.Fill(data)
	to.push(m)
	if part.Offset+uint64(len(data)) < part.Snapshot.Size {
		return nil
	}
	return p.s.events.write(event{
		Event: "snapshot", Term: part.Snapshot.Term, Index: part.Snapshot.Index, State: "sent",
		Peer: p.s.directory.name(m.To),
	})
}

// store writes a chunk received. With the last one the state is read back from the disk, and goes
// to the replica as a whole.
func (p *snapshotter) store(part raft.Chunk) error {
	l, id := p.s.loop, part.Snapshot.ID()
	complete, err := p.files.Store(part)
	if errors.Is(err, wal.ErrDamaged) {
		p.report(func() { l.replica.Discard(p.s.now(), id) })
		return nil
	}
	if err != nil {
		return err
	}
	if !complete {
		end := part.Offset + uint64(len(part.Data))
		p.report(func() { l.replica.Stored(p.s.now(), id, end) })
		return nil
	}
	state, err := loadState(p.files, part.Snapshot)
	if err != nil {
		return err
	}
	p.report(func() {
		l.replica.Install(p.s.now(), part.Snapshot, state)
		l.s.disk.compact(part.Snapshot.Index)
	})
	return nil
}

// save writes a snapshot of this member's own state.
func (p *snapshotter) save(taking *replica.Taking) error {
	s, err := p.files.Save(taking.Metadata, func(w io.Writer) error {
		_, err := taking.View.WriteTo(w)
		return err
	})
	if err != nil {
		return err
	}
	p.report(func() {
		p.s.loop.replica.Snapshotted(s)
		p.s.disk.compact(s.Index)
	})
	return nil
}

// loadState reads the state that a snapshot holds; nil if there is no snapshot.
func loadState(files *wal.Snapshots, s raft.Snapshot) (state *kv.Store, err error) {
	if s.Index == 0 {
		return nil, nil
	}
	err = files.Load(s, func(r io.Reader) error {
		state, err = kv.Restore(r)
		return err
	})
	return state, err
}

// snapshotAnswer is the success of POST /v1/snapshot.
type snapshotAnswer struct {
	Begun bool   `json:"begun"`
	Index uint64 `json:"index"` // of the last entry that the newest snapshot stands for by now
}

// takeSnapshot asks for a snapshot, and does not wait for it: the event log and the status tell.
func (s *Server) takeSnapshot(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
	defer cancel()
	answer := make(chan snapshotAnswer, 1)
	ask := func() {
		begun := s.loop.replica.TakeSnapshot()
		answer <- snapshotAnswer{begun, s.loop.replica.Status().SnapshotIndex}
	}
	refusal := replica.Refusal{Reason: reasonTimeout}
	select {
	case s.loop.questions <- ask:
		refusal.Unknown = true
	case <-ctx.Done():
	case <-s.stop:
	}
	select {
	case a := <-answer:
		reply(w, http.StatusOK, a)
		return
	case <-ctx.Done():
	case <-s.stop:
		refusal.Reason = reasonStop
	}
	s.refused(w, &refusal)
}
