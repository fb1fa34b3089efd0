package invariant_test

import (
	"testing"

	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/sim/failure"
)

// compacted is three members: two hold entries 1 to 4, which are committed, and the third, which
// led before, has others from entry 2 on.
func compacted() *script {
	s := newScript(3)
	s.elects(2, 1, 1)
	s.appends(2, entry(1, 1), entry(2, 1), entry(3, 1))
	s.syncs(2)
	s.elects(0, 2, 1)
	log := []raft.Entry{entry(1, 1), entry(2, 2), entry(3, 2), entry(4, 2)}
	for _, node := range []int{0, 1} {
		s.appends(node, log...)
		s.syncs(node)
	}
	s.commits(0, 4)
	return s
}

// installs has the third member take a snapshot in place of its log.
func installs(s *script, base raft.Position) {
	s.votes(2, 2, 0)
	s.syncs(2)
	s.is[2].LastIndex, s.is[2].Commit = base.Index, base.Index
	s.Changed(2, &replica.Effects{Base: &base}, s.is[2])
}

// found is the signature of what a watch has found.
func found(s *script) failure.Signature {
	if f := s.Failure(); f != nil {
		return f.Signature
	}
	return ""
}

// Goal: a log that begins anew behind a snapshot is to all rules the log that the snapshot stands
// for: on disk, after a crash before and behind its write, and for what follows.
func TestInstalledSnapshotIsItsLog(t *testing.T) {
	base := raft.Position{Index: 3, Term: 2}
	snapshot := raft.Snapshot{Index: 3, Term: 2}
	hard := raft.HardState{Term: 2}
	for name, crash := range map[string]func(s *script){
		"none": func(s *script) {
			s.DurableBase(2, base)
			s.Durable(2, nil, nil)
			s.appends(2, entry(4, 2))
			s.syncs(2)
			s.sends(2, raft.Message{Kind: raft.AppendAnswer, Term: 2, To: 1, Index: 3, LogTerm: 2})
			s.commits(2, 4)
		},
		"before the write": func(s *script) {
			s.Crashed(2, true)
			s.Started(2, &raft.Restored{HardState: hard, Snapshot: snapshot})
		},
		"the snapshot lost with the write": func(s *script) {
			s.Crashed(2, true)
			s.Started(2, &raft.Restored{HardState: hard, Entries: []raft.Entry{
				entry(1, 1), entry(2, 1), entry(3, 1)}})
		},
		"behind the write": func(s *script) {
			s.DurableBase(2, base)
			s.Durable(2, nil, nil)
			s.Crashed(2, true)
			s.Started(2, &raft.Restored{HardState: hard, Snapshot: snapshot})
		},
	} {
		s := compacted()
		installs(s, base)
		if crash(s); s.Failure() != nil {
			t.Errorf("%s: %s: %s", name, found(s), s.Failure().Text)
		}
	}
}

// Goal: what a snapshot must not do is told. Method: one wrong thing each.
func TestWrongBases(t *testing.T) {
	for name, test := range map[string]struct {
		want failure.Signature
		do   func(s *script)
	}{
		"of an entry that lost": {failure.WrongSnapshot, func(s *script) {
			installs(s, raft.Position{Index: 3, Term: 1})
		}},
		"beyond what is committed": {failure.WrongSnapshot, func(s *script) {
			s.appends(0, entry(5, 2))
			installs(s, raft.Position{Index: 5, Term: 2})
		}},
		"over a newer state": {failure.CommitLost, func(s *script) {
			s.is[1].LastIndex = 2
			s.Changed(1, &replica.Effects{Base: &raft.Position{Index: 2, Term: 2}}, s.is[1])
		}},
		"a start that forgets the log behind it": {failure.Recovered, func(s *script) {
			s.Crashed(1, true)
			s.Started(1, &raft.Restored{HardState: raft.HardState{Term: 2, Vote: 1},
				Snapshot: raft.Snapshot{Index: 2, Term: 2}})
		}},
		"a start from a snapshot of an entry that lost": {failure.WrongSnapshot, func(s *script) {
			s.Crashed(2, true)
			s.Started(2, &raft.Restored{Snapshot: raft.Snapshot{Index: 3, Term: 1}})
		}},
		"a write that forgets it": {failure.Recovered, func(s *script) {
			installs(s, raft.Position{Index: 3, Term: 2})
			s.Durable(2, nil, nil)
		}},
	} {
		s := compacted()
		if s.Failure() != nil {
			t.Fatal(s.Failure().Text)
		}
		if test.do(s); found(s) != test.want {
			t.Errorf("%s: found %q, want %q", name, found(s), test.want)
		}
	}
}
