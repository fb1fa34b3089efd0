package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"gauntlet/campaign"
	"gauntlet/redact"
	"gauntlet/suite"
)

// executedFile is what a past run did, as a suite, in its run directory.
const executedFile = "executed.yaml"

// again is where a past run is executed again, and with what.
type again struct {
	Place  string   `help:"Of a run: where to execute it, if not where it was." placeholder:"PLACE"`
	Hosts  string   `help:"Of a run: inventory of the hosts, for place hosts." placeholder:"FILE"`
	Binary []string `help:"Of a run: program to deploy instead." type:"path" sep:"none"`
	Out    string   `help:"Of a run: parent of the new run directory." default:"runs" type:"path"`
}

func (a again) given() bool { return a.Place != "" || a.Hosts != "" || len(a.Binary) > 0 }

// replayRun executes a past run again and compares the two.
func (c *ReplayCmd) replayRun(k *kong.Context) error {
	if c.Trace || c.Page != "" {
		return &exitError{exitUsage, fmt.Errorf("%s is a run directory: --trace and --page are for a "+
			"schedule, such as %s", c.File, filepath.Join(c.File, "schedule.json"))}
	}
	then, err := readRun(c.File)
	if err != nil {
		return err
	}
	executed, err := executedBy(then, c.Place)
	if err != nil {
		return err
	}
	for _, note := range append(then.Notes, executed.Notes...) {
		fmt.Fprintf(k.Stderr, "note: %s\n", note)
	}
	file := filepath.Join(c.File, executedFile)
	text, err := executed.Suite.Resolved()
	if err != nil {
		return err
	}
	header := fmt.Sprintf("# What run %s did, as it was executed.\n", then.Facts().Run)
	if err := os.WriteFile(file, append([]byte(header), text...), 0o644); err != nil {
		return err
	}
	var said bytes.Buffer
	run := RunCmd{Suite: file, Place: c.Place, Hosts: c.Hosts, Binary: c.Binary, Out: c.Out}
	ended := run.Run(io.MultiWriter(k.Stdout, &said))
	dir := ranIn(said.String())
	if dir == "" {
		return ended // said already: it came to no verdict
	}
	now, err := readRun(dir)
	if err != nil {
		return errors.Join(ended, err)
	}
	pairs := executed.Compare(then.History, now.History)
	fmt.Fprintf(k.Stdout, "\nthen  %v\nnow   %v\n", then.Facts(), now.Facts())
	if err := campaign.WriteExecuted(k.Stdout, pairs); err != nil {
		return err
	}
	return ended
}

// executedBy makes the suite of what a run did, if this build can; for another place, if one is
// named.
func executedBy(then *campaign.Run, place string) (*campaign.Executed, error) {
	switch {
	case then.Suite == nil:
		return nil, &exitError{exitUsage, fmt.Errorf("%s cannot be executed again: %s", then.Name,
			strings.Join(then.Notes, "; "))}
	case strings.Contains(then.Text, redact.Mark):
		return nil, &exitError{exitUsage, fmt.Errorf("%s cannot be executed again: the secrets of its "+
			"suite were not kept; run the suite itself", then.Name)}
	}
	executed, err := campaign.ExecutedBy(movedTo(then.Suite, place), then.History)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("%s %w", then.Name, err)}
	}
	return executed, nil
}

// movedTo is a suite at another place; "": where it was. The simulator has no program to deploy,
// and no packets to record.
func movedTo(s *suite.Suite, place string) *suite.Suite {
	moved := *s
	moved.Place = cmp.Or(place, s.Place)
	if raftd := s.Target.Raftd; raftd != nil && moved.Place == suite.PlaceSim {
		without := *raftd
		without.Binary, without.Binaries = "", nil
		moved.Target.Raftd, moved.Capture = &without, ""
	}
	return &moved
}

// ranIn is the run directory that a run said it has made; "" if it said none.
func ranIn(said string) string {
	for line := range strings.Lines(said) {
		if dir, ok := strings.CutPrefix(line, "run directory  "); ok {
			return strings.TrimSpace(dir)
		}
	}
	return ""
}
