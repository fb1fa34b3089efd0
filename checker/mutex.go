package checker

import (
	"fmt"
	"time"

	"gauntlet/history"
)

// The kinds of operation on a mutex.
const (
	kindAcquire = "acquire"
	kindRelease = "release"
)

// mutexModel is a lock that is free at first, and knows no owner: whoever releases it frees it, as
// Knossos has it.
type mutexModel struct{ plain }

func (mutexModel) initial() any        { return false }
func (mutexModel) equal(a, b any) bool { return a == b }

func (mutexModel) hash(state any) uint64 {
	if state.(bool) {
		return 1
	}
	return 0
}

func (mutexModel) describe(state any) string {
	if state.(bool) {
		return "held"
	}
	return "free"
}

func (mutexModel) decode(op history.Operation, pending bool) (action, error) {
	switch op.Kind {
	case kindAcquire, kindRelease:
		return mutexAction{kind: op.Kind, doubtful: pending}, nil
	}
	return nil, fmt.Errorf("kind %q: a mutex knows acquire and release", op.Kind)
}

// relevant drops pending operations that were called when the last completed one had returned.
func (mutexModel) relevant(effects []effect) []effect { return withoutLate(effects) }

// states implements enumerable.
func (mutexModel) states([]effect) []sighting { return []sighting{{state: false}, {state: true}} }

// sources implements enumerable: who left the mutex as the window found it matters to nobody.
func (mutexModel) sources([]effect, []effect, time.Duration, time.Duration) []effect { return nil }

// withoutLate drops each pending effect that was called after all completed ones had returned: it
// may as well never happen, and nothing that must happen can follow it.
func withoutLate(effects []effect) []effect {
	last := effect{call: -1, ret: -1}
	for _, e := range effects {
		if !e.pending && e.ret > last.ret {
			last = e
		}
	}
	late := make([]bool, len(effects))
	for i, e := range effects {
		late[i] = e.pending && e.call > last.ret
	}
	return remove(effects, late)
}

// explain speaks of one operation that was answered, or of two of a kind: what was not answered
// could not help, or the window would be no violation. Or else it counts.
func (m mutexModel) explain(ops []history.Operation, window []effect) *Violation {
	var sure []effect
	for _, e := range window {
		if !e.pending {
			sure = append(sure, e)
		}
	}
	switch {
	case len(sure) == 1:
		text := fmt.Sprintf("%s succeeded, but nobody can have acquired the mutex by then.",
			sure[0].label())
		return newViolation(text, sure...)
	case len(sure) == 2 && sure[0].action == sure[1].action:
		other := map[string]string{kindAcquire: kindRelease, kindRelease: kindAcquire}
		text := fmt.Sprintf("%s and %s both succeeded, but no %s can have come in between.",
			sure[0].label(), sure[1].label(), other[sure[0].action.name()])
		return newViolation(text, sure...)
	}
	if all, err := decode(m, ops); err == nil && len(all) <= mostCounted {
		window = all
	}
	return tooMany(window)
}

// mutexAction is an operation that succeeded, or may have.
type mutexAction struct {
	kind     string
	doubtful bool // unanswered: it may have found no mutex that it could take or free
}

// apply implements action.
func (a mutexAction) apply(state any) (bool, any) {
	held, takes := state.(bool), a.kind == kindAcquire
	if held == takes {
		return a.doubtful, held
	}
	return true, takes
}

func (a mutexAction) name() string   { return a.kind }
func (a mutexAction) String() string { return a.kind }
func (a mutexAction) class() any     { return a }
