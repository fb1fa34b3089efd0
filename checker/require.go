package checker

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gauntlet/history"
)

// Requirements judges every gate of a run. Invalid: the target missed a gate. Unknown: too
// little happened for a verdict, or a fault did not bite. available-after-heal, min-faults
// and gaps are judged if they are required.
func Requirements(h *history.History, require Require) []Result {
	gates := []Result{
		lawful(h), okPerKind(h, require.OKPerKind), okPerPhase(h, require), faultsBit(h),
	}
	if s, reached := phase(h, PhaseFinalReads); reached {
		gates = append(gates, finalReads(h, s))
	}
	if len(require.MinFaults) > 0 {
		gates = append(gates, minFaults(h, require.MinFaults))
	}
	if require.AvailableAfterHeal > 0 {
		gates = append(gates, availableAfterHeal(h, require.AvailableAfterHeal))
	}
	if require.Gap > 0 {
		gates = append(gates, gaps(h, require))
	}
	return gates
}

// doubt is Unknown if there is a doubt, and Valid for the good reason otherwise.
func doubt(check string, doubts []string, good string) Result {
	if len(doubts) > 0 {
		return Result{Check: check, Verdict: Unknown, Reason: strings.Join(doubts, "; ")}
	}
	return Result{Check: check, Verdict: Valid, Reason: good}
}

func lawful(h *history.History) Result {
	var doubts []string
	if err := h.Valid(); err != nil {
		doubts = append(doubts, err.Error())
	}
	return doubt(GateHistory, doubts, "each client did one thing at a time")
}

func okPerKind(h *history.History, least int) Result {
	var doubts, good []string
	for _, kind := range kindCounts(h.Operations) {
		good = append(good, fmt.Sprintf("%s %d", kind.Kind, kind.OK))
		if kind.OK < least {
			doubts = append(doubts, fmt.Sprintf("%d %s operations were acknowledged, fewer than %d",
				kind.OK, kind.Kind, least))
		}
	}
	if len(h.Operations) == 0 {
		doubts = append(doubts, "no operation was recorded")
	}
	return doubt(GateOKPerKind, doubts, "acknowledged: "+strings.Join(good, ", "))
}

// okPerPhase wants an acknowledged operation in each phase that was quorate for most of its
// time, and for each sort of fault that leaves a clean majority, in the time that such faults
// were in force. That time counts once it reaches what the suite grants the target after a
// heal.
func okPerPhase(h *history.History, require Require) Result {
	var doubts []string
	healthy := quorate(h)
	for _, name := range []string{PhaseWarmUp, PhaseLoad, PhaseRecovery} {
		s, found := phase(h, name)
		switch {
		case !found:
			doubts = append(doubts, fmt.Sprintf("the run never reached its %s phase", name))
		case 2*overlap(s, healthy) > s.length() && acknowledged(h, s) == 0:
			doubts = append(doubts, fmt.Sprintf("nothing was acknowledged during %s", name))
		}
	}
	during, ok := make(map[string]time.Duration), make(map[string]int)
	for _, f := range h.Faults {
		s, was := inForce(h, f)
		if was && overlap(s, healthy) == s.length() {
			during[variety(f)] += s.length()
			ok[variety(f)] += acknowledged(h, s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(during)) {
		if ok[name] == 0 && during[name] >= require.AvailableAfterHeal {
			doubts = append(doubts, fmt.Sprintf("nothing was acknowledged during any %s, "+
				"though a majority stayed connected", name))
		}
	}
	return doubt(GateOKPerPhase, doubts,
		"something was acknowledged wherever a majority was connected")
}

// finalReads wants an answer for every key that was asked for at the end: a key that nobody can
// read any more may hide a lost write.
func finalReads(h *history.History, s span) Result {
	read := make(map[string]bool)
	for _, op := range h.Operations {
		if op.Call >= s.from && op.Call < s.to {
			read[op.Key] = read[op.Key] || op.Outcome == history.OutcomeOK
		}
	}
	var doubts []string
	for _, key := range slices.Sorted(maps.Keys(read)) {
		if !read[key] {
			doubts = append(doubts, fmt.Sprintf("no final read of %s was answered", key))
		}
	}
	if len(read) == 0 {
		doubts = append(doubts, "no key was read at the end")
	}
	return doubt(GateFinalReads, doubts, fmt.Sprintf("all %d keys in use were read", len(read)))
}

// variety names what kind of fault it is: "isolate-leader partition", "pause of leader".
func variety(f history.Fault) string {
	switch {
	case f.Shape != "":
		return f.Shape + " " + f.Kind
	case f.Role != "":
		return f.Kind + " of " + f.Role
	}
	return f.Kind
}

// acknowledged counts the operations called and acknowledged within s.
func acknowledged(h *history.History, s span) int {
	var count int
	for _, op := range h.Operations {
		if op.Outcome == history.OutcomeOK && op.Call >= s.from && op.Return <= s.to {
			count++
		}
	}
	return count
}

func faultsBit(h *history.History) Result {
	var doubts []string
	for _, f := range h.Faults {
		if !f.Bit() {
			doubts = append(doubts, fmt.Sprintf("fault %d (%s) %s", f.ID, variety(f), unproven(f)))
		}
	}
	good := fmt.Sprintf("all %d faults are proven at their start and their end", len(h.Faults))
	if len(h.Faults) == 0 {
		good = "no fault was injected"
	}
	return doubt(GateFaultsBit, doubts, good)
}

// unproven says why a fault is not proven.
func unproven(f history.Fault) string {
	if f.Error != "" {
		return "failed: " + f.Error
	}
	moments := make(map[string]bool)
	for _, e := range f.Evidence {
		if !e.Bit {
			return fmt.Sprintf("did not bite: %s on %s at its %s was %q",
				e.What, e.Host, e.Moment, e.Value)
		}
		moments[e.Moment] = true
	}
	if !moments["start"] {
		return "has no evidence of its start"
	}
	return "has no evidence of its end"
}

func minFaults(h *history.History, least map[string]int) Result {
	proven := make(map[string]int)
	for _, count := range faultCounts(h.Faults) {
		proven[count.Kind] = count.Proven
	}
	var doubts, good []string
	for _, kind := range slices.Sorted(maps.Keys(least)) {
		good = append(good, fmt.Sprintf("%s %d", kind, proven[kind]))
		if proven[kind] < least[kind] {
			doubts = append(doubts, fmt.Sprintf("%d %s faults are proven, fewer than %d",
				proven[kind], kind, least[kind]))
		}
	}
	return doubt(GateMinFaults, doubts, "proven: "+strings.Join(good, ", "))
}

// availableAfterHeal is missed if the target was not available in time after the last heal. It
// is Unknown if clients did not watch for that long.
func availableAfterHeal(h *history.History, limit time.Duration) Result {
	result := Result{Check: GateAvailableAfterHeal}
	returns := returned(h)
	list := heals(h, returns)
	if len(list) == 0 {
		result.Reason = "no fault was healed"
		if len(h.Faults) == 0 {
			result.Verdict, result.Reason = Valid, "no fault was injected"
		}
		return result
	}
	last := list[len(list)-1]
	var watched time.Duration
	if len(returns) > 0 {
		watched = max(returns[len(returns)-1].Return-last.At, 0)
	}
	switch {
	case last.Available && last.After <= limit:
		result.Verdict = Valid
		result.Reason = fmt.Sprintf("available %s after the last heal, within %v",
			apart(0, last.After), limit)
	case last.Available:
		result.Verdict = Invalid
		result.Reason = fmt.Sprintf("available only %s after the last heal, later than %v",
			apart(0, last.After), limit)
	case watched < limit:
		result.Reason = fmt.Sprintf("not available when clients stopped, %s after the last heal, "+
			"sooner than %v", apart(0, watched), limit)
	default:
		result.Verdict = Invalid
		result.Reason = fmt.Sprintf("not available within %v after the last heal, nor later",
			limit)
	}
	return result
}
