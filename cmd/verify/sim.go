package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"gauntlet/sim"
	"gauntlet/sim/campaign"
	"gauntlet/sim/schedule"
	"gauntlet/suite"
)

// SimCmd plays raftd's replica in the simulator.
type SimCmd struct {
	Suite string        `arg:"" optional:"" help:"Play a suite, not what seeds draw."`
	Seeds seedRange     `xor:"seeds" placeholder:"A..B" help:"Play these seeds, both included."`
	For   time.Duration `xor:"seeds" placeholder:"10m" help:"Play seeds for so long (default: 1m)."`
	Seed  *uint64       `xor:"seeds" placeholder:"N" help:"Play one seed, and tell how it went."`
	picture

	Save      string  `placeholder:"FILE" type:"path" help:"Keep it as a file, and show that run."`
	From      *uint64 `placeholder:"N" help:"First seed of --for (default: drawn)."`
	Workers   int     `placeholder:"N" help:"Seeds that are played at a time (default: one a core)."`
	StopAfter int     `placeholder:"N" help:"End when so many seeds have failed."`
	Out       string  `placeholder:"DIR" type:"path" help:"Where evidence is kept (default: in runs)."`
}

// Help says what a campaign is.
func (*SimCmd) Help() string {
	return `Plays the replica and the log of raftd on simulated networks, disks and clocks. Each seed
is a cluster, a workload and faults. All that Raft promises is checked after each event.

  verify sim --seeds 1..10000     the same result on any machine, with any number of workers
  verify sim --for 30m            as many as fit; Ctrl-C prints what was found so far
  verify sim --seed 17 --trace    one seed, event by event
  verify sim SUITE                a suite, once, with a run directory as from any other place
  verify sim SUITE --for 10m      the workload and the faults of a suite, with many seeds

A failing campaign leaves a directory for each signature of failure: the schedule, shrunk, the
history of its clients, a picture, and the line that replays it.

Exit codes: 0 clean, 1 safety violated, 2 only liveness missed, 3 inconclusive, 4 the simulator
contradicts itself, 64 usage.`
}

// seedRange is A..B, both included.
type seedRange struct {
	first, last uint64
	given       bool
}

// UnmarshalText reads what a person types.
func (r *seedRange) UnmarshalText(text []byte) error {
	a, b, ok := strings.Cut(string(text), "..")
	first, err := strconv.ParseUint(a, 10, 64)
	last, err2 := strconv.ParseUint(b, 10, 64)
	if !ok || err != nil || err2 != nil {
		return fmt.Errorf("%q: want two seeds and two dots, such as 1..1000", text)
	}
	if first > last {
		return fmt.Errorf("%q: the first seed is above the last", text)
	}
	*r = seedRange{first, last, true}
	return nil
}

// Validate is called by kong: what does not fit together is a matter of usage.
func (c *SimCmd) Validate() error {
	single := c.Seed != nil
	switch {
	case c.For < 0:
		return fmt.Errorf("--for %v: must be above 0", c.For)
	case c.Workers < 0 || c.StopAfter < 0:
		return errors.New("--workers and --stop-after: must be above 0")
	case single && (c.Workers > 0 || c.StopAfter > 0 || c.Out != "" && c.Suite == ""):
		return errors.New("--workers, --stop-after and --out go with many seeds, not with --seed")
	case (!single || c.Suite != "") && (c.Trace || c.Page != "" || c.Save != ""):
		return errors.New("--trace, --page and --save go with one seed: name it with --seed, no suite")
	case c.From != nil && (single || c.Seeds.given):
		return errors.New("--from goes with --for: --seeds and --seed name the first seed themselves")
	}
	return nil
}

// Run plays, and ends with the exit code of what was found.
func (c *SimCmd) Run(k *kong.Context) error {
	draw := schedule.FromSeed
	if c.Suite != "" {
		s, err := suite.LoadAt(c.Suite, suite.PlaceSim)
		if err != nil {
			return unread(c.Suite, err)
		}
		if !c.Seeds.given && c.For == 0 {
			seeded(s, c.Seed)
			return playSuite(context.Background(), k.Stdout, k.Stderr, s, c.parent())
		}
		if draw, err = drawSuite(s); err != nil {
			return err
		}
	}
	if c.Seed != nil {
		return c.one(k.Stdout, draw(*c.Seed))
	}
	return c.campaign(k, draw)
}

// one plays one seed. What is saved stays the same run when seeds mean others, since its operations
// are written out. Clients that ask for what is written do not close the run with reads, so it is
// another run than the seed's: the one that is shown is the one that is saved.
func (c *SimCmd) one(out io.Writer, s *schedule.Schedule) error {
	if c.Save == "" {
		return c.show(out, s, campaign.Play(newWorld, s), c.command(*c.Seed))
	}
	build, err := ownBuild()
	if err != nil {
		return err
	}
	s = campaign.Concrete(newWorld, s, build)
	if err := s.Write(c.Save); err != nil {
		return &exitError{exitUsage, fmt.Errorf("--save: %w", err)}
	}
	shown := c.show(out, s, campaign.Play(newWorld, s), called+" replay "+c.Save)
	how := "with the operations of its load written out; that run is shown"
	if s.Operations == nil {
		how = "with operations that its seed draws: written out, it would not end alike"
	}
	fmt.Fprintf(out, "saved as %s, %s\n", c.Save, how)
	return shown
}

// parent is where the run directory of a suite goes.
func (c *SimCmd) parent() string {
	if c.Out != "" {
		return c.Out
	}
	return "runs"
}

// newWorld makes the engine of every command; tests put one in its place that fails.
var newWorld campaign.NewEngine = func() campaign.Engine { return sim.NewWorld() }

// command is the line that plays a seed alone.
func (c *SimCmd) command(seed uint64) string {
	if c.Suite != "" {
		return fmt.Sprintf("%s sim %s --seed %d", called, c.Suite, seed)
	}
	return fmt.Sprintf("%s sim --seed %d", called, seed)
}

func (c *SimCmd) campaign(k *kong.Context, draw func(uint64) *schedule.Schedule) error {
	out, err := evidenceIn(c.Out)
	if err != nil {
		return err
	}
	build, err := ownBuild()
	if err != nil {
		return err
	}
	config := campaign.Config{
		Engine: newWorld, Draw: draw, First: c.Seeds.first, Last: c.Seeds.last, For: c.For,
		Workers: c.Workers, StopAfter: c.StopAfter, Out: out, Build: build, Command: c.command,
		Verify: called,
	}
	if !c.Seeds.given {
		c.openEnd(&config)
	}
	if config.Workers == 0 {
		config.Workers = runtime.GOMAXPROCS(0)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
		debug.SetMemoryLimit(int64(config.Workers) * memoryEach)
	}
	ctx, stop := interruptible(k.Stderr, "nothing more is kept")
	defer stop()
	fmt.Fprintf(k.Stderr, "%s, %d at a time; evidence of failures goes to %s\n",
		named(config), config.Workers, out)
	tally := campaign.Run(ctx, config, campaign.NewProgress(k.Stderr, widthOf(k.Stderr)))
	if err := tally.Summary(k.Stdout); err != nil {
		return err
	}
	return ended(tally.Exit())
}

// openEnd makes a campaign one of time. Its first seed is drawn, so that each night plays others.
func (c *SimCmd) openEnd(config *campaign.Config) {
	config.First, config.Last = uint64(binary.LittleEndian.Uint32(random(4))), math.MaxUint64
	if c.From != nil {
		config.First = *c.From
	}
	if config.For == 0 {
		config.For = time.Minute
	}
}

// collectAt is how much garbage, in percent of what lives, a campaign lets pile up: it makes much,
// and keeps little, so that a third of its time would go into collecting at Go's own 100. Some
// histories make the checker need more; a limit keeps their garbage from being let pile up too.
const (
	collectAt  = 800
	memoryEach = 256 << 20 // bytes a worker, beyond which garbage is collected at once
)

func named(c campaign.Config) string {
	if c.For > 0 {
		return fmt.Sprintf("seeds from %d on for %v", c.First, c.For)
	}
	return fmt.Sprintf("seeds %d..%d", c.First, c.Last)
}

// evidenceIn is where a campaign keeps evidence: a directory of its own, so that no campaign writes
// over what another has found.
func evidenceIn(given string) (string, error) {
	if given == "" {
		name := fmt.Sprintf("runs/sim-%s-%s", time.Now().UTC().Format("20060102-150405"), newRunID())
		return name, nil
	}
	entries, err := os.ReadDir(given)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", &exitError{exitUsage, err}
	case len(entries) > 0:
		return "", &exitError{exitUsage,
			fmt.Errorf("--out %s: is not empty, and evidence is never written over", given)}
	}
	return given, nil
}

// widthOf is the width of a terminal, and 0 of anything else.
func widthOf(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		return terminalWidth(f)
	}
	return 0
}

// ended ends the program with the code of what was found, which is explained already.
func ended(code int) error {
	if code == 0 {
		return nil
	}
	return &exitError{code: code}
}
