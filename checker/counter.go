package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// counterAction is what an operation added to a counter, and the sum it was told.
//
// Invariant: an action that adds is an add, any other a read, which observes.
type counterAction struct {
	adds     bool
	delta    int64
	observes bool
	sum      int64 // with delta in it
}

// counterModel is a sum that begins at 0.
type counterModel struct{}

func (counterModel) initial() any              { return int64(0) }
func (counterModel) equal(a, b any) bool       { return a == b }
func (counterModel) hash(state any) uint64     { return uint64(state.(int64)) * 0x9e3779b97f4a7c15 }
func (counterModel) describe(state any) string { return strconv.FormatInt(state.(int64), 10) }

func (counterModel) decode(op history.Operation, pending bool) (action, error) {
	if pending && op.Kind == workload.KindRead {
		return nil, nil
	}
	input, err := workload.DecodeCounterInput(op.Kind, op.Input)
	if err != nil {
		return nil, err
	}
	a := &counterAction{adds: op.Kind == workload.KindAdd, delta: input.Delta, observes: !pending}
	if pending {
		return a, nil
	}
	output, err := workload.DecodeCounterOutput(op.Kind, op.Output)
	if err != nil {
		return nil, err
	}
	a.sum = output.Value
	return a, nil
}

// apply implements action.
func (a *counterAction) apply(state any) (bool, any) {
	sum := state.(int64) + a.delta
	return !a.observes || sum == a.sum, sum
}

// relevant drops each pending add that was called when the last sum had been told: in any order
// that respects time it comes after all of them.
func (counterModel) relevant(effects []effect) []effect {
	last := effect{call: -1, ret: -1}
	for _, e := range counterEffects(effects) {
		if e.observes && e.ret > last.ret {
			last = *e.effect
		}
	}
	late := make([]bool, len(effects))
	for i, e := range effects {
		late[i] = e.pending && e.call > last.ret
	}
	return remove(effects, late)
}

func (counterModel) prepare(effects []effect) []effect { return effects }

func (counterModel) judgeable([]effect) error { return nil }

// without takes the removed adds out of the sums that surely hold them, since they were asked for
// later. A sum that was told in the meantime may hold them or not: it is forgotten.
func (counterModel) without(window []effect, gone []bool) []effect {
	all, removed := counterEffects(window), slices.Clone(gone)
	less := newSubtrahend(all, gone)
	rest := slices.Clone(window)
	for i, e := range all {
		if removed[i] || !e.observes {
			continue
		}
		a := *e.counterAction
		certain, doubtful := less.of(e.effect)
		a.sum, a.observes = a.sum-certain, !doubtful
		removed[i] = !a.adds && !a.observes
		rest[i].action = &a
	}
	return remove(rest, removed)
}

// subtrahend is what removed adds have put into sums. Both lists rise.
type subtrahend struct {
	calls  []time.Duration // of the adds that change a sum
	rets   []time.Duration // of the same
	deltas []int64         // the sum of the first so many that returned
}

func newSubtrahend(all []counterEffect, gone []bool) subtrahend {
	var adds []counterEffect
	for i, e := range all {
		if gone[i] && e.delta != 0 {
			adds = append(adds, e)
		}
	}
	slices.SortFunc(adds, func(a, b counterEffect) int { return cmp.Compare(a.ret, b.ret) })
	s := subtrahend{deltas: make([]int64, 1, len(adds)+1)}
	for i, add := range adds {
		s.calls, s.rets = append(s.calls, add.call), append(s.rets, add.ret)
		s.deltas = append(s.deltas, s.deltas[i]+add.delta)
	}
	slices.Sort(s.calls)
	return s
}

// of is what a sum surely holds of the removed adds, and whether it may hold more of them.
func (s *subtrahend) of(e *effect) (certain int64, doubtful bool) {
	before, _ := slices.BinarySearch(s.rets, e.call)
	begun, _ := slices.BinarySearchFunc(s.calls, e.ret, func(call, ret time.Duration) int {
		if call <= ret {
			return -1
		}
		return 1
	})
	return s.deltas[before], begun > before
}

// obvious finds nothing: without a search a sum tells little.
func (counterModel) obvious([]history.Operation, []effect) *Violation { return nil }

// explain speaks of a window in which only one sum was told. What shrink took out of it was
// certain, so the difference tells what is wrong with it: each delta has a size of its own.
func (m counterModel) explain(ops []history.Operation, window []effect) *Violation {
	var told []counterEffect
	for _, e := range counterEffects(window) {
		if e.observes {
			told = append(told, e)
		}
	}
	if len(told) != 1 {
		return nil
	}
	e := told[0]
	whole, err := m.decode(e.op, false)
	if err != nil {
		return nil
	}
	sum, wrong := whole.(*counterAction).sum, e.sum-e.delta
	text := fmt.Sprintf("%s #%d on %s returned %d, but what had been added by then makes %d",
		e.title(), e.op.ID, e.op.Node, sum, sum-wrong)
	if len(window) > 1 {
		text += ", and no choice of the adds under way makes the difference."
		return newViolation(text, window...)
	}
	for _, op := range ops {
		if suspect, what := m.suspect(op, e, wrong); what != "" {
			return newViolation(text+": as if "+what+".", suspect, *e.effect)
		}
	}
	return newViolation(text+".", *e.effect)
}

// suspect says what must have become of an add if it is what makes a sum wrong.
func (m counterModel) suspect(
	op history.Operation, e counterEffect, wrong int64,
) (suspect effect, what string) {
	action, err := m.decode(op, true)
	if err != nil || action == nil || op.ID == e.op.ID {
		return suspect, ""
	}
	suspect = effect{op: op, action: action}
	acknowledged := op.Outcome == history.OutcomeOK && op.Return < e.call
	switch delta := action.(*counterAction).delta; {
	case delta == -wrong && acknowledged:
		what = fmt.Sprintf("%s, acknowledged %s before, had never been made", suspect.label(),
			apart(op.Return, e.call))
	case delta == wrong && acknowledged:
		what = suspect.label() + " had counted twice"
	case delta == wrong && op.Outcome == history.OutcomeFail:
		what = suspect.label() + ", which was refused, had counted"
	case delta == wrong && op.Call > e.ret:
		what = fmt.Sprintf("%s, called only %s later, had counted already", suspect.label(),
			apart(e.ret, op.Call))
	}
	return suspect, what
}

// counterEffect is an effect on a counter.
type counterEffect struct {
	*effect
	*counterAction
}

func counterEffects(effects []effect) []counterEffect {
	list := make([]counterEffect, len(effects))
	for i := range effects {
		list[i] = counterEffect{&effects[i], effects[i].action.(*counterAction)}
	}
	return list
}

// name implements action.
func (a *counterAction) name() string {
	if a.adds {
		return fmt.Sprintf("add %d", a.delta)
	}
	return "read"
}

func (a *counterAction) title() string {
	if a.adds {
		return fmt.Sprintf("Add %d", a.delta)
	}
	return "Read"
}

// String implements action: "add 3 = 8", "read 8".
func (a *counterAction) String() string {
	switch {
	case !a.adds:
		return fmt.Sprintf("read %d", a.sum)
	case a.observes:
		return fmt.Sprintf("add %d = %d", a.delta, a.sum)
	}
	return a.name()
}

// class implements action.
func (a *counterAction) class() any { return *a }
