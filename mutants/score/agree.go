package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"gauntlet/mutants"
)

// agreement is what a campaign says of the checker beside the witness.
type agreement struct {
	tally
	judged    int // seeds that the checker has judged; of which:
	against   int // ... it rejected what the witness let pass
	undecided int // seeds that it could not decide
}

var (
	judgedLine    = regexp.MustCompile(`(?m); ([\d,]+) judged by the checker too$`)
	againstLine   = regexp.MustCompile(`(?m)^  ([\d,]+) of them it REJECTED though the witness held$`)
	undecidedLine = regexp.MustCompile(`(?m)^seeds .*\b(\d+) undecided`)
)

func parseAgreement(summary string) (agreement, error) {
	t, err := parse(summary)
	a := agreement{tally: t}
	if err != nil {
		return a, err
	}
	if judgedLine.FindString(summary) == "" {
		return a, fmt.Errorf("the summary does not say what the checker judged:\n%s", summary)
	}
	a.judged, a.against = counted(judgedLine, summary), counted(againstLine, summary)
	a.undecided = counted(undecidedLine, summary)
	return a, nil
}

// counted is the number that a line of the summary has; 0 if there is no such line.
func counted(line *regexp.Regexp, summary string) int {
	found := line.FindStringSubmatch(summary)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.ReplaceAll(found[1], ",", ""))
	return n
}

// holds reports whether all that the witness let pass is linearizable to the checker.
func (a agreement) holds() bool { return a.judged > 0 && a.against == 0 && a.undecided == 0 }

// agree plays the seeds from 1 on, so many with the clean build and so many with each bug, and
// reports whether the checker accepts wherever the witness found nothing wrong.
func (h *hunter) agree(
	ctx context.Context, out io.Writer, bugs []mutants.Mutant, clean, wrong uint64,
) (bool, error) {
	scratch, err := os.MkdirTemp("", "agree-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(scratch)
	h.clean = filepath.Join(scratch, "verify")
	if err := mutants.Verify.Build(ctx, ".", h.clean); err != nil {
		return false, err
	}
	fmt.Fprintf(out, "%-32s %8s %8s %8s %9s %9s\n", "bug", "seeds", "failing", "judged",
		"undecided", "disputed")
	all, err := h.compare(ctx, out, "none", h.clean, clean)
	if err != nil {
		return false, err
	}
	for _, m := range bugs {
		program := filepath.Join(scratch, m.ID)
		if err := m.Build(ctx, ".", mutants.Verify, program); err != nil {
			return false, err
		}
		holds, err := h.compare(ctx, out, m.ID, program, wrong)
		if err != nil {
			return false, err
		}
		all = all && holds
	}
	return all, nil
}

// compare plays the seeds with one build, and writes its line.
func (h *hunter) compare(
	ctx context.Context, out io.Writer, name, verify string, seeds uint64,
) (bool, error) {
	text, code, err := run(ctx, verify, "sim", "--seeds", fmt.Sprintf("1..%d", seeds),
		"--workers", fmt.Sprint(h.workers), "--out", verify+"-found")
	if err == nil && code > 3 {
		err = fmt.Errorf("verify sim ended with %d:\n%s", code, text)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	a, err := parseAgreement(text)
	if err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	fmt.Fprintf(out, "%-32s %8d %8d %8d %9d %9d\n", name, a.seeds, a.failures, a.judged,
		a.undecided, a.against)
	if !a.holds() {
		fmt.Fprint(out, text)
	}
	return a.holds(), nil
}
