//go:build lab

package acceptance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/mutants"
)

// soon is how long after the violating answer clients may still send requests, and the look at the
// nodes may begin.
const soon = 2 * time.Second

// Goal: with stop-on a run ends within two seconds of the answer that breaks the promise, with the
// nodes looked at while the fault is still in force; the check at the end has the last word. A run
// that shows no violation is not stopped.
// Method: a suite with a planted bug, and without; the phases, the calls, the files of the nodes.
func TestStopOnViolation(t *testing.T) {
	const suite = "testdata/stop-on-violation.yaml"
	wrong := filepath.Join(t.TempDir(), "raftd")
	bug, err := mutants.Find("leader-local-read")
	if err != nil {
		t.Fatal(err)
	}
	if err := bug.Build(t.Context(), root, mutants.Raftd, wrong); err != nil {
		t.Fatal(err)
	}
	e := launch(t, suite, "--binary", wrong)
	if code := e.wait(); code != checker.ExitViolation {
		t.Fatalf("with the bug: exit %d", code)
	}
	h := e.history()
	stopped := pickGate(e.results(t), "finished")
	if stopped.Verdict != checker.Unknown || !strings.HasPrefix(stopped.Reason, "stopped on a viol") {
		t.Errorf("gate finished: %+v", stopped)
	}
	answered := violatingAnswer(t, h)
	last := h.Operations[len(h.Operations)-1].Call
	began := phaseAt(t, h, "evidence")
	t.Logf("the violating answer came at %v, the last call at %v, evidence began at %v",
		answered, last, began)
	if last > answered+soon || began > answered+soon {
		t.Errorf("later than %v after the answer", soon)
	}
	for _, f := range h.Faults {
		if f.Start < answered && f.Stop < phaseAt(t, h, checker.PhaseHeal) &&
			f.Start+4*time.Second > answered {
			t.Errorf("fault %d was healed at %v, before the nodes had been looked at", f.ID, f.Stop)
		}
	}
	for _, name := range h.Header.Nodes {
		looksFresh(t, filepath.Join(e.directory(), "nodes", name, "violation"), began)
	}

	e = launch(t, suite)
	if code := e.wait(); code != checker.ExitValid {
		t.Errorf("without the bug: exit %d", code)
	}
	if e.reached("evidence") {
		t.Errorf("without the bug the run was stopped")
	}
}

// violatingAnswer is the first return after which no order explains what was recorded until then,
// whatever becomes of the operations that are open: found by judging beginnings of the history.
func violatingAnswer(t *testing.T, h *history.History) time.Duration {
	t.Helper()
	var returns []time.Duration
	for _, op := range h.Operations {
		if op.Outcome != "" {
			returns = append(returns, op.Return)
		}
	}
	slices.Sort(returns)
	first := sort.Search(len(returns), func(i int) bool { return violated(h, returns[i]) })
	if first == len(returns) {
		t.Fatal("the history is no violation")
	}
	return returns[first]
}

// violated reports whether a history is a violation by a certain time.
func violated(h *history.History, by time.Duration) bool {
	beginning := history.History{}
	for _, op := range h.Operations {
		if op.Call > by {
			break
		}
		if op.Return > by {
			op.Outcome, op.Output, op.Return = "", nil, 0
		}
		beginning.Operations = append(beginning.Operations, op)
	}
	return slices.ContainsFunc(checker.Partition(&beginning), func(k checker.Key) bool {
		return checker.Linearizable("register", k.Operations, 0).Verdict == checker.Invalid
	})
}

// phaseAt is when a phase began.
func phaseAt(t *testing.T, h *history.History, name string) time.Duration {
	t.Helper()
	for _, p := range h.Phases {
		if p.Name == name {
			return p.At
		}
	}
	t.Fatalf("no phase %s: %+v", name, h.Phases)
	return 0
}

// pickGate is the gate of that name.
func pickGate(results checker.Results, name string) checker.Result {
	for _, g := range results.Gates {
		if g.Check == name {
			return g
		}
	}
	return checker.Result{}
}

// looksFresh holds a node's directory to what was to be fetched: its log, and what it said then.
func looksFresh(t *testing.T, dir string, began time.Duration) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Error(err)
		return
	}
	var state struct {
		At          time.Duration
		PID         int
		Observation history.Observation
	}
	if err := json.Unmarshal(text, &state); err != nil {
		t.Errorf("%s: %v", dir, err)
	}
	if state.At < began || state.At > began+soon || state.PID == 0 || state.Observation.Term == 0 {
		t.Errorf("%s: state %+v, with evidence from %v on", dir, state, began)
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Errorf("%s: no log of the node: %v", dir, err)
	}
}
