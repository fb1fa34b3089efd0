package sim

import (
	"testing"
	"time"

	"gauntlet/nemesis"
	"gauntlet/raft"
	"gauntlet/sim/schedule"
)

// Goal: a core that cannot work is said not to. Method: liveness phases of clusters that something
// keeps from working, in ways of its own.
func TestUnlive(t *testing.T) {
	w := NewWorld()
	s := healthy(1, 5)
	s.Options.Raft.ElectionTimeoutMax = 501 * time.Millisecond
	s.Options.Network = schedule.Network{DelayMin: 600 * time.Millisecond, DelayMax: time.Second}
	if o := w.Run(s, Options{}); o.Failure == nil {
		t.Error("elections cannot be won where a message takes longer than an election timeout")
	}
}

// Goal: a core decides only with a majority of the old and of the new voters.
// Method: three cores and a joint configuration.
func TestCoreDecidesForBothHalves(t *testing.T) {
	joint := []raft.Configuration{{Voters: raft.Members(1, 4, 5), Outgoing: raft.Members(1, 2, 3)}}
	for core, want := range map[uint]bool{0b00111: false, 0b11001: false, 0b01011: true} {
		if decides(joint, core) != want {
			t.Errorf("core %b: %v", core, !want)
		}
	}
}

// Goal: a member that gets an entry at a time has as long as it needs. Method: one is down while
// hundreds are written; its phase is too short for them, but not for a part.
func TestSlowIsNotStuck(t *testing.T) {
	s := struck(1, nemesis.Event{Kind: nemesis.KindKill, Role: nemesis.RoleFollower,
		For: 9 * time.Second})
	s.Options.Raft.MaxAppendBytes, s.Options.Raft.MaxInflightBytes = 1, 1
	s.Options.Workload.Clients = 20
	s.Options.Workload.ThinkMin, s.Options.Workload.ThinkMax = 0, 20*time.Millisecond
	s.Options.Liveness.Within = 4
	w := NewWorld()
	o := w.Run(s, Options{})
	if o.Failure != nil {
		t.Errorf("%s: %s", o.Failure.Signature, o.Failure.Text)
	}
	if phase := w.heal.due - w.heal.began; phase <= 4*s.Options.Raft.ElectionTimeoutMax {
		t.Errorf("the phase lasted %v: nobody had much to catch up with", phase)
	}
}

// Goal: more time is for those who get nearer, and for nobody else. Method: a leader that has more
// entries than its members are known to hold, against what they lacked before.
func TestStuckIsNotSlow(t *testing.T) {
	w := NewWorld()
	w.Run(healthy(1, 3), Options{})
	leader := w.coreLeader()
	if leader == nil || w.lacking(leader) != 0 {
		t.Fatal("the phase did not end with a leader whom everybody follows")
	}
	leader.seen.LastIndex += 100
	lacks := w.lacking(leader)
	for _, c := range []struct {
		leader   *member
		measured bool
		before   uint64
		want     bool
	}{
		{leader, true, lacks, false}, {leader, true, lacks + 3, false},
		{leader, true, lacks + 4, true}, {leader, true, lacks - 1, false},
		{leader, true, 0, false}, {leader, false, 2 * lacks, false}, {nil, true, 2 * lacks, false},
	} {
		w.heal.measured, w.heal.lacking, w.heal.due = c.measured, c.before, w.now
		if w.catchesUp(c.leader) != c.want || w.heal.due > w.now != c.want {
			t.Errorf("they lack %d after %d: more time: %v, want %v", lacks, c.before, !c.want,
				c.want)
		}
	}
}

// Goal: a write through a member is repeated often at first, then rarely while there is no answer,
// and at once where it was refused. Method: turns of the phase, with and without a write out.
func TestWritesGetRarer(t *testing.T) {
	for _, c := range []struct {
		turns int
		asked uint
		want  bool
	}{
		{1, 0b10, true}, {16, 0b10, true}, {17, 0b10, false}, {31, 0b10, false}, {32, 0b10, true},
		{33, 0b10, false}, {33, 0b01, true}, {33, 0, true},
	} {
		h := &healing{turns: c.turns, asked: c.asked}
		if h.mayWrite(1) != c.want {
			t.Errorf("turn %d, asked %b: %v", c.turns, c.asked, !c.want)
		}
	}
}
