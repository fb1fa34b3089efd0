//go:build lab

package acceptance

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
)

// Goal: a timeline is played as it is written: events begin when their conditions hold, names are
// bound once and mean the same nodes throughout, links flap, faults overlap, what has no end ends
// with the load; and one whose condition never holds is why the run proves nothing.
// Method: a suite with each of these; its history.
func TestTimeline(t *testing.T) {
	e := launch(t, "testdata/timeline.yaml")
	if code := e.wait(); code != checker.ExitInconclusive {
		t.Fatalf("exit %d", code)
	}
	results, h := e.results(t), e.history()
	const want = "faults-bit: fault 3 (kill of leader) failed: its condition never held: " +
		"term 99 is reached"
	if !slices.Equal(results.Reasons, []string{want}) {
		t.Errorf("reasons %q", results.Reasons)
	}
	if results.Reproduced == nil || !results.Reproduced.Matched ||
		!strings.Contains(strings.Join(results.Warnings, "\n"), "TCP backs off") {
		t.Errorf("reproduced %+v, warnings %q", results.Reproduced, results.Warnings)
	}
	if len(h.Faults) != 8 {
		t.Fatalf("%d faults", len(h.Faults))
	}
	cast := h.Faults[0].Cast
	for i, f := range h.Faults {
		named := !slices.Contains([]int{3, 5, 7}, f.ID) // the kill of a leader, and what flaps
		if named && (f.Cast["old"] != cast["old"] || f.Cast["near"] != cast["near"] ||
			f.Cast["far"] != cast["far"] || len(f.Cast) != 3) || !named && f.Cast != nil {
			t.Errorf("fault %d has the cast %v, the first had %v", i+1, f.Cast, cast)
		}
		if f.Kind == "partition" && (f.Heard < f.Stop || f.Resumed > 0 && f.Heard > f.Resumed) {
			t.Errorf("fault %d: healed at %v, heard at %v, resumed at %v", f.ID, f.Stop, f.Heard, f.Resumed)
		}
	}
	if leader := h.Faults[0].Leader; cast["old"] != leader ||
		!slices.Equal(h.Faults[1].Hosts, []string{cast["near"]}) ||
		!slices.Equal(h.Faults[5].Hosts, []string{cast["old"]}) {
		t.Errorf("struck %v and %v, with the cast %v, under %s", h.Faults[1].Hosts, h.Faults[5].Hosts,
			cast, leader)
	}
	loadAt, healAt := phaseAt(t, h, checker.PhaseLoad), phaseAt(t, h, checker.PhaseHeal)
	if acknowledged(h, h.Faults[1].PlannedStart) < 600 {
		t.Errorf("fault 2 began at %v, with %d operations acknowledged", h.Faults[1].PlannedStart,
			acknowledged(h, h.Faults[1].PlannedStart))
	}
	if last := h.Faults[7]; last.Stop < loadAt+16*time.Second || last.Stop > healAt {
		t.Errorf("the last fault was healed at %v, in a load from %v to %v", last.Stop, loadAt, healAt)
	}
}

// acknowledged counts the operations that clients had been told are done by then.
func acknowledged(h *history.History, by time.Duration) (ok int) {
	for _, op := range h.Operations {
		if op.Outcome == history.OutcomeOK && op.Return <= by {
			ok++
		}
	}
	return ok
}
