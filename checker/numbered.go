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
	steps   map[[2]int32]int32 // the state after an action in a state, or refused
}

const refused = int32(-1)

func newNumbered(m model) *numbered {
	return &numbered{
		model: m, byHash: make(map[uint64][]int32), byClass: make(map[any]int32),
		steps: make(map[[2]int32]int32),
	}
}

// Step implements frontier.Object.
func (n *numbered) Step(state, action int32) (next int32, ok bool) {
	at := [2]int32{state, action}
	next, known := n.steps[at]
	if !known {
		next = refused
		if ok, after := n.actions[action].apply(n.states[state]); ok {
			next = n.state(after)
		}
		n.steps[at] = next
	}
	return next, next != refused
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
		}
		ops[i] = frontier.Op{
			Call: int64(e.call), Ret: int64(e.ret), Action: number, Pending: e.pending,
		}
	}
	return initial, ops
}

// sweep asks the frontier search. Effects are those that matter, ready for a search.
func sweep(m model, effects []effect, starts []any, until time.Time) frontier.Result {
	n := newNumbered(m)
	initial, ops := n.operations(effects, starts)
	var limit frontier.Limit
	if !until.IsZero() {
		limit.Stop = func() bool { return time.Now().After(until) }
	}
	return frontier.Search(n, initial, ops, limit)
}

// settle decides about effects that begin in any one of some states, within a time above 0. Of a
// violation it tells the return at which it was certain, or forever if that is not known.
func settle(
	m model, effects []effect, starts []any, left time.Duration,
) (answer finding.Answer, stuck time.Duration) {
	effects = m.prepare(effects)
	until := time.Now().Add(left)
	result := sweep(m, effects, starts, until)
	switch result.Answer {
	case finding.Violation:
		return result.Answer, effects[result.Stuck].ret
	case finding.Linearizable:
		return result.Answer, 0
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
	return finding.Violation, forever
}
