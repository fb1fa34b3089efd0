package checker

import (
	"slices"
	"strings"
)

// The exit codes that a run's results can decide.
const (
	ExitValid        = 0
	ExitViolation    = 1 // a safety check is invalid
	ExitGate         = 2 // a gate was missed
	ExitInconclusive = 3 // nothing is wrong, yet it does not suffice to say valid
	ExitHarness      = 4 // the harness or its hosts failed
	ExitRefused      = 5 // a guard held the run back: no consent, or the host is another run's
	ExitCleanup      = 6 // something was left behind on a host
)

// worstFirst is the one order of exit codes, of a run and of many runs together. A violation is
// evidence whatever broke later. A refusal explains whatever else did not work. A broken harness
// makes gates miss that the target would have met. A missed gate is a finding about the target.
// Clean-up taints hosts and must not hide behind "run it again", which is what inconclusive amounts
// to.
var worstFirst = []int{
	ExitViolation, ExitRefused, ExitHarness, ExitGate, ExitCleanup, ExitInconclusive, ExitValid,
}

// Severity ranks an exit code: 0 is that of a valid run, and what is worse is above it. What is no
// such code is as bad as the harness's failure.
func Severity(exit int) int {
	rank := slices.Index(worstFirst, exit)
	if rank < 0 {
		rank = slices.Index(worstFirst, ExitHarness)
	}
	return len(worstFirst) - 1 - rank
}

// Worst is the exit code that speaks for both.
func Worst(a, b int) int {
	return worstFirst[len(worstFirst)-1-max(Severity(a), Severity(b))]
}

// Decide fills Verdict, Exit and Reasons from the checks, the gates and the troubles.
//
// Verdict speaks of safety alone: the checks, where doubt cast by a gate or a broken harness
// turns valid into unknown. Exit is the worst of what there is.
func (r *Results) Decide() {
	broken := pick(r.Checks, Invalid)
	missed := pick(r.Gates, Invalid)
	doubts := append(pick(r.Checks, Unknown), pick(r.Gates, Unknown)...)
	switch {
	case len(r.Skipped) > 0:
		doubts = append(doubts, "not run: the place lacks "+strings.Join(r.Skipped, ", "))
	case len(r.Checks) == 0:
		doubts = append(doubts, "no safety check was run")
	}
	switch {
	case len(broken) > 0:
		r.Verdict = Invalid
	case len(doubts) > 0 || len(r.Refused) > 0 || len(r.Harness) > 0:
		r.Verdict = Unknown
	default:
		r.Verdict = Valid
	}
	reasons := map[int][]string{
		ExitViolation: broken, ExitRefused: r.Refused, ExitHarness: r.Harness, ExitGate: missed,
		ExitCleanup: r.Cleanup, ExitInconclusive: doubts,
	}
	r.Exit, r.Reasons = ExitValid, nil
	for _, exit := range worstFirst {
		if len(reasons[exit]) > 0 {
			r.Exit = Worst(r.Exit, exit)
		}
		r.Reasons = append(r.Reasons, reasons[exit]...)
	}
	if r.Exit == ExitValid {
		r.Reasons = pick(r.Checks, Valid)
	}
}

// pick lists "check: reason" of every result with the given verdict.
func pick(results []Result, verdict Verdict) []string {
	var lines []string
	for _, r := range results {
		if r.Verdict == verdict {
			lines = append(lines, r.Check+": "+r.Reason)
		}
	}
	return lines
}
