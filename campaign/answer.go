package campaign

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gauntlet/checker"
	"gauntlet/suite"
)

// Outcome is what one run says of an incident, or all runs together.
type Outcome string

// The five outcomes. A run of the last two says nothing: it is named, and never counted.
const (
	Reproduced        Outcome = "reproduced"
	NotReproduced     Outcome = "not reproduced"
	DifferentFailure  Outcome = "different failure"
	FaultNotEffective Outcome = "fault not effective"
	HarnessError      Outcome = "harness error"
)

// Counts tells whether a run of this outcome is one of those that a rate is taken of.
func (o Outcome) Counts() bool {
	return o == Reproduced || o == NotReproduced || o == DifferentFailure
}

// Trial is one run, judged by what it says of the incident.
type Trial struct {
	Run        int             `json:"run"` // from 1
	Seed       uint64          `json:"seed"`
	Outcome    Outcome         `json:"outcome"`
	Why        string          `json:"why"`
	Late       bool            `json:"late,omitempty"` // available again only after what is promised
	Safety     checker.Verdict `json:"safety"`
	Violations []string        `json:"violations,omitempty"` // of safety, "check: reason"
	Unexpected []string        `json:"unexpected,omitempty"` // of them those that no file promises
	Left       []string        `json:"left,omitempty"`       // what is still on its hosts
	Exit       int             `json:"exit,omitempty"`       // why it says nothing: 3, 4, 5 or 6
	Directory  string          `json:"directory,omitempty"`
	Took       time.Duration   `json:"took"`
}

// Set is a suite under one set of its target's options, and what is asked of its runs.
type Set struct {
	Options   string // as they are written; "": as the suite has them
	Suite     *suite.Suite
	Signature checker.Signature
	Expect    *suite.Expectation // nil: the file promises nothing
}

// Sets are all the sets of options that a suite's file says something about. A suite that tells of
// no incident is looked at for any violation.
func Sets(s *suite.Suite) []Set {
	if s.Incident == nil {
		return []Set{{Suite: s, Signature: checker.Signature{Violation: checker.ViolationAny}}}
	}
	if len(s.Incident.Expect) == 0 {
		return []Set{{Suite: s, Signature: s.Incident.Signature}}
	}
	var sets []Set
	for i := range s.Incident.Expect {
		expect := &s.Incident.Expect[i]
		set := Set{Options: expect.Options, Suite: expect.Suite, Signature: s.Incident.Signature,
			Expect: expect}
		if own := expect.Suite.Incident; own != nil {
			set.Signature = own.Signature // in this set's own election timeouts
		}
		sets = append(sets, set)
	}
	return sets
}

// expects tells whether the file promises that a safety check is violated.
func (s Set) expects(check string) bool {
	if s.Expect == nil || s.Expect.Answer != suite.AnswerReproduced {
		return false
	}
	of := s.Signature
	return of == (checker.Signature{}) || of.Violation == checker.ViolationAny || of.Violation == check
}

// Judge says what one run shows of the set's incident. The order matters: a violation is evidence
// whatever else went wrong; a fault that did not bite proves nothing, be the run as bad as it may;
// what the signature does not name is another failure, and what is not known is no answer.
func (s Set) Judge(p Played) Trial {
	t := Trial{Took: p.Took, Directory: p.Directory}
	results := p.Results
	if results != nil {
		t.Safety = results.Verdict
		t.violated(s, results.Checks)
		t.Left = results.Cleanup
	}
	exit, broken := failure(p)
	unproven := ""
	if broken == "" {
		unproven = ineffective(p)
	}
	matched, why := false, ""
	if results != nil && p.History != nil {
		matched, why = s.Signature.Match(p.History, results, slice(s.Suite))
	}
	t.Late = broken == "" && unproven == "" && s.late(results)
	switch {
	case len(t.Violations) > 0 && matched:
		t.Outcome, t.Why = Reproduced, why
	case len(t.Violations) > 0:
		t.Outcome, t.Why = DifferentFailure, t.Violations[0]
	case broken != "":
		t.silent(HarnessError, exit, broken)
	case unproven != "":
		t.silent(FaultNotEffective, checker.ExitInconclusive, unproven)
	case matched && results.Summary.OK == 0:
		t.silent(HarnessError, checker.ExitInconclusive,
			"inconclusive: nothing was ever acknowledged, so it may be the clients that failed")
	case matched:
		t.Outcome, t.Why = Reproduced, why
	default:
		t.unmatched(s, results, why)
	}
	return t
}

// silent says why a run says nothing of the incident, also as the exit code of a run.
func (t *Trial) silent(outcome Outcome, exit int, why string) {
	t.Outcome, t.Exit, t.Why = outcome, exit, why
}

// violated notes what the safety checks found.
func (t *Trial) violated(s Set, checks []checker.Result) {
	for _, check := range checks {
		if check.Verdict != checker.Invalid {
			continue
		}
		line := check.Check + ": " + check.Reason
		t.Violations = append(t.Violations, line)
		if !s.expects(check.Check) {
			t.Unexpected = append(t.Unexpected, line)
		}
	}
}

// unmatched judges a safe run in which the faults bit and the incident was not seen.
func (t *Trial) unmatched(s Set, results *checker.Results, why string) {
	missed, doubts := reasons(results.Gates, checker.Invalid), reasons(results.Gates, checker.Unknown)
	doubts = append(reasons(results.Checks, checker.Unknown), doubts...)
	switch {
	case len(missed) > 0:
		t.Outcome, t.Why, t.Late = DifferentFailure, missed[0], false
	case len(doubts) > 0:
		t.silent(HarnessError, checker.ExitInconclusive, "inconclusive: "+foremost(doubts))
	case t.Late:
		t.Outcome = DifferentFailure
		t.Why = fmt.Sprintf("not available within %v after the last heal", s.Expect.Recovery)
	default:
		t.Outcome, t.Why = NotReproduced, why
	}
}

// foremost is the doubt that explains the others: the run did not come to its end.
func foremost(doubts []string) string {
	for _, doubt := range doubts {
		if strings.HasPrefix(doubt, "finished: ") {
			return doubt
		}
	}
	return doubts[0]
}

// reasons are "check: reason" of every result with a verdict.
func reasons(results []checker.Result, verdict checker.Verdict) []string {
	var lines []string
	for _, r := range results {
		if r.Verdict == verdict {
			lines = append(lines, r.Check+": "+r.Reason)
		}
	}
	return lines
}

// failed is why a run says nothing because of the harness; "" if it does not fail by that.
func failed(p Played) string {
	_, why := failure(p)
	return why
}

// failure is what failed says, and the exit code for it.
func failure(p Played) (exit int, why string) {
	switch {
	case p.Err != nil:
		return ExitOf(p.Err), strings.ReplaceAll(p.Err.Error(), "\n", "; ")
	case p.Results == nil:
		return checker.ExitHarness, "the run has left no results"
	case len(p.Results.Refused) > 0:
		return checker.ExitRefused, "refused: " + p.Results.Refused[0]
	case len(p.Results.Harness) > 0:
		return checker.ExitHarness, p.Results.Harness[0]
	case len(p.Results.Cleanup) > 0:
		return checker.ExitCleanup, "not clean: " + p.Results.Cleanup[0]
	case p.History == nil:
		return checker.ExitHarness, "the run has left no history"
	}
	return checker.ExitValid, ""
}

// ExitOf is the exit code of a run that has no results but an error: that of its child, if that was
// refused, or else the harness's.
func ExitOf(err error) int {
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) && coded.ExitCode() == checker.ExitRefused {
		return checker.ExitRefused
	}
	return checker.ExitHarness
}

// ineffective is which fault of a run did not bite, or never began; "" if all did.
func ineffective(p Played) string {
	judged := false
	for _, gate := range p.Results.Gates {
		faults := gate.Check == checker.GateFaultsBit
		judged = judged || faults
		if (faults || gate.Check == checker.GateMinFaults) && gate.Verdict != checker.Valid {
			return gate.Reason
		}
	}
	if !judged {
		return "nobody has judged whether the faults bit"
	}
	return ""
}

// late tells whether the target was available again later than the file promises.
func (s Set) late(results *checker.Results) bool {
	if s.Expect == nil || s.Expect.Recovery == 0 || len(results.Summary.Heals) == 0 {
		return false
	}
	heals := results.Summary.Heals // in the order of the heals
	last := heals[len(heals)-1]
	return !last.Available || last.After > s.Expect.Recovery
}

// slice is one election timeout, or a second where the target has none that is known.
func slice(s *suite.Suite) time.Duration {
	if timeout := s.Target.ElectionTimeout(); timeout > 0 {
		return timeout
	}
	return time.Second
}
