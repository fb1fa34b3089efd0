package schedule_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"gauntlet/nemesis"
	"gauntlet/sim/schedule"
	"gauntlet/workload"
)

type S = schedule.Schedule

// spoiled is a way to break a schedule, and what Valid says of it.
type spoiled struct {
	spoil func(s *S)
	want  string
}

// leased has members serve reads by leases, on clocks that allow it.
func leased(s *S) *schedule.Options {
	s.Options.Raft.LeaseReads, s.Options.Raft.CheckQuorum = true, true
	s.Options.Clock.DriftPPM = 50_000
	s.Faults = nil
	return &s.Options
}

// Goal: every relation that a schedule can break is named, with its values.
// Method: one broken thing at a time in a schedule that has everything.
func TestValidNamesWhatIsBroken(t *testing.T) {
	for _, table := range [][]spoiled{brokenOptions, brokenLiveness, brokenParts} {
		for _, c := range table {
			s := concrete()
			c.spoil(s)
			err := s.Valid()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\n\twant %s", err, c.want)
			}
		}
	}
	if err := concrete().Valid(); err != nil {
		t.Error(err)
	}
}

var brokenOptions = []spoiled{
	{func(s *S) { leased(s).Raft.CheckQuorum = false }, "leaseReads needs checkQuorum"},
	{func(s *S) { leased(s).Clock.DriftPPM = 50_001 },
		"driftPPM is 50001, want 50000 at most with raft.leaseReads"},
	{func(s *S) {
		leased(s)
		s.Faults = nemesis.Plan{{ID: 1, Kind: nemesis.KindClockJump, Role: nemesis.RoleAny,
			For: 1, Amount: 1}}
	}, "faults[0] is clock-jump, but raft.leaseReads count on clocks"},
	{func(s *S) { s.Options.Raft.DiskPatience = -1 }, "diskPatience is -1, want 0 to"},
	{func(s *S) { s.Options.Workload.LeasePPM = 1_000_001 }, "leasePPM is 1000001, want 0 to"},
	{func(s *S) { s.Version = 0 }, "version is 0, want 1"},
	{func(s *S) { s.Options.Nodes = 0 }, "options.nodes is 0, want 1 to 9"},
	{func(s *S) { s.Options.Network.LossPPM = -1 }, "lossPPM is -1, want 0 to 1000000"},
	{func(s *S) { s.Options.Network.DelayMin = 0 }, "delayMin is 0s, want 1µs to 1m0s"},
	{func(s *S) { s.Options.Network.DelayMax = time.Hour }, "delayMax is 1h0m0s, want"},
	{func(s *S) { s.Options.Network.DelayMin = s.Options.Network.DelayMax + 1 },
		"delayMin is 2.000001ms, which must not exceed delayMax, 2ms"},
	{func(s *S) { s.Options.Network.TailMax = 0 }, "which must not exceed tailMax, 0s"},
	{func(s *S) { s.Options.Disk.SyncMin = time.Second }, "which must not exceed syncMax"},
	{func(s *S) { s.Options.Disk.TailPPM = 5 }, "which must not exceed tailMax, 0s"},
	{func(s *S) { s.Options.Workload.ThinkMin = time.Hour }, "which must not exceed thinkMax"},
	{func(s *S) { s.Options.Raft.HeartbeatInterval = time.Second },
		"heartbeatInterval is 1s, which must be below electionTimeoutMin, 300ms"},
	{func(s *S) { s.Options.Raft.ElectionTimeoutMin = time.Second },
		"electionTimeoutMin is 1s, which must be below electionTimeoutMax, 600ms"},
	{func(s *S) { s.Options.Raft.HeartbeatInterval = time.Microsecond },
		"load is 12s, which must not exceed 200000 heartbeat intervals, 200ms"},
	{func(s *S) { s.Options.Heal = s.Options.Load + 1 },
		"heal is 12.000000001s, which must not exceed load, 12s"},
	{func(s *S) { s.Options.Spares = 5 }, "options.spares is 5, want 0 to 4"},
	{func(s *S) { s.Changes = []schedule.Change{{Kind: "marry", Tries: 1}} },
		`changes[0].kind is "marry", which is unknown`},
	{func(s *S) { s.Changes = []schedule.Change{{Kind: schedule.ChangeAdd}} },
		"changes[0].tries is 0, want 1"},
	{func(s *S) {
		s.Changes = []schedule.Change{{At: 2, Kind: schedule.ChangeAdd, Tries: 1},
			{At: 1, Kind: schedule.ChangePromote, Tries: 1}}
	}, "changes[1].at is 1ns, before 2ns"},
	{func(s *S) { s.Options.Workload.Kind = "queue" }, `is "queue", which is unknown`},
}

var brokenLiveness = []spoiled{
	{func(s *S) { s.Options.Liveness.Within = 1_000_000 }, "liveness.within is 1000000, want 1"},
	{func(s *S) { s.Options.Liveness.Within = 0 }, "within 0 means there is no such phase"},
	{func(s *S) { s.Options.Liveness.Core = []int{1, 1, 2} }, "core[1] is 1, which must exceed 1"},
	{func(s *S) { s.Options.Liveness.Core = []int{1, 2, 5} }, "core[2] is 5, want 0 to 4"},
	{func(s *S) { s.Options.Liveness.Core = []int{1, 2} }, "a quorum of 5 is 3"},
	{func(s *S) { s.Options.Liveness.Others = "" }, `others is "", want dead, deaf or mute`},
	{func(s *S) {
		s.Options.Liveness.Others = "deaf"
		s.Options.Raft.PreVote = false
	}, "without preVote"},
	{func(s *S) { s.Options.Liveness.Core = []int{0, 1, 2, 3, 4} }, "the core is all members"},
	{func(s *S) {
		s.Options.Liveness.Core, s.Options.Liveness.Others = []int{0, 1, 2, 3, 4}, ""
	}, "faults[1] is bit-rot, but all members are in liveness.core"},
	{func(s *S) {
		s.Options.Liveness.Core, s.Options.Liveness.Others = nil, ""
	}, "faults[1] is bit-rot, but all members are in liveness.core"},
}

var brokenParts = []spoiled{
	{func(s *S) { s.Faults[0].Shape = nemesis.ShapeHalves }, "faults[0] shape halves needs an even"},
	{func(s *S) { s.Faults[0].At = -1 }, "faults[0] at -1ns"},
	{func(s *S) { s.Faults[1].ID = 3 }, "faults[1] at 1s with id 3 must come after 5ns with id 3"},
	{func(s *S) { s.Faults[0].At = 1e9 + 1 }, "must come after 1.000000001s with id 3"},
	{func(s *S) { s.Faults[1].For = 11e9 + 1 }, "ends after the load of 12s"},
	{func(s *S) { s.Faults[1].For = 1<<63 - 1 }, "ends after the load of 12s"},
	{func(s *S) {
		s.Faults[1] = nemesis.Event{ID: 4, At: 1e9, For: 1, Kind: nemesis.KindVersion,
			Shape: nemesis.ShapeUpgrade}
	}, "kind version is not for the simulator"},
	{func(s *S) { s.Faults = make(nemesis.Plan, 10_001) }, "faults are 10001, want at most 10000"},
	{func(s *S) { s.Cast = nemesis.Cast{{Name: "old", Role: nemesis.RoleAll}} },
		`cast old cannot be cast as "all"`},
	{func(s *S) {
		s.Faults[0].Shape, s.Faults[0].Links = nemesis.ShapeCut, []nemesis.Link{{From: "n1", To: "old"}}
	}, "faults[0] nobody is called old"},
	{func(s *S) { s.Faults[0].When = &nemesis.Condition{} }, "faults[0] when names no condition"},
	{func(s *S) { s.Operations[0].Worker = 5 }, "operations[0].worker is 5, want 0 to 4"},
	{func(s *S) { s.Operations[2].At = 6 }, "operations[2].at is 6ns, want 7ns"},
	{func(s *S) { s.Operations[2].At = 13e9 }, "operations[2].at is 13s, want 7ns"},
	{func(s *S) { s.Operations[2].Key = "" }, "operations[2].key has 0 bytes, want 1 to 256"},
	{func(s *S) { s.Operations[1].Kind = "add" }, "operations[1] is no operation on a register"},
	{func(s *S) { s.Operations = make([]schedule.Operation, 1_000_001) },
		"operations are 1000001, want at most 1000000"},
	{func(s *S) {
		read := schedule.Operation{Kind: "read", Key: "r0", Input: json.RawMessage("{}")}
		s.Operations = nil
		for range 10_001 {
			s.Operations = append(s.Operations, read)
		}
	}, "too many on too few keys"},
	{func(s *S) { s.Operations, s.Options.Workload.ThinkMin = nil, 0 },
		"thinkMin is 0s, want 60µs at least: 5 clients could ask more than 1000000 times in 12s"},
	{func(s *S) { s.Operations, s.Options.Workload.OpsPerKey = nil, 1_000_000 },
		"opsPerKey is 1000000, want 308641 at most for up to 324 operations"},
	{func(s *S) { s.Expect.TraceHash = "12" }, `"12" must be 16 hexadecimal digits`},
}

// Goal: no option of a file is without bounds: neither a huge nor a negative one passes.
// Method: every integer in Options, found by reflection, is set to extremes.
func TestValidBoundsEveryNumber(t *testing.T) {
	count := 0
	var visit func(path string, fields func(s *schedule.Schedule) reflect.Value)
	visit = func(path string, get func(s *schedule.Schedule) reflect.Value) {
		at := get(concrete())
		switch at.Kind() {
		case reflect.Struct:
			for i := range at.NumField() {
				visit(path+"."+at.Type().Field(i).Name, func(s *schedule.Schedule) reflect.Value {
					return get(s).Field(i)
				})
			}
		case reflect.Int, reflect.Int64:
			count++
			for _, extreme := range []int64{-1, -1 << 63, 1<<63 - 1} {
				s := concrete()
				get(s).SetInt(extreme)
				if s.Valid() == nil {
					t.Errorf("%s = %d passes", path, extreme)
				}
			}
		}
	}
	visit("options", func(s *schedule.Schedule) reflect.Value {
		return reflect.ValueOf(&s.Options).Elem()
	})
	if count < 30 {
		t.Errorf("only %d numbers found", count)
	}
}

// Goal: a suite's plan becomes a schedule that is valid, holds the plan after the warm-up, and can
// lose to bit rot what its core can spare.
func TestFromPlan(t *testing.T) {
	plan, err := nemesis.NewPlan([]nemesis.Spec{
		{Kind: nemesis.KindPartition, Shapes: []nemesis.Shape{nemesis.ShapeAll}, FromStart: true},
		{Kind: nemesis.KindBitRot, On: []nemesis.Role{nemesis.RoleAny}, Every: 10 * time.Second,
			For: time.Second},
	}, 30*time.Second, 1)
	if err != nil {
		t.Fatal(err)
	}
	plain := schedule.Plain{
		Seed: 9, Nodes: 5, PreVote: true, CheckQuorum: true, Kind: "txn",
		Workload: workload.Spec{Clients: 10, Rate: 400, Keys: 5, OpsPerKey: 100, KeysPerGroup: 4},
		Timeout:  time.Second, WarmUp: 3 * time.Second, Load: 30 * time.Second,
		Recovery: 8 * time.Second, Calm: 7 * time.Second,
		Cast: nemesis.Cast{{Name: "old", Role: nemesis.RoleLeader}},
	}
	s := schedule.FromPlan(plain, plan)
	if err := s.Valid(); err != nil {
		t.Fatal(err)
	}
	o := s.Options
	if len(s.Faults) != 4 || !s.Faults[0].FromStart || s.Faults[0].For != 33*time.Second ||
		s.Faults[1].At != plan[1].At+3*time.Second || plan[1].At == s.Faults[1].At {
		t.Errorf("faults %+v of the plan %+v", s.Faults, plan)
	}
	if o.Load != 40*time.Second || o.Heal != 33*time.Second || len(s.Cast) != 1 ||
		o.Workload.ThinkMin != 25*time.Millisecond ||
		o.Workload.PerGroup != 4 || o.Raft.ElectionTimeoutMax != 600*time.Millisecond ||
		o.Liveness.Within != 13 || len(o.Liveness.Core) != 3 || s.Seed != 9 {
		t.Errorf("options %+v", o)
	}
	plain.Workload.Rate, plain.Recovery = 0, 0
	if err := schedule.FromPlan(plain, nil).Valid(); err != nil {
		t.Errorf("as fast as answers come: %v", err)
	}
}
