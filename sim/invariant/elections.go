package invariant

import (
	"gauntlet/raft"
	"gauntlet/sim/failure"
)

// vote is for whom a member voted in a term.
type vote struct {
	term uint64
	to   raft.NodeID
}

// votes takes over that a member voted, or that it did not yet: one vote a term (paper 5.2), over
// all lives. A vote that a crash took before it was durable does not count, see Started.
func (w *Watch) votes(node int, term uint64, to raft.NodeID) {
	m := &w.members[node]
	before := m.voted(term)
	switch {
	case to == 0 || to == before:
	case before == 0:
		m.votes = append(m.votes, vote{term, to})
	default:
		w.votedTwice(node, term, before, to)
	}
}

// voted returns for whom a member voted in a term, 0 for nobody.
func (m *member) voted(term uint64) raft.NodeID {
	for i := len(m.votes) - 1; i >= 0 && m.votes[i].term >= term; i-- {
		if m.votes[i].term == term {
			return m.votes[i].to
		}
	}
	return 0
}

// vowed tells whether a member can never vote for anybody else in a term again: its vote is on its
// disk, or a later term is.
func (m *member) vowed(term uint64, to raft.NodeID) bool {
	kept := m.hard.Term > term || m.hard == raft.HardState{Term: term, Vote: to}
	return kept && m.voted(term) == to
}

func (w *Watch) votedTwice(node int, term uint64, first, second raft.NodeID) {
	w.fail(failure.Failure{
		Signature: failure.VotedTwice, Nodes: []int{node}, Term: term,
	}, "%s votes for %s in term %d, after it voted for %s",
		name(node), named(second), term, named(first))
}

// leads takes in a new leader: the only one of its term, with the durable votes of all majorities
// that decide by the configuration that elected it, and with every entry that was committed in an
// earlier term (paper, figure 3). Where that is not known, any that ever was will do.
func (w *Watch) leads(node int, term uint64, by []configured) {
	if other, ok := w.leaders[term]; ok && other != node {
		w.fail(failure.Failure{
			Signature: failure.TwoLeaders, Nodes: []int{other, node}, Term: term,
		}, "%s leads term %d, which %s led before", name(node), term, name(other))
		return
	}
	w.leaders[term], w.reign = node, max(w.reign, term)
	voted := func(i int) bool { return w.members[i].vowed(term, raft.NodeID(node+1)) }
	if len(by) == 0 {
		by = w.entries.configs
	}
	if !supportedBy(by, voted) {
		w.fail(failure.Failure{
			Signature: failure.LeaderUnsupported, Nodes: []int{node}, Term: term,
		}, "%s leads term %d with durable votes of %s alone, of %s",
			name(node), term, w.those(voted), &by[0])
		return
	}
	w.complete(node, term, w.committedBefore(term))
}

// complete demands of a leader what was committed up to an index.
func (w *Watch) complete(node int, term uint64, upTo int) {
	m := &w.members[node]
	if upTo == 0 || upTo <= len(m.log) && m.log[upTo-1] == w.committed[upTo-1] {
		return
	}
	missing := w.heldCommitted(m, 0) + 1
	w.fail(failure.Failure{
		Signature: failure.LeaderIncomplete, Nodes: []int{node}, Term: term, Index: uint64(missing),
	}, "%s leads term %d without entry %d of term %d, which was committed in term %d",
		name(node), term, missing, w.entries.known[w.committed[missing-1]].term,
		w.committedIn(missing))
}
