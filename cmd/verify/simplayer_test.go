package main

import (
	"context"
	"strings"
	"testing"

	campaigns "gauntlet/campaign"
	"gauntlet/sim"
	"gauntlet/sim/campaign"
	"gauntlet/sim/schedule"
	"gauntlet/suite"
)

// Goal: a simulated run that panics fails by itself, and nothing else does. Method: a simulator
// that panics under one seed, in the run and where it is kept.
func TestPanicIsOfItsRun(t *testing.T) {
	honest := newWorld
	defer func() { newWorld = honest }()
	newWorld = func() campaign.Engine { return panicking{sim.NewWorld()} }
	s, err := suite.Parse("suite.yaml", []byte(timelineSuite))
	if err != nil {
		t.Fatal(err)
	}
	p := campaignSim{}.Play(context.Background(), campaigns.Job{Suite: s, Seed: 3, Out: t.TempDir()})
	if p.Results != nil || p.Err == nil || !strings.Contains(p.Err.Error(), "panicked: nil map") ||
		p.Took <= 0 {
		t.Errorf("it panics: %+v", p)
	}
	if _, err := (simPlayer{}).keep(s, 3, t.TempDir()); err == nil ||
		!strings.Contains(err.Error(), "panicked") {
		t.Errorf("it panics when it is kept: %v", err)
	}
	p = campaignSim{}.Play(context.Background(), campaigns.Job{Suite: s, Seed: 4, Out: t.TempDir()})
	if p.Err != nil || p.Results == nil {
		t.Errorf("another: %+v", p)
	}
}

type panicking struct{ *sim.World }

func (w panicking) Run(s *schedule.Schedule, o sim.Options) *sim.Outcome {
	if s.Seed == 3 {
		panic("nil map")
	}
	return w.World.Run(s, o)
}
