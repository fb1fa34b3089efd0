package invariant

import (
	"slices"

	"gauntlet/raft"
	"gauntlet/sim/failure"
)

// state is what a disk holds: the hard state, and a log, known by its last entry.
type state struct {
	hard raft.HardState
	tip  ref
}

func (m *member) stored() state {
	if len(m.disk) == 0 {
		return state{m.hard, 0}
	}
	return state{m.hard, m.disk[len(m.disk)-1]}
}

// owe notes what the disk will hold after a write that was just handed out. What a write does not
// name stays as the write before it leaves it.
func (m *member) owe(hard *raft.HardState, log bool) {
	next := m.stored()
	if n := len(m.owed); n > 0 {
		next = m.owed[n-1]
	}
	if hard != nil {
		next.hard = *hard
	}
	if log {
		next.tip = m.tip()
	}
	m.owed = append(m.owed, next)
}

// Durable tells that the sync of a write ended, before the replica hears of it. Outstanding writes
// may have been merged; what the disk holds then must be what they leave one after the other.
func (w *Watch) Durable(node int, hard *raft.HardState, entries []raft.Entry) {
	if w.failed != nil {
		return
	}
	m := &w.members[node]
	if hard != nil {
		if hard.Term < m.hard.Term {
			w.fail(failure.Failure{
				Signature: failure.WentBack, Nodes: []int{node}, Term: hard.Term,
			}, "%s has its disk go back from term %d to %d", name(node), m.hard.Term, hard.Term)
			return
		}
		m.hard = *hard
	}
	for i := range entries {
		if !w.store(m, &entries[i], i == 0) {
			w.strange(node, entries[i].Index)
			return
		}
	}
	paid := slices.Index(m.owed, m.stored())
	if paid < 0 {
		w.strange(node, uint64(len(m.disk)))
		return
	}
	m.owed = slices.Delete(m.owed, 0, paid+1)
	m.furthest = max(m.furthest, len(m.disk))
}

// store puts an entry on a member's disk. The first one of a write replaces all from its index on.
func (w *Watch) store(m *member, e *raft.Entry, first bool) bool {
	keep := e.Index - 1
	if keep > uint64(len(m.disk)) || !first && keep < uint64(len(m.disk)) {
		return false
	}
	m.disk = m.disk[:keep]
	before := m.stored().tip
	r := w.entries.find(e.Index, e.Term)
	if r == 0 || w.entries.known[r].before != before {
		return false
	}
	m.disk = append(m.disk, r)
	return true
}

// strange reports a write that is none of those that were asked for.
func (w *Watch) strange(node int, index uint64) {
	m := &w.members[node]
	w.fail(failure.Failure{
		Signature: failure.Recovered, Nodes: []int{node}, Term: m.hard.Term, Index: index,
	}, "%s has a write carried out that it never asked for: term %d, entries up to %d",
		name(node), m.hard.Term, index)
}

// Started tells with what a member begins a life: exactly what was durable, or that with the first
// few of the writes that a crash left outstanding. From now on it counts as durable.
func (w *Watch) Started(node int, restored *raft.Restored) {
	if w.failed != nil {
		return
	}
	m := &w.members[node]
	m.forget()
	if s := &restored.Snapshot; s.Index > 0 {
		r, ok := w.stands(node, raft.Position{Index: s.Index, Term: s.Term})
		if !ok {
			return
		}
		m.log, m.base = w.entries.past(m.log, r, s.Index), s.Index
	}
	for i := range restored.Entries {
		e := &restored.Entries[i]
		r := w.entries.find(e.Index, e.Term)
		if e.Index != uint64(len(m.log))+1 || !w.entries.same(e, r, m.tip()) {
			w.fail(recovered(node, e.Term, uint64(len(m.log))+1),
				"%s starts with an entry %d of term %d that it never had",
				name(node), e.Index, e.Term)
			return
		}
		m.log = append(m.log, r)
	}
	found := state{restored.HardState, m.tip()}
	if found != m.stored() && !slices.Contains(m.owed, found) &&
		!w.joins(node, found, &restored.Snapshot) {
		w.misread(node, found)
		return
	}
	m.hard, m.term, m.vote = found.hard, found.hard.Term, found.hard.Vote
	m.disk = append(m.disk[:0], m.log...)
	m.furthest = max(m.furthest, len(m.disk))
	m.owed = m.owed[:0]
	for n := len(m.votes); n > 0 && !m.remembers(m.votes[n-1]); n-- {
		m.votes = m.votes[:n-1]
	}
}

// remembers tells whether a vote outlived a crash, or can never be given again.
func (m *member) remembers(v vote) bool {
	return v.term < m.hard.Term || v == vote{m.hard.Term, m.hard.Vote}
}

// misread reports how what was found differs from what was durable.
func (w *Watch) misread(node int, found state) {
	m := &w.members[node]
	at := 0
	for at < min(len(m.log), len(m.disk)) && m.log[at] == m.disk[at] {
		at++
	}
	f := recovered(node, found.hard.Term, uint64(at)+1)
	switch {
	case found.hard.Term < m.hard.Term || found.hard.Term == m.hard.Term &&
		m.hard.Vote != 0 && found.hard.Vote != m.hard.Vote:
		w.fail(f, "%s starts in term %d with a vote for %s, but term %d and a vote for %s were durable",
			name(node), found.hard.Term, candidate(found.hard.Vote),
			m.hard.Term, candidate(m.hard.Vote))
	case at < len(m.disk):
		w.fail(f, "%s starts without entry %d of term %d, which was durable",
			name(node), at+1, w.entries.known[m.disk[at]].term)
	default:
		w.fail(f, "%s starts in term %d with %d entries, which none of its writes left on its disk",
			name(node), found.hard.Term, len(m.log))
	}
}

func recovered(node int, term, index uint64) failure.Failure {
	return failure.Failure{
		Signature: failure.Recovered, Nodes: []int{node}, Term: term, Index: index,
	}
}
