package main

import (
	"encoding/json"
	"errors"
	"io"

	"gauntlet/campaign"
)

// DiffCmd compares two runs.
type DiffCmd struct {
	Then string `arg:"" help:"A run directory: what to compare with."`
	Now  string `arg:"" help:"Another one."`
	JSON bool   `name:"json" help:"Write the difference as JSON, durations in nanoseconds."`
}

// Help says what is compared.
func (*DiffCmd) Help() string {
	return `Shows what two runs do not have in common: lines of their resolved suites, checks and gates
that ended otherwise, faults in the order of their start; and what clients saw during the load,
side by side, measured anew from both histories.

Exit codes: 0 both could be read, whatever they say; 4 one is damaged; 64 one is no run directory.`
}

// Run prints the difference.
func (c *DiffCmd) Run(out io.Writer) error {
	then, err := readRun(c.Then)
	if err != nil {
		return err
	}
	now, err := readRun(c.Now)
	if err != nil {
		return err
	}
	difference := campaign.Diff(then, now)
	if c.JSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(difference)
	}
	return difference.Text(out)
}

// readRun reads a run directory that a person has named.
func readRun(dir string) (*campaign.Run, error) {
	run, err := campaign.ReadRun(dir)
	switch {
	case errors.Is(err, campaign.ErrNoRun):
		return nil, noRun(dir, err)
	case err != nil:
		return nil, &exitError{exitHarness, err}
	}
	return run, nil
}
