package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"gauntlet/campaign"
	"gauntlet/checker"
	"gauntlet/suite"
)

// ShrinkIncidentCmd makes an incident's timeline small.
type ShrinkIncidentCmd struct {
	File    string `arg:"" help:"An incident, such as configs/incidents/flapping-link.yaml."`
	Options string `placeholder:"SET" help:"Which options of its 'expect' (default: reproduced)."`
	Seeds   int    `default:"8" placeholder:"K" help:"Simulated runs of each candidate."`
	Replays int    `default:"3000" placeholder:"N" help:"Simulated runs in all, at most."`
	Runs    int    `default:"3" placeholder:"N" help:"Runs in the lab of what is left."`
	NoLab   bool   `help:"Do not try it in the lab."`
	Out     string `placeholder:"FILE" type:"path" help:"Write it here (default: print it)."`
	RunsDir string `name:"runs-dir" default:"runs" type:"path" help:"Parent of the lab's runs."`
}

// Help says by which rule something is left out.
func (*ShrinkIncidentCmd) Help() string {
	return `Looks for the smallest timeline that still shows the incident: fewer events, links, names
and nodes, no conditions, shorter faults and a shorter load. Candidates are played in the
simulator, each with K seeds, and kept if the signature is seen in at least three quarters as many
runs as at first, and no more often than at first with the options under which the file promises
that it is not. A smaller cluster is kept only if there, too, no event can be left out. What is
left is tried in the lab.

Exit codes: 0 done, and seen in the lab too, if it was tried there; 1 the lab saw a violation that
the file does not promise; 3 the incident is not seen in the simulator, so there is nothing to
shrink, or what is left is not seen in the lab, or it was interrupted before that was known; 4, 5, 6
as of a run, if the lab's runs say nothing; 64 usage. The file is written, whatever the lab says.`
}

// Validate is called by kong.
func (c *ShrinkIncidentCmd) Validate() error {
	if c.Seeds < 1 || c.Replays < 1 || c.Runs < 0 {
		return errors.New("--seeds and --replays must be above 0, --runs not below")
	}
	return nil
}

// Run shrinks, writes the file, and tries it in the lab.
func (c *ShrinkIncidentCmd) Run(k *kong.Context) error {
	search, err := c.load()
	if err != nil {
		return err
	}
	ctx, stop := interruptible(k.Stderr, healedByGuards)
	defer stop()
	search.Progress = tellShrinking(k.Stderr)
	shrunk, err := search.Find(ctx)
	none := (*campaign.NotSeenError)(nil)
	switch {
	case errors.As(err, &none):
		return &exitError{checker.ExitInconclusive, fmt.Errorf("%s: %w", c.File, err)}
	case errors.Is(err, context.Canceled):
		return &exitError{checker.ExitInconclusive, errors.New("interrupted before anything was found")}
	case err != nil:
		return err
	}
	summary := c.summary(search, shrunk)
	talk := k.Stderr
	if c.Out != "" {
		talk = k.Stdout
	}
	fmt.Fprintln(talk, strings.Join(summary, "\n"))
	if err := c.write(k.Stdout, summary, shrunk, c.Out != ""); err != nil {
		return err
	}
	confirmed, exit := c.confirm(ctx, k.Stderr, shrunk)
	fmt.Fprintln(talk, confirmed)
	if err := c.write(k.Stdout, append(summary, confirmed), shrunk, true); err != nil &&
		exit != checker.ExitViolation {
		return err
	}
	return ended(exit)
}

// load reads the file at its own place, at place sim, and for the lab if that can have it.
func (c *ShrinkIncidentCmd) load() (*campaign.Shrinking, error) {
	own, err := suite.Load(c.File)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	simulated, err := suite.LoadAt(c.File, suite.PlaceSim)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	sets := campaign.Sets(simulated)
	chosen, err := c.choose(sets)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	search := &campaign.Shrinking{Set: sets[chosen], Other: []campaign.Set{{Suite: own}},
		Player: simPlayer{}, Seeds: c.Seeds, Replays: c.Replays}
	for i, set := range sets {
		if i != chosen && set.Expect != nil && set.Expect.Answer == suite.AnswerNot {
			search.Against = append(search.Against, set)
		}
	}
	if c.NoLab || c.Runs == 0 {
		return search, nil
	}
	inLab, err := suite.LoadAt(c.File, suite.PlaceLab)
	if _, missing := suite.Missing(err); missing {
		return search, nil
	}
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	search.Other = append(search.Other, campaign.Sets(inLab)[chosen])
	return search, nil
}

// choose finds the set of options to shrink under: the one that is named, or else the first under
// which the incident is promised to be seen.
func (c *ShrinkIncidentCmd) choose(sets []campaign.Set) (int, error) {
	if c.Options != "" {
		return setNamed(sets, c.Options)
	}
	for i, set := range sets {
		if set.Expect != nil && set.Expect.Answer == suite.AnswerReproduced {
			return i, nil
		}
	}
	return 0, nil
}

// tellShrinking prints a line about once a second.
func tellShrinking(talk io.Writer) func(campaign.ShrinkProgress) {
	last := time.Now()
	return func(p campaign.ShrinkProgress) {
		if now := time.Now(); now.Sub(last) >= time.Second {
			last = now
			fmt.Fprintf(talk, "%d runs, %s: %v\n", p.Replays, p.Pass, p.Size)
		}
	}
}

// summary is what was found, in a few lines.
func (c *ShrinkIncidentCmd) summary(search *campaign.Shrinking, s *campaign.Shrunk) []string {
	lines := []string{
		fmt.Sprintf("before  %v: seen in %v simulated runs", s.Was, s.Before),
		fmt.Sprintf("after   %v: seen in %v, and in %v with other seeds", s.Is, s.After, s.Fresh),
		fmt.Sprintf("        %d runs in %v", s.Replays, s.Took.Round(100*time.Millisecond)),
	}
	if search.Set.Options != "" {
		lines = append(lines, "        with options "+search.Set.Options)
	}
	for _, ignored := range s.Ignored {
		lines = append(lines, "        not held against it: "+ignored)
	}
	if s.Unproven {
		lines = append(lines, "        some fault that is left hardly ever bites: see verify reproduce")
	}
	if s.Stopped {
		lines = append(lines, "        interrupted: more may be possible")
	}
	if s.Spent {
		lines = append(lines, fmt.Sprintf("        the budget of %d runs is spent: more may be possible "+
			"with --replays", c.Replays))
	}
	return lines
}

// write puts the suite where it is asked for, under a header that says where it comes from. Again
// says that only a file is to be written.
func (c *ShrinkIncidentCmd) write(
	out io.Writer, summary []string, s *campaign.Shrunk, again bool,
) error {
	text, err := s.Suites[1].Suite.Resolved()
	if err != nil {
		return err
	}
	header := fmt.Sprintf("# Made small from %s by: verify shrink-incident\n", filepath.Base(c.File))
	for _, line := range summary {
		header += "# " + line + "\n"
	}
	text = append([]byte(header), text...)
	if c.Out != "" {
		return os.WriteFile(c.Out, text, 0o644)
	}
	if again {
		return nil
	}
	_, err = out.Write(text)
	return err
}

// confirm plays what is left in the lab, and says in one line how often it is seen there, and with
// which exit code to end for that.
func (c *ShrinkIncidentCmd) confirm(
	ctx context.Context, talk io.Writer, s *campaign.Shrunk,
) (string, int) {
	switch {
	case c.NoLab || c.Runs == 0:
		return "lab     not tried", checker.ExitValid
	case len(s.Suites) < 3:
		return "lab     not tried: the lab does not have all of its faults", checker.ExitValid
	case ctx.Err() != nil:
		return "lab     not tried: interrupted", checker.ExitInconclusive
	}
	self, err := os.Executable()
	if err != nil {
		return "lab     not tried: " + err.Error(), checker.ExitHarness
	}
	set := s.Suites[2]
	r := campaign.Reproduce(ctx, campaign.Plan{
		Suite: set.Suite, File: c.File, Sets: []campaign.Set{set}, Builds: []campaign.Build{{}},
		Runs: c.Runs, Workers: 1, Out: c.RunsDir, Player: newChild(self, ""),
		Ended: func(_ campaign.Set, _ campaign.Build, t *campaign.Trial) {
			fmt.Fprintf(talk, "lab run of seed %d: %s: %s\n", t.Seed, t.Outcome, t.Why)
			for _, violation := range t.Unexpected {
				fmt.Fprintf(talk, "VIOLATED, and the file does not promise it: %s\n", violation)
			}
		},
	})
	side := &r.Sets[0].Sides[0]
	return "lab     " + side.Headline(), confirmedBy(r.Exit, side.Answer)
}

// confirmedBy is the exit code for what the lab says. How often it is seen there is not held
// against what the file promises: these few runs only ask whether it is seen at all.
func confirmedBy(exit int, answer campaign.Outcome) int {
	seen := answer == campaign.Reproduced
	switch {
	case exit == checker.ExitViolation || exit == checker.ExitCleanup:
		return exit
	case seen:
		return checker.ExitValid
	case exit == checker.ExitGate:
		return checker.ExitInconclusive
	}
	return checker.Worst(exit, checker.ExitInconclusive)
}
