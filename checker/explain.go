package checker

import (
	"fmt"
	"strings"
	"time"

	"gauntlet/history"
)

// explain says in one sentence what is wrong with a minimal window.
func explain(m model, ops []history.Operation, window []effect) *Violation {
	if violation := m.explain(ops, window); violation != nil {
		return violation
	}
	return unexplained(window, false)
}

// mostNamed is how many operations a sentence names.
const mostNamed = 4

// unexplained says that there is no story to a window, only that it is a violation; anyhow, if it
// is one in whatever state it begins.
func unexplained(window []effect, anyhow bool) *Violation {
	if len(window) == 1 {
		text := "Whatever else was asked for, %s cannot have returned what it did."
		return newViolation(fmt.Sprintf(text, window[0].label()), window...)
	}
	what := fmt.Sprintf("these %d operations", len(window))
	if len(window) <= mostNamed {
		var names []string
		for _, e := range window {
			names = append(names, fmt.Sprintf("%s (#%d, %s)", e.action, e.op.ID, e.op.Node))
		}
		last := len(names) - 1
		what = strings.Join(names[:last], ", ") + " and " + names[last]
	}
	before := ""
	if anyhow {
		before = ", whatever came before"
	}
	text := fmt.Sprintf("No order of %s, each taking effect between its call and its return, "+
		"explains what they returned%s.", what, before)
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
