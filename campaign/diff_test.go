package campaign_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/campaign"
	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/suite"
)

const diffSuite = `name: small
place: lab
target: {raftd: {nodes: 3, options: {prevote: true, check-quorum: true, election-timeout: 100ms}}}
workload: {register: {clients: 4, rate: 100, keys: 3, ops-per-key: 50}}
faults:
  - partition: {shapes: [isolate-leader], every: 4s, for: 2s}
phases: {warm-up: 1s, load: 10s, recovery: 4s}
checks: [linearizable, leader-per-term]
require: {ok-per-kind: 20}
`

// sampleRun is a run with one partition, in which answers take so long.
func sampleRun(t *testing.T, text string, latency time.Duration) *campaign.Run {
	t.Helper()
	s, err := suite.Parse("suite.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	h := &history.History{
		Header: history.Header{Version: 1, Run: "01234567", Suite: s.Name, Seed: 5,
			Nodes: []string{"a", "b", "c"}},
		Phases: []history.Phase{{Name: checker.PhaseWarmUp}, {Name: checker.PhaseLoad, At: 1e9},
			{Name: checker.PhaseHeal, At: 11e9}, {Name: checker.PhaseRecovery, At: 11e9}},
		Faults: []history.Fault{{ID: 1, Kind: "partition", Shape: "isolate-leader", Leader: "b",
			Hosts: []string{"b"}, Stage: history.StageHealed, PlannedStart: 2e9, PlannedStop: 4e9,
			Start: 2100 * time.Millisecond, Stop: 4200 * time.Millisecond,
			Cuts: []history.Cut{{From: "a", To: "b", Mode: history.CutPackets},
				{From: "b", To: "a", Mode: history.CutPackets},
				{From: "b", To: "c", Mode: history.CutPackets},
				{From: "c", To: "b", Mode: history.CutPackets}},
			Evidence: []history.Evidence{{Host: "b", Moment: "start", Bit: true},
				{Host: "b", Moment: "end", Bit: true}}}},
	}
	for i := range 100 {
		call := time.Duration(i) * 100 * time.Millisecond
		h.Operations = append(h.Operations, history.Operation{ID: int64(i + 1), Process: i % 4,
			Node: "a", Kind: "read", Key: "x", Call: 1e9 + call, Return: 1e9 + call + latency,
			Outcome: history.OutcomeOK})
	}
	r := &checker.Results{Version: 1, Run: "01234567", Suite: s.Name, Place: s.Place, Seed: 5,
		Checks: []checker.Result{{Check: "linearizable", Verdict: checker.Valid, Reason: "fine"}},
		Gates:  []checker.Result{{Check: "faults-bit", Verdict: checker.Valid, Reason: "all"}}}
	r.Decide()
	return &campaign.Run{Name: "runs/sample", Suite: s, Text: text, Results: r, History: h}
}

func diffText(t *testing.T, d *campaign.Difference) string {
	t.Helper()
	var out bytes.Buffer
	if err := d.Text(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Goal: a run does not differ from itself.
// Method: compare it with itself.
func TestDiffOfTheSame(t *testing.T) {
	run := sampleRun(t, diffSuite, 10*time.Millisecond)
	d := campaign.Diff(run, run)
	if len(d.Suite) > 0 || len(d.Verdicts) > 0 || len(d.Faults) != 1 || !d.Faults[0].Same {
		t.Errorf("%+v", d)
	}
	for _, f := range d.Figures {
		if f.Ratio != nil && *f.Ratio != 1 {
			t.Errorf("%+v", f)
		}
	}
}

// Goal: a fault that is executed again is the same one, though it names nodes where it had a shape;
// on other nodes it is not.
// Method: the partition of the sample by its links, in another order, among hosts of other names.
func TestDiffOfExecuted(t *testing.T) {
	then := sampleRun(t, diffSuite, 10*time.Millisecond)
	for _, alike := range []bool{true, false} {
		now := sampleRun(t, diffSuite, 10*time.Millisecond)
		now.History.Header.Nodes = []string{"n1", "n2", "n3"}
		fault := &now.History.Faults[0]
		fault.Shape, fault.Hosts, fault.Cuts = "cut n1 n2", nil, nil
		to := map[string]string{"a": "n1", "b": "n2", "c": "n3"}
		if !alike {
			to["b"], to["c"] = "n3", "n2"
		}
		for _, cut := range then.History.Faults[0].Cuts {
			cut.From, cut.To = to[cut.To], to[cut.From]
			fault.Cuts = append(fault.Cuts, cut)
		}
		if d := campaign.Diff(then, now); len(d.Faults) != 1 || d.Faults[0].Same != alike {
			t.Errorf("want the same %v: %s", alike, diffText(t, d))
		}
	}
}

// Goal: what differs is told, each thing once and where it belongs; what does not is left out.
// Method: two runs that differ in one option, one fault, one verdict and in how long answers take.
func TestDiff(t *testing.T) {
	then := sampleRun(t, diffSuite, 10*time.Millisecond)
	now := sampleRun(t, strings.Replace(diffSuite, "check-quorum: true", "check-quorum: false", 1),
		30*time.Millisecond)
	now.Name = "runs/other"
	now.Results.Checks[0] = checker.Result{Check: "linearizable", Verdict: checker.Invalid,
		Reason: "key x is not"}
	now.Results.Gates = append(now.Results.Gates,
		checker.Result{Check: "min-faults", Verdict: checker.Valid, Reason: "two"})
	now.Results.Decide()
	fault := now.History.Faults[0]
	now.History.Faults[0].Hosts = []string{"c"}
	now.History.Faults[0].Cuts = now.History.Faults[0].Cuts[2:]
	fault.ID, fault.Kind, fault.Shape, fault.Stop, fault.Evidence = 2, "kill", "", 0, nil
	fault.Start += time.Second
	now.History.Faults = append(now.History.Faults, fault)

	d := campaign.Diff(then, now)
	text := diffText(t, d)
	for _, want := range []string{
		"then  runs/sample: small on lab, seed 5, run 01234567: valid, exit 0\n",
		"now   runs/other: small on lab, seed 5, run 01234567: invalid, exit 1\n",
		"  target.raftd.options\n    - check-quorum: true\n    + check-quorum: false\n",
		"  linearizable\n    - valid   fine\n    + invalid key x is not\n",
		"  min-faults\n    - not asked\n    + met     two\n",
		"  throughput                  10.0/s        10.0/s      1.00\n",
		"  read p99                      10ms          30ms      3.00\n",
		"  ! 1    partition isolate-leader b  at 1.1s for 2.1s\n" +
			"         partition isolate-leader c  at 1.1s for 2.1s\n",
		"  ! 2    -\n         kill b  at 2.1s, to the end of what is recorded, not proven\n",
		"  0 of 2 are the same\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "faults-bit") || strings.Contains(text, "prevote") {
		t.Errorf("what does not differ is told:\n%s", text)
	}
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var back campaign.Difference
	if err := json.Unmarshal(data, &back); err != nil || diffText(t, &back) != text {
		t.Errorf("as JSON it is another: %v\n%s", err, data)
	}
}

// Goal: an entry that is gone from a list does not make all that follow it look changed.
// Method: two series of faults, the first of which is gone.
func TestDiffOfLists(t *testing.T) {
	two := strings.Replace(diffSuite, "faults:\n",
		"faults:\n  - kill: {on: [any], every: 5s, for: 1s}\n", 1)
	d := campaign.Diff(sampleRun(t, two, 1), sampleRun(t, diffSuite, 1))
	for _, change := range d.Suite {
		if len(change.Now) > 0 || !strings.Contains(strings.Join(change.Then, "\n"), "kill") &&
			!strings.HasPrefix(change.Path, "faults[0].kill") {
			t.Errorf("%+v", change)
		}
	}
	if len(d.Suite) == 0 {
		t.Error("no change is told")
	}
}

// Goal: a killed run, a torn history, a suite of another build and a place that is no run are told
// apart, in one line each.
// Method: directories of each.
func TestReadRun(t *testing.T) {
	dir := t.TempDir()
	if _, err := campaign.ReadRun(dir); err == nil ||
		!strings.HasSuffix(err.Error(), "is no run directory: it has no history.jsonl") {
		t.Errorf("no history: %v", err)
	}
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var lines bytes.Buffer
	if err := sampleRun(t, diffSuite, 1).History.Write(&lines); err != nil {
		t.Fatal(err)
	}
	put("history.jsonl", lines.String()+`{"type":"inv`)
	if _, err := campaign.ReadRun(dir); err == nil ||
		!strings.HasSuffix(err.Error(), "is no run directory: it has no suite.yaml") {
		t.Errorf("no suite: %v", err)
	}
	put("suite.yaml", "name: old\nunheard: of\n")
	run, err := campaign.ReadRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(run.Notes, "\n")
	for _, want := range []string{
		"its suite is not as this build writes them: line 1: target: must name exactly one",
		"it has no results: its controller did not live to the end", "cut off, dropped"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes lack %q: %s", want, notes)
		}
	}
	if run.Suite != nil || run.Results != nil {
		t.Errorf("%+v", run)
	}
	put("results.json", `{"version":99}`)
	if _, err := campaign.ReadRun(dir); err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("results of a newer build: %v", err)
	}
	put("history.jsonl", strings.Replace(lines.String(), `"version":1`, `"version":99`, 1))
	if _, err := campaign.ReadRun(dir); err == nil || !strings.Contains(err.Error(), "99") {
		t.Errorf("history of a newer build: %v", err)
	}
}
