package checker

import (
	"fmt"

	"gauntlet/checker/register"
	"gauntlet/history"
)

// compacted is a register's history as the engines take it.
type compacted struct {
	ops    []register.Op
	source []int32 // of each, the index of the operation it was
	values int     // how many there are, the initial one with them
	absurd bool    // some operation was answered as no register answers
}

// compact numbers the values of a register's history. Operations that say nothing are left out. It
// is what decode is for models in general, without an allocation an operation.
func (m registerModel) compact(ops []history.Operation) (*compacted, error) {
	c := &compacted{
		ops: make([]register.Op, 0, len(ops)), source: make([]int32, 0, len(ops)),
	}
	numbers := numbering{known: make(map[int64]register.Value, len(ops)/2), first: m.first}
	for i := range ops {
		op := &ops[i]
		if op.Outcome == history.OutcomeFail {
			continue
		}
		a, err := m.action(op)
		if err != nil {
			return nil, fmt.Errorf("operation %d: %w", op.ID, err)
		}
		if a.silent() {
			continue
		}
		c.absurd = c.absurd || a.absurd
		packed := register.Op{Call: int64(op.Call), Ret: int64(op.Return), Pending: a.doubtful}
		if a.doubtful {
			packed.Ret = register.Forever
		}
		if packed.Ret < packed.Call {
			return nil, fmt.Errorf("operation %d returned before it was called", op.ID)
		}
		switch {
		case a.unequal:
			packed.Kind, packed.Before = register.NotEqual, numbers.of(a.before)
		case a.observes && a.writes:
			packed.Kind = register.CAS
			packed.Before, packed.After = numbers.of(a.before), numbers.of(a.after)
		case a.writes:
			packed.Kind, packed.After = register.Write, numbers.of(a.after)
		default:
			packed.Before = numbers.of(a.before)
		}
		c.ops = append(c.ops, packed)
		c.source = append(c.source, int32(i))
	}
	c.values = numbers.count() + 1
	return c, nil
}

// numbering gives each value of a register its number. The value that it begins with is 0.
type numbering struct {
	first  value
	known  map[int64]register.Value // of present values but the first
	absent register.Value           // 0: not seen yet
}

// of returns the number of a value, a new one if it was not seen before.
func (n *numbering) of(v value) register.Value {
	next := register.Value(n.count() + 1)
	switch {
	case v == n.first:
		return register.Initial
	case !v.present:
		if n.absent == 0 {
			n.absent = next
		}
		return n.absent
	}
	number, seen := n.known[v.number]
	if !seen {
		number = next
		n.known[v.number] = number
	}
	return number
}

// count is how many numbers were given out, without the initial value's.
func (n *numbering) count() int {
	if n.absent != 0 {
		return len(n.known) + 1
	}
	return len(n.known)
}
