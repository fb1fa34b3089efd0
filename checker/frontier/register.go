package frontier

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"gauntlet/checker/register"
)

// unseen is the state of a register whose value no operation asks for.
const unseen = math.MinInt32

// step is what an operation does to a register, without its times.
type step struct {
	kind          register.Kind
	before, after int32
}

// registerObject is a register. Its states are values, or unseen.
type registerObject struct {
	steps   []step // by action
	states  []int32
	numbers map[step]int32  // actions
	asked   map[int32]int64 // until when some operation may ask for a state
	others  int64           // until when some operation may ask for any state but one
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

// States implements Finite.
func (r *registerObject) States() []int32 { return r.states }

// Useful implements Judge: what an operation writes is of no use once nothing asks for it.
func (r *registerObject) Useful(action int32, at int64) bool {
	until, asked := r.asked[r.steps[action].after]
	return asked && until >= at || r.others >= at
}

// Register makes of operations on a register what Search works on, op by op. There are so many
// values, and initial are those that the register may begin with; in the result they are states.
// Values that no operation asks for become one, as none can tell them apart.
func Register(ops []register.Op, values int, initial []register.Value) (Object, []int32, []Op) {
	seen := make([]bool, max(values, 0))
	for _, op := range ops {
		if op.Kind != register.Write && op.Before >= 0 && int(op.Before) < values {
			seen[op.Before] = true
		}
	}
	state := func(v register.Value) int32 {
		if v >= 0 && int(v) < values && !seen[v] {
			return unseen
		}
		return int32(v)
	}
	first := make([]int32, len(initial))
	for i, v := range initial {
		first[i] = state(v)
	}
	r := &registerObject{numbers: make(map[step]int32), others: math.MinInt64}
	r.states = append(r.states, first...)
	result := make([]Op, len(ops))
	for i, op := range ops {
		s := step{kind: op.Kind}
		if op.Kind != register.Write {
			s.before = state(op.Before)
		}
		if op.Writes() {
			s.after = state(op.After)
		}
		result[i] = Op{Call: op.Call, Ret: op.Ret, Action: r.number(s), Pending: op.Pending}
	}
	r.judge(result)
	return r, first, result
}

func (r *registerObject) number(s step) int32 {
	action, known := r.numbers[s]
	if !known {
		action = int32(len(r.steps))
		r.numbers[s] = action
		r.steps = append(r.steps, s)
		if s.kind == register.Write || s.kind == register.CAS {
			r.states = append(r.states, s.after)
		}
	}
	return action
}

// judge finds out until when states may be needed.
func (r *registerObject) judge(ops []Op) {
	r.asked = make(map[int32]int64)
	needers := make(map[int32][]int32) // states that pending cas turn into a state
	for _, op := range ops {
		s := &r.steps[op.Action]
		switch {
		case op.Pending && s.kind == register.CAS:
			needers[s.after] = append(needers[s.after], s.before)
		case op.Pending || s.kind == register.Write:
		case s.kind == register.NotEqual:
			r.others = max(r.others, op.Ret)
		default:
			if until, known := r.asked[s.before]; !known || until < op.Ret {
				r.asked[s.before] = op.Ret
			}
		}
	}
	if len(needers) > 0 {
		r.spread(needers)
	}
}

// spread finds out until when states are needed for the sake of pending cas: what one sees, as long
// as what it writes. The states needed longest go first, so each is reached at its longest.
func (r *registerObject) spread(needers map[int32][]int32) {
	order := slices.SortedFunc(maps.Keys(r.asked), func(a, b int32) int {
		return cmp.Or(cmp.Compare(r.asked[b], r.asked[a]), cmp.Compare(a, b))
	})
	done := make(map[int32]bool)
	for _, first := range order {
		for work := []int32{first}; len(work) > 0; {
			state := work[len(work)-1]
			work = work[:len(work)-1]
			if done[state] {
				continue
			}
			done[state] = true
			r.asked[state] = r.asked[first]
			work = append(work, needers[state]...)
		}
	}
}
