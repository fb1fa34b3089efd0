package raft

import (
	"testing"
)

// Goal: a snapshot that ends with an entry which the log holds leaves what follows it; one that
// contradicts the log, or is ahead of it, drops the log whole, on disk as well (paper, figure 13);
// one that is not newer than what is committed changes nothing. Method: a follower with entries of
// terms 1 1 1 2, the first of them committed, is given snapshots of all three kinds.
func TestInstall(t *testing.T) {
	for name, test := range map[string]struct {
		index, term uint64
		installed   bool
		base        bool
		last        uint64
	}{
		"held":          {index: 3, term: 1, installed: true, last: 4},
		"contradicting": {index: 3, term: 2, installed: true, base: true, last: 3},
		"ahead":         {index: 9, term: 2, installed: true, base: true, last: 9},
		"stale":         {index: 1, term: 1, last: 4},
	} {
		t.Run(name, func(t *testing.T) {
			var entries []Entry
			for i, term := range []uint64{1, 1, 1, 2} {
				entries = append(entries, Entry{Index: uint64(i) + 1, Term: term, Kind: EntryNoop})
			}
			c, err := New(Config{
				ID: 1, Members: Members(1, 2, 3), ElectionTimeoutMin: testET,
				ElectionTimeoutMax: 2 * testET, HeartbeatInterval: testHeartbeat,
			}, Restored{HardState: HardState{Term: 3}, Entries: entries})
			if err != nil {
				t.Fatal(err)
			}
			c.Step(0, Message{Kind: Heartbeat, From: 2, To: 1, Term: 3, Commit: 1})
			c.Ready()
			s := Snapshot{
				Index: test.index, Term: test.term, Size: 1,
				Configuration: NewConfiguration(Members(1, 2, 3)...),
			}
			if got := c.Install(0, s); got != test.installed {
				t.Fatalf("installed is %v", got)
			}
			r := c.Ready()
			if (r.Base != nil) != test.base || r.Base != nil && *r.Base != s.last() {
				t.Errorf("the log begins anew behind %v", r.Base)
			}
			if is := c.Status(); is.LastIndex != test.last || is.Applied != max(test.index, 1) {
				t.Errorf("%+v", is)
			}
			if err := c.valid(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Goal: the completion of a write of before a snapshot was installed does not vouch for entries
// that have come behind the snapshot since: the disk drops the log in between. Method: as with
// rewritten entries, two writes outstanding, the second of which begins the log anew.
func TestOldWriteDoesNotVouchBehindSnapshot(t *testing.T) {
	core := lone(t, 1)
	core.Step(0, Message{Kind: Append, From: 2, To: 1, Term: 1, Entries: entries(0, 1, 1, 1, 1)})
	first := core.Ready().Sequence
	s := Snapshot{Index: 2, Term: 2, Size: 1, Configuration: NewConfiguration(Members(1, 2, 3)...)}
	core.Step(0, Message{Kind: Heartbeat, From: 3, To: 1, Term: 2})
	if !core.Install(0, s) {
		t.Fatal("the snapshot contradicts the log, and was not installed")
	}
	core.Step(0, Message{Kind: Append, From: 3, To: 1, Term: 2, Index: 2, LogTerm: 2,
		Entries: entries(2, 2, 2)})
	second := core.Ready()
	if second.Base == nil || len(second.Entries) != 2 {
		t.Fatalf("%+v", second)
	}
	for _, write := range []struct{ sequence, durable uint64 }{{first, 2}, {second.Sequence, 4}} {
		if core.Persisted(0, write.sequence); core.log.durable != write.durable {
			t.Errorf("entries up to %d count as durable, not %d", core.log.durable, write.durable)
		}
	}
}

// Goal: a leader has no use for a snapshot that was on its way when it was elected, though it does
// not know yet how much is committed: it holds all that is. Method: a member that has received all
// of a snapshot wins an election, and then is told that the snapshot is complete.
func TestLeaderInstallsNothing(t *testing.T) {
	core := lone(t, 1, 1, 1, 1)
	core.Tick(0)
	core.Tick(2 * testET)
	core.Persisted(2*testET, core.Ready().Sequence)
	core.Step(2*testET, Message{Kind: VoteAnswer, From: 2, To: 1, Term: 2})
	before := core.Status()
	s := Snapshot{Index: 3, Term: 1, Size: 1, Configuration: NewConfiguration(Members(1, 2, 3)...)}
	if core.Install(2*testET, s) || core.Status() != before || before.Role != Leader {
		t.Errorf("%+v became %+v", before, core.Status())
	}
	if err := core.valid(); err != nil {
		t.Error(err)
	}
}
