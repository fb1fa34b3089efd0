package schedule_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"gauntlet/nemesis"
	"gauntlet/sim/schedule"
)

var rewrite = flag.Bool("rewrite", false, "write golden files anew")

// Goal: ten thousand seeds are all valid, and between them reach everything a seed can be.
// Method: count what must be seen, and by how many seeds at least.
func TestFromSeedReachesAll(t *testing.T) {
	const seeds = 10_000
	seen := map[string]int{}
	for seed := range uint64(seeds) {
		s := schedule.FromSeed(seed)
		if err := s.Valid(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, what := range features(s) {
			seen[what]++
		}
	}
	for what, least := range wanted() {
		if seen[what] < least {
			t.Errorf("%s: %d of %d seeds, want %d at least", what, seen[what], seeds, least)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%6d %s", seen[what], what)
	}
	for what, most := range map[string]int{"long": 2200, "no faults": 1000, "all kinds": 1000} {
		if seen[what] > most {
			t.Errorf("%s: %d of %d seeds, want %d at most", what, seen[what], seeds, most)
		}
	}
}

// features lists what a schedule has.
func features(s *schedule.Schedule) []string {
	o := &s.Options
	var all []string
	has := func(condition bool, what string) {
		if condition {
			all = append(all, what)
		}
	}
	has(true, fmt.Sprint("nodes ", o.Nodes))
	has(true, "workload "+o.Workload.Kind)
	has(o.Workload.Keys == 1, "one key")
	has(o.Load > 16*time.Second, "long")
	has(o.Raft.PreVote, "pre-vote")
	has(o.Raft.CheckQuorum, "check quorum")
	has(!o.Raft.PreVote && !o.Raft.CheckQuorum, "plain raft")
	has(o.Network.InOrder, "in order")
	has(o.Network.LossPPM > 0, "loss")
	has(o.Network.LossPPM+o.Network.DuplicatePPM+o.Network.TailPPM == 0, "calm network")
	has(o.Disk.TailPPM > 0, "slow syncs")
	has(o.Clock.DriftPPM > 0, "drift")
	has(o.Snapshots.Entries > 0, "snapshots")
	has(o.Turn > 0, "turns")
	has(o.Workload.Sessions.Timeout > 0, "sessions")
	has(o.Liveness.Within > 0, "liveness")
	has(o.Liveness.Within > 0 && len(o.Liveness.Core) == o.Quorum(), "least core")
	has(o.Liveness.Others != "", "others "+o.Liveness.Others)
	kinds := map[nemesis.Kind]bool{}
	which := map[string]bool{}
	for _, e := range s.Faults {
		kinds[e.Kind] = true
		which["shape "+string(e.Shape)] = e.Shape != ""
		which["role "+string(e.Role)] = e.Role != ""
		which["mode "+string(e.Mode)] = e.Mode != ""
		which["by name"] = which["by name"] || len(e.On) > 0
		which["one named link one way"] = which["one named link one way"] ||
			len(e.Links) == 1 && e.Links[0].OneWay
		if c := e.When; c != nil {
			which["when leader"] = which["when leader"] || c.Leader
			which["when term"] = which["when term"] || c.Term > 0
			which["when acknowledged"] = which["when acknowledged"] || c.Acknowledged > 0
			which["when behind"] = which["when behind"] || c.Behind != ""
		}
	}
	for what, there := range which {
		has(there, what)
	}
	for kind := range kinds {
		has(true, "kind "+string(kind))
	}
	has(o.Liveness.Others != "" && slices.ContainsFunc(s.Faults, func(e nemesis.Event) bool {
		return e.Shape == nemesis.ShapeIsolateLeader && e.At+e.For == o.Load
	}), "a leader cut off at the end")
	has(len(kinds) == 0, "no faults")
	has(len(kinds) == 1, "single kind")
	has(len(kinds) == len(simKinds()), "all kinds")
	return all
}

// wanted is how many of the seeds should have what, at least.
func wanted() map[string]int {
	least := map[string]int{
		"one key": 2000, "long": 1500, "pre-vote": 4000, "check quorum": 6000, "plain raft": 500,
		"in order": 4000, "loss": 3000, "calm network": 500, "slow syncs": 4000, "drift": 4000,
		"turns": 4000, "sessions": 4000, "snapshots": 4000,
		"liveness": 7000, "least core": 2000, "no faults": 300, "single kind": 1500,
		"all kinds": 10, "a leader cut off at the end": 200,
		"others dead": 2000, "others deaf": 300, "others mute": 300,
	}
	for _, what := range []string{"mode packets", "mode payload", "mode reject", "by name",
		"one named link one way", "when leader", "when term", "when acknowledged", "when behind",
		"shape cut", "shape only"} {
		least[what] = 100
	}
	for n := 1; n <= 7; n++ {
		least[fmt.Sprint("nodes ", n)] = 200
	}
	for _, kind := range []string{"register", "append", "counter", "txn"} {
		least["workload "+kind] = 2000
	}
	for _, kind := range simKinds() {
		least["kind "+string(kind)] = 500
	}
	for _, role := range []string{"leader", "follower", "any", "majority", "minority", "all"} {
		least["role "+role] = 1000
	}
	for _, shape := range []string{
		"isolate-one", "isolate-leader", "isolate-follower", "majority-minority", "halves", "all",
		"majorities-ring", "bridge", "chain", "star", "one-way-in", "one-way-in-leader",
		"one-way-out", "one-way-out-leader", "one-way-pair",
	} {
		least["shape "+shape] = 400
	}
	return least
}

// simKinds are all kinds that the simulator has: a new one must find its way into the seeds.
func simKinds() []nemesis.Kind {
	return slices.DeleteFunc(nemesis.Kinds(), func(k nemesis.Kind) bool { return !k.Traits().Sim })
}

// Goal: the amount of work in a seed is what the campaign's speed is measured with, and the raft
// in it has time to do its work.
// Method: the requests that clients can make, and the heartbeats there are time for.
func TestFromSeedIsOfOneSize(t *testing.T) {
	var short, ops int
	var load time.Duration
	for seed := range uint64(10_000) {
		o := schedule.FromSeed(seed).Options
		w, r := o.Workload, o.Raft
		answer := w.DelayMax + 2*(o.Network.DelayMin+o.Network.DelayMax) + o.Disk.SyncMin +
			o.Disk.SyncMax
		requests := int(o.Load * time.Duration(w.Clients) / ((w.ThinkMin+w.ThinkMax)/2 + answer))
		if most := 301 * int(o.Load/(8*time.Second)); requests < 75 || requests > most {
			t.Errorf("seed %d: %d requests, want 75 to %d", seed, requests, most)
		}
		if o.Network.DelayMax > r.ElectionTimeoutMin/8 || o.Load < 5*r.ElectionTimeoutMin ||
			r.ElectionTimeoutMin < 150*time.Millisecond || r.HeartbeatInterval < r.ElectionTimeoutMin/10 {
			t.Errorf("seed %d: %+v", seed, o)
		}
		if o.Load <= 16*time.Second {
			short, ops, load = short+1, ops+requests, load+o.Load
		}
	}
	if mean := load / time.Duration(short); mean < 11*time.Second || mean > 13*time.Second {
		t.Errorf("a short seed lasts %v on average, want 12s", mean)
	}
	if mean := ops / short; mean < 150 || mean > 300 {
		t.Errorf("a short seed makes %d requests on average, want 150 to 300", mean)
	}
}

// Goal: no seed can lose to bit rot what its liveness phase needs.
// Method: of all seeds with bit rot, those outside of the core are at most what a quorum can spare,
// and never nobody.
func TestBitRotSparesTheCore(t *testing.T) {
	found := 0
	for seed := range uint64(3000) {
		s := schedule.FromSeed(seed)
		rotten := func(e nemesis.Event) bool { return e.Kind == nemesis.KindBitRot }
		if s.Options.Liveness.Within == 0 || !slices.ContainsFunc(s.Faults, rotten) {
			continue
		}
		found++
		outside := s.Options.Nodes - len(s.Options.Sound())
		if outside < 1 || outside > s.Options.Nodes-s.Options.Quorum() {
			t.Errorf("seed %d: %d of %d members may rot", seed, outside, s.Options.Nodes)
		}
	}
	if found < 100 {
		t.Errorf("only %d seeds with bit rot", found)
	}
}

// Goal: a seed is a pure function, and means tomorrow what it means today.
// Method: every seed twice; a few against files. A change that is meant is written down by
// go test ./sim/schedule -rewrite.
func TestFromSeedIsStable(t *testing.T) {
	for seed := range uint64(1000) {
		if !reflect.DeepEqual(schedule.FromSeed(seed), schedule.FromSeed(seed)) {
			t.Fatalf("seed %d is two schedules", seed)
		}
	}
	for _, seed := range []uint64{1, 2, 3, 1 << 63} {
		path := filepath.Join("testdata", fmt.Sprintf("seed-%d.json", seed))
		got := encode(t, schedule.FromSeed(seed))
		if *rewrite {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("seed %d is no longer what %s says:\n%s", seed, path, got)
		}
	}
}

func BenchmarkFromSeed(b *testing.B) {
	for seed := uint64(0); b.Loop(); seed++ {
		schedule.FromSeed(seed)
	}
}
