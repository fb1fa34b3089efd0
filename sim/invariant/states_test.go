package invariant_test

import (
	"testing"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/kv"
	"gauntlet/sim/failure"
	"gauntlet/sim/invariant"
)

// Goal: members that applied the same entries and differ are found, also if only their sessions or
// their time differ, and nobody else is. Method: stores that were told the same, or nearly.
func TestStates(t *testing.T) {
	entry := func(index uint64, at time.Duration, c kv.Command) raft.Entry {
		return raft.Entry{Index: index, Time: at, Kind: raft.EntryCommand, Data: c.Encode()}
	}
	open := kv.Command{Op: kv.OpenSession, Timeout: time.Second}
	put := kv.Command{Op: kv.Put, Key: "k", Value: []byte("v")}
	told := []raft.Entry{entry(1, 1, open), entry(2, 2, put)}
	for _, other := range []struct {
		name string
		told []raft.Entry
		same bool
	}{
		{"the same", told, true},
		{"another session", []raft.Entry{entry(3, 1, open), entry(2, 2, put)}, false},
		{"another time", []raft.Entry{entry(1, 1, open), entry(2, 3, put)}, false},
		{"another value", []raft.Entry{told[0], entry(2, 2, kv.Command{Op: kv.Delete, Key: "k"})}, false},
	} {
		w := invariant.New()
		w.Reset(3, 3)
		if w.State(0, 2, state(told)) {
			t.Error("compared with nobody")
		}
		w.State(2, 1, state(nil)) // at another index
		w.State(1, 2, state(other.told))
		f := w.Failure()
		if (f == nil) != other.same || f != nil && f.Signature != failure.StateMismatch {
			t.Errorf("%s: %+v", other.name, f)
		}
	}
}

func state(entries []raft.Entry) kv.View {
	s := kv.New()
	for _, e := range entries {
		s.Apply(e)
	}
	return s.Freeze()
}
