package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kong"

	"gauntlet/sim/campaign"
	"gauntlet/sim/minimise"
	"gauntlet/sim/schedule"
)

// ShrinkCmd makes a failing schedule small.
type ShrinkCmd struct {
	File string  `arg:"" optional:"" type:"path" help:"A schedule that fails."`
	Seed *uint64 `placeholder:"N" help:"Shrink the schedule of this seed."`
	Out  string  `placeholder:"FILE" type:"path" help:"Write it here (default: print it)."`
}

// Help says what the answer is.
func (*ShrinkCmd) Help() string {
	return `Looks for the smallest schedule that fails with the same signature: fewer faults,
operations, clients and members, shorter windows, simpler delays. The same schedule shrinks to
the same on any machine.

Exit codes: 0 done, 3 the schedule does not fail, 64 usage.`
}

// Validate is called by kong.
func (c *ShrinkCmd) Validate() error {
	if (c.File == "") == (c.Seed == nil) {
		return errors.New("name one schedule: a file, or --seed N")
	}
	return nil
}

// Run shrinks, and writes the schedule.
func (c *ShrinkCmd) Run(k *kong.Context) error {
	name, s := c.File, (*schedule.Schedule)(nil)
	if c.Seed != nil {
		name, s = fmt.Sprintf("seed %d", *c.Seed), schedule.FromSeed(*c.Seed)
	} else {
		var err error
		if s, err = schedule.Read(c.File); err != nil {
			return unread(c.File, err)
		}
	}
	build, err := ownBuild()
	if err != nil {
		return err
	}
	s = campaign.Concrete(newWorld, s, build)
	if s.Expect.Signature == "" {
		return &exitError{campaign.ExitInconclusive,
			fmt.Errorf("%s does not fail with this build: there is nothing to shrink", name)}
	}
	last := time.Now()
	small := campaign.Shrink(newWorld, s, func(p minimise.Progress) {
		if now := time.Now(); now.Sub(last) > time.Second {
			last = now
			fmt.Fprintf(k.Stderr, "%d replays: %s\n", p.Replays, campaign.Size(p.Best))
		}
	})
	fmt.Fprintf(k.Stderr, "%s: from %s to %s\n", s.Expect.Signature, campaign.Size(s),
		campaign.Size(small))
	if c.Out != "" {
		return small.Write(c.Out)
	}
	return small.Encode(k.Stdout)
}
