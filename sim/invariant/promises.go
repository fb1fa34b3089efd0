package invariant

import (
	"gauntlet/raft"
	"gauntlet/sim/failure"
)

// Leaves tells that a message is about to leave its sender. It must promise only what its sender's
// disk holds (paper, figure 2: "updated on stable storage before responding to RPCs"):
//
//   - the term it names;
//   - a vote: the vote in that term, or a later term, in which no other can follow. A candidate's
//     question is its vote for itself;
//   - an acknowledgement: the entry it names. A leader's Append acknowledges nothing, and may leave
//     before its own write (thesis 10.2.1).
func (w *Watch) Leaves(node int, m *raft.Message) {
	if w.failed != nil {
		return
	}
	entered := m.Term
	switch m.Kind {
	case raft.PreVote: // asks about the next term
		entered--
	case raft.PreVoteAnswer:
		if !m.Reject {
			return // repeats the term of the question
		}
	case raft.Vote:
		w.campaigns(node, m)
		w.promisesVote(node, m.Term, raft.NodeID(node+1))
	case raft.VoteAnswer:
		if !m.Reject {
			w.promisesVote(node, m.Term, m.To)
		}
	case raft.AppendAnswer:
		if !m.Reject {
			w.promisesEntry(node, m)
		}
	}
	if hard := w.members[node].hard; hard.Term < entered {
		w.fail(failure.Failure{
			Signature: failure.Promised, Nodes: []int{node}, Term: m.Term,
		}, "%s sends %v of term %d to %s, but its disk holds term %d",
			name(node), m.Kind, m.Term, named(m.To), hard.Term)
	}
}

func (w *Watch) promisesVote(node int, term uint64, to raft.NodeID) {
	m := &w.members[node]
	if m.vowed(term, to) {
		return
	}
	if before := m.voted(term); before != 0 && before != to {
		w.votedTwice(node, term, before, to)
		return
	}
	does := "gives " + named(to) + " its vote"
	if to == raft.NodeID(node+1) {
		does = "asks for votes"
	}
	w.fail(failure.Failure{
		Signature: failure.Promised, Nodes: []int{node}, Term: term,
	}, "%s %s in term %d, but its disk holds term %d and a vote for %s",
		name(node), does, term, m.hard.Term, candidate(m.hard.Vote))
}

// promisesEntry also lets pass an acknowledgement that was overtaken: a leader of a later term had
// the entry replaced, and both writes became one, in which the entry is no more. The later leader
// was elected by a majority that never had the entry, so that it cannot be committed.
func (w *Watch) promisesEntry(node int, answer *raft.Message) {
	m := &w.members[node]
	index := answer.Index
	if index == 0 && answer.LogTerm == 0 {
		return
	}
	if index-1 < uint64(len(m.disk)) && w.entries.known[m.disk[index-1]].term == answer.LogTerm {
		return
	}
	r := w.entries.find(index, answer.LogTerm)
	still := r != 0 && index <= uint64(len(m.log)) && m.log[index-1] == r
	if r != 0 && !still && m.hard.Term > answer.Term {
		return
	}
	w.fail(failure.Failure{
		Signature: failure.Promised, Nodes: []int{node}, Term: answer.Term, Index: index,
	}, "%s acknowledges entry %d of term %d to %s, but its disk does not hold it",
		name(node), index, answer.LogTerm, named(answer.To))
}

// candidate names whom a vote is for.
func candidate(id raft.NodeID) string {
	if id == 0 {
		return "nobody"
	}
	return named(id)
}
