package main

import (
	"context"
	"errors"
	"path/filepath"

	"gauntlet/campaign"
	"gauntlet/checker"
)

// staged plays what asks for hosts in the simulator, and bends the results as the build is named,
// or else the suite: "bad" violates, "blunt" has a fault that did not bite, "broken" fails as a
// harness, "refused" and "unclean" are as they say, "gone" leaves nothing, "cured" checks the
// quorum.
type staged struct{}

func (staged) Play(_ context.Context, j campaign.Job) campaign.Played {
	name := j.Suite.Name
	if len(j.Binaries) > 0 {
		name = filepath.Base(j.Binaries[0])
	}
	if name == "cured" {
		cured, raftd := *j.Suite, *j.Suite.Target.Raftd
		raftd.Options.CheckQuorum = true
		cured.Target.Raftd, j.Suite = &raftd, &cured
	}
	p := playedSim(j.Suite, j.Seed)
	if p.Err != nil {
		return p
	}
	switch name {
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
	case "refused":
		p.Results.Refused = []string{"n2: another run is under way"}
	case "unclean":
		p.Results.Cleanup = []string{"n2: a rule"}
	case "gone":
		return campaign.Played{Err: errors.New("verify run has left no results: signal: killed")}
	}
	p.Results.Decide()
	return p
}
