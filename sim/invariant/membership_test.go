package invariant_test

import (
	"testing"

	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/sim/failure"
)

// ids returns members of these ids.
func ids(of ...raft.NodeID) []raft.Member { return raft.Members(of...) }

// configures has a member append a configuration, and use it.
func (s *script) configures(node int, index, term uint64, c raft.Configuration) raft.Entry {
	c.Highest = 5
	e := raft.Entry{Index: index, Term: term, Kind: raft.EntryConfiguration, Data: c.Encode()}
	s.is[node].Configuration = raft.Position{Index: index, Term: term}
	s.appends(node, e)
	return e
}

// grown is a cluster of three voters and two servers that wait, of which member 0 leads term 1 with
// entry 1 committed.
func grown() *script {
	s := newScript(5)
	s.Reset(3, 2)
	for i := range s.disk {
		s.Started(i, &s.disk[i])
	}
	s.elects(0, 1, 1)
	s.appends(0, entry(1, 1))
	s.appends(1, entry(1, 1))
	s.syncs(0, 1)
	s.commits(0, 1)
	return s
}

// joined is grown, with both servers as learners by entry 2, and all of that committed.
func joined() *script {
	s := grown()
	e := s.configures(0, 2, 1, raft.Configuration{Voters: ids(1, 2, 3), Learners: ids(4, 5)})
	s.syncs(0)
	for _, node := range []int{1, 3, 4} {
		s.follows(node, entry(1, 1), e)
	}
	s.commits(0, 2)
	return s
}

// joint is joined, with entry 3 on the leader's disk, which begins to replace 2 and 3 by 4 and 5.
func joint() (*script, raft.Entry) {
	s := joined()
	e := s.configures(0, 3, 1, raft.Configuration{Voters: ids(1, 4, 5), Outgoing: ids(1, 2, 3)})
	s.syncs(0)
	return s, e
}

// left is joint, with that one on a majority of both and entry 4 on one of the new voters alone, as
// when it was appended before the joint one was left.
func left() *script {
	s, e := joint()
	s.follows(1, e)
	s.follows(3, e)
	s.appends(0, entry(4, 1))
	s.syncs(0)
	s.follows(3, entry(4, 1))
	return s
}

// follows has a member take entries over, and what they say of the members.
func (s *script) follows(node int, entries ...raft.Entry) {
	if s.is[node].Term == 0 {
		s.votes(node, 1, 0)
	}
	last := entries[len(entries)-1]
	if last.Kind == raft.EntryConfiguration {
		s.is[node].Configuration = raft.Position{Index: last.Index, Term: last.Term}
	}
	if have := s.is[node].LastIndex; entries[0].Index <= have && last.Index > have {
		entries = entries[have-entries[0].Index+1:]
	}
	s.appends(node, entries...)
	s.syncs(node)
}

var changes = []scene{
	{"learners alone hold an entry", failure.CommitUnsupported, func() *script {
		s := joined()
		s.appends(0, entry(3, 1))
		s.syncs(0)
		s.follows(3, entry(3, 1))
		s.follows(4, entry(3, 1))
		s.commits(0, 3)
		return s
	}},
	{"the new voters alone commit the joint one", failure.CommitUnsupported, func() *script {
		s, e := joint()
		s.follows(3, e)
		s.commits(0, 3)
		return s
	}},
	{"the old voters alone commit the joint one", failure.CommitUnsupported, func() *script {
		s, e := joint()
		s.follows(1, e)
		s.commits(0, 3)
		return s
	}},
	{"both commit the joint one", "", func() *script {
		s, e := joint()
		s.follows(1, e)
		s.follows(3, e)
		s.commits(0, 3)
		return s
	}},
	{"the new voters alone commit what follows the joint one", failure.CommitUnsupported,
		func() *script {
			s := left()
			s.commits(0, 4)
			return s
		}},
	{"who is deposed had left the joint one at that instant", "", func() *script {
		s := left()
		s.is[0].Term, s.is[0].Role = 2, raft.Follower
		s.commits(0, 4)
		return s
	}},
	{"who is deposed had left the joint one before it was committed", failure.CommitUnsupported,
		func() *script {
			s, e := joint()
			s.follows(3, e)
			s.is[0].Term, s.is[0].Role = 2, raft.Follower
			s.commits(0, 3)
			return s
		}},
	{"the joint one elects by the old voters alone", failure.LeaderUnsupported, func() *script {
		s, _ := joint()
		s.elects(0, 2, 1)
		return s
	}},
	{"the joint one elects by both", "", func() *script {
		s, _ := joint()
		s.elects(0, 2, 1, 3)
		return s
	}},
	{"a learner's vote", failure.LeaderUnsupported, func() *script {
		s := joined()
		s.elects(1, 2, 3, 4)
		return s
	}},
	{"a second change while the first is not committed", failure.IllegalChange, func() *script {
		s := grown()
		s.configures(0, 2, 1, raft.Configuration{Voters: ids(1, 2, 3), Learners: ids(4)})
		s.configures(0, 3, 1, raft.Configuration{Voters: ids(1, 2, 3), Learners: ids(5)})
		return s
	}},
	{"the voters change at once", failure.IllegalChange, func() *script {
		s := joined()
		s.configures(0, 3, 1, raft.Configuration{Voters: ids(1, 2)})
		return s
	}},
	{"a change before an entry of the term is committed", failure.IllegalChange, func() *script {
		s := grown()
		s.elects(1, 2, 2)
		s.configures(1, 2, 2, raft.Configuration{Voters: ids(1, 2, 3), Learners: ids(4)})
		return s
	}},
	{"a voter that was no learner", failure.IllegalChange, func() *script {
		s := grown()
		s.configures(0, 2, 1, raft.Configuration{Voters: ids(1, 2, 3, 4), Outgoing: ids(1, 2, 3)})
		return s
	}},
	{"a voter that had not caught up", failure.IllegalChange, func() *script { return late(1) }},
	{"a voter that had all but caught up", "", func() *script { return late(2) }},
	{"a learner campaigns", failure.NoVoter, func() *script {
		s := joined()
		s.becomes(3, raft.PreCandidate)
		return s
	}},
	{"a voter campaigns that its log removes", "", func() *script {
		s := removed()
		s.becomes(0, raft.Candidate)
		return s
	}},
	{"a member that was removed is back", failure.IllegalChange, func() *script {
		s := joined()
		e := s.configures(0, 3, 1, raft.Configuration{Voters: ids(1, 2, 3)})
		s.syncs(0)
		s.follows(1, e)
		s.commits(0, 3)
		s.configures(0, 4, 1, raft.Configuration{Voters: ids(1, 2, 3), Learners: ids(4)})
		return s
	}},
	{"a configuration is not used", failure.Misconfigured, func() *script {
		s := grown()
		e := raft.Entry{Index: 2, Term: 1, Kind: raft.EntryConfiguration, Data: raft.Configuration{
			Voters: ids(1, 2, 3), Learners: ids(4), Highest: 4}.Encode()}
		s.appends(0, e)
		return s
	}},
	{"a configuration is kept when its entry is dropped", failure.Misconfigured, func() *script {
		s := dropped()
		s.appends(0, entry(2, 2))
		return s
	}},
	{"a configuration goes when its entry is dropped", "", func() *script {
		s := dropped()
		s.is[0].Configuration = raft.Position{}
		s.appends(0, entry(2, 2))
		return s
	}},
	{"a change is said to be complete that is not committed", failure.WrongAnswer, func() *script {
		s := grown()
		s.configures(0, 2, 1, raft.Configuration{Voters: ids(1, 2, 3), Learners: ids(4)})
		s.Reconfigured(0, 2, []raft.Change{{Kind: raft.AddLearner, Member: ids(4)[0]}})
		return s
	}},
	{"a change is said to be complete that was not made", failure.WrongAnswer, func() *script {
		s := joined()
		s.Reconfigured(0, 2, []raft.Change{{Kind: raft.Promote, Member: ids(4)[0]}})
		return s
	}},
	{"a change is complete", "", func() *script {
		s := joined()
		s.Reconfigured(0, 2, []raft.Change{{Kind: raft.AddLearner, Member: ids(4)[0]}})
		return s
	}},
	{"a removed leader leads on", failure.Overstayed, func() *script {
		s := removed()
		s.commits(0, 4)
		return s
	}},
	{"a removed leader steps down", "", func() *script {
		s := removed()
		s.is[0].Role = raft.Follower
		s.commits(0, 4)
		return s
	}},
}

// late has a learner become a voter that lacks two entries, where so many may lack.
func late(most uint64) *script {
	s := joined()
	s.MaxLearnerLag = most
	s.appends(0, entry(3, 1), entry(4, 1))
	s.syncs(0)
	s.configures(0, 5, 1, raft.Configuration{Voters: ids(1, 2, 3, 4), Outgoing: ids(1, 2, 3),
		Learners: ids(5)})
	return s
}

// dropped has member 0 learn of term 2 while only it has a configuration.
func dropped() *script {
	s := grown()
	s.configures(0, 2, 1, raft.Configuration{Voters: ids(1, 2, 3), Learners: ids(4)})
	s.votes(0, 2, 0)
	s.syncs(0)
	s.votes(2, 2, 2)
	s.appends(1, entry(2, 2))
	return s
}

// removed has member 0 lead, and remove itself by entry 4, which is about to be committed.
func removed() *script {
	s := joined()
	e := s.configures(0, 3, 1, raft.Configuration{Voters: ids(2, 3), Outgoing: ids(1, 2, 3)})
	s.syncs(0)
	s.follows(1, e)
	s.follows(2, entry(1, 1), s.disk[0].Entries[1], e)
	s.commits(0, 3)
	e = s.configures(0, 4, 1, raft.Configuration{Voters: ids(2, 3)})
	s.syncs(0)
	s.follows(1, e)
	s.follows(2, e)
	return s
}

// Goal: what may be in effect in the end is the configuration committed last, and each one behind
// it that any log still has, also one on a disk whose process is down.
// Method: a joint one on the leader alone; then the leader crashes.
func TestConfigurationsThatMayComeOut(t *testing.T) {
	s, _ := joint()
	for range 2 {
		all := s.Configurations()
		if len(all) != 2 || all[0].Joint() || len(all[0].Learners) != 2 || !all[1].Joint() {
			t.Errorf("configurations %+v", all)
		}
		s.Crashed(0, true)
	}
	s.changed(1, &replica.Effects{})
	if f := s.Failure(); f != nil {
		t.Error(f.Text)
	}
}
