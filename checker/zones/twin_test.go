package zones

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"gauntlet/checker/register"
)

// apply is the sequential register, the base of all twins.
func apply(state register.Value, op register.Op) (bool, register.Value) {
	switch op.Kind {
	case register.Write:
		return true, op.After
	case register.CAS:
		return state == op.Before, op.After
	case register.NotEqual:
		return state != op.Before, state
	}
	return state == op.Before, state
}

// brute tries all orders of at most 64 operations.
func brute(ops []register.Op) bool {
	type node struct {
		done  uint64
		state register.Value
	}
	failed := map[node]bool{}
	var try func(node) bool
	try = func(at node) bool {
		if failed[at] {
			return false
		}
		deadline, left := int64(register.Forever), false
		for i, op := range ops {
			if at.done&(1<<i) == 0 && !op.Pending {
				deadline, left = min(deadline, op.Ret), true
			}
		}
		if !left {
			return true
		}
		for i, op := range ops {
			if at.done&(1<<i) != 0 || op.Call > deadline {
				continue
			}
			ok, next := apply(at.state, op)
			if ok && try(node{at.done | 1<<i, next}) {
				return true
			}
		}
		failed[at] = true
		return false
	}
	return try(node{})
}

// general asks porcupine. A pending operation may have done nothing, however late that is: it is
// called at its time and may end as a step that changes nothing.
func general(ops []register.Op) bool {
	// Whether an unanswered operation took effect is part of the state's choice, so the model is
	// one of sets of states.
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{register.Initial} },
		Step: func(state, input, _ any) []any {
			op := input.(register.Op)
			ok, next := apply(state.(register.Value), op)
			switch {
			case ok && op.Pending:
				return []any{next, state}
			case ok:
				return []any{next}
			case op.Pending:
				return []any{state}
			}
			return nil
		},
	}
	var all []porcupine.Operation
	for _, op := range ops {
		all = append(all, porcupine.Operation{Input: op, Call: op.Call, Return: op.Ret})
	}
	return porcupine.CheckOperations(model.ToModel(), all)
}

// recipe says what random histories look like.
type recipe struct {
	size    int
	span    int64 // of time stamps: few make many equal
	length  int64 // of operations
	kinds   string
	pending float64
	lies    float64 // share of histories of which one answer, or one time stamp, is changed
}

// draw makes the history of a true register, and then perhaps lies.
func draw(random *rand.Rand, r recipe) (ops []register.Op, values int) {
	type planned struct {
		at   int64
		kind byte
		op   register.Op
	}
	plans := make([]planned, r.size)
	for i := range plans {
		call := random.Int64N(r.span)
		ret := call + random.Int64N(r.length+1)
		kind := r.kinds[random.IntN(len(r.kinds))]
		p := planned{call + random.Int64N(ret-call+1), kind, register.Op{Call: call, Ret: ret}}
		if (kind == 'w' || kind == 'c') && random.Float64() < r.pending {
			p.op.Ret, p.op.Pending = register.Forever, true
		}
		plans[i] = p
	}
	slices.SortStableFunc(plans, func(a, b planned) int { return int(a.at - b.at) })
	state, count := register.Value(0), register.Value(1)
	for i := range plans {
		op := &plans[i].op
		some := register.Value(random.IntN(int(count)))
		took := !op.Pending || random.IntN(2) == 0
		switch plans[i].kind {
		case 'r':
			op.Kind, op.Before = register.Read, state
		case 'w':
			op.Kind, op.After = register.Write, count
		case 'c':
			op.Kind, op.Before, op.After = register.CAS, state, count
			if op.Pending && random.IntN(3) == 0 {
				op.Before, took = some, some == state && took
			}
		case 'n':
			if op.Kind, op.Before = register.NotEqual, some; some == state {
				op.Kind = register.Read
			}
		}
		if op.Writes() {
			if took {
				state = count
			}
			count++
		}
		ops = append(ops, *op)
	}
	random.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	if random.Float64() < r.lies {
		lie(random, ops, int(count))
	}
	return ops, int(count)
}

// lie changes what an operation saw, or when it was.
func lie(random *rand.Rand, ops []register.Op, count int) {
	op := &ops[random.IntN(len(ops))]
	switch {
	case random.IntN(4) == 0 && !op.Pending:
		shift := random.Int64N(9) - 4
		op.Call, op.Ret = op.Call+shift, op.Ret+shift
	case op.Kind == register.Write && random.IntN(2) == 0:
		op.Kind, op.Before = register.CAS, register.Value(random.IntN(count))
	case op.Kind != register.Write:
		op.Before = register.Value(random.IntN(count))
	}
}

// show is a history in a failed test.
func show(ops []register.Op) string {
	var b strings.Builder
	for i, op := range ops {
		kind := []string{"read", "write", "cas", "not-equal"}[op.Kind]
		fmt.Fprintf(&b, "%2d %-9s %d -> %d", i, kind, op.Before, op.After)
		if op.Pending {
			fmt.Fprintf(&b, "  %d..\n", op.Call)
		} else {
			fmt.Fprintf(&b, "  %d..%d\n", op.Call, op.Ret)
		}
	}
	return b.String()
}

// alone are the operations named, and a free write of each value that one of them saw and none of
// them wrote.
func alone(ops []register.Op, named []int) []register.Op {
	var kept []register.Op
	free := map[register.Value]bool{}
	for _, i := range named {
		if ops[i].Kind != register.Write {
			free[ops[i].Before] = true
		}
		kept = append(kept, ops[i])
	}
	delete(free, register.Initial)
	for _, op := range kept {
		if op.Writes() {
			delete(free, op.After)
		}
	}
	for v := range free {
		kept = append(kept, register.Op{Call: -1 << 40, Ret: register.Forever, After: v,
			Kind: register.Write, Pending: true})
	}
	return kept
}
