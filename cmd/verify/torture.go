package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"gauntlet/chance"
	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/suite"
)

// TortureCmd runs a suite with rounds of power cuts instead of its own faults.
type TortureCmd struct {
	Suite  string  `arg:"" optional:"" default:"configs/torture.yaml" help:"The suite to torture."`
	Rounds int     `default:"200" help:"How often the power of a majority goes."`
	Seed   *uint64 `help:"Seed of the cuts and the workload. Default: drawn."`
	Binary string  `help:"Program to deploy." type:"path"`
	Out    string  `help:"Parent of the run directory." default:"runs" type:"path"`
}

// A round: the power goes at its beginning, give or take, and is back after a little. The nodes
// that have power are stopped just before it goes, so that they serve while disks hold their syncs
// up, until the others must have elected a leader among themselves.
const (
	roundLength = 4 * time.Second
	roundJitter = 500 * time.Millisecond
	darkFor     = 200 * time.Millisecond
	stopAfter   = 200 * time.Millisecond // a cut strikes 300 ms after it was begun
	stoppedFor  = 1500 * time.Millisecond
)

// Validate is called by kong: a bad number is a matter of usage.
func (c *TortureCmd) Validate() error {
	if c.Rounds < 1 || c.Rounds > 10_000 {
		return fmt.Errorf("--rounds %d: must be 1 to 10000", c.Rounds)
	}
	return nil
}

// Run carries the rounds out and ends with the verdict's exit code.
func (c *TortureCmd) Run(out io.Writer) error {
	run := RunCmd{Suite: c.Suite, Place: suite.PlaceLab, Seed: c.Seed, Out: c.Out}
	if c.Binary != "" {
		run.Binary = []string{c.Binary}
	}
	s, err := run.load()
	if err != nil {
		return err
	}
	s.Faults, s.Timeline = nil, tortureRounds(c.Rounds, *s.Seed)
	s.Phases.Load = time.Duration(c.Rounds+1) * roundLength
	for _, e := range s.Timeline {
		if err := e.Valid(s.Target.Nodes(), nil); err != nil {
			return &exitError{exitUsage, fmt.Errorf("%s: %w", c.Suite, err)}
		}
	}
	dir, ended := run.carryOut(out, s)
	if dir == "" {
		return ended
	}
	line, err := tortureSummary(filepath.Join(dir, "history.jsonl"), *s.Seed)
	if err == nil {
		fmt.Fprintln(out, line)
	}
	return errors.Join(ended, err)
}

// struck alternates: what a leader was promised too early shows where it is not there to mend it.
var struck = []nemesis.Role{nemesis.RoleFollowers, nemesis.RoleMajority}

// tortureRounds lays the rounds out over the load.
func tortureRounds(rounds int, seed uint64) []nemesis.Event {
	var events []nemesis.Event
	for k := range rounds {
		at := time.Duration(k)*roundLength +
			chance.New(seed, "torture.round", uint64(k)).Duration(0, roundJitter)
		cut := nemesis.Event{At: at, For: darkFor, Kind: nemesis.KindPower,
			Role: struck[k%len(struck)], Stream: uint64(2 * k)}
		stop := nemesis.Event{At: at + stopAfter, For: stoppedFor, Kind: nemesis.KindPause,
			Role: nemesis.RoleMinority, Stream: uint64(2*k + 1)}
		events = append(events, cut, stop)
	}
	return events
}

// tortureSummary is the line at the end: what a history tells of its rounds.
func tortureSummary(path string, seed uint64) (string, error) {
	h, err := history.Open(path)
	if err != nil {
		return "", err
	}
	rounds, cuts, dropped, writes := 0, 0, 0, 0
	for _, f := range h.Faults {
		if f.Kind != string(nemesis.KindPower) || f.Stop == 0 {
			continue
		}
		rounds++
		for _, e := range f.Evidence {
			var bytes int
			if _, err := fmt.Sscanf(e.Value, "lost %d bytes", &bytes); err == nil {
				cuts++
				dropped += bytes
			}
		}
	}
	for _, op := range h.Operations {
		if op.Outcome == history.OutcomeOK && op.Kind != "read" {
			writes++
		}
	}
	return fmt.Sprintf("torture        %d rounds, %d power cuts, %d bytes dropped, "+
		"%d acknowledged writes, seed %d", rounds, cuts, dropped, writes, seed), nil
}
