package sim

import (
	"fmt"
	"time"

	"gauntlet/chance"
	"gauntlet/raft"
	"gauntlet/raft/kv"
	"gauntlet/raft/replica"
	"gauntlet/raft/wal"
	"gauntlet/sim/failure"
	"gauntlet/sim/trace"
)

// state is what a member's process is at the moment.
type state uint8

const (
	down     state = iota // no process
	starting              // it reads its log
	running
	paused
)

// directory is where a member's log is, on a disk of its own.
const directory = "data"

// member is one member: its process, its disk and its clock.
type member struct {
	index int
	name  string
	state state
	life  uint8 // counts its processes
	lives uint64

	replica  *replica.Replica
	outbox   replica.Outbox
	writes   replica.Writes
	log      *wal.Log
	memory   *wal.Memory
	clock    clock
	disk     diskFaults
	draws    *chance.Stream // of its disk and its turns
	writing  replica.Write  // on its way to the disk
	busy     bool           // a write is on its way
	restored raft.Restored  // what a starting process has read
	store    *kv.Store      // ... from its snapshot, if it has one

	snapshots     snapshotting
	snapshotDraws *chance.Stream

	timerAt  time.Duration // when its next timer event is due; 0: there is none
	turnDue  bool          // an event to carry out what it has gathered is pending
	deferred []event       // what waits for a paused process

	requests []int32     // operations of this life, by request id - 1
	seen     raft.Status // after its last input
	terms    []uint64    // of the entries that it has begun to write
	durable  []uint64    // of the entries that its disk holds for certain
	rotten   bool        // its log is damaged for good
	holds    int         // faults that keep it down, and whatever else does
	joint    bool        // so was its latest configuration
	absent   bool        // it was not brought in as yet
	tail     int         // where the latest durable record begins in the live segment; 0: unknown
	latest   int         // ... and the latest one written
	armed    *powerLoss  // what its next write will meet; nil: nothing
	pauses   int         // faults that keep it paused

	compared uint64 // the latest applied index at which its state was compared with others'

	struck       []int32 // faults in force on it, as World.faults has them
	clientCuts   int     // faults that keep its clients' requests from it, and of these
	clientResets int     // ... those that let the client know
}

// start begins a process: it reads its log, which takes a while.
func (w *World) start(m *member) {
	m.life++
	m.lives++
	m.state, m.busy, m.turnDue, m.timerAt = starting, false, false, 0
	m.requests, m.tail, m.compared = m.requests[:0], 0, 0
	m.outbox, m.writes, m.snapshots = replica.Outbox{}, replica.Writes{}, snapshotting{}
	salt := chance.Key(w.seed, "sim/salt", uint64(m.index), m.lives)
	m.disk.said = ""
	newest := w.newestSnapshot(m)
	log, restored, err := wal.Open(m.memory, directory, wal.Options{
		SegmentBytes: w.options.Disk.SegmentBytes, Salt: salt,
		ChunkBytes: w.options.Snapshots.ChunkBytes,
	})
	if err == nil {
		m.store, err = loadState(log.Snapshots(), restored.Snapshot)
	}
	if err != nil {
		w.refuse(m, err)
		return
	}
	m.log, m.restored = log, restored
	if newest > restored.Snapshot.Index {
		w.saw(snapshotDamaged)
	}
	if log.Recovery().TornBytes > 0 {
		w.saw(tornTail)
	}
	w.heap.push(event{at: w.now + m.draws.Duration(w.options.Disk.SyncMin, w.options.Disk.SyncMax),
		kind: eventLive, who: int16(m.index), life: m.life})
}

// refuse notes that a log was refused: rightly, if it is damaged.
func (w *World) refuse(m *member, err error) {
	m.state = down
	w.record(func() trace.Record {
		return trace.Record{Kind: trace.Refused, Node: m.index, Peer: -1, Cause: -1, Label: err.Error()}
	})
	switch {
	case m.disk.said != "":
		w.saw(startFailed) // the next start may do better
		m.memory.Restart()
		if !m.disk.failing() {
			w.restartLater(m)
		}
	case m.rotten:
		w.saw(damageRefused)
	default:
		w.fail(&failure.Failure{Signature: failure.Refused, Nodes: []int{m.index},
			Text: fmt.Sprintf("%s refuses a log that nobody damaged: %v", m.name, err)})
	}
}

// live is the moment when a process has its log and begins to serve.
func (w *World) live(m *member) {
	m.memory.Settle()
	restored, store := m.restored, m.store
	m.restored, m.store = raft.Restored{}, nil
	w.watch.Started(m.index, &restored)
	w.noticeRestored(m, &restored, store)
	life := uint64(m.index+1)<<32 | m.lives
	r, err := replica.New(replica.Config{
		Incarnation: chance.Key(w.seed, "sim/incarnation", uint64(m.index), m.lives),
		Raft:        w.raftConfig(m, chance.Key(w.seed, "sim/election", life, 0)),
		State:       store, SnapshotEntries: uint64(w.options.Snapshots.Entries),
	}, restored)
	if err != nil {
		w.fail(&failure.Failure{Signature: failure.Refused, Nodes: []int{m.index},
			Text: fmt.Sprintf("%s refuses what its log held: %v", m.name, err)})
		return
	}
	m.replica, m.state, m.seen = r, running, r.Status()
	m.terms = replaceTerms(unknownTerms(m.terms, restored.Snapshot.Index), restored.Entries)
	m.durable = append(m.durable[:0], m.terms...)
	w.record(func() trace.Record {
		return trace.Record{Kind: trace.Start, Node: m.index, Peer: -1, Cause: -1, Term: m.seen.Term,
			Index: m.seen.LastIndex, Label: fmt.Sprintf("term %d, %d entries",
				m.seen.Term, m.seen.LastIndex)}
	})
	if m.lives > 1 {
		w.saw(restarted)
	}
	if m.pauses > 0 {
		m.state = paused
		return
	}
	r.Tick(m.clock.read(w.now))
	w.after(m)
}

// firstMembers is the configuration that a member begins with: none, if it waits to be added.
func (w *World) firstMembers(m *member) []raft.Member {
	if m.index >= w.options.Nodes {
		return nil
	}
	return raft.Members(w.ids[:w.options.Nodes]...)
}

func (w *World) raftConfig(m *member, seed uint64) raft.Config {
	o := &w.options.Raft
	return raft.Config{
		ID: raft.NodeID(m.index + 1), Members: w.firstMembers(m), Seed: seed,
		ElectionTimeoutMin: o.ElectionTimeoutMin, ElectionTimeoutMax: o.ElectionTimeoutMax,
		HeartbeatInterval: o.HeartbeatInterval, PreVote: o.PreVote, CheckQuorum: o.CheckQuorum,
		MaxAppendBytes: o.MaxAppendBytes, MaxInflightBytes: o.MaxInflightBytes,
		MaxUncommittedBytes: o.MaxUncommittedBytes, MaxLearnerLag: uint64(o.MaxLearnerLag),
		LeaseReads: o.LeaseReads, DiskPatience: o.DiskPatience,
		KeepEntries: uint64(w.options.Snapshots.Keep),
		ChunkBytes:  w.options.Snapshots.ChunkBytes,
	}
}

// after follows every input of a replica: what it asks for is carried out, at once or, as a busy
// process does, in a turn together with what else comes.
func (w *World) after(m *member) {
	if turn := w.options.Turn; turn > 0 && !m.turnDue && m.replica.HasEffects() {
		m.turnDue = true
		w.heap.push(event{at: w.now + m.draws.Duration(0, turn), kind: eventTurn,
			who: int16(m.index), life: m.life})
	}
	if !m.turnDue {
		w.carryOut(m)
	}
	w.setTimer(m)
}

// carryOut does what the replica asks for, in the order that replica.Effects demands.
func (w *World) carryOut(m *member) {
	for rounds := 0; m.state == running && m.replica.HasEffects(); rounds++ {
		if rounds == mostRounds {
			w.runaway(m)
			return
		}
		e := m.replica.Effects()
		status := m.replica.Status()
		w.watch.Changed(m.index, &e, status)
		w.observe(m, &status, e.Events)
		if e.Base != nil {
			m.terms = unknownTerms(m.terms, e.Base.Index)
		}
		w.noticeEntries(m, e.Entries)
		w.noticeSnapshots(&e)
		w.settle()
		w.compare(m, &status)
		now, write, writes := m.outbox.Add(&e)
		for i := range now {
			w.send(&now[i])
		}
		if writes {
			m.writes.Add(write)
			w.write(m)
		}
		for i := range e.Answers {
			w.answered(m, &e.Answers[i])
		}
		if m.state == running {
			w.carryOutSnapshots(m, &e)
		}
	}
}

// settle hands entries that became committed to the witness.
func (w *World) settle() {
	_, entries := w.watch.Committed()
	for i := range entries {
		w.witness.Committed(entries[i])
		w.noticeCommitted(&entries[i])
		if w.options.Snapshots.Entries > 0 {
			w.replay.Committed(entries[i])
		}
	}
	if len(entries) > 0 {
		w.noticeSessions()
	}
}

// setTimer makes sure that the member is woken at its deadline.
func (w *World) setTimer(m *member) {
	if m.state != running {
		return
	}
	at := max(m.clock.when(m.replica.Deadline()), w.now+1)
	if m.timerAt != 0 && m.timerAt <= at {
		return
	}
	m.timerAt = at
	w.heap.push(event{at: at, kind: eventTimer, who: int16(m.index), life: m.life})
}

// timer lets time pass for a member whose deadline has come. Most do not come: a word from the
// leader puts them off.
func (w *World) timer(m *member, e *event) {
	if m.state == paused {
		m.timerAt = 0
		return
	}
	if e.at != m.timerAt || m.state != running {
		return // a nearer deadline has taken its place
	}
	m.timerAt = 0
	local := m.clock.read(w.now)
	if local >= m.replica.Deadline() {
		w.events++
		w.hash.event(e)
		w.cause = w.record(func() trace.Record {
			return trace.Record{Kind: trace.Timer, Node: m.index, Peer: -1, Cause: -1}
		})
		m.replica.Tick(local)
		w.after(m)
		return
	}
	w.setTimer(m)
}

// kill ends a process. What it had under way is lost, but not what its disk had taken.
func (w *World) kill(m *member, how string) bool {
	if m.state == down {
		return false
	}
	w.noticeCrash(m)
	w.record(func() trace.Record {
		return trace.Record{Kind: trace.Crash, Node: m.index, Peer: -1, Cause: -1, Label: how}
	})
	w.watch.Crashed(m.index, how == "power")
	for _, ref := range m.requests {
		if ref >= 0 && w.operations[ref].waitsAt(m) {
			w.disconnect(ref)
		}
	}
	m.state, m.replica, m.log, m.busy, m.turnDue = down, nil, nil, false, false
	m.life++
	m.deferred = m.deferred[:0]
	m.writing, m.snapshots = replica.Write{}, snapshotting{}
	if how != "power" {
		m.memory.Restart()
	}
	return true
}

// pause stops a process that runs; what reaches it waits.
func (w *World) pause(m *member) bool {
	m.pauses++
	if m.state != running {
		return false
	}
	m.state = paused
	w.record(func() trace.Record {
		return trace.Record{Kind: trace.Pause, Node: m.index, Peer: -1, Cause: -1}
	})
	return true
}

// resume lets a process go on with what waited for it.
func (w *World) resume(m *member) {
	m.pauses--
	if m.pauses > 0 || m.state != paused {
		return
	}
	m.state = running
	w.noticeResume(m)
	w.record(func() trace.Record {
		return trace.Record{Kind: trace.Resume, Node: m.index, Peer: -1, Cause: -1}
	})
	for i, e := range m.deferred {
		e.at = w.now + time.Duration(i+1)
		w.heap.push(e)
	}
	m.deferred = m.deferred[:0]
	m.timerAt = 0
	w.setTimer(m)
}
