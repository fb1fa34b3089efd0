package main

import (
	"fmt"
	"slices"
	"time"

	"gauntlet/campaign"
	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/sim"
	judges "gauntlet/sim/campaign"
	"gauntlet/suite"
)

// playedSim plays a suite of place sim with a seed of its own, as a campaign wants it: once, the
// checks as well in this process, and without a run directory. What it returns is the same whenever
// it is asked, but for how long it took. Several may be played at once.
func playedSim(s *suite.Suite, seed uint64) campaign.Played {
	began := time.Now()
	of, err := simulated(s, seed)
	if err != nil {
		return campaign.Played{Took: time.Since(began), Err: err}
	}
	j := judges.Judged{Outcome: newWorld().Run(of, sim.Options{History: true})}
	h := recorded(s, fmt.Sprintf("%08x", uint32(seed)), j.Outcome)
	results := &checker.Results{
		Version: checker.Version, Run: h.Header.Run, Suite: s.Name, Place: s.Place,
		Model: s.Workload.Model, Seed: seed,
		Summary: checker.SummariseSliced(h, s.Target.ElectionTimeout()),
		Checks:  append(checkedHere(s, h), held(j)...),
		Gates:   append(checker.Requirements(h, s.Require), cameBack(of, j)...),
	}
	if err := h.Valid(); err != nil {
		results.Harness = []string{fmt.Sprintf("the simulator recorded what cannot be: %v", err)}
	}
	if i := s.Incident; i != nil {
		matched, why := i.Signature.Match(h, results, s.Target.ElectionTimeout())
		results.Reproduced = &checker.Reproduction{Title: i.Title, Matched: matched, Why: why}
	}
	results.Decide()
	return campaign.Played{Results: results, History: h, Took: time.Since(began)}
}

// checkedHere makes the suite's checks in this process, within the suite's time. What they may take
// of the memory is for the caller to see to.
func checkedHere(s *suite.Suite, h *history.History) []checker.Result {
	var results []checker.Result
	if slices.Contains(s.Checks, checker.CheckLinearizable) {
		var keys []checker.KeyResult
		deadline := time.Now().Add(s.Budget.Time)
		for _, key := range checker.Partition(h) {
			result := checker.Linearizable(s.Workload.Model, key.Operations, time.Until(deadline)/2)
			result.Key = key.Name
			keys = append(keys, result)
		}
		results = append(results, checker.Combine(keys))
	}
	if slices.Contains(s.Checks, checker.CheckLeaderPerTerm) {
		results = append(results, checker.LeaderPerTerm(h))
	}
	return results
}
