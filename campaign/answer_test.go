package campaign

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/suite"
)

// played is a run of a fake player: quiet, with one fault that bit and one operation a slice, until
// it is bent.
func played(bend ...func(*Played)) Played {
	const beat = 50 * time.Millisecond
	h := &history.History{
		Header: history.Header{Nodes: []string{"n1", "n2", "n3"}},
		Phases: []history.Phase{
			{Name: checker.PhaseWarmUp}, {Name: checker.PhaseLoad, At: time.Second},
			{Name: checker.PhaseHeal, At: 9 * time.Second},
			{Name: checker.PhaseRecovery, At: 9 * time.Second},
			{Name: checker.PhaseFinalReads, At: 12 * time.Second},
		},
		Faults: []history.Fault{{
			ID: 1, Kind: "partition", Shape: "isolate-leader", Hosts: []string{"n1"},
			Stage: history.StageHealed, Start: 2 * time.Second, Stop: 8 * time.Second,
			Evidence: []history.Evidence{{Moment: "start", Bit: true}, {Moment: "end", Bit: true}},
		}},
	}
	for at := time.Duration(0); at < 12*time.Second; at += beat {
		id := int64(len(h.Operations))
		h.Operations = append(h.Operations, history.Operation{
			ID: id, Process: int(id % 4), Kind: "write", Key: "k", Call: at, Return: at + time.Millisecond,
			Outcome: history.OutcomeOK,
		})
	}
	p := Played{History: h, Took: time.Second, Results: &checker.Results{
		Checks: []checker.Result{{Check: checker.CheckLinearizable, Verdict: checker.Valid}},
		Gates:  []checker.Result{{Check: checker.GateFaultsBit, Verdict: checker.Valid}},
	}}
	for _, b := range bend {
		b(&p)
	}
	if p.Results != nil {
		p.Results.Summary = checker.Summarise(h)
		p.Results.Decide()
	}
	return p
}

// What can be wrong with a run.

func violating(p *Played) {
	p.Results.Checks[0] = checker.Result{Check: checker.CheckLinearizable,
		Verdict: checker.Invalid, Reason: "a stale read"}
}

func twoLeaders(p *Played) {
	p.Results.Checks = append(p.Results.Checks, checker.Result{Check: checker.CheckLeaderPerTerm,
		Verdict: checker.Invalid, Reason: "two leaders"})
}

func ineffectual(p *Played) {
	p.Results.Gates[0] = checker.Result{Check: checker.GateFaultsBit, Reason: "fault 1 did not bite"}
}

func broken(p *Played) { p.Results.Harness = []string{"collect: no route"} }

// silent leaves nothing acknowledged while the fault lasts, nor for so long after it.
func silent(after time.Duration) func(*Played) {
	return func(p *Played) {
		for i, op := range p.History.Operations {
			if op.Call > 2*time.Second && op.Call < 8*time.Second+after {
				p.History.Operations[i].Outcome = history.OutcomeInfo
			}
		}
	}
}

// mute answers nobody, from the beginning on.
func mute(p *Played) {
	for i := range p.History.Operations {
		p.History.Operations[i].Outcome = history.OutcomeInfo
	}
}

func gate(check string, verdict checker.Verdict) func(*Played) {
	return func(p *Played) {
		p.Results.Gates = append(p.Results.Gates,
			checker.Result{Check: check, Verdict: verdict, Reason: "as it is"})
	}
}

// Goal: one run says one of five things, and the order of what counts is kept: a violation is
// evidence whatever else is wrong, a fault that did not bite proves nothing, what the signature
// does not name is another failure, and what is not known is no answer. Method: runs with one or
// two things wrong, against signatures of safety and of liveness.
func TestJudge(t *testing.T) {
	anything := checker.Signature{Violation: checker.ViolationAny}
	linear := checker.Signature{Violation: checker.CheckLinearizable}
	gap := checker.Signature{Gap: 5 * time.Second}
	for name, c := range map[string]struct {
		signature checker.Signature
		played    Played
		want      Outcome
		why       string
	}{
		"quiet":               {anything, played(), NotReproduced, ""},
		"violation":           {anything, played(violating), Reproduced, ""},
		"other violation":     {linear, played(twoLeaders), DifferentFailure, "two leaders"},
		"gap":                 {gap, played(silent(0)), Reproduced, ""},
		"no gap":              {gap, played(), NotReproduced, ""},
		"gap, not asked for":  {anything, played(silent(0)), NotReproduced, ""},
		"violation for a gap": {gap, played(violating), DifferentFailure, "a stale read"},

		"no bite":                {anything, played(ineffectual), FaultNotEffective, "did not bite"},
		"no bite, but a gap":     {gap, played(silent(0), ineffectual), FaultNotEffective, "bite"},
		"no bite, yet violation": {anything, played(violating, ineffectual), Reproduced, ""},
		"too few faults": {anything, played(gate(checker.GateMinFaults, checker.Unknown)),
			FaultNotEffective, "as it is"},
		"faults not judged": {anything, played(func(p *Played) { p.Results.Gates = nil }),
			FaultNotEffective, "nobody has judged"},

		"harness":            {anything, played(broken), HarnessError, "no route"},
		"harness, but a gap": {gap, played(silent(0), broken), HarnessError, "no route"},
		"harness, yet another violation": {linear, played(broken, twoLeaders), DifferentFailure,
			"two leaders"},
		"harness, yet violation": {anything, played(broken, violating), Reproduced, ""},
		"refused": {anything, played(func(p *Played) { p.Results.Refused = []string{"no consent"} }),
			HarnessError, "refused: no consent"},
		"not clean": {anything, played(func(p *Played) { p.Results.Cleanup = []string{"a rule"} }),
			HarnessError, "not clean: a rule"},
		"no results": {anything, Played{}, HarnessError, "no results"},
		"no history": {anything, played(func(p *Played) { p.History = nil }), HarnessError, "history"},
		"error":      {anything, Played{Err: errors.New("a\nb")}, HarnessError, "a; b"},
		"killed, yet violation": {linear, played(violating, func(p *Played) {
			p.Err = errors.New("killed")
		}), Reproduced, ""},

		"gate missed": {anything, played(gate("alive", checker.Invalid)), DifferentFailure, "alive"},
		"gate missed, but a gap": {gap, played(silent(0), gate("alive", checker.Invalid)),
			Reproduced, ""},
		"unknown check": {anything, played(func(p *Played) {
			p.Results.Checks[0].Verdict = checker.Unknown
		}), HarnessError, "inconclusive: linearizable"},
		"nobody ever answered": {gap, played(mute), HarnessError, "nothing was ever acknowledged"},
		"unknown gate": {gap, played(gate("ok-per-kind", checker.Unknown)), HarnessError,
			"inconclusive: ok-per-kind"},
	} {
		set := Set{Suite: someSuite(t, "judged"), Signature: c.signature}
		got := set.Judge(c.played)
		if got.Outcome != c.want || !strings.Contains(got.Why, c.why) || got.Why == "" {
			t.Errorf("%s: %s: %s; want %s: %s", name, got.Outcome, got.Why, c.want, c.why)
		}
	}
}

// Goal: a violation is expected only if the file promises it to be reproduced, and that very check.
// Method: each signature and answer, with two checks violated.
func TestExpectedViolations(t *testing.T) {
	for _, c := range []struct {
		signature checker.Signature
		answer    string // "": the file promises nothing
		want      []string
	}{
		{checker.Signature{}, suite.AnswerReproduced, nil},
		{checker.Signature{Violation: checker.ViolationAny}, suite.AnswerReproduced, nil},
		{checker.Signature{Violation: checker.CheckLinearizable}, suite.AnswerReproduced,
			[]string{"leader-per-term: two leaders"}},
		{checker.Signature{Gap: time.Second}, suite.AnswerReproduced,
			[]string{"linearizable: a stale read", "leader-per-term: two leaders"}},
		{checker.Signature{}, suite.AnswerNot,
			[]string{"linearizable: a stale read", "leader-per-term: two leaders"}},
		{checker.Signature{}, "", []string{"linearizable: a stale read", "leader-per-term: two leaders"}},
	} {
		set := Set{Suite: someSuite(t, "judged"), Signature: c.signature}
		if c.answer != "" {
			set.Expect = &suite.Expectation{Answer: c.answer}
		}
		trial := set.Judge(played(violating, twoLeaders))
		if !slices.Equal(trial.Unexpected, c.want) || len(trial.Violations) != 2 {
			t.Errorf("%+v %q: unexpected %q, want %q", c.signature, c.answer, trial.Unexpected, c.want)
		}
	}
}

// Goal: a run that recovers later than promised is another failure, unless it shows the incident.
// Method: a target that is silent for two more seconds after the heal, against promises around it.
func TestLateRecovery(t *testing.T) {
	for _, c := range []struct {
		signature checker.Signature
		promise   time.Duration
		want      Outcome
		late      bool
	}{
		{checker.Signature{}, 3 * time.Second, NotReproduced, false},
		{checker.Signature{}, time.Second, DifferentFailure, true},
		{checker.Signature{}, 0, NotReproduced, false},
		{checker.Signature{Gap: 5 * time.Second}, time.Second, Reproduced, true},
		{checker.Signature{Gap: 5 * time.Second}, 3 * time.Second, Reproduced, false},
	} {
		set := Set{Suite: someSuite(t, "judged"), Signature: c.signature,
			Expect: &suite.Expectation{Answer: suite.AnswerNot, Recovery: c.promise}}
		trial := set.Judge(played(silent(2 * time.Second)))
		if trial.Outcome != c.want || trial.Late != c.late {
			t.Errorf("%+v within %v: %+v", c.signature, c.promise, trial)
		}
	}
}

// side is what some outcomes amount to.
func side(t *testing.T, promise *suite.Expectation, outcomes string) *Side {
	t.Helper()
	s := &Side{Build: "raftd"}
	for i, letter := range outcomes {
		trial := Trial{Run: i + 1, Safety: checker.Valid, Why: "why"}
		switch letter {
		case 'R':
			trial.Outcome = Reproduced
		case 'r': // and late
			trial.Outcome, trial.Late = Reproduced, true
		case 'n':
			trial.Outcome = NotReproduced
		case 'l':
			trial.Outcome, trial.Late = DifferentFailure, true
		case 'd':
			trial.Outcome = DifferentFailure
		case 'f':
			trial.Outcome, trial.Exit = FaultNotEffective, checker.ExitInconclusive
		case 'h':
			trial.Outcome, trial.Exit = HarnessError, checker.ExitHarness
		case 'i': // inconclusive
			trial.Outcome, trial.Exit = HarnessError, checker.ExitInconclusive
		case 'u': // refused
			trial.Outcome, trial.Exit = HarnessError, checker.ExitRefused
		case 'c': // not clean
			trial.Outcome, trial.Exit = HarnessError, checker.ExitCleanup
			trial.Left = []string{"a rule"}
		case 'V':
			trial.Outcome, trial.Safety = Reproduced, checker.Invalid
			trial.Violations = []string{"linearizable: a stale read"}
			if promise == nil || promise.Answer == suite.AnswerNot {
				trial.Unexpected = trial.Violations
			}
		default:
			t.Fatalf("no outcome %c", letter)
		}
		s.Trials = append(s.Trials, trial)
	}
	s.conclude(promise)
	return s
}

// Goal: all runs together give one of the five answers, with a rate of those alone that say
// something, compared with what the file promises; and the exit code of the worst. Method:
// outcomes, a letter a run (see side), against promises.
func TestAnswers(t *testing.T) {
	not := &suite.Expectation{Answer: suite.AnswerNot}
	seldom := &suite.Expectation{Answer: suite.AnswerNot, AtMost: 100, Recovery: time.Second}
	once := &suite.Expectation{Answer: suite.AnswerReproduced}
	mostly := &suite.Expectation{Answer: suite.AnswerReproduced, AtLeast: 900}
	some := &suite.Expectation{Answer: suite.AnswerReproduced, AtLeast: 100, AtMost: 500}
	for _, c := range []struct {
		promise  *suite.Expectation
		outcomes string
		headline string
		exit     int
	}{
		{nil, "nnnnnnnnnn", `NOT REPRODUCED 0/10 (rate below 25.9 % at 95 %)`, 0},
		{nil, "nnnRnn", `REPRODUCED 1/6, 16.7 % [3.0 %, 56.4 %]`, 2},
		{nil, "VVVVVV", `REPRODUCED 6/6, 100.0 % [61.0 %, 100.0 %]`, 1},
		{nil, "nd", `DIFFERENT FAILURE 1/2 (the incident itself 0/2: rate below 77.6 % at 95 %)`, 2},
		{nil, "fff", `FAULT NOT EFFECTIVE in 3 of 3 runs: nothing is known`, 3},
		{nil, "fhh", `FAULT NOT EFFECTIVE in 1 of 3 runs: nothing is known`, 4},
		{nil, "ii", `HARNESS ERROR in 2 of 2 runs: nothing is known`, 3},
		{nil, "hu", `HARNESS ERROR in 2 of 2 runs: nothing is known`, 5},
		{nil, "ci", `HARNESS ERROR in 2 of 2 runs: nothing is known`, 6},
		{nil, "nnc", `NOT REPRODUCED 0/2 (rate below 77.6 % at 95 %)`, 6}, // never outvoted
		{nil, "nRc", `REPRODUCED 1/2, 50.0 % [9.5 %, 90.5 %]`, 2},
		{nil, "nnu", `NOT REPRODUCED 0/2 (rate below 77.6 % at 95 %)`, 0},
		{nil, "hh", `HARNESS ERROR in 2 of 2 runs: nothing is known`, 4},
		{nil, "", `NOT RUN`, 3},
		{nil, "nff", `NOT REPRODUCED 0/1 (rate below 95.0 % at 95 %)`, 3}, // too few
		{nil, "nfnh", `NOT REPRODUCED 0/2 (rate below 77.6 % at 95 %)`, 0},

		{not, "nnnn", `NOT REPRODUCED 0/4 (rate below 52.7 % at 95 %)`, 0},
		{not, "nnRn", `REPRODUCED 1/4, 25.0 % [4.6 %, 69.9 %]`, 2},
		{not, "nVnn", `REPRODUCED 1/4, 25.0 % [4.6 %, 69.9 %]`, 1},
		{seldom, "nnnnnnnnnR", `REPRODUCED 1/10, 10.0 % [1.8 %, 40.4 %]`, 0},
		{seldom, "nnnnnnnnnl", `NOT REPRODUCED 0/10 (rate below 25.9 % at 95 %)`, 0},
		{seldom, "nnnnnnnnnr", `REPRODUCED 1/10, 10.0 % [1.8 %, 40.4 %]`, 0},
		{seldom, "nnnnnnnnlR", `REPRODUCED 1/10, 10.0 % [1.8 %, 40.4 %]`, 2},
		{seldom, "nnnnnnnnll", `DIFFERENT FAILURE 2/10 (the incident itself 0/10: ` +
			`rate below 25.9 % at 95 %)`, 2},
		{seldom, "nnnnnnnnnd", `DIFFERENT FAILURE 1/10 (the incident itself 0/10: ` +
			`rate below 25.9 % at 95 %)`, 2},
		{once, "nnRn", `REPRODUCED 1/4, 25.0 % [4.6 %, 69.9 %]`, 0},
		{once, "nVnn", `REPRODUCED 1/4, 25.0 % [4.6 %, 69.9 %]`, 0},
		{once, "nnnn", `NOT REPRODUCED 0/4 (rate below 52.7 % at 95 %)`, 2},
		{once, "Rrnn", `REPRODUCED 2/4, 50.0 % [15.0 %, 85.0 %]`, 2}, // one was late, none may be
		{mostly, "RRRRRRRRRn", `REPRODUCED 9/10, 90.0 % [59.6 %, 98.2 %]`, 0},
		{mostly, "RRRRRRRRRr", `REPRODUCED 10/10, 100.0 % [72.2 %, 100.0 %]`, 0},
		{mostly, "RRRRRRRRnn", `REPRODUCED 8/10, 80.0 % [49.0 %, 94.3 %]`, 2},
		{mostly, "RRRRRRRRRd", `REPRODUCED 9/10, 90.0 % [59.6 %, 98.2 %]`, 2},
		{mostly, "Rff", `REPRODUCED 1/1, 100.0 % [20.7 %, 100.0 %]`, 3},
		{mostly, "fff", `FAULT NOT EFFECTIVE in 3 of 3 runs: nothing is known`, 3},
		{some, "RRRRnnnn", `REPRODUCED 4/8, 50.0 % [21.5 %, 78.5 %]`, 0},
		{some, "RRRRRnnn", `REPRODUCED 5/8, 62.5 % [30.6 %, 86.3 %]`, 2},
	} {
		s := side(t, c.promise, c.outcomes)
		if got := s.Headline(); got != c.headline {
			t.Errorf("%s: %s\nwant %s", c.outcomes, got, c.headline)
		}
		if got := s.exit(true); got != c.exit {
			t.Errorf("%s: exit %d, want %d (as promised: %v)", c.outcomes, got, c.exit, s.AsPromised)
		}
	}
	if got := side(t, nil, "RRRR").exit(false); got != 0 {
		t.Errorf("what the second build reproduces decides: exit %d", got)
	}
	if got := side(t, nil, "VVVV").exit(false); got != 1 {
		t.Errorf("a violation of the second build is masked: exit %d", got)
	}
}
