package sim

import (
	"testing"
	"time"

	"gauntlet/sim/schedule"
)

// calm is a run of three members and two spares in which nothing breaks, with these changes a
// second apart.
func calm(kinds ...string) *schedule.Schedule {
	const et = 100 * time.Millisecond
	s := &schedule.Schedule{Version: schedule.Version, Seed: 7, Options: schedule.Options{
		Nodes: 3, Spares: 2,
		Raft: schedule.Raft{ElectionTimeoutMin: et, ElectionTimeoutMax: 2 * et,
			HeartbeatInterval: et / 5, PreVote: true, CheckQuorum: true},
		Network: schedule.Network{DelayMin: time.Millisecond, DelayMax: 2 * time.Millisecond},
		Disk: schedule.Disk{SyncMin: time.Millisecond, SyncMax: 2 * time.Millisecond,
			SegmentBytes: 64 << 10},
		Workload: schedule.Workload{Kind: "register", Clients: 5, Keys: 2, OpsPerKey: 16,
			ThinkMin: et / 2, ThinkMax: et, Timeout: 5 * et, DelayMax: time.Millisecond},
		Load: time.Duration(len(kinds)+2) * time.Second, Liveness: schedule.Liveness{Within: 40},
	}}
	for i, kind := range kinds {
		s.Changes = append(s.Changes, schedule.Change{At: time.Duration(i+1) * time.Second,
			Kind: kind, Tries: 10, Linger: et, Stream: uint64(i)})
	}
	return s
}

// Goal: an operator's changes are carried out on a healthy cluster: servers come that were not
// there, become voters, take the place of others, and lead; who is removed is stopped; and the last
// phase counts on those who are left.
// Method: every kind of change, one after the other, in runs of several seeds.
func TestOperatorChangesTheMembers(t *testing.T) {
	w := NewWorld()
	seen := Coverage{}
	for seed := range uint64(20) {
		s := calm(schedule.ChangeAdd, schedule.ChangePromote, schedule.ChangeReplace,
			schedule.ChangeAdd, schedule.ChangeSeveral, schedule.ChangeRemoveLeader)
		s.Seed = seed
		if err := s.Valid(); err != nil {
			t.Fatal(err)
		}
		out := w.Run(s, Options{})
		if out.Failure != nil {
			t.Fatalf("seed %d: %s: %s", seed, out.Failure.Signature, out.Failure.Text)
		}
		for i, n := range out.Coverage {
			seen[i] += n
		}
		if n := len(w.current.All()); n < 1 || n > 4 || w.current.Joint() {
			t.Errorf("seed %d: configuration %+v", seed, w.current)
		}
		for _, m := range w.members {
			if w.belongs(m) != (m.state == running) {
				t.Errorf("seed %d: %s is in state %d, and belongs: %v", seed, m.name, m.state,
					w.belongs(m))
			}
		}
	}
	for _, s := range []situation{jointCommitted, learnerPromoted, nodeReplaced, leaderRemoved} {
		if seen[s] == 0 {
			t.Errorf("never seen: %s", Situations[s])
		}
	}
}
