package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"gauntlet/sim/campaign"
	"gauntlet/sim/schedule"
	"gauntlet/sim/spacetime"
)

// ReplayCmd plays a schedule file, or executes again what a past run did.
type ReplayCmd struct {
	File string `arg:"" help:"A schedule (runs/.../schedule.json), or a run directory." type:"path"`
	picture
	again
}

// Help says what is compared.
func (*ReplayCmd) Help() string {
	return `Plays a schedule and says whether it ends as its file expects: the same failure, by the
same trace. A file of a failure that this build no longer has says "fixed", and passes.

Of a run directory, of any place, the faults are executed again as they were: when they began and
ended, counted from the start of the load, on the nodes and links that they struck, with the same
seed. That suite is kept as executed.yaml in the directory. Both executions are compared.

Exit codes: 0 clean or fixed, 1 safety violated, 2 liveness missed, 3 inconclusive, 4 the
simulator contradicts itself, 64 usage; of a run directory those of the new run.`
}

// Run plays the file, and ends with the exit code of what was found.
func (c *ReplayCmd) Run(k *kong.Context) error {
	if at, err := os.Stat(c.File); err == nil && at.IsDir() {
		return c.replayRun(k)
	}
	if c.again.given() {
		return &exitError{exitUsage, fmt.Errorf("%s is no run directory: --place, --hosts and --binary "+
			"go with one", c.File)}
	}
	s, err := schedule.Read(c.File)
	if err != nil && filepath.Ext(c.File) == ".yaml" {
		return misused("verify run "+shortPath(c.File), "%v: want a schedule or a run directory, not a "+
			"suite", err)
	} else if err != nil {
		return unread(c.File, err)
	}
	j := campaign.Play(newWorld, s)
	err = c.show(k.Stdout, s, j, called+" replay "+c.File)
	if s.Expect != nil {
		build, buildErr := ownBuild()
		if buildErr != nil {
			return buildErr
		}
		fmt.Fprintf(k.Stdout, "%s\n", compare(s.Expect, j, build))
		if s.Expect.Build == build && s.Expect.TraceHash != j.Expect(build).TraceHash && err == nil {
			err = ended(campaign.ExitHarness) // this very build has seen another run
		}
	}
	return err
}

// compare says how a run ended beside how it was expected to.
func compare(want *schedule.Expect, j campaign.Judged, build string) string {
	got := j.Expect(build)
	other := ", by another trace, and by the same build: CONTRADICTION"
	if got.TraceHash == want.TraceHash {
		other = ", by the same trace"
	} else if want.Build != build {
		other = fmt.Sprintf(", by another trace: it was recorded with build %q, this is %s",
			want.Build, build)
	}
	switch {
	case want.Signature == "" && got.Signature == "":
		return "as expected: clean" + other
	case want.Signature == got.Signature:
		return "as expected: " + want.Signature + other
	case got.Signature == "":
		return "fixed: this build no longer fails with " + want.Signature
	case want.Signature == "":
		return "NOT as expected: it was clean"
	}
	return "NOT as expected: it failed with " + want.Signature
}

// picture is how one run can be looked at.
type picture struct {
	Trace bool   `help:"Print the run, event by event."`
	Page  string `placeholder:"FILE" type:"path" help:"Draw the run as a page for a browser."`
}

// show tells how one run went, and ends with its exit code.
func (p *picture) show(
	out io.Writer, s *schedule.Schedule, j campaign.Judged, command string,
) error {
	if p.Trace {
		if err := j.Second.Trace.Print(out); err != nil {
			return err
		}
	}
	if p.Page != "" {
		build, err := ownBuild()
		if err != nil {
			return err
		}
		page := spacetime.Page(j.Second.Trace, j.Second.History, j.Outcome.Failure,
			spacetime.About{Seed: s.Seed, Options: s.Options, Virtual: j.Outcome.Virtual,
				Build: build, Replay: command})
		if err := os.WriteFile(p.Page, page, 0o644); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(out, describe(s, j)); err != nil {
		return err
	}
	return ended(j.Exit())
}

// describe is one run in a few lines.
func describe(s *schedule.Schedule, j campaign.Judged) string {
	var b strings.Builder
	o := j.Outcome
	if f := o.Failure; f != nil {
		fmt.Fprintf(&b, "seed %d: %s at %v\n  %s\n", s.Seed, f.Signature, f.At, f.Text)
		if f.InternalOnly {
			fmt.Fprintf(&b, "  internal only: clients could not have seen it\n")
		}
		if f.Stack != "" {
			fmt.Fprintf(&b, "%s\n", f.Stack)
		}
	} else {
		fmt.Fprintf(&b, "seed %d: clean\n", s.Seed)
	}
	fmt.Fprintf(&b, "  %d members, %s by %d clients, %d faults\n",
		s.Options.Nodes, s.Options.Workload.Kind, s.Options.Workload.Clients, len(s.Faults))
	fmt.Fprintf(&b, "  %d events in %v, %d operations, of which %d ok, trace %016x\n",
		o.Events, o.Virtual.Round(time.Microsecond), o.Ops, o.OK, o.TraceHash)
	if j.Reason != "" {
		fmt.Fprintf(&b, "  checker: %s: %s\n", j.Checker, j.Reason)
	}
	if j.Trouble != "" {
		fmt.Fprintf(&b, "  CONTRADICTION: %s\n", j.Trouble)
	}
	return b.String()
}

// ownBuild names this program by its content: a trace is the same only with the same build.
func ownBuild() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	program, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer program.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, program); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)[:6]), nil
}
