package invariant_test

import (
	"testing"

	"gauntlet/raft"
	"gauntlet/sim/failure"
)

// succeeded has member 0 lead term 1 and then member 2 lead term 2; reign is what was known before.
func succeeded() (s *script, reign uint64) {
	s = newScript(3)
	s.elects(0, 1, 1)
	reign = s.Reign()
	s.elects(2, 2, 1)
	return s, reign
}

var leases = []scene{
	{"a read by a lease of the newest term", "", func() *script {
		s, _ := succeeded()
		s.Leased(2, 2, s.Reign())
		return s
	}},
	{"a read by lease, answered after another was elected", "", func() *script {
		s, reign := succeeded()
		s.Leased(0, 1, reign)
		return s
	}},
	{"a read by lease under a newer leader", failure.LeaseBroken, func() *script {
		s, _ := succeeded()
		s.Leased(0, 1, s.Reign())
		return s
	}},
}

// tells has a member tell another to campaign.
func (s *script) tells(from, to int, term uint64) {
	s.Told(to, &raft.Message{
		Kind: raft.TimeoutNow, From: raft.NodeID(from + 1), To: raft.NodeID(to + 1), Term: term,
	})
}

// asks has a member ask for votes that voters must give although they hear their leader.
func (s *script) asks(node int, term uint64) {
	s.votes(node, term, raft.NodeID(node+1))
	s.syncs(node)
	s.sends(node, raft.Message{Kind: raft.Vote, To: 1, Term: term, Transfer: true})
}

var transfers = []scene{
	{"a successor campaigns when its leader tells it", "", func() *script {
		s := newScript(3)
		s.elects(0, 1, 1)
		s.tells(0, 2, 1)
		s.tells(0, 2, 1)
		s.asks(2, 2)
		return s
	}},
	{"a successor was told in an earlier term, too", "", func() *script {
		s, _ := succeeded()
		s.tells(0, 1, 1)
		s.tells(2, 1, 2)
		s.asks(1, 3)
		return s
	}},
	{"a member campaigns for a transfer that nobody asked for", failure.Usurped, func() *script {
		s := newScript(3)
		s.elects(0, 1, 1)
		s.asks(2, 2)
		return s
	}},
	{"a member campaigns on the order of an earlier term", failure.Usurped, func() *script {
		s, _ := succeeded()
		s.tells(0, 1, 1)
		s.asks(1, 3)
		return s
	}},
	{"who does not lead hands over", failure.Usurped, func() *script {
		s, _ := succeeded()
		s.tells(0, 1, 2)
		return s
	}},
	{"a term without a leader is handed over", failure.Usurped, func() *script {
		s := newScript(3)
		s.tells(0, 1, 1)
		return s
	}},
}

// Goal: a lease that does not hold and a campaign out of turn are called by their names, and their
// legal likenesses pass. Method: as TestScenes.
func TestLeasesAndTransfers(t *testing.T) {
	playScenes(t, leases)
	playScenes(t, transfers)
}

// Goal: a run knows nothing of the leaders and the orders of the run before. Method: a reset.
func TestResetForgetsLeases(t *testing.T) {
	s, _ := succeeded()
	s.tells(2, 1, 2)
	s.Reset(3, 0)
	if s.Reign() != 0 {
		t.Errorf("a new run begins in the reign of term %d", s.Reign())
	}
	s.is = make([]raft.Status, 3)
	s.asks(1, 3)
	if f := s.Failure(); f == nil || f.Signature != failure.Usurped {
		t.Errorf("an order of the run before counts: %+v", f)
	}
}
