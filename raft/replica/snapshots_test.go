package replica

import (
	"testing"

	"gauntlet/raft"
	"gauntlet/raft/kv"
)

// lonelyFollower returns a member that hears a leader, number 2, in term 1.
func lonelyFollower(t *testing.T) *Replica {
	t.Helper()
	r, err := New(Config{Incarnation: 1, Raft: raft.Config{
		ID: 1, Members: raft.Members(1, 2, 3), ElectionTimeoutMin: testET,
		ElectionTimeoutMax: 2 * testET, HeartbeatInterval: testET / 5,
	}}, raft.Restored{})
	if err != nil {
		t.Fatal(err)
	}
	r.Step(0, raft.Message{Kind: raft.Heartbeat, From: 2, To: 1, Term: 1})
	r.Persisted(0, r.Effects().Sequence)
	return r
}

// stateOf returns what a snapshot that ends with an entry of term 1 holds, and its metadata.
func stateOf(index uint64, value string) (raft.Snapshot, *kv.Store) {
	store := kv.New()
	store.Apply(raft.Entry{
		Index: index, Term: 1, Kind: raft.EntryCommand, Data: put("k", value).Encode(),
	})
	return raft.Snapshot{
		Index: index, Term: 1, Size: 1,
		Configuration: raft.NewConfiguration(raft.Members(1, 2, 3)...),
	}, store
}

// Goal: a snapshot that is installed replaces the state and the log on disk; writes that wait for
// their result end as unknown, for it may hold them; an older one changes nothing. Method: a
// follower with an open write is given the snapshots of two instants, the later one first.
func TestInstallReplacesTheState(t *testing.T) {
	r := lonelyFollower(t)
	r.Write(0, 1, put("k", "mine"))
	s, state := stateOf(9, "new")
	r.Install(0, s, state)
	e := r.Effects()
	if len(e.Answers) != 1 || e.Answers[0].Refusal == nil || !e.Answers[0].Refusal.Unknown {
		t.Errorf("the open write got %+v", e.Answers)
	}
	if e.Base == nil || *e.Base != (raft.Position{Index: 9, Term: 1}) {
		t.Errorf("the log begins anew behind %v", e.Base)
	}
	s, state = stateOf(5, "old")
	r.Install(0, s, state)
	if e := r.Effects(); e.Base != nil || len(e.Answers) != 0 {
		t.Errorf("an older snapshot: %+v", e)
	}
	r.Read(0, 2, "k", true)
	if a := r.Effects().Answers; len(a) != 1 || a[0].Index != 9 || string(a[0].Result.Value) != "new" {
		t.Errorf("read %+v", a)
	}
	if is := r.Status(); is.SnapshotIndex != 9 || is.Applied != 9 {
		t.Errorf("%+v", is)
	}
}

// Goal: a snapshot that comes when its entries are committed, but not yet applied, replaces nothing
// and is not lost: it serves as this member's own once as much is applied. Method: a follower that
// has just learnt that two entries are committed is given their snapshot.
func TestLateSnapshotIsAdopted(t *testing.T) {
	r := lonelyFollower(t)
	var entries []raft.Entry
	for i, value := range []string{"a", "b"} {
		entries = append(entries, raft.Entry{
			Index: uint64(i) + 1, Term: 1, Kind: raft.EntryCommand, Data: put("k", value).Encode(),
		})
	}
	r.Step(0, raft.Message{
		Kind: raft.Append, From: 2, To: 1, Term: 1, Entries: entries, Commit: 2,
	})
	s, state := stateOf(2, "other")
	r.Install(0, s, state)
	if is := r.Status(); is.SnapshotIndex != 0 {
		t.Errorf("adopted before it was applied: %+v", is)
	}
	r.Persisted(0, r.Effects().Sequence)
	r.Read(0, 1, "k", true)
	if a := r.Effects().Answers; len(a) != 1 || a[0].Index != 2 || string(a[0].Result.Value) != "b" {
		t.Errorf("read %+v", a)
	}
	if is := r.Status(); is.SnapshotIndex != 2 || is.Applied != 2 {
		t.Errorf("%+v", is)
	}
}
