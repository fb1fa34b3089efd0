package checker

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"gauntlet/history"
	"gauntlet/workload"
)

// forever is the return of an operation that may take effect at any time to come.
const forever = time.Duration(math.MaxInt64)

// effect is an operation in the terms of its model: what it did to the object, at one instant
// between call and ret.
//
// Invariant: pending implies that ret is forever.
type effect struct {
	op      history.Operation
	call    time.Duration
	ret     time.Duration
	pending bool // it may have happened, now or later, or never
	action  action
}

// action is what an operation asked of an object and what it was told. Actions are not changed once
// they are made, nor are states.
type action interface {
	// apply is the sequential specification: whether the action may happen in state with what it
	// was told, and the state after it.
	apply(state any) (ok bool, next any)
	// name is the action within a sentence: "write 17", "failed cas".
	name() string
	// String is the action in a drawing, with what it was told.
	String() string
	// class is equal, as a map's key, for actions that can stand for each other.
	class() any
}

// model is one kind of object.
type model interface {
	initial() any
	equal(a, b any) bool
	hash(state any) uint64
	describe(state any) string

	// engines decide some histories of this model faster than any search. They are tried in order.
	engines() []engine

	// decode reads what an operation asked, and what it was told unless it is pending. A nil action
	// says nothing about the object, and the operation is left out.
	decode(op history.Operation, pending bool) (action, error)

	// judgeable says why effects cannot be judged at all, if so.
	judgeable(effects []effect) error

	// relevant leaves out pending effects that may as well never have happened: every one that
	// stays open doubles the search.
	relevant(effects []effect) []effect

	// prepare readies the actions of effects for a search among just these.
	prepare(effects []effect) []effect

	// without removes those effects that gone marks and, of the others, whatever they say that
	// cannot be judged without them. What is left of a linearizable window is linearizable. A model
	// that has no such way returns the whole window.
	without(window []effect, gone []bool) []effect

	// obvious finds an answer that contradicts the model, or another answer, without a search.
	obvious(ops []history.Operation, effects []effect) *Violation

	// explain says in one sentence what is wrong with a window that shrink left. It is nil if it
	// has no words for it.
	explain(ops []history.Operation, window []effect) *Violation
}

// models is the table of what Linearizable can check.
var models = []struct {
	name  string
	model model
}{
	{workload.ModelRegister, registerModel{}},
	{workload.ModelAppend, listModel{}},
	{workload.ModelCounter, counterModel{}},
	{workload.ModelTxn, listModel{}},
	{workload.ModelQueue, queueModel{}},
	{workload.ModelSet, setModel{}},
}

func findModel(name string) (model, error) {
	for _, row := range models {
		if row.name == name {
			return row.model, nil
		}
	}
	return foreignModel(name)
}

// decode turns the operations of one key into effects, in the order given. Operations that
// certainly did not happen, and reads that did not answer, are left out. An error names the
// operation.
func decode(m model, ops []history.Operation) ([]effect, error) {
	effects := make([]effect, 0, len(ops))
	for _, op := range ops {
		pending := op.Outcome == history.OutcomeInfo || op.Outcome == ""
		if op.Outcome == history.OutcomeFail {
			continue
		}
		e := effect{op: op, call: op.Call, ret: op.Return, pending: pending}
		if pending {
			e.ret = forever
		}
		if e.ret < e.call {
			return nil, fmt.Errorf("operation %d returned before it was called", op.ID)
		}
		var err error
		if e.action, err = m.decode(op, pending); err != nil {
			return nil, fmt.Errorf("operation %d: %w", op.ID, err)
		}
		if e.action != nil {
			effects = append(effects, e)
		}
	}
	return effects, m.judgeable(effects)
}

// search asks porcupine, whose loop sees its timeout between any two steps; a step of these
// models is a few comparisons, so StepContext would gain nothing. A budget of 0 or less is
// unlimited.
func search(m model, effects []effect, budget time.Duration) porcupine.CheckResult {
	ops := porcupineOperations(m.prepare(m.relevant(effects)))
	return porcupine.CheckOperationsTimeout(porcupineModel(m), ops, max(budget, 0))
}

func porcupineOperations(effects []effect) []porcupine.Operation {
	ops := make([]porcupine.Operation, len(effects))
	for i := range effects {
		e := &effects[i]
		ops[i] = porcupine.Operation{Input: e, Call: int64(e.call), Return: int64(e.ret)}
	}
	return ops
}

// porcupineModel is porcupine's view of a model: the input is the whole effect, the output is
// unused.
func porcupineModel(m model) porcupine.Model {
	return porcupine.Model{
		Init: m.initial,
		Step: func(state, input, _ any) (bool, any) {
			return input.(*effect).action.apply(state)
		},
		Equal:                     m.equal,
		Hash:                      m.hash,
		DescribeOperation:         func(input, _ any) string { return input.(*effect).String() },
		DescribeState:             m.describe,
		DescribeOperationMetadata: func(label any) string { return label.(string) },
	}
}

// String is the operation in the words of a drawing.
func (e *effect) String() string {
	if e.pending {
		return e.action.String() + " ?"
	}
	return e.action.String()
}

// label names the operation: "write 17 (#204, n3)".
func (e *effect) label() string {
	return fmt.Sprintf("%s (#%d, %s)", e.action.name(), e.op.ID, e.op.Node)
}

// remove takes out the effects marked as removed.
func remove(window []effect, removed []bool) []effect {
	kept := make([]effect, 0, len(window))
	for i, e := range window {
		if !removed[i] {
			kept = append(kept, e)
		}
	}
	return slices.Clip(kept)
}
