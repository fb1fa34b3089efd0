//go:build lab

package acceptance

import (
	"path/filepath"
	"testing"

	"gauntlet/checker"
	"gauntlet/mutants"
)

// Goal: the product works end to end, and its green means something.
// Method: the smoke suite with fixed seeds: exit 0, with operations, faults and leaders enough.
func TestSmoke(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		e := launch(t, filepath.Join(root, "configs/smoke.yaml"), seedFlag(seed))
		if code := e.wait(); code != checker.ExitValid {
			t.Fatalf("seed %d: exit %d", seed, code)
		}
		results := e.results(t)
		atLeast(t, "ok operations", results.Summary.OK, 5000)
		atLeast(t, "proven partitions", proven(results, "partition"), 3)
		atLeast(t, "proven pauses", proven(results, "pause"), 2)
		atLeast(t, "leaders", len(results.Summary.Leaders), 2)
	}
}

// Goal: every planted bug is caught by its suite, and the suite blames the bug, not the clean
// program.
// Method: the suite twice: with the mutant it ends with 1 and shows the evidence, else with 0.
func TestPlantedBugs(t *testing.T) {
	for _, m := range mutants.OnLab {
		t.Run(m.ID, func(t *testing.T) {
			wrong := filepath.Join(t.TempDir(), "raftd")
			if err := m.Build(t.Context(), root, mutants.Raftd, wrong); err != nil {
				t.Fatal(err)
			}
			suite := filepath.Join(root, m.Suite())
			e := launch(t, suite, "--binary", wrong)
			if code := e.wait(); code != checker.ExitViolation {
				t.Errorf("with the bug: exit %d", code)
			} else if !showsEvidence(e.results(t)) {
				t.Errorf("with the bug: no violation is shown")
			}
			e = launch(t, suite)
			if code := e.wait(); code != checker.ExitValid {
				t.Errorf("without the bug: exit %d", code)
			}
		})
	}
}

// showsEvidence reports whether some check names operations, or two leaders of one term.
func showsEvidence(results checker.Results) bool {
	for _, check := range results.Checks {
		violations := []*checker.Violation{check.Violation}
		for _, key := range check.Keys {
			violations = append(violations, key.Violation)
		}
		for _, v := range violations {
			if v != nil && (len(v.Operations) > 0 || len(v.Leaders) > 1) {
				return true
			}
		}
	}
	return false
}
