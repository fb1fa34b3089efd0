package checker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/history"
)

// gaps is missed if clients went without an acknowledgement for longer than they may, from the
// start of the load to the end of the recovery. They may for longer where a leader was taken away
// by force: killed, stopped, cut off or removed. One that hands over, or is asked to stop, is not.
func gaps(h *history.History, require Require) Result {
	result := Result{Check: GateGaps}
	load, reached := phase(h, PhaseLoad)
	if !reached {
		result.Reason = "the run never reached its load"
		return result
	}
	window := span{load.from, clientWindow(h).to}
	forced := max(require.GapLeaderLost, require.Gap)
	var missed []string
	var longest, after time.Duration
	last := window.from
	judge := func(to time.Duration) {
		gap := span{last, to}
		last = to
		if f, lost := leaderLost(h, gap, require.Gap); lost {
			after = max(after, gap.length())
			if gap.length() > forced {
				missed = append(missed, fmt.Sprintf("%s from %s on, longer than %v, after fault %d (%s) "+
					"took the leader away", apart(0, gap.length()), stamp(gap.from), forced, f.ID, variety(f)))
			}
			return
		}
		longest = max(longest, gap.length())
		if gap.length() > require.Gap {
			missed = append(missed, fmt.Sprintf("%s from %s on, longer than %v", apart(0, gap.length()),
				stamp(gap.from), require.Gap))
		}
	}
	for _, r := range repliesIn(h, window) {
		judge(r.at)
	}
	judge(window.to)
	if len(missed) > 0 {
		result.Verdict = Invalid
		result.Reason = "nothing was acknowledged for " + strings.Join(missed, "; for ")
		return result
	}
	result.Verdict = Valid
	result.Reason = fmt.Sprintf("the longest gap was %s, within %v, and %s where a leader was taken "+
		"away, within %v", apart(0, longest), require.Gap, apart(0, after), forced)
	return result
}

// leaderLost finds a fault that took a leader away by force right before a gap, or within it.
func leaderLost(h *history.History, gap span, soon time.Duration) (history.Fault, bool) {
	for _, f := range h.Faults {
		force, was := inForce(h, f)
		if !was || !takesLeader(f) {
			continue
		}
		if f.Kind != "remove" && f.Kind != "replace" {
			// It strikes between its planned time and its evidence; from then on nobody leads.
			force = span{min(f.PlannedStart, f.Start), f.Start}
		}
		if gap.from <= force.to+soon && gap.to >= force.from {
			return f, true
		}
	}
	return history.Fault{}, false
}

// takesLeader tells whether a fault strikes who led when it began, so that another must be elected.
func takesLeader(f history.Fault) bool {
	switch f.Kind {
	case "add", "promote", "transfer", "snapshot", "restart", "fill", "version", "disk-slow",
		"clock-rate", "clock-jump":
		return false
	}
	if len(f.Cuts) > 0 {
		return slices.ContainsFunc(f.Cuts, func(c history.Cut) bool {
			return bondOf(f.Kind, c) == severed && (c.From == f.Leader || c.To == f.Leader)
		}) && slices.Contains(f.Hosts, f.Leader)
	}
	return slices.Contains(f.Hosts, f.Leader)
}
