package checker

import (
	"fmt"
	"strconv"

	"gauntlet/history"
	"gauntlet/workload"
)

// value is the content of a register: a number, or absent, which is the zero value and the
// initial state.
type value struct {
	present bool
	number  int64
}

func (v value) String() string {
	if !v.present {
		return "nothing"
	}
	return strconv.FormatInt(v.number, 10)
}

// registerAction is what an operation saw in a register and what it wrote. A failed
// compare-and-set that reports the current value is a read of that value.
//
// Invariant: observes, writes or both; or else unequal, or silent.
type registerAction struct {
	kind     string
	observes bool // it writes, if it does, only where it sees the value before
	before   value
	writes   bool
	after    value
	doubtful bool // unanswered: it may have found another value than before, and done nothing
	unequal  bool // it saw some value other than before: a cas that failed and did not say on what
	same     bool // it swapped a value for itself, which is to see it
	absurd   bool // no register answers so: a cas that failed on the very value it expected
}

// silent reports whether the action says nothing: a read that was not answered.
func (a *registerAction) silent() bool { return !a.observes && !a.writes && !a.unequal }

// registerModel is an atomic register (Herlihy and Wing 1990). One that begins present never
// becomes absent, since nobody can write that: a read of nothing is one that was told nothing, as
// Knossos has it.
type registerModel struct {
	first value // what it begins with
}

func (m registerModel) initial() any            { return m.first }
func (registerModel) equal(a, b any) bool       { return a == b }
func (registerModel) describe(state any) string { return state.(value).String() }

func (registerModel) hash(state any) uint64 {
	v := state.(value)
	if !v.present {
		return 0
	}
	return uint64(v.number)*0x9e3779b97f4a7c15 + 1
}

func (m registerModel) decode(op history.Operation, pending bool) (action, error) {
	if pending {
		op.Outcome = history.OutcomeInfo
	}
	a, err := m.action(&op)
	if err != nil || a.silent() {
		return nil, err
	}
	return &a, nil
}

// action is decode without an allocation. Whatever is not ok counts as unanswered.
func (m registerModel) action(op *history.Operation) (registerAction, error) {
	a := registerAction{kind: op.Kind, doubtful: op.Outcome != history.OutcomeOK}
	if a.doubtful && op.Kind == workload.KindRead {
		return a, nil
	}
	input, err := workload.DecodeRegisterInput(op.Kind, op.Input)
	if err != nil {
		return a, err
	}
	var output workload.RegisterOutput
	if !a.doubtful {
		if output, err = workload.DecodeRegisterOutput(op.Kind, op.Output); err != nil {
			return a, err
		}
	}
	switch op.Kind {
	case workload.KindRead:
		a.before = optional(output.Value)
		a.observes = a.before.present || !m.first.present
	case workload.KindWrite:
		a.writes, a.after = true, optional(input.Value)
	case workload.KindCAS:
		a.observes, a.before = true, optional(input.Expected)
		a.writes, a.after = true, optional(input.Value)
		switch {
		case !a.doubtful && !*output.Swapped:
			a.failed(output)
		case a.before == a.after:
			a.observes, a.writes, a.same = !a.doubtful, false, true
		}
	}
	return a, nil
}

// failed makes of a compare-and-set what it is when it did not swap.
func (a *registerAction) failed(output workload.RegisterOutput) {
	a.writes, a.after = false, value{}
	if a.unequal = output.Silent; a.unequal {
		a.observes = false
		return
	}
	current := optional(output.Current)
	a.absurd = current == a.before
	a.before = current
}

func optional(number *int64) value {
	if number == nil {
		return value{}
	}
	return value{present: true, number: *number}
}

// apply implements action.
func (a *registerAction) apply(state any) (bool, any) {
	switch {
	case a.absurd:
		return false, state
	case a.unequal:
		return state.(value) != a.before, state
	case a.observes && state.(value) != a.before:
		return a.doubtful, state
	case a.writes:
		return true, a.after
	}
	return true, state
}

// relevant drops each pending write whose value nobody saw. A pending compare-and-set that stays
// sees the value it expects. Where some cas just saw another value than one, any write may be that.
func (registerModel) relevant(effects []effect) []effect {
	all := registerEffects(effects)
	seen := make(map[value]bool)
	swapped := make(map[value][]value) // of each value, for what unanswered ones swap it
	var next []value                   // seen, but what it was swapped for is not marked yet
	see := func(v value) {
		if !seen[v] {
			seen[v] = true
			next = append(next, v)
		}
	}
	for _, e := range all {
		switch {
		case e.unequal:
			return effects
		case e.observes && e.pending:
			swapped[e.after] = append(swapped[e.after], e.before)
		case e.observes:
			see(e.before)
		}
	}
	for len(next) > 0 {
		v := next[len(next)-1]
		next = next[:len(next)-1]
		for _, before := range swapped[v] {
			see(before)
		}
	}
	unseen := make([]bool, len(effects))
	for i, e := range all {
		unseen[i] = e.pending && !seen[e.after]
	}
	return remove(effects, unseen)
}

func (registerModel) prepare(effects []effect) []effect { return effects }

func (registerModel) judgeable([]effect) error { return nil }

// without removes value-closed sets only: a write goes together with everything that saw its value.
// In any linearization, all that is left saw what it sees now.
func (registerModel) without(window []effect, gone []bool) []effect {
	all := registerEffects(window)
	witnesses := make(map[value][]int) // of each value: what saw it
	var others []int                   // those that just did not see one
	removed := make([]bool, len(window))
	var next []int // removed, but the witnesses of what it wrote are not yet
	drop := func(these ...int) {
		for _, i := range these {
			if !removed[i] {
				removed[i] = true
				next = append(next, i)
			}
		}
	}
	for i, e := range all {
		if e.observes {
			witnesses[e.before] = append(witnesses[e.before], i)
		}
		if e.unequal {
			others = append(others, i)
		}
		if gone[i] {
			drop(i)
		}
	}
	for len(next) > 0 {
		e := all[next[len(next)-1]]
		next = next[:len(next)-1]
		if e.writes {
			drop(witnesses[e.after]...)
			drop(others...)
			delete(witnesses, e.after)
			others = nil
		}
	}
	return remove(window, removed)
}

// registerEffect is an effect on a register.
type registerEffect struct {
	*effect
	*registerAction
}

func registerEffects(effects []effect) []registerEffect {
	list := make([]registerEffect, len(effects))
	for i := range effects {
		list[i] = registerEffect{&effects[i], effects[i].action.(*registerAction)}
	}
	return list
}

// name implements action.
func (a *registerAction) name() string {
	switch {
	case a.kind == workload.KindCAS && (a.writes || a.same):
		return fmt.Sprintf("cas %s → %s", a.before, a.after)
	case a.kind == workload.KindCAS:
		return "failed cas"
	case a.writes:
		return fmt.Sprintf("write %s", a.after)
	}
	return "read"
}

// String implements action: "write 17", "cas 5 → 9", "read 17".
func (a *registerAction) String() string {
	switch {
	case a.unequal:
		return fmt.Sprintf("cas failed, not %s", a.before)
	case a.kind == workload.KindCAS && !a.writes && !a.same:
		return fmt.Sprintf("cas failed on %s", a.before)
	case !a.writes:
		return fmt.Sprintf("read %s", a.before)
	}
	return a.name()
}

// class implements action: what is the same for all purposes but its name.
func (a *registerAction) class() any {
	c := *a
	c.kind, c.same = "", false
	return c
}
