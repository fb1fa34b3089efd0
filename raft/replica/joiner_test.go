package replica

import (
	"testing"

	"gauntlet/raft"
	"gauntlet/raft/kv"
)

// Goal: a server that was added later takes no snapshot while its log does not tell who the members
// are, though it is asked to: its snapshot would say that nobody is. It takes one once it knows.
// Method: a replica that waits is sent two entries from before it was added, and then the one that
// adds it.
func TestNoSnapshotBeforeTheMembersAreKnown(t *testing.T) {
	r, err := New(Config{Raft: raft.Config{ID: 4, ElectionTimeoutMin: testET,
		ElectionTimeoutMax: 2 * testET, HeartbeatInterval: testET / 5}}, raft.Restored{})
	if err != nil {
		t.Fatal(err)
	}
	added := raft.NewConfiguration(raft.Members(1, 2, 3)...)
	added.Learners, added.Highest = raft.Members(4), 4
	put := kv.Command{Op: kv.Put, Key: "k", Value: []byte("v")}
	entries := []raft.Entry{{Index: 1, Term: 1, Kind: raft.EntryNoop},
		{Index: 2, Term: 1, Kind: raft.EntryCommand, Data: put.Encode()},
		{Index: 3, Term: 1, Kind: raft.EntryConfiguration, Data: added.Encode()}}
	hears := func(upTo uint64) Effects {
		r.Step(0, raft.Message{Kind: raft.Append, From: 1, To: 4, Term: 1, Commit: upTo,
			Entries: entries[:upTo]})
		e := r.Effects()
		r.Persisted(0, e.Sequence)
		return e
	}
	hears(2)
	if !r.TakeSnapshot() {
		t.Fatal("nothing is applied")
	}
	if e := r.Effects(); e.Take != nil {
		t.Fatalf("a snapshot with the configuration %+v", e.Take.Metadata.Configuration)
	}
	e := hears(3)
	if e.Take == nil {
		e = r.Effects()
	}
	if e.Take == nil || e.Take.Metadata.Index != 3 ||
		len(e.Take.Metadata.Configuration.Learners) != 1 {
		t.Errorf("taking %+v, want a snapshot of entry 3 with a learner", e.Take)
	}
}
