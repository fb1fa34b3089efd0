package invariant

import (
	"time"

	"gauntlet/raft"
	"gauntlet/sim/failure"
)

// logged takes over a change of a member's log: the entries replace everything from the first one's
// index on (log matching, paper 5.3, and that what is committed stays). It tells whether entries
// were dropped.
func (w *Watch) logged(node int, added []raft.Entry, s raft.Status) (cut bool) {
	m := &w.members[node]
	keep := s.LastIndex // of a log that was only cut
	if len(added) > 0 {
		keep = added[0].Index - 1
	}
	if keep > uint64(len(m.log)) {
		w.fail(failure.Failure{
			Signature: failure.LogMismatch, Nodes: []int{node}, Term: s.Term, Index: keep + 1,
		}, "%s has entry %d, but its log ended at %d", name(node), keep+1, len(m.log))
		return false
	}
	cut = keep < uint64(len(m.log))
	held := 0
	if cut {
		held = w.heldCommitted(m, int(keep))
	}
	m.log = m.log[:keep]
	for i := range added {
		if was := w.entries.known[m.tip()].time; added[i].Time < was {
			w.timeFell(node, &added[i], was)
			return cut
		}
		r, ok := w.entries.add(&added[i], m.tip(), node)
		if !ok {
			w.mismatch(node, &added[i], r, s.Term)
			return cut
		}
		m.log = append(m.log, r)
	}
	if !cut {
		return false
	}
	left, term := w.heldCommitted(m, int(keep)), m.cutIn(added, s.Term)
	if left < held && w.committedIn(left+1) <= term {
		w.lost(node, left+1, term)
	}
	return true
}

// cutIn returns the earliest term in which a member that is in term now can have cut its log: a
// busy one goes through several in one turn.
func (m *member) cutIn(added []raft.Entry, now uint64) uint64 {
	if m.term == now || len(added) == 0 {
		return now
	}
	return max(m.term, added[len(added)-1].Term)
}

// tip returns the last entry of a member's log.
func (m *member) tip() ref {
	if len(m.log) == 0 {
		return 0
	}
	return m.log[len(m.log)-1]
}

// heldCommitted returns up to where a log holds what is committed, above an index; that index if
// nothing more.
func (w *Watch) heldCommitted(m *member, above int) int {
	for above < min(len(m.log), len(w.committed)) && m.log[above] == w.committed[above] {
		above++
	}
	return above
}

func (w *Watch) mismatch(node int, e *raft.Entry, r ref, term uint64) {
	k := &w.entries.known[r]
	first := int(k.node)
	what := "another past"
	if k.digest != digestOf(e) {
		what = "other content"
	}
	w.fail(failure.Failure{
		Signature: failure.LogMismatch, Nodes: involved(first, node), Term: term, Index: e.Index,
	}, "%s has entry %d of term %d with %s than %s had it",
		name(node), e.Index, e.Term, what, name(first))
}

// timeFell reports an entry with an earlier time than the one before it (thesis 6.3).
func (w *Watch) timeFell(node int, e *raft.Entry, was time.Duration) {
	w.fail(failure.Failure{
		Signature: failure.TimeFell, Nodes: []int{node}, Term: e.Term, Index: e.Index,
	}, "%s has entry %d of cluster time %v behind one of %v", name(node), e.Index, e.Time, was)
}

// lost reports a member that drops a committed entry, though its term is one in which every leader
// has it. A member of an older term may: it held the entry by chance, and is not counted on.
func (w *Watch) lost(node, index int, term uint64) {
	entry := w.entries.known[w.committed[index-1]].term
	w.fail(failure.Failure{
		Signature: failure.CommitLost, Nodes: []int{node}, Term: term, Index: uint64(index),
	}, "%s in term %d drops entry %d of term %d, which was committed in term %d",
		name(node), term, index, entry, w.committedIn(index))
}

// involved returns one or two members, each once.
func involved(a, b int) []int {
	if a == b {
		return []int{a}
	}
	return []int{a, b}
}
