package invariant

import (
	"bytes"

	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/sim/failure"
)

// The mirror of a log keeps what is compacted away: the last entry of a snapshot names the whole
// past. So a log that begins anew behind a snapshot is, to all other rules, the log that the
// snapshot stands for, and none of them has to know of compaction.

// past replaces a log by the one that ends with an entry at an index.
func (s *entries) past(log []ref, r ref, index uint64) []ref {
	log = log[:0]
	for range index {
		log = append(log, 0)
	}
	for i := int(index) - 1; i >= 0; i-- {
		log[i], r = r, s.known[r].before
	}
	return log
}

// stands returns the entry that a snapshot ends with: one that was committed (paper, section 7).
func (w *Watch) stands(node int, at raft.Position) (ref, bool) {
	r := w.entries.find(at.Index, at.Term)
	if r != 0 && at.Index <= uint64(len(w.committed)) && w.committed[at.Index-1] == r {
		return r, true
	}
	w.fail(failure.Failure{
		Signature: failure.WrongSnapshot, Nodes: []int{node}, Term: at.Term, Index: at.Index,
	}, "%s has a snapshot that ends with entry %d of term %d, which is not committed",
		name(node), at.Index, at.Term)
	return 0, false
}

// begunAnew takes over that a log was dropped for a snapshot, if it was. What was committed must
// not be lost by that.
func (w *Watch) begunAnew(node int, e *replica.Effects, s raft.Status) {
	if e.Base == nil {
		return
	}
	m := &w.members[node]
	r, ok := w.stands(node, *e.Base)
	if !ok {
		return
	}
	if held := w.heldCommitted(m, 0); uint64(held) > e.Base.Index {
		w.lost(node, int(e.Base.Index)+1, s.Term)
		return
	}
	m.log, m.base = w.entries.past(m.log, r, e.Base.Index), e.Base.Index
}

// DurableBase tells that the sync of a write ended with which the log on a member's disk begins
// anew; Durable tells of the rest of that write.
func (w *Watch) DurableBase(node int, base raft.Position) {
	if w.failed != nil {
		return
	}
	if r, ok := w.stands(node, base); ok {
		m := &w.members[node]
		m.disk = w.entries.past(m.disk, r, base.Index)
	}
}

// Snapshot tells that a member has a durable snapshot. It names the configuration in effect with
// its last entry.
func (w *Watch) Snapshot(node int, s *raft.Snapshot) {
	if w.failed != nil {
		return
	}
	r, ok := w.stands(node, raft.Position{Index: s.Index, Term: s.Term})
	if !ok {
		return
	}
	if want := w.latest(r); !bytes.Equal(s.Configuration.Encode(), want.Encode()) {
		w.fail(failure.Failure{
			Signature: failure.WrongSnapshot, Nodes: []int{node}, Term: s.Term, Index: s.Index,
		}, "%s has a snapshot of entry %d with the members %v, where the log names %v",
			name(node), s.Index, s.Configuration, want.Configuration)
	}
}

// fromSnapshot tells whether a member has a configuration from a snapshot, which does not say where
// it stood: it then counts as that of the snapshot's last entry.
func (w *Watch) fromSnapshot(m *member, used *configured, at raft.Position) bool {
	return m.base > 0 && at.Index == m.base && used.at.Index <= at.Index &&
		at.Term == w.entries.known[m.log[at.Index-1]].term
}

// joins tells whether a start that found no entry behind its snapshot left out only a log that the
// snapshot overtook: one that does not hold the snapshot's last entry. (A log that does is kept.)
func (w *Watch) joins(node int, found state, s *raft.Snapshot) bool {
	m := &w.members[node]
	r := w.entries.find(s.Index, s.Term)
	if s.Index == 0 || found.tip != r {
		return false
	}
	for i := range len(m.owed) + 1 {
		disk := m.stored()
		if i > 0 {
			disk = m.owed[i-1]
		}
		if s.Term > disk.hard.Term {
			disk.hard = raft.HardState{Term: s.Term}
		}
		if disk.hard == found.hard && !w.entries.leadsTo(disk.tip, r) {
			return true
		}
	}
	return false
}

// leadsTo tells whether a log that ends with tip holds an entry.
func (s *entries) leadsTo(tip, r ref) bool {
	for tip != 0 && tip != r {
		tip = s.known[tip].before
	}
	return tip == r
}
