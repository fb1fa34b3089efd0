package checker

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"

	"gauntlet/history"
	"gauntlet/workload"
)

// forever is the return of an operation that may take effect at any time to come.
const forever = time.Duration(math.MaxInt64)

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

// effect is an operation in the terms of the register model: what it saw and what it wrote, at
// one instant between call and ret. A failed compare-and-set that reports the current value is
// a read of that value.
//
// Invariants:
//  1. observes or writes, or both.
//  2. pending implies writes, and ret is forever: a pending read says nothing and is dropped.
type effect struct {
	op       history.Operation
	call     time.Duration
	ret      time.Duration
	observes bool // a completed one saw the value before; a pending one writes only if it sees it
	before   value
	writes   bool
	after    value
	pending  bool // it may have happened, now or later, or never
	absurd   bool // no register answers so: a cas that failed on the very value it expected
}

// decode turns the operations of one key into effects, in the order given. Operations that
// certainly did not happen, and reads that did not answer, are left out. An error names the
// operation.
func decode(ops []history.Operation) ([]effect, error) {
	effects := make([]effect, 0, len(ops))
	for _, op := range ops {
		pending := op.Outcome == history.OutcomeInfo || op.Outcome == ""
		if op.Outcome == history.OutcomeFail || (pending && op.Kind == workload.KindRead) {
			continue
		}
		e := effect{op: op, call: op.Call, ret: op.Return, pending: pending}
		if pending {
			e.ret = forever
		}
		if e.ret < e.call {
			return nil, fmt.Errorf("operation %d returned before it was called", op.ID)
		}
		if err := e.decode(); err != nil {
			return nil, fmt.Errorf("operation %d: %w", op.ID, err)
		}
		effects = append(effects, e)
	}
	return effects, nil
}

func (e *effect) decode() error {
	input, err := workload.DecodeRegisterInput(e.op.Kind, e.op.Input)
	if err != nil {
		return err
	}
	var output workload.RegisterOutput
	if !e.pending {
		if output, err = workload.DecodeRegisterOutput(e.op.Kind, e.op.Output); err != nil {
			return err
		}
	}
	switch e.op.Kind {
	case workload.KindRead:
		e.observes, e.before = true, optional(output.Value)
	case workload.KindWrite:
		e.writes, e.after = true, optional(input.Value)
	case workload.KindCAS:
		e.observes, e.before = true, optional(input.Expected)
		e.writes, e.after = true, optional(input.Value)
		if !e.pending && !*output.Swapped {
			current := optional(output.Current)
			e.absurd = current == e.before
			e.writes, e.before = false, current
		}
	}
	return nil
}

func optional(number *int64) value {
	if number == nil {
		return value{}
	}
	return value{present: true, number: *number}
}

// apply is the sequential specification: whether the effect may happen in state, and the state
// after it.
func (e *effect) apply(state value) (bool, value) {
	switch {
	case e.absurd:
		return false, state
	case e.observes && state != e.before:
		return e.pending, state
	case e.writes:
		return true, e.after
	}
	return true, state
}

// withoutUnseen drops each pending write whose value nobody saw: it may as well never happen,
// and every one that stays open doubles the search. A pending compare-and-set that stays sees
// the value it expects.
func withoutUnseen(effects []effect) []effect {
	seen := make(map[value]bool)
	for _, e := range effects {
		if e.observes && !e.pending {
			seen[e.before] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for _, e := range effects {
			if e.pending && e.observes && seen[e.after] && !seen[e.before] {
				seen[e.before], grown = true, true
			}
		}
	}
	kept := make([]effect, 0, len(effects))
	for _, e := range effects {
		if !e.pending || seen[e.after] {
			kept = append(kept, e)
		}
	}
	return kept
}

// search asks porcupine, whose loop sees its timeout between any two steps; a step of this
// model is a few comparisons, so StepContext would gain nothing. A budget of 0 or less is
// unlimited.
func search(effects []effect, budget time.Duration) porcupine.CheckResult {
	ops := porcupineOperations(withoutUnseen(effects))
	return porcupine.CheckOperationsTimeout(registerModel(), ops, max(budget, 0))
}

func porcupineOperations(effects []effect) []porcupine.Operation {
	ops := make([]porcupine.Operation, len(effects))
	for i := range effects {
		e := &effects[i]
		ops[i] = porcupine.Operation{Input: e, Call: int64(e.call), Return: int64(e.ret)}
	}
	return ops
}

// registerModel is porcupine's view of the register: the input is the whole effect, the output
// is unused.
func registerModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return value{} },
		Step: func(state, input, _ any) (bool, any) {
			ok, next := input.(*effect).apply(state.(value))
			return ok, next
		},
		Hash: func(state any) uint64 {
			v := state.(value)
			if !v.present {
				return 0
			}
			return uint64(v.number)*0x9e3779b97f4a7c15 + 1
		},
		DescribeOperation:         func(input, _ any) string { return input.(*effect).String() },
		DescribeState:             func(state any) string { return state.(value).String() },
		DescribeOperationMetadata: func(label any) string { return label.(string) },
	}
}

// String is the operation in the words of a drawing: "write 17", "cas 5 → 9", "read 17".
func (e *effect) String() string {
	var text string
	switch {
	case e.op.Kind == workload.KindCAS && e.writes:
		text = fmt.Sprintf("cas %s → %s", e.before, e.after)
	case e.op.Kind == workload.KindCAS:
		text = fmt.Sprintf("cas failed on %s", e.before)
	case e.writes:
		text = fmt.Sprintf("write %s", e.after)
	default:
		text = fmt.Sprintf("read %s", e.before)
	}
	if e.pending {
		text += " ?"
	}
	return text
}
