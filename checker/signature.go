package checker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/history"
)

// Signature is what of a run counts as an incident seen again: all that is set must be so. The zero
// value is any violation.
type Signature struct {
	Violation   string        // the safety check that is invalid, or ViolationAny
	Gap         time.Duration // nothing was acknowledged for so long
	Recovery    time.Duration // the target was not available again within so long after the last heal
	Unavailable int           // permille of the time with faults in which nothing was acknowledged
	Terms       int           // so many new terms began
}

// ViolationAny is the signature of whichever safety check is invalid.
const ViolationAny = "any"

// Reproduction is whether a run showed its incident again.
type Reproduction struct {
	Title   string `json:"title,omitempty"` // of the incident
	Matched bool   `json:"matched"`
	Why     string `json:"why"` // one sentence, with the figures
}

// clause is one thing that a signature asks for, and what a run showed of it.
type clause struct {
	met  bool
	text string // for a person, whether it is met or not
}

// Match tells whether a run shows the signature, and in one sentence why, or why not. Time is cut
// into slices, of one election timeout, to tell when the target served.
//
// A gap counts if it began in the fault window: what had not been acknowledged for long when the
// first fault struck counts from then on, what was not acknowledged when the last one ended counts
// until clients saw the next answer, or stopped. Terms and unavailability are about the window
// itself, as far as clients worked then; recovery is about the time after the last heal; a
// violation is one wherever it is seen.
//
// A run without an operation or a proven fault shows nothing. One that ended before its recovery
// phase shows violations alone: how long a target would have been silent is not known.
func (s Signature) Match(
	h *history.History, r *Results, slice time.Duration,
) (reproduced bool, why string) {
	from, to, proven := FaultWindow(h)
	client := clientWindow(h)
	window := span{from, to}.intersect(client)
	_, recovered := phase(h, PhaseRecovery)
	timed := s.Gap > 0 || s.Recovery > 0 || s.Unavailable > 0 || s.Terms > 0
	switch {
	case len(h.Operations) == 0:
		return false, "no operation was recorded"
	case !proven:
		return false, "no fault is proven, so that nothing here can be the doing of one"
	case timed && !recovered && len(h.Phases) > 0:
		return false, fmt.Sprintf("the run ended at %s, before its recovery phase", stamp(end(h)))
	case timed && window.from > window.to:
		return false, fmt.Sprintf("clients worked from %s to %s, and faults were in force from %s to %s",
			stamp(client.from), stamp(client.to), stamp(from), stamp(to))
	}
	var shown, missing []string
	for _, c := range s.clauses(h, r, window, slice) {
		if c.met {
			shown = append(shown, c.text)
		} else {
			missing = append(missing, c.text)
		}
	}
	if len(missing) > 0 {
		return false, strings.Join(missing, "; ")
	}
	return true, strings.Join(shown, "; ")
}

// clauses judges all that the signature asks for.
func (s Signature) clauses(
	h *history.History, r *Results, window span, slice time.Duration,
) []clause {
	var all []clause
	if s.Violation != "" || s == (Signature{}) {
		all = append(all, s.violation(r))
	}
	if s.Gap > 0 {
		gap := gapFrom(h, window)
		all = append(all, clause{gap.Length() >= s.Gap, fmt.Sprintf(
			"the longest time without an acknowledgement was %s, from %s on, where %v or more "+
				"counts", exact(gap.Length()), stamp(gap.From), s.Gap)})
	}
	if s.Unavailable > 0 {
		served, of := slicesServed(repliesIn(h, window), window, slice)
		all = append(all, clause{of > 0 && 1000*(of-served) >= s.Unavailable*of, fmt.Sprintf(
			"nothing was acknowledged in %d of the %d slices of the %s with faults (%s), where %s or more "+
				"counts", of-served, of, exact(window.length()), perCent(1000*(of-served)/max(of, 1)),
			perCent(s.Unavailable))})
	}
	if s.Recovery > 0 {
		all = append(all, s.recovery(h))
	}
	if s.Terms > 0 {
		terms := termsIn(h, window)
		all = append(all, clause{terms >= s.Terms, fmt.Sprintf(
			"%d new terms began in the %s with faults, where %d or more count", terms,
			exact(window.length()), s.Terms)})
	}
	return all
}

// exact is a length for people who compare it with another one.
func exact(d time.Duration) string { return d.Round(time.Millisecond).String() }

// perCent writes a permille for people: "97.5 %".
func perCent(permille int) string {
	if permille%10 == 0 {
		return fmt.Sprintf("%d %%", permille/10)
	}
	return fmt.Sprintf("%d.%d %%", permille/10, permille%10)
}

func (s Signature) violation(r *Results) clause {
	var checks []Result
	if r != nil {
		checks = r.Checks
	}
	if s.Violation == "" || s.Violation == ViolationAny {
		if i := slices.IndexFunc(checks, broken); i >= 0 {
			return clause{true, checks[i].Check + " is violated"}
		}
		return clause{false, fmt.Sprintf("none of the %d safety checks is violated", len(checks))}
	}
	i := slices.IndexFunc(checks, func(c Result) bool { return c.Check == s.Violation })
	switch {
	case i < 0:
		return clause{false, fmt.Sprintf("nothing was checked under the name %s", s.Violation)}
	case broken(checks[i]):
		return clause{true, s.Violation + " is violated"}
	}
	return clause{false, fmt.Sprintf("%s is not violated, but %s", s.Violation, checks[i].Verdict)}
}

func broken(r Result) bool { return r.Verdict == Invalid }

// gapFrom is the longest time without an acknowledged return that began in the window, whose start
// counts as a return. The last one lasts beyond the window, until the next return or until clients
// stopped. The first of equal gaps is taken.
func gapFrom(h *history.History, window span) Gap {
	longest, last := Gap{From: window.from, To: window.from}, window.from
	upTo := func(to time.Duration) {
		if to-last > longest.Length() {
			longest = Gap{From: last, To: to}
		}
		last = to
	}
	stop := max(clientWindow(h).to, window.to)
	for _, a := range repliesIn(h, span{window.from, stop}) {
		upTo(a.at)
		if a.at >= window.to {
			return longest
		}
	}
	upTo(stop)
	return longest
}

// recovery is met if clients watched for that long after the last heal, and the target was not
// available again.
func (s Signature) recovery(h *history.History) clause {
	var healed time.Duration
	for _, f := range h.Faults {
		healed = max(healed, f.Stop)
	}
	returns := returned(h)
	after, available := availableAfter(returns, healed, clients(h))
	var watched time.Duration
	if len(returns) > 0 {
		watched = max(returns[len(returns)-1].Return-healed, 0)
	}
	switch {
	case available:
		return clause{after > s.Recovery, fmt.Sprintf(
			"available again %s after the last heal, where later than %v counts",
			exact(after), s.Recovery)}
	case watched < s.Recovery:
		return clause{false, fmt.Sprintf("not available again, but clients watched for only %s after "+
			"the last heal, where more than %v counts", exact(watched), s.Recovery)}
	}
	return clause{true, fmt.Sprintf("not available again in the %s that clients watched after the "+
		"last heal, where later than %v counts", exact(watched), s.Recovery)}
}
