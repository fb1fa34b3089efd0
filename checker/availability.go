package checker

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// The target counts as available again at the first of sustainedReturns consecutive
// acknowledgements that come from sustainedClients different clients (or from all, if fewer)
// and are not all reads. Consecutive means in the order of the returns, among the operations
// called after the instant in question.
const (
	sustainedReturns = 5
	sustainedClients = 3
)

// span is a stretch of the run, [from, to).
type span struct{ from, to time.Duration }

func (s span) length() time.Duration { return max(s.to-s.from, 0) }

func (s span) intersect(o span) span { return span{max(s.from, o.from), min(s.to, o.to)} }

// end is the last stamp of a history.
func end(h *history.History) time.Duration {
	var last time.Duration
	for _, op := range h.Operations {
		last = max(last, op.Call, op.Return)
	}
	for _, f := range h.Faults {
		last = max(last, f.Start, f.Stop, f.Heard, f.Resumed)
	}
	for _, p := range h.Phases {
		last = max(last, p.At)
	}
	return last
}

// phase is when a phase ran: from its mark to the next mark, or to the end of the history.
func phase(h *history.History, name string) (span, bool) {
	for i, p := range h.Phases {
		if p.Name != name {
			continue
		}
		if i+1 < len(h.Phases) {
			return span{p.At, h.Phases[i+1].At}, true
		}
		return span{p.At, end(h)}, true
	}
	return span{}, false
}

// clientWindow is when clients ran: from the start of warm-up to the end of recovery, as far as
// the run came, or until it stopped on a violation.
func clientWindow(h *history.History) span {
	window := span{0, end(h)}
	if warmUp, found := phase(h, PhaseWarmUp); found {
		window.from = warmUp.from
	}
	if recovery, found := phase(h, PhaseRecovery); found {
		window.to = recovery.to
	} else if evidence, found := phase(h, PhaseEvidence); found {
		window.to = evidence.from
	}
	return window
}

// inForce is when a fault was in force; false if it never was.
func inForce(h *history.History, f history.Fault) (span, bool) {
	switch {
	case f.Stage == history.StageFailed && f.Start == 0:
		return span{}, false
	case f.Stop > 0:
		return span{f.Start, f.Stop}, true
	default:
		return span{f.Start, end(h)}, true
	}
}

// returned lists the operations that returned, in the order of their returns.
func returned(h *history.History) []history.Operation {
	ops := make([]history.Operation, 0, len(h.Operations))
	for _, op := range h.Operations {
		if op.Outcome != "" {
			ops = append(ops, op)
		}
	}
	slices.SortStableFunc(ops, func(a, b history.Operation) int {
		return cmp.Compare(a.Return, b.Return)
	})
	return ops
}

// availableAfter tells how long after an instant the target was available: see
// sustainedReturns. returns is sorted by return; clients is how many different clients the
// history has.
func availableAfter(
	returns []history.Operation, at time.Duration, clients int,
) (time.Duration, bool) {
	start := sort.Search(len(returns), func(i int) bool { return returns[i].Return >= at })
	var first time.Duration
	var length int
	var changes bool
	seen := make(map[int]bool)
	for _, op := range returns[start:] {
		switch {
		case op.Call < at:
			continue
		case op.Outcome != history.OutcomeOK:
			length, changes = 0, false
			clear(seen)
			continue
		case length == 0:
			first = op.Return
		}
		length++
		seen[op.Process] = true
		changes = changes || op.Kind != workload.KindRead
		if length >= sustainedReturns && changes && len(seen) >= min(sustainedClients, clients) {
			return first - at, true
		}
	}
	return 0, false
}

func clients(h *history.History) int {
	processes := make(map[int]bool)
	for _, op := range h.Operations {
		processes[op.Process] = true
	}
	return len(processes)
}

// longestGap finds the longest time without an acknowledged return within the client window,
// whose two ends count as returns. The first of equal gaps is taken.
func longestGap(h *history.History, returns []history.Operation) Gap {
	window := clientWindow(h)
	longest, last := Gap{From: window.from, To: window.from}, window.from
	extend := func(to time.Duration) {
		if to-last > longest.Length() {
			longest = Gap{From: last, To: to}
		}
		last = max(last, to)
	}
	for _, op := range returns {
		if op.Outcome == history.OutcomeOK && op.Return >= window.from && op.Return <= window.to {
			extend(op.Return)
		}
	}
	extend(window.to)
	for _, f := range h.Faults {
		force, was := inForce(h, f)
		if was && force.intersect(span{longest.From, longest.To}).length() > 0 {
			longest.Faults = append(longest.Faults, f.ID)
		}
	}
	return longest
}

// overlap is how much of s the spans cover. The spans do not overlap each other.
func overlap(s span, spans []span) time.Duration {
	var total time.Duration
	for _, other := range spans {
		total += s.intersect(other).length()
	}
	return total
}
