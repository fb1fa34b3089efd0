package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"gauntlet/campaign"
	"gauntlet/checker"
	"gauntlet/suite"
)

// ReproduceCmd makes an incident happen again, and says how often it does.
type ReproduceCmd struct {
	File       string        `arg:"" help:"An incident, or any suite: then it is any violation."`
	Runs       int           `placeholder:"N" help:"Of each build and set (default: 10)."`
	UntilFirst bool          `help:"Be done with a set of options once it is reproduced."`
	For        time.Duration `placeholder:"1h" help:"Begin no run later (--runs: no limit)."`
	With       []string      `type:"path" sep:"none" placeholder:"BINARY" help:"Compare with it."`
	Binary     []string      `type:"path" sep:"none" help:"Program to deploy; twice for two builds."`
	Options    []string      `sep:"none" placeholder:"SET" help:"Only this set of the file, or all."`
	Jobs       int           `placeholder:"N" help:"Runs at a time (default: one; at place sim more)."`
	Place      string        `help:"Where to run: lab, hosts or sim; overrides the suite."`
	Hosts      string        `help:"Inventory of the hosts, for place hosts." placeholder:"FILE"`
	Seed       *uint64       `help:"From which each run's seed is derived. Default: drawn."`
	Out        string        `help:"Parent of its directory." default:"runs" type:"path"`
	Keep       bool          `help:"Keep every run's directory (default: those worth a look)."`
	JSON       bool          `help:"Print all that is known as JSON, for a machine."`
}

// Help says what is counted and what the exit codes mean.
func (*ReproduceCmd) Help() string {
	return `Makes the runs, and answers for each set of options that the incident's file speaks of:

  REPRODUCED k/N           a run showed what the file's signature names
  NOT REPRODUCED           none did: the rate is below what is printed, at 95 %
  DIFFERENT FAILURE        a violation, a missed gate or a late recovery that it does not name
  FAULT NOT EFFECTIVE      a fault did not bite or never began: the runs prove nothing
  HARNESS ERROR            the runs were refused, failed, left something behind or without results,
                           or were inconclusive

Runs of the last two kinds are named, and not counted. The interval is Wilson's at 95 %; of runs
that were stopped early (--until-first, --for, Ctrl-C) one that holds whenever it is looked at.
--with plays both builds in turns, on the same seeds, and compares them by Fisher's exact test. What
the file expects, it expects of the first of them.

Kept are the directories of the first run of each answer but "not reproduced", and of each violation
that the file does not expect; --keep keeps all. At place sim several runs are played at a time.

Of runs that were under way when --until-first was content, none is counted; but a violation in one
of them is shown, and decides.

Exit codes, the worst of what was found, in this order: 1 a violation that the file does not expect,
in any run; 5, 4 refused, or the harness failed, in more runs than say something; 2 an answer that
differs from the file, or, where that says nothing, any but "not reproduced"; 6 something was left
behind on a host, by any run; 3 more runs say nothing than something, or none was made, or SKIPPED,
since the place lacks what the file needs; 0 as the file says; 64 usage.`
}

// defaultRuns are those of each build with each set of options.
const defaultRuns = 10

// Validate is called by kong.
func (c *ReproduceCmd) Validate() error {
	switch {
	case c.Runs < 0 || c.For < 0 || c.Jobs < 0:
		return errors.New("--runs, --for and --jobs: must be above 0")
	case c.UntilFirst && len(c.With) > 0:
		return errors.New("--until-first and --with: two builds are compared by a number of runs that " +
			"does not hang on what they show")
	}
	if c.Runs == 0 && c.For == 0 {
		c.Runs = defaultRuns
	}
	return nil
}

// Run makes the runs and prints what they say together.
func (c *ReproduceCmd) Run(k *kong.Context) error {
	s, err := c.load()
	if lacking, missing := suite.Missing(err); missing {
		fmt.Fprintf(k.Stdout, "SKIPPED %s: the place lacks %s\n", c.File, strings.Join(lacking, ", "))
		return ended(checker.ExitInconclusive)
	}
	if err != nil {
		return err
	}
	ctx, stop := interruptible(k.Stderr, healedByGuards)
	defer stop()
	plan, err := c.plan(ctx, s)
	if err != nil {
		return err
	}
	keeping := &keeper{all: c.Keep, player: plan.Player, seen: map[string]bool{}}
	plan.Ended = func(set campaign.Set, build campaign.Build, t *campaign.Trial) {
		keeping.keep(set, build, plan.Out, t)
		fmt.Fprintln(k.Stderr, told(plan, set, build, *t))
	}
	fmt.Fprintf(k.Stderr, "%s on %s, seed %d: %s\n", s.Name, s.Place, plan.Seed, c.measure(plan))
	r := campaign.Reproduce(ctx, plan)
	keeping.finish(k.Stderr, plan.Out, r)
	if c.JSON {
		encoder := json.NewEncoder(k.Stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(r)
	} else {
		err = r.Text(k.Stdout)
	}
	if err != nil && r.Exit != checker.ExitViolation {
		return err
	}
	return ended(r.Exit)
}

// load reads the file as verify run does, and gives it the seed of all seeds.
func (c *ReproduceCmd) load() (*suite.Suite, error) {
	run := RunCmd{Suite: c.File, Place: c.Place, Hosts: c.Hosts, Seed: c.Seed}
	run.Binary = append(slices.Clone(c.Binary), c.With...) // none at place sim
	return run.load()
}

// measure says how much there is to do.
func (c *ReproduceCmd) measure(p campaign.Plan) string {
	text := fmt.Sprintf("%d runs", c.Runs*len(p.Sets)*len(p.Builds))
	if c.Runs == 0 {
		text = "runs"
	}
	if c.For > 0 {
		text += fmt.Sprintf(" within %v", c.For)
	}
	return fmt.Sprintf("%s (builds: %d, sets of options: %d), %d at a time", text, len(p.Builds),
		len(p.Sets), p.Workers)
}

func (c *ReproduceCmd) plan(ctx context.Context, s *suite.Suite) (campaign.Plan, error) {
	p := campaign.Plan{
		Suite: s, Runs: c.Runs, For: c.For, UntilFirst: c.UntilFirst, Seed: *s.Seed,
		Workers: max(1, c.Jobs),
		Out: filepath.Join(c.Out, fmt.Sprintf("reproduce-%s-%s-%s",
			time.Now().UTC().Format("20060102-150405"), s.Name, newRunID())),
	}
	var err error
	if p.Sets, err = chosenSets(s, c.Options); err != nil {
		return p, &exitError{exitUsage, err}
	}
	p.Builds = []campaign.Build{{Name: buildName(s, c.Binary), Binaries: c.Binary}}
	if len(c.With) > 0 {
		p.Builds = append(p.Builds, campaign.Build{Name: buildName(s, c.With), Binaries: c.With})
	}
	if s.Place == suite.PlaceSim {
		p.Workers, p.Player = cmp.Or(c.Jobs, runtime.GOMAXPROCS(0)), simPlayer{}
		for _, set := range p.Sets {
			if _, err := simulated(set.Suite, 1); err != nil {
				return p, &exitError{exitUsage, err}
			}
		}
		return p, nil
	}
	self, err := os.Executable()
	if err != nil {
		return p, err
	}
	p.Player = newChild(self, c.Hosts)
	for _, build := range p.Builds {
		// Of a suite of its own: it writes into the suite what it finds.
		again, err := suite.LoadAt(c.File, c.Place)
		if err != nil {
			return p, &exitError{exitUsage, err}
		}
		if _, err := setProgram(ctx, again, build.Binaries, self); err != nil {
			return p, err
		}
	}
	return p, nil
}

// newChild makes the player of places with hosts; tests put another in its place.
var newChild = func(self, hosts string) campaign.Player {
	return campaign.Child{Verify: self, Hosts: hosts}
}

// chosenSets are the sets of options that are named, of those that the file speaks of.
func chosenSets(s *suite.Suite, named []string) ([]campaign.Set, error) {
	sets := campaign.Sets(s)
	if len(named) == 0 || slices.Equal(named, []string{"all"}) {
		return sets, nil
	}
	var chosen []campaign.Set
	for _, name := range named {
		i, err := setNamed(sets, name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, sets[i])
	}
	return chosen, nil
}

// setNamed finds the set of options that a person has named.
func setNamed(sets []campaign.Set, name string) (int, error) {
	var known []string
	for i, set := range sets {
		if options(set.Options) == options(name) {
			return i, nil
		}
		known = append(known, fmt.Sprintf("%q", set.Options))
	}
	return 0, fmt.Errorf("--options %q: the file speaks of %s", name, strings.Join(known, ", "))
}

// options is a set of options without what makes no difference: braces, spaces and the order.
func options(text string) string {
	parts := strings.Split(strings.Trim(strings.TrimSpace(text), "{}"), ",")
	for i, part := range parts {
		parts[i] = strings.Join(strings.Fields(strings.ReplaceAll(part, ":", " ")), ": ")
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func buildName(s *suite.Suite, binaries []string) string {
	var names []string
	for _, binary := range binaries {
		names = append(names, filepath.Base(binary))
	}
	if binary := s.Target.Binary(); len(names) == 0 && binary != nil && *binary != "" {
		return filepath.Base(*binary)
	} else if len(names) == 0 {
		return s.Target.Kind()
	}
	return strings.Join(names, "+")
}

// told is one run in one line.
func told(p campaign.Plan, set campaign.Set, build campaign.Build, t campaign.Trial) string {
	words := []string{fmt.Sprintf("run %d", t.Run)}
	if p.Runs > 0 {
		words[0] += fmt.Sprintf("/%d", p.Runs)
	}
	if len(p.Sets) > 1 {
		words = append(words, set.Options)
	}
	if len(p.Builds) > 1 {
		words = append(words, build.Name)
	}
	words = append(words, fmt.Sprintf("seed %d", t.Seed),
		fmt.Sprintf("%.1fs", t.Took.Seconds()), strings.TrimPrefix(string(t.Outcome)+": "+t.Why, ": "))
	if t.Directory != "" {
		words = append(words, t.Directory)
	}
	return strings.Join(words, "  ")
}

// keeper removes the directories of runs that nobody will look at.
type keeper struct {
	all    bool
	player campaign.Player
	seen   map[string]bool // by set, build and outcome
}

func (k *keeper) keep(set campaign.Set, build campaign.Build, out string, t *campaign.Trial) {
	id := strings.Join([]string{set.Options, build.Name, string(t.Outcome)}, "\n")
	dull := t.Outcome == campaign.NotReproduced || t.Outcome == "" // or cut short
	worth := k.all || !dull && !k.seen[id] || len(t.Unexpected) > 0
	k.seen[id] = true
	simulator, simulated := k.player.(simPlayer)
	switch {
	case worth && simulated:
		// Only now, as it takes a while, and is the same run again.
		dir, err := simulator.keep(set.Suite, t.Seed, out)
		if t.Directory = dir; err != nil {
			t.Directory = "not kept: " + err.Error()
		}
	case !worth && t.Directory != "":
		os.RemoveAll(t.Directory) // what is left of it is in nobody's way
		t.Directory = ""
	}
}

// finish writes what came of it beside the runs that are left.
func (k *keeper) finish(talk io.Writer, out string, r *campaign.Reproduction) {
	if _, err := os.Stat(out); err != nil {
		return // nothing was left
	}
	if _, err := os.Stat(filepath.Join(out, "latest")); err != nil {
		os.Remove(filepath.Join(out, "latest")) // it was not kept
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(out, "reproduction.json"), append(text, '\n'), 0o644)
	}
	if err != nil {
		fmt.Fprintf(talk, "verify: %s is not whole: %v\n", out, err)
		return
	}
	fmt.Fprintf(talk, "kept in %s\n", out)
}
