package checker

import (
	"fmt"
	"time"

	"gauntlet/history"
)

// explain says in one sentence what is wrong with a minimal window.
func explain(m model, ops []history.Operation, window []effect) *Violation {
	if violation := m.explain(ops, window); violation != nil {
		return violation
	}
	if len(window) == 1 {
		return newViolation(fmt.Sprintf("What %s returned contradicts itself.", window[0].label()),
			window...)
	}
	text := fmt.Sprintf("No order of these %d operations, each taking effect between its call and "+
		"its return, explains what they returned.", len(window))
	return newViolation(text, window...)
}

// newViolation is about the operations of a window, but for what was only supposed of it.
func newViolation(text string, window ...effect) *Violation {
	violation := &Violation{Text: text}
	for _, e := range window {
		if e.op.ID != supposedID {
			violation.Key = e.op.Key
			violation.Operations = append(violation.Operations, e.op.ID)
		}
	}
	violation.testify(window)
	return violation
}

// apart is a distance in time for people: three digits, no more.
func apart(from, to time.Duration) string {
	d := to - from
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	default:
		return d.String()
	}
}

// stamp is an instant of the run for people: "12.301s".
func stamp(at time.Duration) string { return fmt.Sprintf("%.3fs", at.Seconds()) }
