package minimise_test

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"reflect"
	"slices"
	"testing"
	"time"

	"gauntlet/chance"
	"gauntlet/nemesis"
	"gauntlet/sim/minimise"
	"gauntlet/sim/schedule"
)

// large is a valid schedule of nine faults and two hundred operations on five members.
func large(t testing.TB) *schedule.Schedule {
	t.Helper()
	s := &schedule.Schedule{
		Version: schedule.Version, Seed: 7,
		Options: schedule.Options{
			Nodes: 5,
			Raft: schedule.Raft{ElectionTimeoutMin: 312_345_678, ElectionTimeoutMax: 623_456_789,
				HeartbeatInterval: 51_234_567, PreVote: true, CheckQuorum: true,
				MaxAppendBytes: 1000, MaxInflightBytes: 10_000, MaxUncommittedBytes: 100_000},
			Network: schedule.Network{DelayMin: 1_234_567, DelayMax: 2_345_678, TailPPM: 10,
				TailMax: 90_123_456, LossPPM: 5, DuplicatePPM: 6},
			Disk: schedule.Disk{SyncMin: 1_234_567, SyncMax: 3_456_789, TailPPM: 10,
				TailMax: 90_123_456, SegmentBytes: 4096},
			Clock: schedule.Clock{DriftPPM: 50, Offset: time.Minute},
			Workload: schedule.Workload{Kind: "register", Clients: 10, Keys: 3, OpsPerKey: 16,
				ThinkMin: 185e6, ThinkMax: 555e6, Timeout: time.Second, DelayMax: 1e6},
			Turn: 123_456,
			Load: 12 * time.Second,
			Liveness: schedule.Liveness{Within: 40, Core: []int{0, 2, 4},
				Others: schedule.OthersMute},
		},
	}
	for i := range 9 {
		s.Faults = append(s.Faults, nemesis.Event{ID: i + 1, At: time.Duration(i)*1e9 + 123_456_789,
			For: 987_654_321, Kind: nemesis.KindPartition, Shape: nemesis.ShapeIsolateLeader,
			Stream: uint64(i)})
	}
	for i := range 200 {
		s.Operations = append(s.Operations, schedule.Operation{Worker: i % 10,
			At: time.Duration(i)*50_000_000 + 7_654_321, Kind: "write", Key: fmt.Sprint("r", i%3),
			Input: json.RawMessage(fmt.Sprintf(`{"value":%d}`, i+1))})
	}
	s.Expect = &schedule.Expect{Signature: "two-leaders", TraceHash: "0123456789abcdef"}
	if err := s.Valid(); err != nil {
		t.Fatal(err)
	}
	return s
}

// has tells whether a schedule still has the faults and operations of large by these numbers.
func has(s *schedule.Schedule, faults []int, operations ...int) bool {
	for _, id := range faults {
		if !slices.ContainsFunc(s.Faults, func(e nemesis.Event) bool { return e.ID == id }) {
			return false
		}
	}
	for _, value := range operations {
		input := fmt.Sprintf(`{"value":%d}`, value)
		if !slices.ContainsFunc(s.Operations, func(op schedule.Operation) bool {
			return string(op.Input) == input
		}) {
			return false
		}
	}
	return true
}

// Goal: of a failure that needs two of nine faults and three of two hundred operations, nothing
// else is left: the smallest cluster, the shortest times, a world without chance.
// Method: a predicate that needs just that, and four members.
func TestMinimise(t *testing.T) {
	s := large(t)
	replays := 0
	same := func(c *schedule.Schedule) bool {
		replays++
		if err := c.Valid(); err != nil {
			t.Fatalf("a candidate is not valid: %v", err)
		}
		return c.Options.Nodes >= 4 && has(c, []int{3, 8}, 17, 90, 171)
	}
	least := minimise.Minimise(s, same, minimise.Replays, nil)
	if !same(least) || len(least.Faults) != 2 || len(least.Operations) != 3 {
		t.Errorf("%d faults and %d operations, want 2 and 3", len(least.Faults),
			len(least.Operations))
	}
	o := least.Options
	if o.Nodes != 4 || o.Liveness.Within != 0 || o.Workload.Clients > 4 {
		t.Errorf("options %+v", o)
	}
	if o.Network.LossPPM != 0 || !o.Network.InOrder || o.Network.DelayMin != o.Network.DelayMax ||
		o.Disk.SyncMin != o.Disk.SyncMax || o.Clock != (schedule.Clock{}) || o.Turn != 0 {
		t.Errorf("the world still has its chances: %+v", o)
	}
	if o.Load > 20*time.Millisecond || least.Faults[0].For > 20*time.Millisecond {
		t.Errorf("times are long: load %v, fault %v", o.Load, least.Faults[0].For)
	}
	if least.Expect != nil {
		t.Errorf("it expects %+v", least.Expect)
	}
	if replays > 500 {
		t.Errorf("%d replays, want 500 at most", replays)
	}
}

// Goal: what a failure needs stays, each thing by itself.
// Method: one predicate for each that needs it, besides one fault and one operation.
func TestMinimiseKeepsWhatIsNeeded(t *testing.T) {
	for name, needs := range map[string]func(s *schedule.Schedule) bool{
		"liveness": func(s *schedule.Schedule) bool { return s.Options.Liveness.Within == 40 },
		"mute": func(s *schedule.Schedule) bool {
			return s.Options.Liveness.Others == schedule.OthersMute
		},
		"loss":  func(s *schedule.Schedule) bool { return s.Options.Network.LossPPM > 0 },
		"tail":  func(s *schedule.Schedule) bool { return s.Options.Network.TailPPM > 0 },
		"turn":  func(s *schedule.Schedule) bool { return s.Options.Turn > 0 },
		"five":  func(s *schedule.Schedule) bool { return s.Options.Nodes == 5 },
		"three": func(s *schedule.Schedule) bool { return s.Options.Nodes%2 == 1 && s.Options.Nodes > 1 },
		"sum":   func(s *schedule.Schedule) bool { return len(s.Faults)+len(s.Operations) >= 20 },
		"load":  func(s *schedule.Schedule) bool { return s.Options.Load > 5*time.Second },
		"window": func(s *schedule.Schedule) bool {
			return slices.ContainsFunc(s.Faults, func(e nemesis.Event) bool {
				return e.For > 500*time.Millisecond
			})
		},
		"pause": func(s *schedule.Schedule) bool {
			return s.Operations[0].At >= s.Faults[0].At+time.Second
		},
		"members": func(s *schedule.Schedule) bool {
			return s.Operations[0].Worker%s.Options.Nodes == 2
		},
	} {
		same := func(s *schedule.Schedule) bool { return has(s, []int{2}, 101) && needs(s) }
		start := large(t)
		if name == "members" || name == "pause" {
			start.Operations = start.Operations[100:]
			start.Operations[0].Worker = 2
		}
		if !same(start) {
			t.Fatalf("%s: does not fail at first", name)
		}
		least := minimise.Minimise(start, same, minimise.Replays, nil)
		if !same(least) {
			t.Errorf("%s: lost what it needs", name)
		}
		if most := 2; name != "sum" && len(least.Faults)+len(least.Operations) > most {
			t.Errorf("%s: %d faults and %d operations", name, len(least.Faults), len(least.Operations))
		}
		if name == "pause" && least.Operations[0].At > least.Faults[0].At+1010*time.Millisecond {
			t.Errorf("%s: from %v to %v", name, least.Faults[0].At, least.Operations[0].At)
		}
		if n := len(least.Faults) + len(least.Operations); name == "sum" && n != 20 {
			t.Errorf("%s: %d parts, want 20", name, n)
		}
	}
}

// Goal: what becomes possible by a later pass is not missed by an earlier one.
// Method: a failure that needs all members as long as there are many operations.
func TestMinimiseRepeats(t *testing.T) {
	same := func(s *schedule.Schedule) bool {
		return has(s, nil, 101) && (s.Options.Nodes == 5 || len(s.Operations) < 3)
	}
	least := minimise.Minimise(large(t), same, minimise.Replays, nil)
	if least.Options.Nodes != 1 || len(least.Operations) != 1 {
		t.Errorf("%d members, %d operations, want 1 and 1", least.Options.Nodes,
			len(least.Operations))
	}
}

// Goal: when members go, the workers of others still ask whom they asked, and no two workers become
// one.
// Method: failures that need two workers of one member, and any two workers.
func TestMinimiseKeepsWorkersApart(t *testing.T) {
	workers := func(s *schedule.Schedule) (a, b int) {
		for _, op := range s.Operations {
			switch string(op.Input) {
			case `{"value":102}`: // of worker 1
				a = op.Worker
			case `{"value":107}`: // of worker 6
				b = op.Worker
			}
		}
		return a, b
	}
	for name, c := range map[string]struct {
		same             func(s *schedule.Schedule) bool
		members, clients int
	}{
		"second member": {func(s *schedule.Schedule) bool {
			a, b := workers(s)
			return a != b && a%s.Options.Nodes == 1 && b%s.Options.Nodes == 1
		}, 2, 4},
		"any": {func(s *schedule.Schedule) bool {
			a, b := workers(s)
			return a != b && has(s, nil, 102, 107)
		}, 1, 2},
	} {
		least := minimise.Minimise(large(t), c.same, minimise.Replays, nil)
		if o := least.Options; o.Nodes != c.members || o.Workload.Clients != c.clients {
			t.Errorf("%s: %d members and %d workers, want %d and %d", name, o.Nodes,
				o.Workload.Clients, c.members, c.clients)
		}
	}
}

// Goal: a failure that hangs on chance becomes small as well: in the median, three faults and eight
// operations.
// Method: besides what it needs, whether a schedule fails is a coin of its own, that falls well one
// time in sixteen.
func TestMinimiseByChance(t *testing.T) {
	var faults, operations []int
	for salt := range uint64(15) {
		start := large(t)
		same := func(s *schedule.Schedule) bool {
			return has(s, []int{3, 8}, 17, 90) && (coin(t, s, salt)%16 == 0 || reflect.DeepEqual(s, start))
		}
		least := minimise.Minimise(start, same, minimise.Replays, nil)
		faults = append(faults, len(least.Faults))
		operations = append(operations, len(least.Operations))
	}
	slices.Sort(faults)
	slices.Sort(operations)
	if faults[7] > 3 || operations[7] > 8 {
		t.Errorf("%v faults and %v operations are left", faults, operations)
	}
}

// Goal: a step that is lost by bad luck is tried with other seeds.
// Method: a failure that needs nothing, but that only few schedules of fewer members have.
func TestMinimiseWithOtherSeeds(t *testing.T) {
	var members []int
	for salt := range uint64(15) {
		same := func(s *schedule.Schedule) bool {
			return s.Options.Nodes == 5 || coin(t, s, salt)%8 == 0
		}
		least := minimise.Minimise(large(t), same, minimise.Replays, nil)
		members = append(members, least.Options.Nodes)
	}
	if slices.Sort(members); members[7] > 1 {
		t.Errorf("%v members are left", members)
	}
}

// coin is a number of a schedule that any change makes another.
func coin(t *testing.T, s *schedule.Schedule, salt uint64) uint64 {
	t.Helper()
	hash := fnv.New64a()
	if err := s.Encode(hash); err != nil {
		t.Fatal(err)
	}
	return chance.Key(hash.Sum64(), "coin", salt, 0)
}

// Goal: never more replays than the budget, a failing schedule at any time, the same answer every
// time, progress told, and the schedule given untouched.
// Method: budgets from none to plenty, twice each.
func TestMinimiseWithinBudget(t *testing.T) {
	s := large(t)
	for _, budget := range []int{0, 1, 7, 50, 200, minimise.Replays} {
		replays, steps, parts := 0, 0, 209
		same := func(c *schedule.Schedule) bool {
			replays++
			return has(c, []int{3, 8}, 17, 90, 171)
		}
		told := func(p minimise.Progress) {
			steps++
			if size := len(p.Best.Faults) + len(p.Best.Operations); p.Pass == "halves" &&
				size >= parts {
				t.Errorf("budget %d: halves made %d of %d", budget, size, parts)
			}
			parts = len(p.Best.Faults) + len(p.Best.Operations)
			if p.Replays != replays || p.Pass == "" || !has(p.Best, []int{3, 8}, 17, 90, 171) {
				t.Errorf("budget %d: after %d replays told %+v", budget, replays, p)
			}
		}
		least := minimise.Minimise(s, same, budget, told)
		if replays > budget || steps > replays || budget > 10 && steps == 0 {
			t.Errorf("budget %d: %d replays, %d steps", budget, replays, steps)
		}
		if !has(least, []int{3, 8}, 17, 90, 171) || least.Valid() != nil {
			t.Errorf("budget %d: %+v does not fail", budget, least)
		}
		if again := minimise.Minimise(s, same, budget, nil); !reflect.DeepEqual(least, again) {
			t.Errorf("budget %d: two answers", budget)
		}
		if !reflect.DeepEqual(s, large(t)) {
			t.Fatalf("budget %d: the schedule given has changed", budget)
		}
	}
}

// Goal: whatever a seed holds, candidates are valid and small ones are found.
// Method: seeds with operations, failures that need one fault of a kind and one operation.
func TestMinimiseSeeds(t *testing.T) {
	for seed := range uint64(60) {
		s := schedule.FromSeed(seed)
		if len(s.Faults) == 0 {
			continue
		}
		model := map[string]struct{ kind, input string }{
			"register": {"read", "{}"}, "append": {"append", `{"value":1}`},
			"counter": {"add", `{"delta":1}`}, "txn": {"txn", `{"steps":[["read","t0.0"]]}`},
		}[s.Options.Workload.Kind]
		s.Operations = []schedule.Operation{}
		for i := range 40 {
			s.Operations = append(s.Operations, schedule.Operation{
				Worker: i % s.Options.Workload.Clients, At: time.Duration(i) * 100 * time.Millisecond,
				Kind: model.kind, Key: "t0", Input: json.RawMessage(model.input)})
		}
		kind := s.Faults[len(s.Faults)/2].Kind
		same := func(c *schedule.Schedule) bool {
			if err := c.Valid(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			return len(c.Operations) > 0 && slices.ContainsFunc(c.Faults,
				func(e nemesis.Event) bool { return e.Kind == kind })
		}
		if !same(s) {
			t.Fatalf("seed %d does not fail at first", seed)
		}
		least := minimise.Minimise(s, same, minimise.Replays, nil)
		if len(least.Faults) != 1 || len(least.Operations) != 1 || least.Options.Nodes > 3 {
			t.Errorf("seed %d: %d faults, %d operations, %d members", seed, len(least.Faults),
				len(least.Operations), least.Options.Nodes)
		}
	}
}
