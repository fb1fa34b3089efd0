package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"gauntlet/campaign"
	"gauntlet/campaign/night"
	"gauntlet/checker"
	"gauntlet/suite"
)

// CampaignCmd carries out every combination of a campaign, unattended.
type CampaignCmd struct {
	File   string        `arg:"" help:"Campaign file, such as configs/nightly.yaml."`
	Resume string        `type:"path" placeholder:"DIR" help:"Go on with this night."`
	For    time.Duration `placeholder:"1h" help:"Budget of time, instead of the file's."`
	Place  string        `help:"Where to run: lab, hosts or sim; overrides the base."`
	Hosts  string        `help:"Inventory of the hosts, for place hosts." placeholder:"FILE"`
	Binary []string      `help:"Program to deploy; twice for two builds." type:"path" sep:"none"`
	Out    string        `help:"Parent of the campaign's directory." default:"runs" type:"path"`
	Seed   *uint64       `help:"Seed of the night; overrides the file. Default: drawn."`
	Jobs   int           `help:"Runs at a time, at place sim." default:"1"`
}

// Help says what to expect.
func (*CampaignCmd) Help() string {
	return `Every combination of the file's options, nodes, workloads and faults is had once before any
is had twice, each cell under a seed of its own, until the seeds or the budget are used. A
missed gate is rerun on the same seed, ten times unless the file says otherwise: missed once more it
is red, else flaky. What is inconclusive, or failed in the harness, is had once more. A violation is
never rerun.

The night's directory, OUT/campaign-NAME/NUMBER-TIME, holds summary.txt, summary.html, junit.xml,
the journal and the run directories. A night whose controller was killed, that was interrupted, or
that ran out of disk, goes on with --resume: no cell that has ended is had again, and none is lost.

At place sim runs are played in the campaign's own process: a run that panics is an error of the
harness (4), as one whose child crashes elsewhere.

Exit codes are those of a run, of the worst cell: a violation is never masked. What was planned and
not had makes the night inconclusive (3): with a number of seeds every cell, and with "until the
budget is used" each combination once. 5 also: another controller is at work.`
}

// Validate is called by kong.
func (c *CampaignCmd) Validate() error {
	switch {
	case c.For < 0:
		return errors.New("--for: must be above 0")
	case c.Jobs < 1:
		return errors.New("--jobs: must be above 0")
	case c.Resume != "" && c.Seed != nil:
		return errors.New("--seed: a night that goes on has its seed")
	}
	return nil
}

// Run carries the night out and ends with the code of its worst cell.
func (c *CampaignCmd) Run(k *kong.Context) error {
	of, err := c.load()
	if err != nil {
		return err
	}
	ctx, stop := interruptible(k.Stderr, healedByGuards)
	defer stop()
	config, err := c.config(ctx, of, k.Stderr)
	if err != nil {
		return err
	}
	outcome, err := night.Run(ctx, config)
	var changed *night.ChangedError
	var refused *night.RefusedError
	switch {
	case errors.As(err, &changed):
		return &exitError{exitUsage, err}
	case errors.As(err, &refused):
		return &exitError{checker.ExitRefused, err}
	case err != nil:
		return err
	}
	if err := outcome.Summary.Text(k.Stdout); err != nil && outcome.Exit != checker.ExitViolation {
		return err
	}
	fmt.Fprintf(k.Stdout, "\nsummary        %s\n", filepath.Join(outcome.Directory, "summary.html"))
	if outcome.Exit == checker.ExitValid {
		return nil
	}
	return &exitError{outcome.Exit, outcome.Trouble}
}

// load reads the campaign and lets the command line override it.
func (c *CampaignCmd) load() (*suite.Campaign, error) {
	if err := knownPlace(c.Place); err != nil {
		return nil, err
	}
	of, err := suite.LoadCampaign(c.File, c.Place)
	if err != nil {
		return nil, unread(c.File, err)
	}
	if err := inventoryFits(of.Place, c.Hosts); err != nil {
		return nil, err
	}
	switch {
	case of.Place == suite.PlaceSim && len(c.Binary) > 0:
		err = fmt.Errorf("--binary %s: place sim plays the raftd that this program is built with",
			c.Binary[0])
	case of.Place != suite.PlaceSim && c.Jobs > 1:
		err = fmt.Errorf("--jobs %d: only place sim has more than one run at a time", c.Jobs)
	}
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return of, nil
}

// config wires a night.
func (c *CampaignCmd) config(
	ctx context.Context, of *suite.Campaign, talk io.Writer,
) (night.Config, error) {
	config := night.Config{
		Campaign: of, Store: filepath.Join(c.Out, "campaign-"+of.Name), Jobs: c.Jobs, For: c.For,
		Hosts: c.Hosts, Binaries: c.Binary, Talk: talk, Again: c.again, GoOn: c.goOn,
		Seed:      uint64(binary.LittleEndian.Uint32(random(4))),
		Abandoned: func(dir string) error { return endAbandoned(dir, talk) },
	}
	switch {
	case c.Seed != nil:
		config.Seed = *c.Seed
	case of.Seed != nil:
		config.Seed = *of.Seed
	}
	if c.Resume != "" {
		at, err := filepath.EvalSymlinks(c.Resume)
		if err != nil {
			return config, &exitError{exitUsage, fmt.Errorf("--resume %s: %w", c.Resume, err)}
		}
		if err := night.Check(at); err != nil {
			return config, &exitError{exitUsage, fmt.Errorf("--resume %s: %w", shortPath(c.Resume), err)}
		}
		config.Store, config.Resume = filepath.Dir(at), filepath.Base(at)
	}
	self, err := os.Executable()
	if err != nil {
		return config, err
	}
	if of.Place == suite.PlaceSim {
		config.Player = campaignSim{}
		config.Build, err = ownBuild()
		return config, err
	}
	config.Player = newChild(self, c.Hosts)
	config.Build, err = c.subject(ctx, self)
	return config, err
}

// subject identifies what is put under test, and fails if there is nothing to deploy. It works on
// suites of its own: looking for programs writes down in them what is found.
func (c *CampaignCmd) subject(ctx context.Context, self string) (string, error) {
	of, err := suite.LoadCampaign(c.File, c.Place)
	if err != nil {
		return "", &exitError{exitUsage, err}
	}
	sum, seen := sha256.New(), map[string]bool{}
	for _, combination := range of.Combinations {
		if combination.Suite == nil {
			continue
		}
		target := &combination.Suite.Target
		id := target.Kind()
		for _, path := range programs(target) {
			id += " " + *path
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		built, err := setProgram(ctx, combination.Suite, c.Binary, self)
		if err != nil {
			return "", err
		}
		paths := []string{built}
		for _, path := range programs(target) {
			paths = append(paths, *path)
		}
		for _, path := range paths {
			if err := addFile(sum, path); err != nil {
				return "", err
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// addFile adds what a file holds; nothing if there is none.
func addFile(sum io.Writer, path string) error {
	if path == "" {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(sum, file)
	return err
}

// again is the command line that makes one run of a night again.
func (c *CampaignCmd) again(file string, seed uint64) string {
	run := RunCmd{Suite: shortPath(file), Hosts: c.Hosts, Binary: c.Binary}
	return run.again(seed)
}

// goOn is the command line that goes on with a night.
func (c *CampaignCmd) goOn(dir string) string {
	line := fmt.Sprintf("%s campaign %s --resume %s", called, c.File, shortPath(dir))
	options := [][2]string{{"--place", c.Place}, {"--hosts", c.Hosts}}
	for _, binary := range c.Binary {
		options = append(options, [2]string{"--binary", binary})
	}
	for _, option := range options {
		if option[1] != "" {
			line += " " + option[0] + " " + option[1]
		}
	}
	return line
}

// shortPath is a path as seen from here, if that is shorter.
func shortPath(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	short, err := filepath.Rel(here, path)
	if err != nil || strings.HasPrefix(short, "..") {
		return path
	}
	return short
}

// endAbandoned waits until a run has healed and ended whose campaign was killed, and heals its
// hosts if it does not.
func endAbandoned(dir string, talk io.Writer) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		run := filepath.Join(dir, e.Name())
		if _, err := os.Stat(filepath.Join(run, controllerFile)); err != nil || !e.IsDir() {
			continue
		}
		halt := HaltCmd{RunDir: run, Wait: 5 * time.Minute}
		errs = append(errs, halt.Run(talk))
	}
	return errors.Join(errs...)
}

// campaignSim plays in this process, and keeps what is worth a look.
type campaignSim struct{ simPlayer }

// Play makes one run; only one that was not valid leaves a directory.
func (p campaignSim) Play(ctx context.Context, j campaign.Job) campaign.Played {
	played := p.simPlayer.Play(ctx, j)
	if played.Results == nil || played.Results.Exit == checker.ExitValid {
		return played
	}
	dir, err := p.keep(j.Suite, j.Seed, j.Out)
	if played.Directory = dir; err != nil {
		played.Err = fmt.Errorf("the run cannot be kept: %w", err)
	}
	return played
}
