package checker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/history"
)

// matchTests change the steady run, in which n1 is proven to be cut off from 4 s to 6 s, and ask
// for a signature in slices of 100 ms.
var matchTests = []struct {
	name   string
	change func(*history.History)
	asked  Signature
	want   bool
	why    string // whole, or the beginning of it
}{
	{"a gap", func(h *history.History) { silence(h, 4500*ms, 5500*ms) },
		Signature{Gap: 1010 * ms}, true, "the longest time without an acknowledgement was 1.01s, " +
			"from 4.495s on, where 1.01s or more counts"},
	{"no such gap", func(h *history.History) { silence(h, 4500*ms, 5500*ms) },
		Signature{Gap: 1100 * ms}, false,
		"the longest time without an acknowledgement was 1.01s, from 4.495s on, where 1.1s or more"},
	{"a gap before the faults", func(h *history.History) { silence(h, 2000*ms, 3900*ms) },
		Signature{Gap: 1000 * ms}, false, "the longest time without an acknowledgement was 10ms"},
	{"a gap that began before the faults counts from then", func(h *history.History) {
		silence(h, 2000*ms, 4900*ms)
	}, Signature{Gap: 1000 * ms}, false, "the longest time without an acknowledgement was 905ms, " +
		"from 4.000s on"},
	{"a gap that lasts beyond the faults", func(h *history.History) { silence(h, 5900*ms, 8000*ms) },
		Signature{Gap: 2000 * ms}, true,
		"the longest time without an acknowledgement was 2.11s, from 5.895s on"},
	{"a gap until clients stop", func(h *history.History) { silence(h, 5900*ms, time.Hour) },
		Signature{Gap: 6100 * ms}, true,
		"the longest time without an acknowledgement was 6.105s, from 5.895s on"},
	{"a gap after the faults", func(h *history.History) { silence(h, 6100*ms, 9000*ms) },
		Signature{Gap: 1000 * ms}, false, "the longest time without an acknowledgement was 10ms"},
	{"two faults, the gap between them", func(h *history.History) {
		isolate(h, 9000*ms, 9500*ms, "n2")
		silence(h, 6500*ms, 8000*ms)
	}, Signature{Gap: 1500 * ms}, true, "the longest time without an acknowledgement was 1.51s"},
	{"unavailable", func(h *history.History) { silence(h, 4200*ms, 6500*ms) },
		Signature{Unavailable: 900}, true, "nothing was acknowledged in 18 of the 20 slices of the 2s " +
			"with faults (90 %), where 90 % or more counts"},
	{"not unavailable enough", func(h *history.History) { silence(h, 4300*ms, 6500*ms) },
		Signature{Unavailable: 855}, false, "nothing was acknowledged in 17 of the 20 slices of the 2s " +
			"with faults (85 %), where 85.5 % or more counts"},
	{"unavailable before and after does not count", func(h *history.History) {
		silence(h, 0, 4000*ms)
		silence(h, 6000*ms, time.Hour)
	}, Signature{Unavailable: 50}, false, "nothing was acknowledged in 0 of the 20 slices"},
	{"slow recovery", func(h *history.History) { silence(h, 5900*ms, 7500*ms) },
		Signature{Recovery: 1000 * ms}, true,
		"available again 1.505s after the last heal, where later than 1s counts"},
	{"fast recovery", func(*history.History) {}, Signature{Recovery: 1000 * ms}, false,
		"available again 5ms after the last heal, where later than 1s counts"},
	{"recovery is of the last heal", func(h *history.History) {
		isolate(h, 7000*ms, 9000*ms, "n2").Evidence = nil
		silence(h, 5900*ms, 7500*ms)
	}, Signature{Recovery: 1000 * ms}, false, "available again 5ms after the last heal"},
	{"the last heal is not the last fault's", func(h *history.History) {
		h.Faults[0].Stop = 7000 * ms
		isolate(h, 5000*ms, 5500*ms, "n2")
		silence(h, 6900*ms, 7500*ms)
	}, Signature{Recovery: 1000 * ms}, false, "available again 505ms after the last heal"},
	{"no recovery", func(h *history.History) { silence(h, 5900*ms, time.Hour) },
		Signature{Recovery: 6000 * ms}, true,
		"not available again in the 6.495s that clients watched after the last heal"},
	{"nobody watched for long enough", func(h *history.History) { silence(h, 5900*ms, time.Hour) },
		Signature{Recovery: 7000 * ms}, false,
		"not available again, but clients watched for only 6.495s"},
	{"terms", func(h *history.History) { terms(h, 3900*ms, 7, 4100*ms, 12, 5900*ms, 19, 6100*ms, 40) },
		Signature{Terms: 12}, true, "12 new terms began in the 2s with faults, where 12 or more count"},
	{"too few terms", func(h *history.History) { terms(h, 3900*ms, 7, 4100*ms, 12, 6100*ms, 40) },
		Signature{Terms: 6}, false, "5 new terms began in the 2s with faults, where 6 or more count"},
	{"all that is set must hold", func(h *history.History) { silence(h, 4500*ms, 5500*ms) },
		Signature{Gap: 1000 * ms, Terms: 2, Violation: ViolationAny}, false,
		"none of the 2 safety checks is violated; 0 new terms began in the 2s with faults"},
	{"all that is set holds", func(h *history.History) {
		silence(h, 4500*ms, 5500*ms)
		terms(h, 3900*ms, 7, 4100*ms, 12)
	}, Signature{Gap: 1000 * ms, Terms: 2, Unavailable: 500}, true,
		"the longest time without an acknowledgement was 1.01s, from 4.495s on, where 1s or more " +
			"counts; nothing was acknowledged in 10 of the 20 slices of the 2s with faults (50 %), where " +
			"50 % or more counts; 5 new terms began in the 2s with faults, where 2 or more count"},
	{"no faults", func(h *history.History) { h.Faults = nil; silence(h, 0, time.Hour) },
		Signature{Gap: 1}, false, "no fault is proven, so that nothing here can be the doing of one"},
	{"no proven fault", func(h *history.History) {
		h.Faults[0].Evidence[1].Bit = false
		silence(h, 0, time.Hour)
	}, Signature{Gap: 1}, false, "no fault is proven"},
	{"no operations", func(h *history.History) { h.Operations = nil }, Signature{Gap: 1}, false,
		"no operation was recorded"},
	{"it ended early", func(h *history.History) {
		h.Phases = h.Phases[:3]
		h.Operations = h.Operations[:520]
		silence(h, 4000*ms, time.Hour)
	}, Signature{Gap: 1}, false, "the run ended at 6.195s, before its recovery phase"},
	{"no phases at all", func(h *history.History) { h.Phases = nil; silence(h, 4000*ms, time.Hour) },
		Signature{Gap: 8000 * ms, Unavailable: 1000}, true,
		"the longest time without an acknowledgement was 8.495s, from 4.000s on"},
	{"faults before clients worked", func(h *history.History) {
		h.Faults[0].Start, h.Faults[0].Stop = 100*ms, 900*ms
	}, Signature{Gap: 1}, false,
		"clients worked from 1.000s to 12.000s, and faults were in force from 0.100s to 0.900s"},
	{"faults from before clients worked", func(h *history.History) {
		h.Faults[0].Start = 100 * ms
		silence(h, 0, 5000*ms)
	}, Signature{Gap: 4000 * ms}, true,
		"the longest time without an acknowledgement was 4.005s, from 1.000s on"},
	{"a fault of no length", func(h *history.History) {
		h.Faults[0].Stop = 4000 * ms
		silence(h, 4000*ms, 5000*ms)
	}, Signature{Gap: 1000 * ms}, true,
		"the longest time without an acknowledgement was 1.005s, from 4.000s on"},
	{"no time to be unavailable in", func(h *history.History) {
		h.Faults[0].Stop = 4000 * ms
	}, Signature{Unavailable: 1}, false, "nothing was acknowledged in 0 of the 0 slices of the 0s"},
}

// terms adds what nodes said of their terms: instants and terms in turns.
func terms(h *history.History, said ...any) {
	for i := 0; i < len(said); i += 2 {
		h.Observations = append(h.Observations, history.Observation{Node: "n1", Source: "status",
			At: said[i].(time.Duration), Term: uint64(said[i+1].(int))})
	}
}

// Goal: what counts as an incident seen again is exactly what the signature asks for, in the time
// that it is about, and it is said why. Method: a steady run, changed in one respect each time.
func TestMatch(t *testing.T) {
	results := &Results{Checks: []Result{{Check: CheckLinearizable, Verdict: Valid},
		{Check: CheckLeaderPerTerm}}}
	for _, test := range matchTests {
		t.Run(test.name, func(t *testing.T) {
			h := steady()
			isolate(h, 4000*ms, 6000*ms, "n1")
			test.change(h)
			got, why := test.asked.Match(h, results, 100*ms)
			if got != test.want || !strings.HasPrefix(why, test.why) {
				t.Errorf("%v, %s; want %v, %s", got, why, test.want, test.why)
			}
		})
	}
}

// Goal: a violation is matched by its name or by "any", in a run that stopped on it too, and never
// without a proven fault. Method: verdicts against signatures.
func TestMatchViolation(t *testing.T) {
	checks := func(verdicts ...Verdict) *Results {
		r := &Results{}
		for i, verdict := range verdicts {
			r.Checks = append(r.Checks, Result{Verdict: verdict,
				Check: []string{CheckLinearizable, CheckLeaderPerTerm}[i]})
		}
		return r
	}
	for _, test := range []struct {
		name    string
		asked   Signature
		results *Results
		want    bool
		why     string
	}{
		{"zero", Signature{}, checks(Valid, Invalid), true, "leader-per-term is violated"},
		{"any", Signature{Violation: ViolationAny}, checks(Invalid), true, "linearizable is violated"},
		{"by name", Signature{Violation: CheckLeaderPerTerm}, checks(Valid, Invalid), true,
			"leader-per-term is violated"},
		{"another one", Signature{Violation: CheckLinearizable}, checks(Valid, Invalid), false,
			"linearizable is not violated, but valid"},
		{"a doubt", Signature{Violation: CheckLinearizable}, checks(Unknown), false,
			"linearizable is not violated, but unknown"},
		{"not checked", Signature{Violation: "total-order"}, checks(Invalid), false,
			"nothing was checked under the name total-order"},
		{"none", Signature{}, checks(Valid, Unknown), false,
			"none of the 2 safety checks is violated"},
		{"no results", Signature{}, nil, false, "none of the 0 safety checks is violated"},
	} {
		stopped := steady()
		isolate(stopped, 4000*ms, 6000*ms, "n1")
		stopped.Phases = stopped.Phases[:3]
		if got, why := test.asked.Match(stopped, test.results, 0); got != test.want ||
			why != test.why {
			t.Errorf("%s: %v, %s; want %v, %s", test.name, got, why, test.want, test.why)
		}
		stopped.Faults[0].Evidence = slices.Delete(stopped.Faults[0].Evidence, 1, 2)
		if got, why := test.asked.Match(stopped, test.results, 0); got {
			t.Errorf("%s, with a fault that has no end: %s", test.name, why)
		}
	}
}
