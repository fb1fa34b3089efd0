package replica

import (
	"maps"
	"slices"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/kv"
)

// Taking is a snapshot to be taken (paper, section 7). Its state is frozen: whoever carries it out
// may write the view in another goroutine while the replica goes on, make it durable, and then call
// Snapshotted with the metadata completed by size and checksum. One is under way at a time.
type Taking struct {
	Metadata raft.Snapshot
	View     kv.View
}

// snapshots is when the next snapshot is due.
type snapshots struct {
	last   raft.Snapshot // the newest one
	bytes  int           // of the entries applied since
	under  bool          // one is being taken
	wanted bool          // somebody asked for one
	late   raft.Snapshot // received when there was no use for it; Index 0: none
}

// TakeSnapshot asks for a snapshot, whatever the thresholds. It returns false if the newest one
// stands for all that is applied, or nothing is.
func (r *Replica) TakeSnapshot() bool {
	if r.applied.Index <= r.snapshots.last.Index {
		return false
	}
	r.snapshots.wanted = true
	return true
}

// due tells whether Effects is to ask for a snapshot.
func (r *Replica) due() bool {
	s := &r.snapshots
	if s.under || s.late.Index > 0 || r.applied.Index <= s.last.Index {
		return false
	}
	entries := r.applied.Index - s.last.Index
	wanted := s.wanted || r.cfg.SnapshotEntries > 0 && entries >= r.cfg.SnapshotEntries ||
		r.cfg.SnapshotBytes > 0 && s.bytes >= r.cfg.SnapshotBytes
	if !wanted {
		return false
	}
	_, known := r.core.ConfigurationAt(r.applied.Index)
	return known
}

// take freezes the state if a snapshot is due.
func (r *Replica) take() *Taking {
	if !r.due() {
		return nil
	}
	configuration, _ := r.core.ConfigurationAt(r.applied.Index)
	r.snapshots.under, r.snapshots.wanted, r.snapshots.bytes = true, false, 0
	return &Taking{
		Metadata: raft.Snapshot{
			Index: r.applied.Index, Term: r.applied.Term, Time: r.applied.Time,
			Configuration: configuration,
		},
		View: r.store.Freeze(),
	}
}

// Snapshotted tells that the snapshot asked for by Effects.Take is durable. The log that it stands
// for may go, from the disk as well.
func (r *Replica) Snapshotted(s raft.Snapshot) {
	r.snapshots.under = false
	r.noteSnapshot(s, Taken)
}

func (r *Replica) noteSnapshot(s raft.Snapshot, state string) {
	if s.Index <= r.snapshots.last.Index {
		return
	}
	r.core.Compact(s)
	r.snapshots.last = s
	r.seen = r.core.Status()
	r.events = append(r.events,
		Event{Kind: "snapshot", Term: s.Term, Index: s.Index, State: state})
}

// Stored tells that the chunk of Effects.Store that ends at an offset is written.
func (r *Replica) Stored(now time.Duration, id raft.SnapshotID, end uint64) {
	r.core.Stored(now, id, end)
	r.observe()
}

// Discard tells that what was received of a snapshot was damaged.
func (r *Replica) Discard(now time.Duration, id raft.SnapshotID) {
	r.core.Discard(now, id)
	r.observe()
}

// Install tells that a snapshot that was received is complete and durable, and what state it holds.
// It replaces this replica's state only if that is older. Writes that wait for their result may or
// may not be in it.
func (r *Replica) Install(now time.Duration, s raft.Snapshot, state *kv.Store) {
	if !r.core.Install(now, s) {
		r.snapshots.late = s
		r.observe()
		return
	}
	r.store = state
	r.applied = mark{s.Index, s.Term, s.Time}
	r.snapshots.bytes, r.snapshots.last = 0, s
	r.observe()
	r.events = append(r.events,
		Event{Kind: "snapshot", Term: s.Term, Index: s.Index, State: Installed})
	for _, id := range slices.Sorted(maps.Keys(r.writes)) {
		delete(r.writes, id)
		r.refusal(id, "overtaken by a snapshot, in which the write may or may not be", true)
	}
}

// adoptLate uses a snapshot that came when there was no use for it, once this member has applied
// as much: it is the same as its own would be.
func (r *Replica) adoptLate() {
	if s := r.snapshots.late; s.Index > 0 && s.Index <= r.applied.Index {
		r.snapshots.late = raft.Snapshot{}
		r.noteSnapshot(s, Taken)
	}
}
