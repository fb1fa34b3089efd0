package runner

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gauntlet/checker"
	"gauntlet/nemesis/inject"
	"gauntlet/target"
)

// Goal: what a guard refused is kept apart from what failed, with the hints of each, so that the
// exit code tells them apart.
// Method: one phase with both, one joined within the other; and an error that wraps two but is one.
func TestRefusalsAreNotFailures(t *testing.T) {
	host := func(name, hint string, err error) error {
		return &target.HostError{Host: name, Op: "arm the guard", Hint: hint, Err: err}
	}
	var troubles troubles
	troubles.blame("guard", errors.Join(
		host("n1", "ask the owner", inject.ErrConsent),
		errors.Join(host("n2", "", inject.ErrLive),
			host("n3", "see the log", errors.New("it broke"))),
	))
	deadline := errors.New("not done within its deadline of 1m0s")
	troubles.blame("collect", fmt.Errorf("%w: %w", deadline, io.ErrUnexpectedEOF))
	refused := []string{
		"guard: n1: arm the guard: " + inject.ErrConsent.Error(),
		"guard: n2: arm the guard: " + inject.ErrLive.Error(),
		"hint: ask the owner",
	}
	failed := []string{
		"guard: n3: arm the guard: it broke", "hint: see the log",
		"collect: not done within its deadline of 1m0s: unexpected EOF",
	}
	if diff := cmp.Diff(refused, troubles.refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(failed, troubles.harness); diff != "" {
		t.Errorf("failed (-want +got):\n%s", diff)
	}
	r := &run{troubles: troubles}
	results := &checker.Results{}
	r.noted(results)
	if results.Decide(); results.Exit != checker.ExitRefused {
		t.Errorf("exit %d, want %d", results.Exit, checker.ExitRefused)
	}
}

// Goal: what the run can do without is said once, and stands in the results beside what the
// history's reader says.
func TestWarningsAreKept(t *testing.T) {
	r := &run{Config: Config{Progress: NewProgress(io.Discard, 0)}}
	r.warn("n1 is shared with mail", "n2: no tcpdump")
	r.warn("n2: no tcpdump")
	results := &checker.Results{Warnings: []string{"the last line is cut off"}}
	for range 2 { // before clean-up, and after it
		r.noted(results)
	}
	want := []string{"n1 is shared with mail", "n2: no tcpdump", "the last line is cut off"}
	if diff := cmp.Diff(want, results.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}
