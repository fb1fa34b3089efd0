package main

import (
	"reflect"
	"testing"

	"gauntlet/checker"
	"gauntlet/suite"
)

const timelineSuite = `
name: played
place: sim
target: {raftd: {nodes: 5, options: {prevote: true, check-quorum: true, election-timeout: 100ms}}}
workload: {register: {clients: 5, rate: 100, keys: 5, ops-per-key: 100}}
faults:
  - partition: {shapes: [isolate-leader], every: 4s, for: 2s}
phases: {warm-up: 2s, load: 9s, recovery: 4s}
checks: [linearizable, leader-per-term]
require: {ok-per-kind: 20, min-faults: {partition: 2}, available-after-heal: 20ET}
`

// Goal: a campaign has of a simulated run all that a run directory would hold, and the same twice.
// Method: a small suite, played with a few seeds, several at once.
func TestPlayedSim(t *testing.T) {
	s, err := suite.Parse("suite.yaml", []byte(timelineSuite))
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(8) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			p, again := playedSim(s, seed), playedSim(s, seed)
			if p.Err != nil || p.Results.Exit != checker.ExitValid || p.Directory != "" || p.Took <= 0 {
				t.Fatalf("seed %d: %v, %+v", seed, p.Err, p.Results)
			}
			if !reflect.DeepEqual(p.History.Operations, again.History.Operations) ||
				!reflect.DeepEqual(p.History.Faults, again.History.Faults) {
				t.Errorf("seed %d was not the same twice", seed)
			}
			var checks []string
			for _, r := range append(p.Results.Checks, p.Results.Gates...) {
				checks = append(checks, r.Check)
			}
			want := []string{checker.CheckLinearizable, checker.CheckLeaderPerTerm, "invariants"}
			if len(checks) < 6 || !reflect.DeepEqual(checks[:3], want) ||
				checks[len(checks)-1] != "liveness" {
				t.Errorf("seed %d was judged by %v", seed, checks)
			}
			if len(p.History.Phases) < 5 || p.Results.Seed != seed || s.Seed != nil {
				t.Errorf("phases %v, seed %d, suite's %v", p.History.Phases, p.Results.Seed, s.Seed)
			}
		})
	}
}
