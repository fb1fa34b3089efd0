package suite

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gauntlet/checker"
	"gauntlet/nemesis"
	"gauntlet/target"
	"gauntlet/workload"
)

// Goal: the shape of a suite that people write is the one that we read.
// Method: the example of the README, against the value written out by hand.
func TestParse(t *testing.T) {
	const text = `
name: smoke
place: lab
target: {raftd: {nodes: 5, options: {prevote: true, check-quorum: true, election-timeout: 300ms}}}
workload: {register: {clients: 10, rate: 400, keys: 5, ops-per-key: 100}}
faults:
  - partition: {shapes: [isolate-leader, majority-minority, one-way-in-leader], every: 8s, for: 4s}
  - pause: {on: [leader, any], every: 10s, for: 3s}
phases: {warm-up: 3s, load: 35s, recovery: 8s}
checks: [linearizable, leader-per-term]
require: {ok-per-kind: 200, available-after-heal: 20ET}
`
	got, err := Parse("smoke.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := &Suite{
		Name:  "smoke",
		Place: PlaceLab,
		Target: Target{Raftd: &target.RaftdSpec{Nodes: 5, Options: target.RaftdOptions{
			Prevote: true, CheckQuorum: true,
			ElectionTimeout: 300 * time.Millisecond, Heartbeat: 50 * time.Millisecond,
		}}},
		Workload: Workload{
			Model:   workload.ModelRegister,
			Spec:    workload.Spec{Clients: 10, Rate: 400, Keys: 5, OpsPerKey: 100},
			Reads:   ReadsLinearizable,
			Timeout: time.Second,
		},
		Faults: []nemesis.Spec{
			{Kind: nemesis.KindPartition, Every: 8 * time.Second, For: 4 * time.Second,
				Shapes: []nemesis.Shape{nemesis.ShapeIsolateLeader,
					nemesis.ShapeMajorityMinority, nemesis.ShapeOneWayInLeader}},
			{Kind: nemesis.KindPause, Every: 10 * time.Second, For: 3 * time.Second,
				On: []nemesis.Role{nemesis.RoleLeader, nemesis.RoleAny}},
		},
		Phases: Phases{WarmUp: 3 * time.Second, Load: 35 * time.Second,
			Recovery: 8 * time.Second},
		Scale:   1,
		Checks:  []string{checker.CheckLinearizable, checker.CheckLeaderPerTerm},
		Require: checker.Require{OKPerKind: 200, AvailableAfterHeal: 6 * time.Second},
		Budget:  Budget{Time: time.Minute, Memory: 2 << 30},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parsed suite (-want +got):\n%s", diff)
	}
}

// Goal: every mistake in a file is reported, once, with its line, both values and the relation it
// breaks.
// Method: transcripts in testdata: a suite, and all that is said of it. Rewrite them with
// -rewrite.
func TestProblems(t *testing.T) {
	datadriven.Walk(t, "testdata/problems", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			_, err := Parse("suite.yaml", []byte(d.Input))
			var problems Problems
			switch {
			case err == nil:
				return "no problem\n"
			case !errors.As(err, &problems) || len(problems) == 0:
				t.Fatalf("error is no list of problems: %v", err)
			}
			return err.Error() + "\n"
		})
	})
}

// Goal: a run directory's suite.yaml says the whole truth: nothing is lost or changed by writing
// and reading.
// Method: every shipped suite, with and without a seed, and extreme seeds.
func TestResolvedReadsBack(t *testing.T) {
	seeds := []uint64{0, 1, 1<<63 - 1, 1 << 63, 1<<64 - 1, rand.Uint64()}
	for _, path := range shipped(t) {
		s, err := Load(path)
		if lacks, ok := Missing(err); ok {
			t.Logf("%s: the place lacks %v", path, lacks)
			s, err = LoadAt(path, PlaceSim)
		}
		if err != nil {
			t.Fatal(err)
		}
		readBack(t, s)
		for _, seed := range seeds {
			s.Seed = &seed
			readBack(t, s)
		}
	}
}

// Goal: fields that no shipped suite sets survive too. Method: one suite for each target that sets
// every one of them.
func TestResolvedKeepsEveryField(t *testing.T) {
	for _, file := range []string{"everything.yaml", "versions.yaml", "etcd.yaml", "command.yaml",
		"simulated.yaml", "timeline.yaml", "scaled.yaml"} {
		s, err := Load("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		readBack(t, s)
	}
}

func readBack(t *testing.T, s *Suite) {
	t.Helper()
	text, err := s.Resolved()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("resolved.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(s, again, cmpopts.IgnoreFields(Suite{}, "Scale")); diff != "" {
		t.Errorf("suite read back (-want +got):\n%s\n%s", diff, text)
	}
}

// shipped lists the suites of this repository.
func shipped(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, pattern := range []string{"../configs/*.yaml", "../configs/bugs/*.yaml",
		"../configs/incidents/*.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no suites at %s: %v", pattern, err)
		}
		paths = append(paths, found...)
	}
	return slices.DeleteFunc(paths, func(path string) bool {
		return slices.Contains(manySuites, filepath.Base(path))
	})
}

// manySuites are the shipped files that tell of many runs: no suites themselves.
var manySuites = []string{"gate.yaml", "matrix.yaml", "nightly.yaml"}

// Goal: a suite that cannot be opened is named, without a stack of wrappers.
func TestLoadNamesTheFile(t *testing.T) {
	_, err := Load("no/such.yaml")
	if err == nil || err.Error() != "suite no/such.yaml does not exist" {
		t.Errorf("error = %v", err)
	}
	if _, err = Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("error = %v", err)
	}
}

// Goal: at another place than the suite names, what that place lacks is a problem.
func TestLoadAt(t *testing.T) {
	const path = "../configs/rolling.yaml"
	if s, err := LoadAt(path, PlaceHosts); err != nil || s.Place != PlaceHosts {
		t.Errorf("at hosts: %+v, %v", s, err)
	}
	const want = path + ":9: faults[0].version: place sim does not have it"
	if _, err := LoadAt(path, PlaceSim); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}

// Goal: no text makes the reader panic; what it accepts, it writes and reads back to the same
// value.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"../configs/*.yaml", "../configs/incidents/*.yaml",
		"testdata/*.yaml"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("fuzz.yaml", text)
		if err == nil {
			readBack(t, s)
		}
	})
}
