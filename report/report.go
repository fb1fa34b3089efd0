// Package report turns a run directory into something to read: one HTML page, JUnit XML, and
// lines for a terminal. It is pure: results or a directory go in, bytes come out.
package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gauntlet/checker"
)

// The files of a run directory that the page is made of. Only ResultsFile must be there.
const (
	ResultsFile = "results.json"
	HistoryFile = "history.jsonl"
	SuiteFile   = "suite.yaml"
	NodesDir    = "nodes"
)

// title is the verdict of one run in the fewest words.
func title(r *checker.Results) string {
	if len(r.Skipped) > 0 && r.Exit == checker.ExitInconclusive {
		return "Skipped"
	}
	return headline(r.Exit)
}

// headline is the verdict in the fewest words, by exit code.
func headline(exit int) string {
	switch exit {
	case checker.ExitValid:
		return "Valid"
	case checker.ExitViolation:
		return "Violation"
	case checker.ExitGate:
		return "Gate missed"
	case checker.ExitInconclusive:
		return "Inconclusive"
	case checker.ExitRefused:
		return "Refused"
	case checker.ExitHarness:
		return "Harness failed"
	case checker.ExitCleanup:
		return "Clean-up failed"
	}
	return "Exit " + strconv.Itoa(exit)
}

// gateWord says of a gate what its verdict means there.
func gateWord(v checker.Verdict) string {
	switch v {
	case checker.Valid:
		return "met"
	case checker.Invalid:
		return "missed"
	}
	return "unknown"
}

// seconds is a stamp or a length for people: "12.345 s", "640 ms".
func seconds(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + seconds(-d)
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d.Nanoseconds())
	case d < time.Millisecond:
		return fmt.Sprintf("%.3g µs", float64(d)/float64(time.Microsecond))
	case d < time.Second:
		return fmt.Sprintf("%.4g ms", float64(d)/float64(time.Millisecond))
	case d < 2*time.Minute:
		return fmt.Sprintf("%.3f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

// thousands writes a count with separators: "12,345".
func thousands(n int) string {
	digits := strconv.Itoa(n)
	var b strings.Builder
	for i, r := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// plural counts things: "1 fault", "3 faults".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + one + "s"
}
