package night

import (
	"slices"

	"gauntlet/checker"
)

// Worst is the class that speaks for all: a violation is never masked. Of nothing it is
// inconclusive, and what is no class at all is the harness's failure.
func Worst(classes ...int) int {
	if len(classes) == 0 {
		return checker.ExitInconclusive
	}
	worst := checker.ExitValid
	for _, class := range classes {
		worst = checker.Worst(worst, class)
	}
	return worst
}

// Standing is what the runs of one cell say together.
type Standing struct {
	Class int
	Final bool // no further run is owed
	Flaky bool // a gate was missed once, and then met as often as it takes
}

// stand judges the runs of a cell, in their order:
//
//   - A violation is final, whatever came before it. Nothing is ever rerun to make it green.
//   - A missed gate is rerun on the same seed, up to so many times: missed once more it is red, met
//     every time it is flaky. Reruns that say nothing are replaced, yet not for ever, and then the
//     gate stays missed.
//   - What is inconclusive, or the harness's failure, is had once more.
//   - A refusal, or what was left behind on a host, would only be repeated.
func stand(classes []int, reruns int) Standing {
	count := func(wanted ...int) (n int) {
		for _, class := range classes {
			if slices.Contains(wanted, class) {
				n++
			}
		}
		return n
	}
	reds, greens := count(checker.ExitGate), count(checker.ExitValid)
	silent := len(classes) - reds - greens
	switch {
	case len(classes) == 0:
		return Standing{Class: checker.ExitInconclusive}
	case count(checker.ExitViolation) > 0:
		return Standing{Class: checker.ExitViolation, Final: true}
	case count(checker.ExitRefused, checker.ExitCleanup) > 0:
		return Standing{Class: Worst(classes...), Final: true}
	case reds > 1:
		return Standing{Class: checker.ExitGate, Final: true}
	case reds == 1 && greens >= reruns:
		return Standing{Class: checker.ExitValid, Final: true, Flaky: true}
	case reds == 1:
		return Standing{Class: checker.ExitGate, Final: silent > reruns}
	case greens > 0:
		return Standing{Class: checker.ExitValid, Final: true}
	}
	return Standing{Class: Worst(classes...), Final: silent > 1}
}
