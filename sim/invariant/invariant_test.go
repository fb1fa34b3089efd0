package invariant_test

import (
	"slices"
	"testing"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/sim/failure"
	"gauntlet/sim/invariant"
)

// script tells a watch what members do, in few words. Members count from 0, as the watch does.
type script struct {
	*invariant.Watch
	is     []raft.Status
	disk   []raft.Restored
	writes []replica.Writes
}

func newScript(nodes int) *script {
	s := &script{
		Watch: invariant.New(), is: make([]raft.Status, nodes),
		disk: make([]raft.Restored, nodes), writes: make([]replica.Writes, nodes),
	}
	s.Reset(nodes, 0)
	for i := range nodes {
		s.Started(i, &s.disk[i])
	}
	return s
}

func (s *script) changed(node int, e *replica.Effects) {
	s.Changed(node, e, s.is[node])
	if e.HardState != nil || len(e.Entries) > 0 {
		s.writes[node].Add(replica.Write{HardState: e.HardState, Entries: e.Entries})
	}
}

// votes has a member enter a term and vote, in one write; 0: for nobody.
func (s *script) votes(node int, term uint64, to raft.NodeID) {
	s.is[node].Term, s.is[node].Vote, s.is[node].Role = term, to, raft.Follower
	s.changed(node, &replica.Effects{HardState: &raft.HardState{Term: term, Vote: to}})
}

// appends has a member put entries into its log, in place of all from the first one's index on.
func (s *script) appends(node int, entries ...raft.Entry) {
	s.is[node].LastIndex = entries[len(entries)-1].Index
	s.changed(node, &replica.Effects{Entries: entries})
}

// syncs ends all outstanding writes of members, as one.
func (s *script) syncs(nodes ...int) {
	for _, node := range nodes {
		w, ok := s.writes[node].Take()
		if !ok {
			continue
		}
		s.Durable(node, w.HardState, w.Entries)
		disk := &s.disk[node]
		if w.HardState != nil {
			disk.HardState = *w.HardState
		}
		if len(w.Entries) > 0 {
			disk.Entries = append(slices.Clone(disk.Entries[:w.Entries[0].Index-1]), w.Entries...)
		}
	}
}

func (s *script) becomes(node int, role raft.Role) {
	s.is[node].Role = role
	s.changed(node, &replica.Effects{})
}

func (s *script) commits(node int, index uint64) {
	s.is[node].Commit = index
	s.changed(node, &replica.Effects{})
}

// elects has a member lead with the durable votes of itself and others.
func (s *script) elects(node int, term uint64, others ...int) {
	for _, voter := range append(others, node) {
		s.votes(voter, term, raft.NodeID(node+1))
		s.syncs(voter)
	}
	s.becomes(node, raft.Leader)
}

// restarts has a member crash and come back with this.
func (s *script) restarts(node int, hard raft.HardState, entries ...raft.Entry) {
	s.Crashed(node, true)
	s.writes[node] = replica.Writes{}
	s.disk[node] = raft.Restored{HardState: hard, Entries: entries}
	s.is[node] = raft.Status{Term: hard.Term, Vote: hard.Vote, LastIndex: uint64(len(entries))}
	s.Started(node, &s.disk[node])
}

func (s *script) sends(node int, m raft.Message) {
	m.From = raft.NodeID(node + 1)
	s.Leaves(node, &m)
}

// entry returns an entry whose data is long enough to have a middle and an end.
func entry(index, term uint64) raft.Entry {
	return raft.Entry{Index: index, Term: term, Kind: raft.EntryCommand, Data: []byte("put k 12345")}
}

func timed(e raft.Entry, at time.Duration) raft.Entry {
	e.Time = at
	return e
}

// replicated has member 0 of 3 lead term 1, and entries 1 and 2 durable on it and on member 1.
func replicated() *script {
	s := newScript(3)
	s.elects(0, 1, 1)
	s.appends(0, entry(1, 1), entry(2, 1))
	s.appends(1, entry(1, 1), entry(2, 1))
	s.syncs(0, 1)
	return s
}

// committed is replicated, with both entries committed by the leader.
func committed() *script {
	s := replicated()
	s.commits(0, 2)
	return s
}

// scene is a story that breaks a promise, or one so like it that keeps it.
type scene struct {
	name string
	want failure.Signature // "": none
	play func() *script
}

// Goal: every broken promise is called by its name, and its legal likeness passes.
// Method: two or more stories for each, told to the watch by hand.
func TestScenes(t *testing.T) {
	playScenes(t, slices.Concat(elections, votes, turns, logs, commits, promises, lives, changes))
}

func playScenes(t *testing.T, scenes []scene) {
	for _, scene := range scenes {
		t.Run(scene.name, func(t *testing.T) {
			f := scene.play().Failure()
			switch {
			case f == nil && scene.want != "":
				t.Errorf("nothing broke, not even %s", scene.want)
			case f != nil && f.Signature != scene.want:
				t.Errorf("%s: %s; want %q", f.Signature, f.Text, scene.want)
			case f != nil:
				t.Log(f.Text)
			}
		})
	}
}

var elections = []scene{
	{"two members lead one term", failure.TwoLeaders, func() *script {
		s := newScript(3)
		s.elects(0, 1, 1)
		s.votes(2, 1, 3)
		s.becomes(2, raft.Leader)
		return s
	}},
	{"two members lead two terms", "", func() *script {
		s := newScript(3)
		s.elects(0, 1, 1)
		s.elects(2, 2, 1)
		return s
	}},
	{"a leader's own vote is not durable", failure.LeaderUnsupported, func() *script {
		s := newScript(3)
		s.votes(1, 1, 1)
		s.syncs(1)
		s.votes(0, 1, 1)
		s.becomes(0, raft.Leader)
		return s
	}},
	{"half of an even cluster elects", failure.LeaderUnsupported, func() *script {
		s := newScript(4)
		s.elects(0, 1, 1)
		return s
	}},
	{"a majority of an even cluster elects", "", func() *script {
		s := newScript(4)
		s.elects(0, 1, 1, 2)
		return s
	}},
	{"a voter is already in a later term, by the same write", "", func() *script {
		s := newScript(3)
		s.votes(1, 1, 1)
		s.votes(1, 2, 0)
		s.syncs(1)
		s.elects(0, 1)
		return s
	}},
	{"a leader lacks what was committed before its term", failure.LeaderIncomplete, func() *script {
		s := committed()
		s.elects(2, 2, 1)
		return s
	}},
	{"a leader has another entry there", failure.LeaderIncomplete, func() *script {
		s := committed()
		s.votes(2, 2, 0)
		s.appends(2, entry(1, 1), entry(2, 2))
		s.elects(2, 3, 1)
		return s
	}},
	{"a leader has what was committed", "", func() *script {
		s := committed()
		s.appends(2, entry(1, 1), entry(2, 1))
		s.elects(2, 2, 1)
		return s
	}},
	{"a leader of an older term comes late", "", func() *script {
		s := newScript(5)
		for _, voter := range []int{3, 4} { // their answers are long on their way
			s.votes(voter, 1, 5)
			s.syncs(voter)
		}
		s.votes(2, 1, 5)
		s.syncs(2)
		s.elects(0, 2, 1, 2)
		for node := range 3 {
			s.appends(node, entry(1, 2))
			s.syncs(node)
		}
		s.commits(0, 1)
		s.becomes(4, raft.Leader)
		return s
	}},
	{"an older leader commits what a later one lacks", failure.LeaderIncomplete, func() *script {
		s := replicated()
		s.elects(2, 2, 1)
		s.commits(0, 2)
		return s
	}},
}

var votes = []scene{
	{"a member votes twice in a term", failure.VotedTwice, func() *script {
		s := newScript(3)
		s.votes(1, 1, 1)
		s.votes(1, 1, 3)
		return s
	}},
	{"a member forgets its vote and votes again", failure.VotedTwice, func() *script {
		s := newScript(3)
		s.votes(1, 1, 1)
		s.votes(1, 1, 0)
		s.votes(1, 1, 3)
		return s
	}},
	{"a member votes in two terms", "", func() *script {
		s := newScript(3)
		s.votes(1, 1, 1)
		s.votes(1, 2, 3)
		return s
	}},
	{"a second life ignores the first one's vote", failure.VotedTwice, func() *script {
		s := newScript(3)
		s.votes(1, 1, 1)
		s.syncs(1)
		s.restarts(1, raft.HardState{Term: 1, Vote: 1})
		s.votes(1, 1, 3)
		return s
	}},
	{"a crash took the first vote before it was durable", "", func() *script {
		s := newScript(3)
		s.votes(1, 1, 1)
		s.restarts(1, raft.HardState{})
		s.votes(1, 1, 3)
		s.syncs(1)
		s.sends(1, raft.Message{Kind: raft.VoteAnswer, To: 3, Term: 1})
		return s
	}},
	{"an answer gives away a vote that another has", failure.VotedTwice, func() *script {
		s := newScript(3)
		s.votes(1, 1, 1)
		s.syncs(1)
		s.sends(1, raft.Message{Kind: raft.VoteAnswer, To: 3, Term: 1})
		return s
	}},
	{"an answer refuses a vote that another has", "", func() *script {
		s := newScript(3)
		s.votes(1, 1, 1)
		s.syncs(1)
		s.sends(1, raft.Message{Kind: raft.VoteAnswer, To: 3, Term: 1, Reject: true})
		return s
	}},
}

// turn is a member that voted for n1 in term 1 and entered term 2 before anybody looked.
func turn() *script {
	s := newScript(3)
	s.is[1].Term = 2
	s.changed(1, &replica.Effects{
		HardState: &raft.HardState{Term: 2},
		Events:    []replica.Event{{Kind: "vote", Term: 1, Vote: 1}, {Kind: "term", Term: 2}},
	})
	s.syncs(1)
	return s
}

var turns = []scene{
	{"a vote came and went in one turn", "", func() *script {
		s := turn()
		s.sends(1, raft.Message{Kind: raft.VoteAnswer, To: 1, Term: 1})
		s.elects(0, 1)
		return s
	}},
	{"a vote came and went in one turn, for another", failure.VotedTwice, func() *script {
		s := turn()
		s.sends(1, raft.Message{Kind: raft.VoteAnswer, To: 3, Term: 1})
		return s
	}},
	{"a leadership came and went in one turn", failure.TwoLeaders, func() *script {
		s := newScript(3)
		s.elects(0, 1, 1)
		s.is[2].Term = 2
		s.changed(2, &replica.Effects{
			HardState: &raft.HardState{Term: 2},
			Events:    []replica.Event{{Kind: "role", Term: 1, Role: raft.Leader}},
		})
		return s
	}},
}

func other(e raft.Entry) raft.Entry {
	e.Data = []byte("put k 12346")
	return e
}

var logs = []scene{
	{"cluster time falls along a log", failure.TimeFell, func() *script {
		s := newScript(3)
		s.elects(0, 1, 1)
		s.appends(0, timed(entry(1, 1), 2), timed(entry(2, 1), 1))
		return s
	}},
	{"cluster time stands still, and falls with entries that are dropped", "", func() *script {
		s := newScript(3)
		s.elects(0, 1, 1)
		s.appends(0, timed(entry(1, 1), 2), timed(entry(2, 1), 2), timed(entry(3, 1), 9))
		s.votes(0, 2, 0)
		s.appends(0, timed(entry(2, 2), 3))
		return s
	}},
	{"an entry comes with another time", failure.LogMismatch, func() *script {
		s := replicated()
		s.appends(2, entry(1, 1), timed(entry(2, 1), 1))
		return s
	}},
	{"an entry changes on its way", failure.LogMismatch, func() *script {
		s := replicated()
		s.appends(2, entry(1, 1), other(entry(2, 1)))
		return s
	}},
	{"an entry changes its kind", failure.LogMismatch, func() *script {
		s := replicated()
		e := entry(1, 1)
		e.Kind = raft.EntryNoop
		s.appends(2, e)
		return s
	}},
	{"an entry has another past", failure.LogMismatch, func() *script {
		s := replicated()
		s.votes(2, 2, 0)
		s.appends(0, entry(3, 1))
		s.appends(2, entry(1, 1), entry(2, 2), entry(3, 1))
		return s
	}},
	{"an entry leaves a gap", failure.LogMismatch, func() *script {
		s := replicated()
		s.appends(2, entry(2, 1))
		return s
	}},
	{"the same entries arrive one by one", "", func() *script {
		s := replicated()
		s.appends(2, entry(1, 1))
		s.appends(2, entry(2, 1))
		s.syncs(2)
		return s
	}},
	{"another entry of another term stands there", "", func() *script {
		s := replicated()
		s.votes(2, 2, 0)
		s.appends(2, entry(1, 1), other(entry(2, 2)))
		s.syncs(2)
		return s
	}},
	{"a committed entry is overwritten", failure.CommitLost, func() *script {
		s := committed()
		s.votes(1, 2, 0)
		s.appends(1, entry(2, 2))
		return s
	}},
	{"a committed entry is dropped", failure.CommitLost, func() *script {
		s := committed()
		s.is[1].LastIndex = 1
		s.becomes(1, raft.Follower)
		return s
	}},
	{"committed entries are written once more", "", func() *script {
		s := committed()
		s.appends(1, entry(1, 1), entry(2, 1))
		s.syncs(1)
		return s
	}},
	{"an entry that is not committed is overwritten", "", func() *script {
		s := committed()
		s.appends(1, entry(3, 1))
		s.votes(1, 2, 0)
		s.appends(1, entry(3, 2))
		s.syncs(1)
		return s
	}},
	{"a member of an older term drops what later ones committed", "", func() *script {
		s := newScript(5) // member 4 has entry 1 of term 1, and hears of term 2 after term 3
		s.elects(0, 1, 1, 2)
		s.appends(0, entry(1, 1))
		s.votes(4, 1, 0)
		s.appends(4, entry(1, 1))
		s.appends(1, entry(1, 1))
		s.syncs(0, 1, 4)
		s.elects(3, 2, 2, 4)
		s.appends(3, entry(1, 2))
		s.elects(1, 3, 0, 2)
		s.appends(1, entry(2, 3))
		s.appends(0, entry(2, 3))
		s.appends(2, entry(1, 1), entry(2, 3))
		s.syncs(0, 1, 2)
		s.commits(1, 2)
		s.appends(4, entry(1, 2))
		s.syncs(4)
		return s
	}},
}

var commits = []scene{
	{"two members commit two entries at an index", failure.CommitMismatch, func() *script {
		s := committed()
		s.votes(2, 2, 0)
		s.appends(2, entry(1, 1), entry(2, 2))
		s.commits(2, 2)
		return s
	}},
	{"two members commit the same, one of them in two steps", "", func() *script {
		s := committed()
		s.commits(1, 1)
		s.commits(1, 2)
		return s
	}},
	{"a leader commits what it alone has durable", failure.CommitUnsupported, func() *script {
		s := replicated()
		s.appends(0, entry(3, 1))
		s.appends(1, entry(3, 1))
		s.syncs(0)
		s.commits(0, 3)
		return s
	}},
	{"a leader commits what it alone has not durable", "", func() *script {
		s := replicated()
		for node := range 3 {
			if node == 2 {
				s.appends(2, entry(1, 1), entry(2, 1))
			}
			s.appends(node, entry(3, 1))
		}
		s.syncs(1, 2)
		s.commits(0, 3)
		return s
	}},
	{"half of an even cluster commits", failure.CommitUnsupported, func() *script {
		s := newScript(4)
		s.elects(0, 1, 1, 2)
		s.appends(0, entry(1, 1))
		s.appends(1, entry(1, 1))
		s.syncs(0, 1)
		s.commits(0, 1)
		return s
	}},
	{"a member commits beyond its log", failure.CommitUnsupported, func() *script {
		s := replicated()
		s.commits(0, 3)
		return s
	}},
	{"a commit index falls", failure.WentBack, func() *script {
		s := committed()
		s.commits(0, 1)
		return s
	}},
	{"a commit index falls with a life", "", func() *script {
		s := committed()
		s.restarts(0, raft.HardState{Term: 1, Vote: 1}, entry(1, 1), entry(2, 1))
		s.commits(0, 1)
		return s
	}},
}

var promises = []scene{
	{"an answer names a term that is not durable", failure.Promised, func() *script {
		s := newScript(3)
		s.votes(1, 1, 0)
		s.sends(1, raft.Message{Kind: raft.HeartbeatAnswer, To: 1, Term: 1})
		return s
	}},
	{"a pre-vote names the term after the durable one", "", func() *script {
		s := newScript(3)
		s.sends(1, raft.Message{Kind: raft.PreVote, To: 1, Term: 1})
		s.sends(2, raft.Message{Kind: raft.PreVoteAnswer, To: 1, Term: 1})
		return s
	}},
	{"a pre-vote refused names a term that is not durable", failure.Promised, func() *script {
		s := newScript(3)
		s.votes(1, 1, 0)
		s.sends(1, raft.Message{Kind: raft.PreVoteAnswer, To: 1, Term: 1, Reject: true})
		return s
	}},
	{"a pre-vote comes from a term that is not durable", failure.Promised, func() *script {
		s := newScript(3)
		s.votes(1, 1, 0)
		s.sends(1, raft.Message{Kind: raft.PreVote, To: 1, Term: 2})
		return s
	}},
	{"a candidate asks before its own vote is durable", failure.Promised, func() *script {
		s := newScript(3)
		s.votes(0, 1, 0)
		s.syncs(0)
		s.votes(0, 1, 1)
		s.sends(0, raft.Message{Kind: raft.Vote, To: 2, Term: 1})
		return s
	}},
	{"a voter answers before its vote is durable", failure.Promised, func() *script {
		s := newScript(3)
		s.votes(1, 1, 0)
		s.syncs(1)
		s.votes(1, 1, 1)
		s.sends(1, raft.Message{Kind: raft.VoteAnswer, To: 1, Term: 1})
		return s
	}},
	{"a vote leaves when a later term is durable", "", func() *script {
		s := newScript(3)
		s.votes(1, 1, 1)
		s.votes(1, 2, 0)
		s.syncs(1)
		s.sends(1, raft.Message{Kind: raft.VoteAnswer, To: 1, Term: 1})
		return s
	}},
	{"an acknowledgement leaves before the entry is durable", failure.Promised, func() *script {
		s := replicated()
		s.appends(1, entry(3, 1))
		s.sends(1, raft.Message{Kind: raft.AppendAnswer, To: 1, Term: 1, Index: 3, LogTerm: 1})
		return s
	}},
	{"an acknowledgement leaves before the entry replaced another", failure.Promised,
		func() *script {
			s := replicated()
			s.votes(1, 2, 0)
			s.syncs(1)
			s.appends(1, entry(2, 2))
			s.sends(1, raft.Message{Kind: raft.AppendAnswer, To: 3, Term: 2, Index: 2, LogTerm: 2})
			return s
		}},
	{"an acknowledgement to an old leader leaves before the entry is durable", failure.Promised,
		func() *script {
			s := replicated()
			s.votes(1, 2, 0)
			s.syncs(1)
			s.appends(0, entry(3, 1))
			s.appends(1, entry(3, 1))
			s.sends(1, raft.Message{Kind: raft.AppendAnswer, To: 1, Term: 1, Index: 3, LogTerm: 1})
			return s
		}},
	{"an acknowledgement of what is durable, of nothing, and a refusal leave", "",
		func() *script {
			s := replicated()
			s.appends(1, entry(3, 1))
			s.sends(1, raft.Message{Kind: raft.AppendAnswer, To: 1, Term: 1, Index: 2, LogTerm: 1})
			s.sends(1, raft.Message{Kind: raft.AppendAnswer, To: 1, Term: 1})
			s.sends(1, raft.Message{
				Kind: raft.AppendAnswer, To: 1, Term: 1, Index: 9, LogTerm: 1, Reject: true,
			})
			return s
		}},
	{"an acknowledgement was overtaken by a later leader, in one write", "", func() *script {
		s := replicated()
		s.appends(1, entry(3, 1))
		s.votes(1, 2, 0)
		s.appends(1, other(entry(3, 2)))
		s.syncs(1)
		s.sends(1, raft.Message{Kind: raft.AppendAnswer, To: 1, Term: 1, Index: 3, LogTerm: 1})
		return s
	}},
	{"a leader's append leaves before its own write", "", func() *script {
		s := replicated()
		s.appends(0, entry(3, 1))
		s.sends(0, raft.Message{
			Kind: raft.Append, To: 2, Term: 1, Index: 2, LogTerm: 1, Entries: []raft.Entry{entry(3, 1)},
		})
		return s
	}},
}

var lives = []scene{
	{"a term falls", failure.WentBack, func() *script {
		s := newScript(3)
		s.votes(1, 2, 0)
		s.votes(1, 1, 0)
		return s
	}},
	{"a term that was not durable falls with a life", "", func() *script {
		s := newScript(3)
		s.votes(1, 2, 0)
		s.restarts(1, raft.HardState{})
		s.votes(1, 1, 0)
		return s
	}},
	{"a disk's term falls", failure.WentBack, func() *script {
		s := replicated()
		s.Durable(1, &raft.HardState{}, nil)
		return s
	}},
	{"a disk is told what nobody asked for", failure.Recovered, func() *script {
		s := replicated()
		s.appends(1, entry(3, 1))
		s.Durable(1, nil, []raft.Entry{entry(2, 1)})
		return s
	}},
	{"a start loses a durable term", failure.Recovered, func() *script {
		s := replicated()
		s.restarts(1, raft.HardState{})
		return s
	}},
	{"a start loses a durable vote", failure.Recovered, func() *script {
		s := replicated()
		s.restarts(1, raft.HardState{Term: 1}, entry(1, 1), entry(2, 1))
		return s
	}},
	{"a start loses a durable entry", failure.Recovered, func() *script {
		s := replicated()
		s.restarts(1, raft.HardState{Term: 1, Vote: 1}, entry(1, 1))
		return s
	}},
	{"a start finds a changed entry", failure.Recovered, func() *script {
		s := replicated()
		s.restarts(1, raft.HardState{Term: 1, Vote: 1}, entry(1, 1), other(entry(2, 1)))
		return s
	}},
	{"a start finds another member's entries", failure.Recovered, func() *script {
		s := replicated()
		s.restarts(2, raft.HardState{}, entry(1, 1))
		return s
	}},
	{"a start finds half of a write", failure.Recovered, func() *script {
		s := replicated()
		s.is[1].Term, s.is[1].Vote, s.is[1].LastIndex = 2, 0, 3
		s.changed(1, &replica.Effects{
			HardState: &raft.HardState{Term: 2}, Entries: []raft.Entry{entry(3, 2)},
		})
		s.restarts(1, raft.HardState{Term: 2}, entry(1, 1), entry(2, 1))
		return s
	}},
	{"a start finds all that was durable", "", func() *script {
		s := replicated()
		s.appends(1, entry(3, 1))
		s.restarts(1, raft.HardState{Term: 1, Vote: 1}, entry(1, 1), entry(2, 1))
		return s
	}},
	{"a start finds some of the outstanding writes, too", "", func() *script {
		s := replicated()
		s.appends(1, entry(3, 1))
		s.appends(1, entry(4, 1))
		s.restarts(1, raft.HardState{Term: 1, Vote: 1}, entry(1, 1), entry(2, 1), entry(3, 1))
		s.sends(1, raft.Message{Kind: raft.AppendAnswer, To: 1, Term: 1, Index: 3, LogTerm: 1})
		return s
	}},
	{"a start finds an outstanding write that replaced durable entries", "", func() *script {
		s := replicated()
		s.votes(1, 2, 0)
		s.appends(1, other(entry(1, 2)))
		s.restarts(1, raft.HardState{Term: 2}, other(entry(1, 2)))
		return s
	}},
}

// Goal: no change of an entry goes unnoticed. Method: every byte of data of several lengths is
// changed, and the length.
func TestEveryByteShows(t *testing.T) {
	for length := range 20 {
		for i := range length + 1 {
			first, second := entry(1, 1), entry(1, 1)
			first.Data, second.Data = make([]byte, length), make([]byte, length)
			if i < length {
				second.Data[i] = 1
			} else {
				second.Data = append(second.Data, 0)
			}
			s := newScript(2)
			s.appends(0, first)
			s.appends(1, second)
			if f := s.Failure(); f == nil || f.Signature != failure.LogMismatch {
				t.Errorf("a change of byte %d of %d goes unnoticed", i, length)
			}
		}
	}
}

// Goal: what is committed comes out once, in order, as it went in, and a watch that was Reset knows
// nothing of it. Method: two commits by two members, then another run.
func TestCommitted(t *testing.T) {
	s := committed()
	first, got := s.Committed()
	if want := []raft.Entry{entry(1, 1), entry(2, 1)}; first != 1 || !equal(got, want) {
		t.Errorf("%d: %v", first, got)
	}
	s.commits(1, 2)
	if _, again := s.Committed(); len(again) != 0 {
		t.Errorf("told twice: %v", again)
	}
	s.appends(0, entry(3, 1))
	s.appends(1, entry(3, 1))
	s.syncs(0, 1)
	s.commits(1, 3)
	if first, got := s.Committed(); first != 3 || !equal(got, []raft.Entry{entry(3, 1)}) {
		t.Errorf("%d: %v", first, got)
	}
	s.Reset(3, 0)
	if _, got := s.Committed(); len(got) != 0 || s.Failure() != nil {
		t.Errorf("after Reset: %v", got)
	}
}

func equal(a, b []raft.Entry) bool {
	return slices.EqualFunc(a, b, func(x, y raft.Entry) bool {
		return x.Index == y.Index && x.Term == y.Term && x.Kind == y.Kind &&
			string(x.Data) == string(y.Data)
	})
}
