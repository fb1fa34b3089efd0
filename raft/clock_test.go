package raft

import (
	"testing"
	"time"
)

// Goal: cluster time never falls along the log and advances with the leader's clock, whoever leads
// and whatever its clock shows. Method: members of a cluster of one lead one after the other with
// the log of the last, on clocks that have nothing to do with each other and one that goes back.
func TestClusterTime(t *testing.T) {
	var disk Restored
	lead := func(clock time.Duration) (*Core, func() time.Duration) {
		core, err := New(Config{
			ID: 1, Members: Members(1), ElectionTimeoutMin: testET,
			ElectionTimeoutMax: 2 * testET, HeartbeatInterval: testHeartbeat,
		}, disk)
		if err != nil {
			t.Fatal(err)
		}
		core.Tick(clock)
		core.Tick(clock + 2*testET)
		take := func() time.Duration {
			for core.HasReady() {
				r := core.Ready()
				if r.HardState != nil {
					disk.HardState = *r.HardState
				}
				disk.Entries = append(disk.Entries, r.Entries...)
				core.Persisted(0, r.Sequence)
			}
			if err := core.valid(); err != nil {
				t.Fatal(err)
			}
			return disk.Entries[len(disk.Entries)-1].Time
		}
		return core, take
	}
	want := time.Duration(0)
	for _, clock := range []time.Duration{time.Hour, 0, 5 * time.Minute} {
		core, take := lead(clock)
		if got := take(); got != want {
			t.Fatalf("a leader that begins at %v goes on from %v, want %v", clock, got, want)
		}
		began := clock + 2*testET
		for _, after := range []time.Duration{0, time.Second, 3 * time.Second, 2 * time.Second} {
			if _, err := core.Propose(began+after, nil); err != nil {
				t.Fatal(err)
			}
			if got := take(); got != want+min(after, 3*time.Second) && after != 2*time.Second {
				t.Fatalf("%v after it began, a leader says %v, want %v", after, got, want+after)
			}
		}
		if want += 3 * time.Second; take() != want {
			t.Fatalf("time ends at %v, want %v: the clock went back", take(), want)
		}
	}
}

// Goal: a log in which time falls is not served, and not taken from a leader. Method: restored, and
// in an Append.
func TestTimeThatFallsIsRefused(t *testing.T) {
	falling := entries(0, 1, 1)
	falling[0].Time, falling[1].Time = 2, 1
	restored := Restored{HardState: HardState{Term: 1}, Entries: falling}
	if err := restored.valid(); err == nil {
		t.Error("restored")
	}
	core := lone(t, 1)
	core.Step(0, Message{Kind: Append, From: 2, To: 1, Term: 1, Entries: falling})
	if s := core.Status(); s.LastIndex != 0 || s.Leader != 0 {
		t.Errorf("taken: %+v", s)
	}
}
