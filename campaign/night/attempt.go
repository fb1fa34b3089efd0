package night

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"gauntlet/campaign"
	"gauntlet/checker"
	"gauntlet/suite"
)

// Attempt is one run of a cell: all that is kept of it in memory and in the journal.
type Attempt struct {
	Cell      int           `json:"cell"`
	Number    int           `json:"number"` // of the cell's runs, from 1; those that were lost count
	Class     int           `json:"class"`  // exit code, missed objectives included
	Reasons   []string      `json:"reasons,omitempty"`
	Signature string        `json:"signature,omitempty"` // the same for the same failure
	Skipped   []string      `json:"skipped,omitempty"`   // what the place turned out to lack
	Directory string        `json:"directory,omitempty"` // below the night's
	Took      time.Duration `json:"took"`
	Bytes     int64         `json:"bytes,omitempty"` // of the directory
	Safe      bool          `json:"safe,omitempty"`  // every safety check was valid
	Figures   *Figures      `json:"figures,omitempty"`
}

// skipped tells whether there was no run for lack of something, and no other trouble either.
func (a Attempt) skipped() bool {
	return len(a.Skipped) > 0 && a.Class == checker.ExitInconclusive
}

// Figures are what clients saw of the target in one run.
type Figures struct {
	Available  int           `json:"available"` // permille of the load
	LongestGap time.Duration `json:"longestGap"`
	Heals      int           `json:"heals,omitempty"`     // after which clients were served
	Recovery   time.Duration `json:"recovery"`            // the longest, undisturbed
	Transport  time.Duration `json:"transport,omitempty"` // how much of it until nodes heard again
	P99        time.Duration `json:"p99"`                 // of the slowest kind
	Throughput float64       `json:"throughput"`
	// Unavailable: of such faults no availability is expected, so only Recovery says anything.
	Unavailable bool `json:"unavailable,omitempty"`
}

// mostReasons and longestReason keep a journal's line a line.
const (
	mostReasons   = 5
	longestReason = 400
)

// judged turns what a player returned into an attempt: its class, with the campaign's objectives
// taken into account, and what it has to say for itself.
func judged(p campaign.Played, o suite.Objectives, unavailable bool) Attempt {
	a := Attempt{Took: p.Took}
	r := p.Results
	switch {
	case r == nil && p.Err == nil:
		p.Err = errors.New("the run left no results")
		fallthrough
	case r == nil:
		a.Class, a.Reasons = campaign.ExitOf(p.Err), []string{p.Err.Error()}
	default:
		a.Class, a.Reasons = r.Exit, slices.Clone(r.Reasons)
		a.Safe = r.Verdict == checker.Valid
		a.Skipped = r.Skipped
		if a.Class == checker.ExitValid && !a.Safe {
			a.Class = checker.ExitInconclusive // whatever wrote that: unknown never passes
		}
		if p.Err != nil {
			a.Class = Worst(a.Class, checker.ExitHarness)
			a.Reasons = append(a.Reasons, p.Err.Error())
		}
		a.Figures = figures(r, unavailable)
		a.hold(r, o)
	}
	if a.Class == checker.ExitValid {
		a.Reasons = nil
		return a
	}
	a.Signature = signature(a, r)
	a.Reasons = a.Reasons[:min(len(a.Reasons), mostReasons)]
	for i, reason := range a.Reasons {
		a.Reasons[i] = oneLine(reason)
	}
	return a
}

// hold judges the objectives, as gates are judged: a broken harness makes them miss what the target
// would have met, and what cannot be measured is in doubt.
func (a *Attempt) hold(r *checker.Results, o suite.Objectives) {
	if a.Class == checker.ExitRefused || a.Class == checker.ExitHarness || len(a.Skipped) > 0 {
		return
	}
	missed, doubts := objectives(r, a.Figures, o)
	if len(missed) > 0 {
		a.Class = Worst(a.Class, checker.ExitGate)
	}
	if len(doubts) > 0 {
		a.Class = Worst(a.Class, checker.ExitInconclusive)
	}
	if a.Class == checker.ExitGate && len(missed) > 0 {
		a.Reasons = append(missed, a.Reasons...)
		return
	}
	a.Reasons = append(append(a.Reasons, missed...), doubts...)
}

// objectives compares figures with what is demanded of them.
func objectives(r *checker.Results, f *Figures, o suite.Objectives) (missed, doubts []string) {
	ask := func(name string, wanted, met bool, format string, args ...any) {
		switch {
		case !wanted:
		case f == nil:
			doubts = append(doubts, "slo "+name+": the load was not measured")
		case !met:
			missed = append(missed, "slo "+name+": "+fmt.Sprintf(format, args...))
		}
	}
	seen := f
	if seen == nil {
		seen = new(Figures)
	}
	if !seen.Unavailable {
		ask("availability", o.Availability > 0, seen.Available >= o.Availability,
			"%s of the time, less than %s", percent(seen.Available), percent(o.Availability))
		ask("longest-gap", o.LongestGap > 0, seen.LongestGap <= o.LongestGap,
			"nothing was acknowledged for %v, longer than %v", rounded(seen.LongestGap), o.LongestGap)
		ask("p99", o.P99 > 0, seen.P99 <= o.P99, "%v, longer than %v", rounded(seen.P99), o.P99)
		ask("throughput", o.Throughput > 0, seen.Throughput >= o.Throughput,
			"%.1f acknowledged operations a second, fewer than %g", seen.Throughput, o.Throughput)
	}
	if o.Recovery > 0 {
		late, unseen := recovered(r, o.Recovery)
		missed, doubts = append(missed, late...), append(doubts, unseen...)
	}
	return missed, doubts
}

// recovered holds each heal to a limit. What another fault interrupted shows nothing, nor does a
// heal that clients did not watch for so long.
func recovered(r *checker.Results, limit time.Duration) (late, unseen []string) {
	for _, h := range r.Summary.Heals {
		switch {
		case h.Interrupted || h.Available && h.After <= limit:
		case h.Available:
			late = append(late, fmt.Sprintf("slo recovery: available %v after fault %d was healed, "+
				"later than %v", rounded(h.After), h.Fault, limit))
		case r.Summary.Duration-h.At >= limit:
			late = append(late, fmt.Sprintf("slo recovery: not available within %v after fault %d was "+
				"healed", limit, h.Fault))
		default:
			unseen = append(unseen, fmt.Sprintf("slo recovery: clients stopped %v after fault %d was "+
				"healed, sooner than %v", rounded(r.Summary.Duration-h.At), h.Fault, limit))
		}
	}
	return late, unseen
}

// figures are taken from a summary; nil if the load was not reached.
func figures(r *checker.Results, unavailable bool) *Figures {
	load := r.Summary.Load
	if load.Window == 0 {
		return nil
	}
	f := &Figures{Available: load.Available, LongestGap: load.LongestGap,
		Throughput: load.Throughput, Unavailable: unavailable}
	for _, l := range load.Latency {
		f.P99 = max(f.P99, l.P99)
	}
	for _, h := range r.Summary.Heals {
		if !h.Available || h.Interrupted {
			continue
		}
		if f.Heals++; h.After >= f.Recovery {
			f.Recovery, f.Transport = h.After, min(h.Transport, h.After)
		}
	}
	return f
}

// varies is what differs between two runs that fail alike: figures, durations, names of nodes, what
// is quoted.
var varies = regexp.MustCompile(`"[^"]*"|\b[a-z]\d+\b|\d[\d.,:]*(ns|µs|ms|s|m|h)?\b|[0-9a-f]{8,}`)

// signature names a failure by the check and the shape of its reason.
func signature(a Attempt, r *checker.Results) string {
	if r != nil && a.Class == checker.ExitViolation {
		for _, check := range r.Checks {
			if check.Verdict == checker.Invalid && check.Violation != nil && check.Violation.Class != "" {
				return check.Check + ": " + string(check.Violation.Class)
			}
		}
	}
	if len(a.Reasons) == 0 {
		return fmt.Sprintf("exit %d", a.Class)
	}
	shape := strings.Join(strings.Fields(varies.ReplaceAllString(a.Reasons[0], "#")), " ")
	return shortened(shape, 120)
}

// fullDisk tells whether a run failed for want of room on this machine: that is not its own doing.
func fullDisk(p campaign.Played) bool {
	if errors.Is(p.Err, syscall.ENOSPC) {
		return true
	}
	texts := []string{}
	if p.Results != nil {
		texts = p.Results.Harness
	}
	if p.Err != nil {
		texts = append(slices.Clone(texts), p.Err.Error())
	}
	return slices.ContainsFunc(texts, func(text string) bool {
		return strings.Contains(text, syscall.ENOSPC.Error())
	})
}

func oneLine(text string) string {
	return shortened(strings.Join(strings.Fields(text), " "), longestReason)
}

func shortened(text string, most int) string {
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return text
}

func rounded(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

func percent(permille int) string { return fmt.Sprintf("%g %%", float64(permille)/10) }
