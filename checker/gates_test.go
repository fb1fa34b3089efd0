package checker

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gauntlet/history"
)

const ms = time.Millisecond

// steady is a run of 12 s in which five nodes answer every 10 ms: warm-up to 2 s, load to 8 s,
// then heal and recovery. Tests take operations away and put faults in.
func steady() *history.History {
	h := &history.History{
		Header: history.Header{Nodes: []string{"n1", "n2", "n3", "n4", "n5"}},
		Phases: []history.Phase{
			{Name: "deploy"}, {Name: PhaseWarmUp, At: 1000 * ms}, {Name: PhaseLoad, At: 2000 * ms},
			{Name: PhaseHeal, At: 8000 * ms}, {Name: PhaseRecovery, At: 8100 * ms},
			{Name: PhaseFinalReads, At: 12000 * ms},
		},
	}
	for at, id := 1000*ms, 0; at < 12500*ms; at, id = at+10*ms, id+1 {
		h.Operations = append(h.Operations, history.Operation{
			ID: int64(id + 1), Process: id % 5, Node: h.Header.Nodes[id%5], Key: fmt.Sprint("r", id%2),
			Kind: []string{"read", "write"}[id%2], Call: at, Return: at + 5*ms,
			Outcome: history.OutcomeOK,
		})
	}
	return h
}

// silence turns every operation of a stretch into a certain failure.
func silence(h *history.History, from, to time.Duration) {
	for i := range h.Operations {
		if op := &h.Operations[i]; op.Call >= from && op.Call < to {
			op.Outcome = history.OutcomeFail
		}
	}
}

// isolate adds a proven fault that cuts hosts off from all others.
func isolate(h *history.History, from, to time.Duration, hosts ...string) *history.Fault {
	f := history.Fault{ID: len(h.Faults) + 1, Kind: "partition", Shape: "isolate-leader",
		Hosts: hosts, Stage: history.StageHealed, Start: from, Stop: to}
	for _, a := range h.Header.Nodes {
		for _, b := range h.Header.Nodes {
			if slices.Contains(hosts, a) != slices.Contains(hosts, b) {
				f.Cuts = append(f.Cuts, history.Cut{From: a, To: b, Mode: history.CutPackets})
			}
		}
	}
	for _, moment := range []string{"start", "end"} {
		f.Evidence = append(f.Evidence, history.Evidence{Host: hosts[0], Moment: moment,
			What: "dropped packets", Value: "12", Bit: true})
	}
	h.Faults = append(h.Faults, f)
	return &h.Faults[len(h.Faults)-1]
}

// gateTests change the steady run, which has one proven fault, and list the gates that are then
// not met.
var gateTests = []struct {
	name   string
	change func(*history.History)
	want   string // gates that are not met, with their reasons
}{
	{"all is well", func(*history.History) {}, ""},
	{"no operations", func(h *history.History) { h.Operations = nil }, `
unknown ok-per-kind: no operation was recorded
unknown ok-per-phase: nothing was acknowledged during warm-up; nothing was acknowledged during ` +
		`load; nothing was acknowledged during recovery; nothing was acknowledged during any ` +
		`isolate-leader partition, though a majority stayed connected
unknown final-reads: no key was read at the end
unknown available-after-heal: not available when clients stopped, ` +
		`0s after the last heal, sooner than 1s`},
	{"one kind hardly ever", func(h *history.History) {
		for i := range h.Operations {
			if h.Operations[i].Kind == "write" && i > 50 {
				h.Operations[i].Outcome = history.OutcomeInfo
				h.Operations[i].Process = 1000 + i
			}
		}
	}, `
unknown ok-per-kind: 25 write operations were acknowledged, fewer than 100
unknown final-reads: no final read of r1 was answered
invalid available-after-heal: not available within 1s after the last heal, nor later`},
	{"nobody answers at the end", func(h *history.History) {
		silence(h, 12100*ms, 13000*ms)
		for i := range h.Operations {
			if op := &h.Operations[i]; op.Call >= 12000*ms && op.Key == "r1" {
				op.Outcome = history.OutcomeFail
			}
		}
	}, "unknown final-reads: no final read of r1 was answered"},
	{"a silent warm-up", func(h *history.History) { silence(h, 0, 2000*ms) },
		"unknown ok-per-phase: nothing was acknowledged during warm-up"},
	{"never came to recovery", func(h *history.History) { h.Phases = h.Phases[:4] },
		"unknown ok-per-phase: the run never reached its recovery phase"},
	{"unavailable though a majority is connected", func(h *history.History) {
		silence(h, 4000*ms, 6000*ms)
	}, "unknown ok-per-phase: nothing was acknowledged during any isolate-leader partition, " +
		"though a majority stayed connected"},
	{"unavailable as the quorum is lost", func(h *history.History) {
		isolate(h, 4000*ms, 6000*ms, "n2", "n3")
		silence(h, 4000*ms, 6000*ms)
	}, ""},
	{"no quorum from the start to the end of load", func(h *history.History) {
		h.Header.Nodes = h.Header.Nodes[:4]
		h.Faults = nil
		isolate(h, 500*ms, 8050*ms, "n1", "n2")
		silence(h, 0, 8050*ms)
	}, ""},
	{"a fault that did not bite", func(h *history.History) {
		h.Faults[0].Evidence[1].Bit, h.Faults[0].Evidence[1].Value = false, "0"
	}, `
unknown faults-bit: fault 1 (isolate-leader partition) did not bite: ` +
		`dropped packets on n1 at its end was "0"
unknown min-faults: 0 partition faults are proven, fewer than 1`},
	{"a fault that has no end", func(h *history.History) {
		h.Faults[0].Evidence = h.Faults[0].Evidence[:1]
	}, `
unknown faults-bit: fault 1 (isolate-leader partition) has no evidence of its end
unknown min-faults: 0 partition faults are proven, fewer than 1`},
	{"a fault that failed", func(h *history.History) { h.Faults[0].Error = "n1: no iptables" }, `
unknown faults-bit: fault 1 (isolate-leader partition) failed: n1: no iptables
unknown min-faults: 0 partition faults are proven, fewer than 1`},
	{"a fault whose condition never held", func(h *history.History) {
		h.Faults = append(h.Faults, history.Fault{ID: 2, Kind: "loss", Shape: "only",
			Stage: history.StageFailed, PlannedStart: 5000 * ms,
			Error: "its condition never held: term 3 is reached"})
	}, "unknown faults-bit: fault 2 (only loss) failed: " +
		"its condition never held: term 3 is reached"},
	{"unavailable while links lose packets", func(h *history.History) {
		f := &h.Faults[0]
		f.Kind, f.Shape = "loss", "isolate-leader"
		for i := range f.Cuts {
			f.Cuts[i].Rate = 300
		}
		silence(h, 4000*ms, 6000*ms)
	}, "unknown min-faults: 0 partition faults are proven, fewer than 1"},
	{"unavailable though only one node's clients are cut off", func(h *history.History) {
		f := &h.Faults[0]
		f.Kind, f.Shape, f.Role = "client-cut", "", "leader"
		f.Cuts = []history.Cut{{From: history.Clients, To: "n1", Mode: history.CutReject}}
		silence(h, 4000*ms, 6000*ms)
	}, `
unknown ok-per-phase: nothing was acknowledged during any client-cut of leader, though a ` +
		`majority stayed connected
unknown min-faults: 0 partition faults are proven, fewer than 1`},
	{"slow to come back", func(h *history.History) { silence(h, 5900*ms, 7500*ms) },
		"invalid available-after-heal: available only 1.51s after the last heal, later than 1s"},
	{"a flash is not availability", func(h *history.History) {
		silence(h, 5900*ms, 6500*ms)
		silence(h, 6540*ms, 7500*ms)
	}, "invalid available-after-heal: available only 1.51s after the last heal, later than 1s"},
	{"one client alone is not availability", func(h *history.History) {
		for i := range h.Operations {
			if op := &h.Operations[i]; op.Process > 1 && op.Call > 5900*ms {
				op.Outcome = history.OutcomeFail
			}
		}
	}, "invalid available-after-heal: not available within 1s after the last heal, nor later"},
	{"an unlawful history", func(h *history.History) { h.Operations[9].Process = -1 },
		"unknown history: operation 10: process -1, want 0 or more"},
}

// Goal: no run passes in which too little happened, a fault did not bite, or the target came
// back too late; and none is doubted because a quorum was rightly lost. Method: a steady run,
// changed in one respect each time, and the gates that must then not be met.
func TestRequirements(t *testing.T) {
	require := Require{OKPerKind: 100, MinFaults: map[string]int{"partition": 1},
		AvailableAfterHeal: 1000 * ms}
	for _, test := range gateTests {
		t.Run(test.name, func(t *testing.T) {
			h := steady()
			isolate(h, 4000*ms, 6000*ms, "n1")
			test.change(h)
			var got []string
			for _, gate := range Requirements(h, require) {
				if gate.Verdict != Valid {
					got = append(got, fmt.Sprintf("%s %s: %s", gate.Verdict, gate.Check, gate.Reason))
				}
			}
			diff := cmp.Diff(strings.TrimSpace(test.want), strings.Join(got, "\n"))
			if diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Goal: available means sustained, for several clients, for writes as well, and after the heal.
// Method: returns written as letters, one a millisecond from 100 ms on: client and kind, small
// if it failed.
func TestAvailableAfter(t *testing.T) {
	for _, test := range []struct {
		returns string // A, B, C write; X, Y, Z are the same clients reading; lower case failed
		want    int    // index of the return from which on it is available, or -1
	}{
		{"ABCAB", 0}, {"ABCA", -1}, {"aABCAB", 1}, {"ABCAbABCAB", 5}, {"XYZXYZ", -1},
		{"XYZXYA", 0}, {"ABABABAB", -1}, {"ABABABC", 0}, {"", -1},
	} {
		early := history.Operation{Process: 9, Kind: "write", Outcome: history.OutcomeInfo,
			Call: 50 * ms, Return: 102*ms + 1}
		returns := []history.Operation{early}
		for i, r := range test.returns {
			op := history.Operation{Kind: "write", Outcome: history.OutcomeOK, Process: int(r) % 32,
				Call: time.Duration(100+i) * ms, Return: time.Duration(100+i) * ms}
			if r >= 'a' {
				op.Outcome = history.OutcomeFail
			}
			if strings.ContainsRune("XYZ", r) {
				op.Kind, op.Process = "read", int(r-'X')+1
			}
			returns = append(returns, op)
		}
		slices.SortFunc(returns, func(a, b history.Operation) int { return int(a.Return - b.Return) })
		got, available := availableAfter(returns, 100*ms, 4)
		if available != (test.want >= 0) || available && got != time.Duration(test.want)*ms {
			t.Errorf("%s: %v %v, want return %d", test.returns, got, available, test.want)
		}
	}
}

// Goal: the summary counts what happened and finds the longest unavailability and the faults
// over it. Method: the steady run with two silences.
func TestSummarise(t *testing.T) {
	h := steady()
	isolate(h, 4000*ms, 6000*ms, "n1").Heard = 6003 * ms
	isolate(h, 5500*ms, 7000*ms, "n2").Evidence = nil
	silence(h, 3000*ms, 3500*ms)
	silence(h, 4000*ms, 5000*ms)
	h.Observations = []history.Observation{
		{Node: "n1", At: 1500 * ms, Term: 1, Role: history.RoleLeader, Source: "status"},
		{Node: "n1", At: 1000 * ms, Term: 1, Role: history.RoleLeader, Source: "status"},
		{Node: "n2", At: 1000 * ms, Term: 1, Role: history.RoleFollower, Source: "status"},
		{Node: "n2", At: 5000 * ms, Term: 2, Role: history.RoleLeader, Source: "log"},
	}
	got := SummariseSliced(h, 300*ms)
	want := Summary{
		Duration: 12495 * ms, Operations: 1150, OK: 1000, Keys: 2,
		Kinds:      []KindCount{{Kind: "read", OK: 500, Fail: 75}, {Kind: "write", OK: 500, Fail: 75}},
		LongestGap: Gap{From: 3995 * ms, To: 5005 * ms, Faults: []int{1}},
		Load:       Measure(h, 2000*ms, 8000*ms, 300*ms),
		Faults:     []FaultCount{{Kind: "partition", Injected: 2, Proven: 1}},
		Heals: []Heal{{Fault: 1, At: 6000 * ms, Available: true, After: 5 * ms, Interrupted: true,
			Heard: true, Transport: 3 * ms, Protocol: 2 * ms},
			{Fault: 2, At: 7000 * ms, Available: true, After: 5 * ms}},
		Leaders: []Leadership{{Term: 1, Node: "n1", At: 1000 * ms}, {Term: 2, Node: "n2", At: 5000 * ms}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	h.Faults[0].Heard = 26000 * ms
	slow := Summarise(h)
	heal := slow.Heals[0]
	if !heal.Heard || heal.Transport != 20000*ms || heal.Protocol != 0 || slow.Duration != 26000*ms {
		t.Errorf("a target that did not wait for the transport: %+v in %v", heal, slow.Duration)
	}
	silence(h, 0, time.Hour)
	if gap := Summarise(h).LongestGap; gap.From != 1000*ms || gap.To != 12000*ms {
		t.Errorf("a run without any answer has the gap %v to %v", gap.From, gap.To)
	}
}

// Goal: the exit code says the worst that is certain: violation, refusal, harness, gate,
// clean-up, doubt. Method: every combination of the six, against the order in which they win.
func TestDecide(t *testing.T) {
	for mask := range 64 {
		bit := func(i int) bool { return mask&(1<<i) != 0 }
		r := Results{
			Checks: []Result{{Check: "linearizable", Verdict: Valid, Reason: "fine"}},
			Gates:  []Result{{Check: "history", Verdict: Valid, Reason: "fine"}},
		}
		wantExit, wantVerdict := ExitValid, Valid
		if bit(0) {
			r.Gates = append(r.Gates, Result{Check: "faults-bit", Reason: "none"})
			wantExit, wantVerdict = ExitInconclusive, Unknown
		}
		if bit(1) {
			r.Cleanup = []string{"a rule is left"}
			wantExit = ExitCleanup
		}
		if bit(2) {
			r.Gates = append(r.Gates, Result{Check: "available", Verdict: Invalid, Reason: "late"})
			wantExit = ExitGate
		}
		if bit(3) {
			r.Harness = []string{"n3 is gone"}
			wantExit, wantVerdict = ExitHarness, Unknown
		}
		if bit(4) {
			r.Refused = []string{"n1 has not consented"}
			wantExit, wantVerdict = ExitRefused, Unknown
		}
		if bit(5) {
			r.Checks = append(r.Checks, Result{Check: "leader", Verdict: Invalid, Reason: "two"})
			wantExit, wantVerdict = ExitViolation, Invalid
		}
		r.Decide()
		if r.Exit != wantExit || r.Verdict != wantVerdict || len(r.Reasons) == 0 {
			t.Errorf("%06b: exit %d, %s, %q; want %d, %s",
				mask, r.Exit, r.Verdict, r.Reasons, wantExit, wantVerdict)
		}
	}
	for _, c := range []struct{ worse, better, want int }{
		{1, 5, 1}, {5, 4, 5}, {4, 2, 4}, {2, 6, 2}, {6, 3, 6}, {3, 0, 3}, {0, 0, 0}, {77, 2, 4},
	} {
		one, other := Worst(c.worse, c.better), Worst(c.better, c.worse)
		if one != c.want || other != c.want || Severity(c.worse) < Severity(c.better) {
			t.Errorf("of exit %d and %d the worse is %d and %d", c.worse, c.better, one, other)
		}
	}
	empty := Results{}
	if empty.Decide(); empty.Exit != ExitInconclusive || empty.Verdict != Unknown {
		t.Errorf("results without a check: exit %d, %s", empty.Exit, empty.Verdict)
	}
	skipped := Results{Skipped: []string{"disk-slow", "mtu"}}
	skipped.Decide()
	want := []string{"not run: the place lacks disk-slow, mtu"}
	if skipped.Exit != ExitInconclusive || !slices.Equal(skipped.Reasons, want) {
		t.Errorf("a run that was skipped: exit %d, %q", skipped.Exit, skipped.Reasons)
	}
}

// Goal: unknown is never lost by merging, and verdicts survive JSON. Method: all pairs, and a
// round trip.
func TestVerdict(t *testing.T) {
	if Merge() != Unknown {
		t.Error("merging nothing must be unknown")
	}
	for _, a := range []Verdict{Unknown, Valid, Invalid} {
		for _, b := range []Verdict{Unknown, Valid, Invalid} {
			want := Valid
			switch {
			case a == Invalid || b == Invalid:
				want = Invalid
			case a == Unknown || b == Unknown:
				want = Unknown
			}
			if got := Merge(a, b); got != want {
				t.Errorf("merge %s, %s: %s", a, b, got)
			}
		}
		text, err := json.Marshal(a)
		var back Verdict
		if err != nil || json.Unmarshal(text, &back) != nil || back != a {
			t.Errorf("%s does not survive JSON", a)
		}
	}
	if json.Unmarshal([]byte(`"fine"`), new(Verdict)) == nil {
		t.Error("an unknown word was taken for a verdict")
	}
}

// Goal: a check that ran out of budget, or could not read an operation, keeps the whole check
// from being valid, and a violation elsewhere still wins. Method: combine made-up key results.
func TestCombine(t *testing.T) {
	good := KeyResult{Key: "r0", Operations: 10, Verdict: Valid}
	open := KeyResult{Key: "r1", Operations: 10, Reason: "no answer within 1s"}
	bad := KeyResult{Key: "r2", Operations: 10, Verdict: Invalid, Reason: "stale",
		Violation: &Violation{Text: "stale", Key: "r2"}}
	for _, test := range []struct {
		keys    []KeyResult
		verdict Verdict
		reason  string
	}{
		{nil, Unknown, "no operation was recorded"},
		{[]KeyResult{good, good}, Valid, "20 operations on 2 keys are linearizable"},
		{[]KeyResult{good, open}, Unknown, "key r1: no answer within 1s"},
		{[]KeyResult{open, bad, good}, Invalid, "key r2: stale"},
		{[]KeyResult{bad, bad}, Invalid, "key r2: stale (and 1 more)"},
	} {
		got := Combine(test.keys)
		if got.Verdict != test.verdict || got.Reason != test.reason {
			t.Errorf("%s: %s, want %s: %s", got.Verdict, got.Reason, test.verdict, test.reason)
		}
		if (got.Violation != nil) != (test.verdict == Invalid) {
			t.Errorf("%s: evidence %v", got.Reason, got.Violation)
		}
	}
}

// Goal: the target is not blamed for the silence of clients that were stopped.
// Method: the steady run, stopped at 5 s, with its heal at 7 s.
func TestStoppedIsNotUnavailable(t *testing.T) {
	h := steady()
	h.Phases[3] = history.Phase{Name: PhaseEvidence, At: 5000 * ms}
	h.Phases[4] = history.Phase{Name: PhaseHeal, At: 7000 * ms}
	h.Phases = h.Phases[:5]
	h.Operations = h.Operations[:400]
	if got, want := clientWindow(h), (span{1000 * ms, 5000 * ms}); got != want {
		t.Errorf("clients ran %v, want %v", got, want)
	}
	if gap := Summarise(h).LongestGap; gap.Length() > 20*ms {
		t.Errorf("unavailable: %+v", gap)
	}
}
