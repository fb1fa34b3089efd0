package main

import (
	"context"
	"errors"
	"path/filepath"

	"gauntlet/campaign"
	"gauntlet/checker"
)

// staged plays what asks for hosts in the simulator, and bends the results as the build is named:
// "bad" violates, "blunt" has a fault that did not bite, "broken" fails as a harness, "gone" leaves
// nothing.
type staged struct{}

func (staged) Play(_ context.Context, j campaign.Job) campaign.Played {
	p := playedSim(j.Suite, j.Seed)
	if len(j.Binaries) == 0 || p.Err != nil {
		return p
	}
	switch filepath.Base(j.Binaries[0]) {
	case "bad":
		p.Results.Checks[0] = checker.Result{Check: checker.CheckLinearizable,
			Verdict: checker.Invalid, Reason: "a stale read"}
	case "blunt":
		for i, gate := range p.Results.Gates {
			if gate.Check == checker.GateFaultsBit {
				p.Results.Gates[i] = checker.Result{Check: gate.Check, Reason: "fault 1 did not bite"}
			}
		}
	case "broken":
		p.Results.Harness = []string{"deploy: no route to n2"}
	case "gone":
		return campaign.Played{Err: errors.New("verify run has left no results: signal: killed")}
	}
	p.Results.Decide()
	return p
}
