package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gauntlet/mutants"
	"gauntlet/sim/schedule"
)

// hunter is how bugs are hunted.
type hunter struct {
	patience time.Duration
	counting time.Duration
	workers  int
	from     uint64
	out      string
	clean    string // verify without a bug
}

// row is what became of one bug.
type row struct {
	mutant    mutants.Mutant
	missed    string // why it does not count as caught; "": it does
	signature string
	internal  bool          // clients could not have seen it
	seeds     int           // played, until it was found or time was up
	took      time.Duration // until it was found
	shrinking time.Duration
	small     *schedule.Schedule // what is left of the seed; nil: not found
	rate      tally              // of another campaign
}

// hunt builds verify with the bug and has it look for a failure.
func (h *hunter) hunt(ctx context.Context, m mutants.Mutant) (row, error) {
	r := row{mutant: m}
	wrong := filepath.Join(h.out, m.ID, "verify")
	if err := m.Build(ctx, ".", mutants.Verify, wrong); err != nil {
		return r, err
	}
	evidence := filepath.Join(h.out, m.ID, "evidence")
	began := time.Now()
	text, err := h.campaign(ctx, wrong, h.patience, 1, evidence)
	if err != nil {
		return r, err
	}
	t, err := parse(text)
	if err != nil {
		return r, err
	}
	r.seeds = t.seeds
	if t.failures == 0 {
		r.missed = fmt.Sprintf("not found in %v", h.patience)
		return r, nil
	}
	r.signature, r.internal = t.signature, t.internal
	if err := r.time(began, filepath.Join(evidence, t.signature)); err != nil {
		return r, err
	}
	smallest := filepath.Join(evidence, t.signature, "schedule.json")
	if r.small, err = schedule.Read(smallest); err != nil {
		return r, err
	}
	r.missed, err = h.replay(ctx, wrong, smallest, t.signature)
	if err != nil || h.counting == 0 {
		return r, err
	}
	text, err = h.campaign(ctx, wrong, h.counting, 20, filepath.Join(h.out, m.ID, "counted"))
	if err != nil {
		return r, err
	}
	r.rate, err = parse(text)
	return r, err
}

// time takes apart when the failure was found and when it was shrunk: a campaign writes down the
// schedule as it was drawn, shrinks it, and writes down what is left.
func (r *row) time(began time.Time, evidence string) error {
	var at [2]time.Time
	for i, name := range []string{"original.json", "README.txt"} {
		info, err := os.Stat(filepath.Join(evidence, name))
		if err != nil {
			return err
		}
		at[i] = info.ModTime()
	}
	r.took, r.shrinking = at[0].Sub(began), at[1].Sub(at[0])
	return nil
}

func (h *hunter) campaign(
	ctx context.Context, verify string, lasts time.Duration, failures int, evidence string,
) (string, error) {
	text, code, err := run(ctx, verify, "sim", "--from", fmt.Sprint(h.from), "--for", lasts.String(),
		"--workers", fmt.Sprint(h.workers), "--stop-after", fmt.Sprint(failures), "--out", evidence)
	if err == nil && code > 2 {
		err = fmt.Errorf("verify sim ended with %d:\n%s", code, text)
	}
	return text, err
}

// replay plays what is left of the seed once more with the bug, and without it. It returns what is
// wrong.
func (h *hunter) replay(ctx context.Context, wrong, file, signature string) (string, error) {
	text, _, err := run(ctx, wrong, "replay", file)
	if err != nil {
		return "", err
	}
	if !strings.Contains(text, "as expected: "+signature+", by the same trace") {
		return "it does not fail again: " + last(text), nil
	}
	text, code, err := run(ctx, h.clean, "replay", file)
	if err == nil && code != 0 {
		return "the clean build fails as well: " + last(text), nil
	}
	return "", err
}

// run runs verify, whose exit code says what was found.
func run(ctx context.Context, verify string, arguments ...string) (string, int, error) {
	command := exec.CommandContext(ctx, verify, arguments...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	text, err := command.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return string(text) + stderr.String(), exit.ExitCode(), nil
	}
	return string(text), 0, err
}

func last(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// tally is what the summary of a campaign says.
type tally struct {
	seeds, failures int
	signature       string // of the first failure
	internal        bool
}

var (
	playedLine  = regexp.MustCompile(`(?m)^seeds (\d+)\.\.(\d+): `)
	failureLine = regexp.MustCompile(`(?m)^  (\S+) +([\d,]+) seeds, the first is \d+(; internal)?`)
)

func parse(summary string) (tally, error) {
	var t tally
	played := playedLine.FindStringSubmatch(summary)
	if played == nil {
		return t, fmt.Errorf("the summary names no seeds:\n%s", summary)
	}
	first, _ := strconv.Atoi(played[1])
	end, _ := strconv.Atoi(played[2])
	t.seeds = end - first + 1
	for i, failure := range failureLine.FindAllStringSubmatch(summary, -1) {
		n, _ := strconv.Atoi(strings.ReplaceAll(failure[2], ",", ""))
		t.failures += n
		if i == 0 {
			t.signature, t.internal = failure[1], failure[3] != ""
		}
	}
	return t, nil
}
