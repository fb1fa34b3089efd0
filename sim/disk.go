package sim

import (
	"fmt"
	"syscall"
	"time"

	"gauntlet/nemesis"
	"gauntlet/raft/replica"
	"gauntlet/raft/wal"
	"gauntlet/sim/failure"
	"gauntlet/sim/trace"
)

// diskFaults is what faults do to one member's disk at the moment.
type diskFaults struct {
	slow  time.Duration // added to each write
	full  int           // faults that make writes fail
	error int           // syncs that are to fail
	said  nemesis.Kind  // which kind of fault made the latest operation fail
}

func (d *diskFaults) failing() bool { return d.full > 0 || d.error > 0 }

// fault is asked by the file system before each operation.
func (d *diskFaults) fault(operation, path string) error {
	switch {
	case d.full > 0 && operation == "write":
		d.said = nemesis.KindDiskFull
		return fmt.Errorf("%s %s: %w", operation, path, syscall.ENOSPC)
	case d.error > 0 && (operation == "sync" || operation == "syncdir"):
		d.said = nemesis.KindDiskError
		d.error-- // one failure each: what is tried again succeeds, and lies
		return fmt.Errorf("%s %s: %w", operation, path, syscall.EIO)
	}
	return nil
}

// write begins the next write of a member, if none is on its way. The file system takes it now, and
// makes it durable when its sync has ended.
func (w *World) write(m *member) {
	if m.busy {
		return
	}
	next, ok := m.writes.Take()
	if !ok {
		w.removeSegments(m)
		return
	}
	m.busy, m.writing = true, next
	m.disk.said = ""
	err := appendTo(m.log, &next)
	m.latest = int(m.memory.LatestWrite())
	o := &w.options.Disk
	takes, tail := m.draws.Duration(o.SyncMin, o.SyncMax), m.draws.Uint64()
	if hits(tail, o.TailPPM) {
		takes = o.SyncMax + within(tail>>16, o.TailMax-o.SyncMax)
	}
	if m.disk.slow > 0 {
		w.bite(nemesis.KindDiskSlow, m.struck)
		takes += m.disk.slow
	}
	e := event{at: w.now + takes, kind: eventDisk, who: int16(m.index), life: m.life}
	if err != nil {
		e.ref = 1
		if m.disk.said == "" {
			w.fail(&failure.Failure{Signature: failure.Refused, Nodes: []int{m.index},
				Text: fmt.Sprintf("%s cannot write its log: %v", m.name, err)})
			return
		}
		w.bite(m.disk.said, m.struck)
	}
	w.record(func() trace.Record {
		r := trace.Record{Kind: trace.Write, Node: m.index, Peer: -1, Cause: w.cause}
		if n := len(next.Entries); n > 0 {
			r.Index = next.Entries[n-1].Index
		}
		if next.HardState != nil {
			r.Term = next.HardState.Term
		}
		return r
	})
	if len(next.Entries) > 3 {
		w.saw(groupCommit)
	}
	w.heap.push(e)
	if m.armed != nil && !m.armed.snapshot {
		e.at, e.kind = w.now+m.draws.Duration(0, takes), eventPower
		w.heap.push(e)
	}
}

// powerStrikes carries a power loss out whose moment has come.
func (w *World) powerStrikes(m *member) {
	if m.armed != nil && w.powerCut(m, m.armed.model) {
		w.bite(nemesis.KindPower, m.struck)
	}
}

// appendTo hands a write to the log.
func appendTo(log *wal.Log, next *replica.Write) error {
	if next.Base != nil {
		return log.Restart(next.HardState, *next.Base, next.Entries)
	}
	return log.Append(next.HardState, next.Entries)
}

// powerLoss is a power cut that waits for a write to strike in its midst, where it is worst.
type powerLoss struct {
	model    wal.Crash
	snapshot bool // it waits for one of a snapshot
}

// written ends a write: it is durable now, or it has failed, and then the process ends.
func (w *World) written(m *member, e *event) {
	if m.state == paused {
		m.deferred = append(m.deferred, *e)
		return
	}
	switch e.ref {
	case 1:
		w.diskEnds(m)
		return
	case compaction:
		m.memory.Settle()
		m.busy = false
		w.write(m)
		return
	}
	w.events++
	w.hash.event(e)
	m.memory.Settle()
	m.busy, m.tail = false, m.latest
	if base := m.writing.Base; base != nil {
		m.durable = unknownTerms(m.durable, base.Index)
		w.watch.DurableBase(m.index, *base)
	}
	m.durable = replaceTerms(m.durable, m.writing.Entries)
	w.watch.Durable(m.index, m.writing.HardState, m.writing.Entries)
	w.cause = w.record(func() trace.Record {
		r := trace.Record{Kind: trace.Synced, Node: m.index, Peer: -1, Cause: -1}
		if n := len(m.writing.Entries); n > 0 {
			r.Index = m.writing.Entries[n-1].Index
		}
		return r
	})
	for _, message := range m.outbox.Persisted(m.writing.Sequence) {
		w.send(&message)
	}
	m.replica.Persisted(m.clock.read(w.now), m.writing.Sequence)
	w.after(m)
	if m.state == running {
		w.write(m)
	}
}

// diskEnds ends a process whose disk has failed.
func (w *World) diskEnds(m *member) {
	w.record(func() trace.Record {
		return trace.Record{Kind: trace.DiskError, Node: m.index, Peer: -1, Cause: -1,
			Label: string(m.disk.said)}
	})
	w.saw(diskFailed)
	w.kill(m, "disk")
	if m.holds == 0 && !m.disk.failing() {
		w.restartLater(m)
	}
}

// powerCut ends a process and takes from its disk what was not yet durable.
func (w *World) powerCut(m *member, model wal.Crash) bool {
	if m.busy {
		w.saw(powerMidWrite)
	}
	if m.snapshots.writing {
		w.saw(powerMidSnapshot)
	}
	m.armed = nil
	alive := w.kill(m, "power")
	m.memory = m.memory.Crash(model, m.draws.Intn)
	m.memory.Deferred = true
	m.memory.Fault = m.disk.fault
	return alive
}
