package witness_test

import (
	"bytes"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/kv"
	"gauntlet/sim/witness"
)

// replayed is three committed puts, and the snapshot and the state behind each of them.
func replayed(t *testing.T) (*witness.Replay, []raft.Snapshot, []*kv.Store) {
	t.Helper()
	p, store := witness.NewReplay(), kv.New()
	var made []raft.Snapshot
	var states []*kv.Store
	for i := range uint64(3) {
		cmd := kv.Command{Op: kv.Put, Key: "k", Value: []byte{byte('a' + i)}}
		e := raft.Entry{Index: i + 1, Term: 2, Kind: raft.EntryCommand, Data: cmd.Encode(),
			Time: time.Duration(i) * time.Second}
		p.Committed(e)
		store.Apply(e)
		var b bytes.Buffer
		if _, err := store.Freeze().WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		made = append(made, raft.Snapshot{
			Index: e.Index, Term: e.Term, Time: e.Time, Size: uint64(b.Len()),
			Checksum: crc32.Checksum(b.Bytes(), crc32.MakeTable(crc32.Castagnoli)),
		})
		state, err := kv.Restore(&b)
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, state)
	}
	return p, made, states
}

// Goal: snapshots and states that a replay of the log gives pass, of any entry and in any order,
// and again. Method: those behind each of three entries.
func TestReplayedSnapshotsPass(t *testing.T) {
	p, made, states := replayed(t)
	for _, i := range []int{1, 0, 2, 1} {
		p.Snapshot(i, made[i])
		p.Restored(i, made[i], states[i])
	}
	if f := p.Failure(); f != nil {
		t.Error(f.Text)
	}
}

// Goal: each way in which a snapshot can be wrong is told. Method: one is changed in one thing.
func TestWrongSnapshots(t *testing.T) {
	other := raft.NewConfiguration(raft.Member{ID: 9, Name: "n9"})
	for _, test := range []struct {
		what string
		do   func(p *witness.Replay, s raft.Snapshot, states []*kv.Store)
	}{
		{"entry 4, where 3 are committed", func(p *witness.Replay, s raft.Snapshot, _ []*kv.Store) {
			s.Index = 4
			p.Snapshot(0, s)
		}},
		{"checksum", func(p *witness.Replay, s raft.Snapshot, _ []*kv.Store) {
			s.Index, s.Time = 1, 0 // of an earlier entry
			p.Snapshot(0, s)
		}},
		{"bytes", func(p *witness.Replay, s raft.Snapshot, _ []*kv.Store) {
			s.Size++
			p.Snapshot(0, s)
		}},
		{"of term 7", func(p *witness.Replay, s raft.Snapshot, _ []*kv.Store) {
			s.Term = 7
			p.Snapshot(0, s)
		}},
		{"and time 1h", func(p *witness.Replay, s raft.Snapshot, _ []*kv.Store) {
			s.Time = time.Hour
			p.Snapshot(0, s)
		}},
		{"other members", func(p *witness.Replay, s raft.Snapshot, _ []*kv.Store) {
			p.Snapshot(0, s)
			s.Configuration = other
			p.Snapshot(1, s)
		}},
		{"reads from the snapshot", func(p *witness.Replay, s raft.Snapshot, states []*kv.Store) {
			p.Restored(0, s, states[0])
		}},
	} {
		p, made, states := replayed(t)
		test.do(p, made[1], slices.Clone(states))
		if f := p.Failure(); f == nil || !strings.Contains(f.Text, test.what) {
			t.Errorf("want %q, found %+v", test.what, f)
		}
	}
}
