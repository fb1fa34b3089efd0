package frontier

import (
	"math"

	"gauntlet/checker/register"
)

// unseen is the state of a register whose value no operation asks for.
const unseen = math.MinInt32

// step is what an operation does to a register, without its times.
type step struct {
	kind          register.Kind
	before, after int32
}

// registerObject is a register. A state is a value, or unseen.
type registerObject struct {
	steps []step // by action
}

// Step implements Object.
func (r *registerObject) Step(state, action int32) (int32, bool) {
	s := &r.steps[action]
	switch s.kind {
	case register.Write:
		return s.after, true
	case register.NotEqual:
		return state, state != s.before
	case register.CAS:
		return s.after, state == s.before
	}
	return state, state == s.before
}

// Shape implements Shaper.
func (r *registerObject) Shape(action int32) Shape {
	switch s := r.steps[action]; {
	case s.kind == register.Write:
		return Overwrites
	case s.kind == register.CAS && s.before != s.after:
		return Any
	}
	return Reads
}

// Register makes of operations on a register what Search works on: ops[i] becomes its result i.
// There are values of them, and initial are those that the register may begin with. Values that no
// operation asks for become one: none can tell them apart. Reads and NotEquals that are pending
// become writes of the value before, without any effect: as pending ones they may not happen.
func Register(ops []register.Op, values int, initial []register.Value) (Object, []int32, []Op) {
	asked := make([]bool, max(values, 0))
	for _, op := range ops {
		if op.Kind != register.Write && op.Before >= 0 && int(op.Before) < values {
			asked[op.Before] = true
		}
	}
	state := func(v register.Value) int32 {
		if v >= 0 && int(v) < values && !asked[v] {
			return unseen
		}
		return int32(v)
	}
	first := make([]int32, len(initial))
	for i, v := range initial {
		first[i] = state(v)
	}
	object := &registerObject{}
	numbers := make(map[step]int32)
	result := make([]Op, len(ops))
	for i, op := range ops {
		s := step{kind: op.Kind}
		if op.Kind != register.Write {
			s.before = state(op.Before)
		}
		if op.Writes() {
			s.after = state(op.After)
		}
		action, known := numbers[s]
		if !known {
			action = int32(len(object.steps))
			numbers[s] = action
			object.steps = append(object.steps, s)
		}
		result[i] = Op{Call: op.Call, Ret: op.Ret, Action: action, Pending: op.Pending}
	}
	return object, first, result
}
