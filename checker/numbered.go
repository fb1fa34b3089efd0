package checker

import (
	"time"

	"github.com/anishathalye/porcupine"

	"gauntlet/checker/finding"
	"gauntlet/checker/frontier"
)

// numbered is the object of a model as the frontier search takes it: states and actions are
// numbered as they come up.
type numbered struct {
	model   model
	states  []any
	byHash  map[uint64][]int32
	actions []action
	byClass map[any]int32
	few     [][fewStates]int32 // steps, by action and state
	many    map[[2]int32]int32 // steps in other states
}

// A step is 1 more than the state after it, or one of these.
const (
	unknownStep int32 = 0
	refusedStep int32 = -1
)

// fewStates is how many states there are in most histories of which many operations are alike.
const fewStates = 16

func newNumbered(m model) *numbered {
	return &numbered{
		model: m, byHash: make(map[uint64][]int32), byClass: make(map[any]int32),
		many: make(map[[2]int32]int32),
	}
}

// Step implements frontier.Object.
func (n *numbered) Step(state, action int32) (next int32, ok bool) {
	at := [2]int32{state, action}
	step := unknownStep
	if state < fewStates {
		step = n.few[action][state]
	} else {
		step = n.many[at]
	}
	if step != unknownStep {
		return step - 1, step != refusedStep
	}
	step = refusedStep
	if ok, after := n.actions[action].apply(n.states[state]); ok {
		step = n.state(after) + 1
	}
	if state < fewStates {
		n.few[action][state] = step
	} else {
		n.many[at] = step
	}
	return step - 1, step != refusedStep
}

// state is the number of a state.
func (n *numbered) state(state any) int32 {
	hash := n.model.hash(state)
	for _, i := range n.byHash[hash] {
		if n.model.equal(n.states[i], state) {
			return i
		}
	}
	i := int32(len(n.states))
	n.states, n.byHash[hash] = append(n.states, state), append(n.byHash[hash], i)
	return i
}

// operations are effects, and starts the states, in numbers.
func (n *numbered) operations(effects []effect, starts []any) ([]int32, []frontier.Op) {
	initial := make([]int32, len(starts))
	for i, state := range starts {
		initial[i] = n.state(state)
	}
	ops := make([]frontier.Op, len(effects))
	for i, e := range effects {
		class := e.action.class()
		number, known := n.byClass[class]
		if !known {
			number = int32(len(n.actions))
			n.actions, n.byClass[class] = append(n.actions, e.action), number
			n.few = append(n.few, [fewStates]int32{})
		}
		ops[i] = frontier.Op{
			Call: int64(e.call), Ret: int64(e.ret), Action: number, Pending: e.pending,
		}
	}
	return initial, ops
}

// settling is a model that decides about many effects without a search over all of its states.
type settling interface {
	// settle is what the function of this name is, for one state, until it is stopped.
	settle(effects []effect, start any, stop func() bool) (finding.Answer, time.Duration)
}

// settleEach asks such a model about each state.
func settleEach(
	m settling, effects []effect, starts []any, stop func() bool,
) (answer finding.Answer, certain time.Duration) {
	known := true
	for _, start := range starts {
		answer, at := m.settle(effects, start, stop)
		if answer != finding.Violation {
			return answer, 0
		}
		known, certain = known && at > 0, max(certain, at)
	}
	switch {
	case len(starts) == 0:
		return finding.Undecided, 0
	case !known:
		return finding.Violation, 0
	}
	return finding.Violation, certain
}

// settle decides about effects that begin in any one of some states, within a time above 0. Of a
// violation it tells the return at which it was certain, or 0 if that is not known.
func settle(
	m model, effects []effect, starts []any, left time.Duration,
) (answer finding.Answer, certain time.Duration) {
	effects = m.prepare(effects)
	until := time.Now().Add(left)
	limit := frontier.Limit{Stop: func() bool { return time.Now().After(until) }}
	if own, ok := m.(settling); ok {
		if answer, certain = settleEach(own, effects, starts, limit.Stop); answer != finding.Undecided {
			return answer, certain
		}
	}
	n := newNumbered(m)
	initial, numbers := n.operations(effects, starts)
	switch found := frontier.Search(n, initial, numbers, limit); found.Answer {
	case finding.Violation:
		return found.Answer, effects[found.Stuck].ret
	case finding.Linearizable:
		return found.Answer, 0
	}
	ops, spec := porcupineOperations(effects), porcupineModel(m)
	for _, start := range starts {
		spec.Init = func() any { return start }
		left := max(time.Until(until), time.Nanosecond)
		switch porcupine.CheckOperationsTimeout(spec, ops, left) {
		case porcupine.Ok:
			return finding.Linearizable, 0
		case porcupine.Unknown:
			return finding.Undecided, 0
		}
	}
	return finding.Violation, 0
}
