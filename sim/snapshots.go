package sim

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"gauntlet/nemesis"
	"gauntlet/raft"
	"gauntlet/raft/kv"
	"gauntlet/raft/replica"
	"gauntlet/raft/wal"
	"gauntlet/sim/failure"
	"gauntlet/sim/trace"
)

// snapshotting is what a member's second hand does, as in raftd: it reads and writes snapshots, one
// thing after the other, while the log is written beside it. The operations of both reach the disk
// in the order in which they were begun, and a power cut may strike between any two.
type snapshotting struct {
	jobs    []job
	under   bool   // one is under way
	writing bool   // ... which writes
	done    func() // what the process learns when it has ended
	upTo    uint64 // the log on disk may go up to here
	gone    uint64 // ... and has been asked to, up to here
}

// job is one thing to be done with snapshots. It returns what the process learns by it.
type job struct {
	begin  func() (done func(), err error)
	writes bool
}

// compaction marks the end of a write that was none, but removed segments.
const compaction = 2

// carryOutSnapshots queues what a replica asks for.
func (w *World) carryOutSnapshots(m *member, e *replica.Effects) {
	s := &m.snapshots
	for _, message := range e.Chunks {
		send := func() (func(), error) { return w.sendChunk(m, message) }
		s.jobs = append(s.jobs, job{send, false})
	}
	for _, part := range e.Store {
		store := func() (func(), error) { return w.storeChunk(m, part) }
		s.jobs = append(s.jobs, job{store, true})
	}
	if taking := e.Take; taking != nil {
		take := func() (func(), error) { return w.takeSnapshot(m, taking) }
		s.jobs = append(s.jobs, job{take, true})
	}
	w.nextJob(m)
}

// nextJob begins the next job. The file system takes what it does now; it ends a while later.
func (w *World) nextJob(m *member) {
	s := &m.snapshots
	if s.under || len(s.jobs) == 0 {
		return
	}
	next := s.jobs[0]
	s.jobs = s.jobs[1:]
	m.disk.said = ""
	done, err := next.begin()
	s.under, s.writing, s.done = true, next.writes, done
	takes := m.snapshotDraws.Duration(time.Microsecond, w.options.Snapshots.TakesMax)
	if m.disk.slow > 0 {
		w.bite(nemesis.KindDiskSlow, m.struck)
		takes += m.disk.slow
	}
	e := event{at: w.now + takes, kind: eventSnapshot, who: int16(m.index), life: m.life}
	if err != nil {
		e.ref = 1
		switch {
		case m.disk.said != "":
			w.bite(m.disk.said, m.struck)
		case m.rotten && errors.Is(err, wal.ErrCorrupt):
			w.saw(snapshotDamaged)
		default:
			w.fail(&failure.Failure{Signature: failure.Refused, Nodes: []int{m.index},
				Text: fmt.Sprintf("%s cannot use its snapshots: %v", m.name, err)})
			return
		}
	}
	w.heap.push(e)
	if m.armed != nil && next.writes {
		e.at, e.kind = w.now+m.snapshotDraws.Duration(0, takes), eventPower
		w.heap.push(e)
	}
}

// jobDone ends a job: its effects are on disk now, or it has failed, and then the process ends.
func (w *World) jobDone(m *member, e *event) {
	if m.state == paused {
		m.deferred = append(m.deferred, *e)
		return
	}
	if e.ref != 0 {
		w.diskEnds(m)
		return
	}
	w.events++
	w.hash.event(e)
	m.memory.Settle()
	s := &m.snapshots
	s.under, s.writing = false, false
	done := s.done
	if s.done = nil; done != nil {
		done()
	}
	if m.state != running {
		return
	}
	if s.upTo > s.gone && m.snapshotDraws.Intn(2) == 0 {
		w.write(m) // the log goes before the replica has said what it makes of it
	}
	w.after(m)
	if m.state == running {
		w.write(m)
		w.nextJob(m)
	}
}

// sendChunk completes a chunk. One whose snapshot is gone is lost, like any message may be.
func (w *World) sendChunk(m *member, message raft.Message) (func(), error) {
	part := message.Chunk
	data, there, err := m.log.Snapshots().Chunk(part.Snapshot, part.Offset)
	if err != nil || !there {
		return nil, err
	}
	message.Fill(data)
	return func() {
		if part.Offset+uint64(len(data)) == part.Snapshot.Size {
			w.saw(snapshotSent)
		}
		w.send(&message)
	}, nil
}

// storeChunk writes a chunk received, and with the last one reads the whole back.
func (w *World) storeChunk(m *member, part raft.Chunk) (func(), error) {
	id := part.Snapshot.ID()
	complete, err := m.log.Snapshots().Store(part)
	if errors.Is(err, wal.ErrDamaged) {
		return func() { m.replica.Discard(m.clock.read(w.now), id) }, nil
	}
	if err != nil {
		return nil, err
	}
	if !complete {
		end := part.Offset + uint64(len(part.Data))
		return func() { m.replica.Stored(m.clock.read(w.now), id, end) }, nil
	}
	state, err := loadState(m.log.Snapshots(), part.Snapshot)
	if err != nil {
		return nil, err
	}
	return func() {
		w.watch.Snapshot(m.index, &part.Snapshot)
		w.replay.Restored(m.index, part.Snapshot, state)
		w.recordSnapshot(m, &part.Snapshot, "received")
		if part.Snapshot.Index <= m.replica.Status().Commit {
			w.saw(snapshotOvertaken)
		}
		m.replica.Install(m.clock.read(w.now), part.Snapshot, state)
		w.compact(m, part.Snapshot.Index)
	}, nil
}

// takeSnapshot writes a snapshot of a member's own state.
func (w *World) takeSnapshot(m *member, taking *replica.Taking) (func(), error) {
	s, err := m.log.Snapshots().Save(taking.Metadata, func(to io.Writer) error {
		_, err := taking.View.WriteTo(to)
		return err
	})
	if err != nil {
		return nil, err
	}
	return func() {
		w.saw(snapshotTaken)
		w.watch.Snapshot(m.index, &s)
		w.replay.Snapshot(m.index, s)
		w.recordSnapshot(m, &s, "taken")
		first := m.replica.Status().FirstIndex
		m.replica.Snapshotted(s)
		w.noticeCompaction(m, first)
		w.compact(m, s.Index)
	}, nil
}

// compact lets the log on a member's disk go up to an index.
func (w *World) compact(m *member, index uint64) {
	m.snapshots.upTo = max(m.snapshots.upTo, index)
}

// removeSegments lets go of the log when the disk has nothing to write, and tells whether it does
// something now.
func (w *World) removeSegments(m *member) bool {
	s := &m.snapshots
	if s.upTo <= s.gone {
		return false
	}
	s.gone = s.upTo
	m.disk.said = ""
	before, _ := m.memory.List(directory)
	err := m.log.Compact(s.upTo)
	e := event{at: w.now + m.snapshotDraws.Duration(w.options.Disk.SyncMin, w.options.Disk.SyncMax),
		kind: eventDisk, who: int16(m.index), life: m.life, ref: compaction}
	if err != nil {
		e.ref = 1
		if m.disk.said == "" {
			w.fail(&failure.Failure{Signature: failure.Refused, Nodes: []int{m.index},
				Text: fmt.Sprintf("%s cannot compact its log: %v", m.name, err)})
			return true
		}
		w.bite(m.disk.said, m.struck)
	}
	if after, _ := m.memory.List(directory); err == nil && len(after) == len(before) {
		return false
	}
	w.saw(logCompacted)
	m.busy = true
	w.heap.push(e)
	return true
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

func (w *World) recordSnapshot(m *member, s *raft.Snapshot, what string) {
	w.record(func() trace.Record {
		return trace.Record{Kind: trace.Snapshot, Node: m.index, Peer: -1, Cause: w.cause, Term: s.Term,
			Index: s.Index, Label: fmt.Sprintf("%s, %d bytes", what, s.Size)}
	})
}

// noticeSnapshots looks at what became of snapshots that were received.
func (w *World) noticeSnapshots(e *replica.Effects) {
	for i := range e.Events {
		if e.Events[i].Kind == "snapshot" && e.Events[i].State == replica.Installed {
			w.saw(snapshotInstalled)
		}
	}
}

// noticeCompaction looks whether a leader has dropped what somebody may still need.
func (w *World) noticeCompaction(m *member, first uint64) {
	now := m.replica.Status()
	if now.Role != raft.Leader || now.FirstIndex == first {
		return
	}
	for _, p := range m.replica.Progress() {
		if p.ID != now.ID && p.Match+1 < now.FirstIndex {
			w.saw(compactedUnderPeer)
		}
	}
}

// noticeRestored judges and looks at what a process begins with.
func (w *World) noticeRestored(m *member, restored *raft.Restored, store *kv.Store) {
	if restored.Snapshot.Index > 0 {
		w.saw(startedFromSnapshot)
		w.watch.Snapshot(m.index, &restored.Snapshot)
		w.replay.Restored(m.index, restored.Snapshot, store)
	}
	if restored.Partial.Index > 0 {
		w.saw(transferRestored)
	}
}

// newestSnapshot returns the index of the newest snapshot by name, whole or not; 0 without one.
func (w *World) newestSnapshot(m *member) (index uint64) {
	names, _ := m.memory.List(directory)
	for _, name := range names {
		if of, isSnapshot := strings.CutSuffix(name, ".snap"); isSnapshot {
			of, _, _ = strings.Cut(of, "-")
			index, _ = strconv.ParseUint(of, 16, 64)
		}
	}
	return index
}
