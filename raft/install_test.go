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
