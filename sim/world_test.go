package sim

import (
	"testing"
	"time"

	"gauntlet/nemesis"
	"gauntlet/sim/schedule"
)

// healthy is a cluster that nothing strikes.
func healthy(seed uint64, nodes int) *schedule.Schedule {
	const ms = time.Millisecond
	return &schedule.Schedule{
		Version: schedule.Version, Seed: seed,
		Options: schedule.Options{
			Nodes: nodes,
			Raft: schedule.Raft{ElectionTimeoutMin: 500 * ms, ElectionTimeoutMax: 1000 * ms,
				HeartbeatInterval: 100 * ms, PreVote: true, CheckQuorum: true},
			Network: schedule.Network{DelayMin: ms, DelayMax: 5 * ms},
			Disk:    schedule.Disk{SyncMin: ms, SyncMax: 4 * ms, SegmentBytes: 16 << 10},
			Clock:   schedule.Clock{DriftPPM: 100, Offset: time.Second},
			Workload: schedule.Workload{Kind: "register", Clients: 5, Keys: 3, OpsPerKey: 50,
				ThinkMin: 50 * ms, ThinkMax: 300 * ms, Timeout: time.Second, DelayMax: 2 * ms},
			Load: 10 * time.Second, Liveness: schedule.Liveness{Within: 20},
		},
	}
}

// Goal: a healthy cluster works, and a struck one too. Method: runs of both kinds.
func TestRun(t *testing.T) {
	w := NewWorld()
	for seed := range uint64(300) {
		s := healthy(seed, 1+int(seed%7))
		if seed%2 == 1 && s.Options.Nodes > 2 {
			plan, err := nemesis.NewPlan([]nemesis.Spec{
				{Kind: nemesis.KindPartition, Every: 3 * time.Second, For: time.Second,
					Shapes: []nemesis.Shape{nemesis.ShapeIsolateLeader, nemesis.ShapeOneWayInLeader}},
				{Kind: nemesis.KindPower, Every: 4 * time.Second, For: time.Second,
					On: []nemesis.Role{nemesis.RoleAny, nemesis.RoleMajority}},
				{Kind: nemesis.KindPause, Every: 3 * time.Second, For: time.Second,
					On: []nemesis.Role{nemesis.RoleLeader}},
			}, s.Options.Load, seed)
			if err != nil {
				t.Fatal(err)
			}
			s.Faults = plan
		}
		o := w.Run(s, Options{})
		if o.Failure != nil {
			t.Errorf("seed %d, %d nodes: %+v", seed, s.Options.Nodes, *o.Failure)
		}
		if seed < 8 {
			t.Logf("seed %d: %d events, %d ops, %d ok, %v", seed, o.Events, o.Ops, o.OK, o.Virtual)
		}
		again := w.Run(s, Options{})
		if again.TraceHash != o.TraceHash {
			t.Fatalf("seed %d: %x then %x", seed, o.TraceHash, again.TraceHash)
		}
	}
}

// Goal: a run can be had again from the operations as they were issued. Method: runs of drawn
// operations, and again of the same ones listed.
func TestListedOperations(t *testing.T) {
	w, again := NewWorld(), NewWorld()
	for seed := range uint64(20) {
		s := healthy(seed, 5)
		o := w.Run(s, Options{History: true})
		s.Operations = o.Issued
		if listed := again.Run(s, Options{History: true}); listed.TraceHash != o.TraceHash {
			t.Fatalf("seed %d: %x drawn, %x listed; %d and %d operations", seed, o.TraceHash,
				listed.TraceHash, o.Ops, listed.Ops)
		}
	}
}

func BenchmarkRun(b *testing.B) {
	w := NewWorld()
	var events int64
	for i := range b.N {
		o := w.Run(healthy(uint64(i), 5), Options{})
		events += o.Events
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(events)/float64(b.N), "events/run")
}
