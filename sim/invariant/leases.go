package invariant

import (
	"gauntlet/raft"
	"gauntlet/sim/failure"
)

// Reign returns the highest term that any member was seen to lead, over the whole run; 0: none.
func (w *Watch) Reign() uint64 { return w.reign }

// Leased tells that a member answered a read by the lease that it held as the leader of a term,
// when reign was what Reign returned. While there is a lease nobody else leads (thesis 6.4.1): a
// newer leader may have committed more than the read saw, whether a client knows of it or not.
func (w *Watch) Leased(node int, term, reign uint64) {
	if w.failed == nil && reign > term {
		w.fail(failure.Failure{
			Signature: failure.LeaseBroken, Nodes: []int{node}, Term: term,
		}, "%s answers a read by its lease of term %d, but %s leads term %d already",
			name(node), term, name(w.leaders[reign]), reign)
	}
}

// Told tells that a TimeoutNow is about to reach a member. Only the leader of its term sends one.
func (w *Watch) Told(node int, m *raft.Message) {
	if w.failed != nil {
		return
	}
	if leader, led := w.leaders[m.Term]; !led || leader != int(m.From)-1 {
		w.fail(failure.Failure{
			Signature: failure.Usurped, Nodes: []int{int(m.From) - 1}, Term: m.Term,
		}, "%s tells %s to take over term %d, which it does not lead",
			named(m.From), name(node), m.Term)
		return
	}
	told := &w.members[node].told
	if n := len(*told); n == 0 || (*told)[n-1] != m.Term {
		*told = append(*told, m.Term)
	}
}

// campaigns checks a question for votes that voters must heed although they hear their leader: that
// leader, of the term before, has told the candidate to ask (thesis 3.10). In any other term the
// order is void: the leader that gave it leads no more.
func (w *Watch) campaigns(node int, m *raft.Message) {
	if !m.Transfer {
		return
	}
	for _, term := range w.members[node].told {
		if term == m.Term-1 {
			return
		}
	}
	w.fail(failure.Failure{
		Signature: failure.Usurped, Nodes: []int{node}, Term: m.Term,
	}, "%s campaigns in term %d as if for a transfer, but no leader of term %d told it to",
		name(node), m.Term, m.Term-1)
}
