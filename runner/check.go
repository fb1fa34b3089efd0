package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/suite"
)

// Check judges a run directory from its history and its suite alone, and writes results, JUnit and
// report anew. What the run itself noted in results.json about the harness and the clean-up is
// kept; a run that was killed has none.
func Check(ctx context.Context, dir Directory, verify string) (*checker.Results, error) {
	if _, err := fs.Stat(dir.files(), historyFile); err != nil {
		return nil, err
	}
	s, err := suite.Load(dir.path(suiteFile))
	if err != nil {
		return nil, err
	}
	results, err := judge(ctx, dir, s, verify)
	if err != nil {
		return nil, err
	}
	earlier, err := dir.loadResults()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		results.Gates = append(results.Gates, checker.Result{
			Check:  gateFinished,
			Reason: "the run has no results of its own: its controller did not live to the end",
		})
	case err != nil:
		return nil, err
	default:
		results.Harness, results.Cleanup = earlier.Harness, earlier.Cleanup
		results.Refused = earlier.Refused
		results.Warnings = union(earlier.Warnings, results.Warnings)
		for _, c := range earlier.Checks {
			if c.Check == CheckInvariants {
				results.Checks = append(results.Checks, c)
			}
		}
		for _, g := range earlier.Gates {
			if g.Check == gateFinished || g.Check == gateAlive || g.Check == GateLiveness {
				results.Gates = append(results.Gates, g)
			}
		}
	}
	results.Decide()
	return results, dir.saveResults(results)
}

// The gates that only the run itself can judge; a later check takes them over.
const (
	gateFinished = "finished" // nobody stopped the run before its end
	gateAlive    = "alive"    // no node died but by a fault
)

func (d Directory) loadResults() (*checker.Results, error) {
	data, err := fs.ReadFile(d.files(), resultsFile)
	if err != nil {
		return nil, err
	}
	var results checker.Results
	if err := json.Unmarshal(data, &results); err != nil {
		return nil, fmt.Errorf("%s: %w", d.path(resultsFile), err)
	}
	return &results, nil
}

// judge runs the suite's checks and gates on the recorded history.
func judge(
	ctx context.Context, dir Directory, s *suite.Suite, verify string,
) (*checker.Results, error) {
	h, err := history.Open(dir.path(historyFile))
	if err != nil {
		return nil, err
	}
	results := &checker.Results{
		Version: checker.Version, Run: h.Header.Run, Suite: s.Name, Place: s.Place,
		Model: s.Workload.Model, Seed: h.Header.Seed, Warnings: h.Warnings,
		Summary: checker.SummariseSliced(h, s.Target.ElectionTimeout()),
	}
	if slices.Contains(s.Checks, checker.CheckLinearizable) {
		child := child{verify: verify, dir: dir, budget: s.Budget}
		results.Checks = append(results.Checks, checker.Combine(child.check(ctx, h)))
	}
	if slices.Contains(s.Checks, checker.CheckLeaderPerTerm) {
		results.Checks = append(results.Checks, checker.LeaderPerTerm(h))
	}
	results.Gates = checker.Requirements(h, s.Require)
	if i := s.Incident; i != nil {
		matched, why := i.Signature.Match(h, results, s.Target.ElectionTimeout())
		results.Reproduced = &checker.Reproduction{Title: i.Title, Matched: matched, Why: why}
	}
	return results, nil
}
