// Command score has the simulator hunt the planted bugs, one after the other, and says how fast it
// finds each and how little is left of what provoked it: go run ./mutants/score
//
// A bug counts as caught if a campaign of verify with the bug in it fails in time, if the schedule
// that is left after shrinking fails again in the same way, event by event, and if the clean verify
// plays that schedule without a failure. One bug that is not caught makes the exit code 1.
//
// With -agree it asks something else: whether the checker accepts what clients saw wherever the
// simulator's witness found nothing wrong, over many seeds of the clean verify and of each bug.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gauntlet/mutants"
)

// The exit codes, as verify counts them.
const (
	exitMissed  = 1
	exitHarness = 4
	exitUsage   = 64
)

// heading introduces the table in a file.
const heading = `# Scoreboard of the planted bugs

How fast the simulator finds each bug of package mutants, and how little is left of what provoked
it. Written by "go run ./mutants/score -rate %s -report mutants/SCOREBOARD.md" on two cores that
had other work to do. "found" and "shrunk" are wall time; "seeds that fail" is of another campaign,
which ends after its twentieth failure. "make sim-bugs" prints it anew.

~~~
%s~~~
`

func main() {
	var h hunter
	bugs := flag.String("bugs", "", "hunt only these, separated by commas")
	report := flag.String("report", "", "write the table as Markdown here, too")
	flag.DurationVar(&h.patience, "for", time.Minute, "time to find one bug")
	flag.IntVar(&h.workers, "workers", 2, "seeds that are played at a time")
	flag.Uint64Var(&h.from, "from", 1, "first seed")
	flag.DurationVar(&h.counting, "rate", 0, "count failing seeds for so long, too")
	flag.StringVar(&h.out, "out", "", "keep programs and evidence here (default: nowhere)")
	agree := flag.Uint64("agree", 0, "compare checker and witness over so many seeds of each bug")
	clean := flag.Uint64("clean", 100_000, "... and so many without a bug")
	flag.Parse()
	chosen, err := choose(*bugs)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	var caught bool
	if *agree > 0 {
		caught, err = h.agree(context.Background(), os.Stdout, chosen, *clean, *agree)
	} else {
		caught, err = h.score(context.Background(), chosen, *report)
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitHarness)
	case !caught:
		os.Exit(exitMissed)
	}
}

func choose(names string) ([]mutants.Mutant, error) {
	if names == "" {
		return mutants.All, nil
	}
	var chosen []mutants.Mutant
	for name := range strings.SplitSeq(names, ",") {
		m, err := mutants.Find(name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, m)
	}
	return chosen, nil
}

// score hunts the bugs and prints the table. It says whether all were caught.
func (h *hunter) score(ctx context.Context, bugs []mutants.Mutant, report string) (bool, error) {
	if h.out == "" {
		scratch, err := os.MkdirTemp("", "score-")
		if err != nil {
			return false, err
		}
		defer os.RemoveAll(scratch)
		h.out = scratch
	}
	h.clean = filepath.Join(h.out, "verify")
	if err := mutants.Verify.Build(ctx, ".", h.clean); err != nil {
		return false, err
	}
	var rows []row
	for i, m := range bugs {
		r, err := h.hunt(ctx, m)
		if err != nil {
			return false, fmt.Errorf("%s: %w", m.ID, err)
		}
		fmt.Fprintf(os.Stderr, "%d/%d %s\n", i+1, len(bugs), r.line())
		rows = append(rows, r)
	}
	text := table(rows, h)
	fmt.Print(text)
	if report != "" {
		page := fmt.Sprintf(heading, h.counting, text)
		if err := os.WriteFile(report, []byte(page), 0o644); err != nil {
			return false, err
		}
	}
	return !slices.ContainsFunc(rows, func(r row) bool { return r.missed != "" }), nil
}
