package online

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"gauntlet/checker/register"
)

// event is one line of a small history as an object takes it in.
type event struct {
	index  int // of the operation
	called bool
	time   int64 // what the history is sorted by: a late return is known after its stamp
	lost   bool  // nobody will know of it
	failed bool  // it certainly did not happen
	answer answer
}

// small is a history small enough to try every order.
type small struct {
	ops    []operation
	events []event
}

// random draws a history: clients that mostly tell what a true register would, and sometimes
// anything. Stamps are often equal; some returns become known late.
func random(r *rand.Rand, most int) small {
	var s small
	count := most/2 + r.IntN(most/2+1)
	chains := r.IntN(2) == 0
	for i := range count {
		o := operation{id: int64(i + 1), kind: register.Kind(r.IntN(3))}
		if chains && o.kind == register.Write {
			o.kind = register.CAS
		}
		if o.kind != register.Read {
			o.after = value{o.id, true}
		}
		s.ops = append(s.ops, o)
	}
	for i := range s.ops {
		if o := &s.ops[i]; o.kind == register.CAS {
			from := max(0, i-1-r.IntN(3))
			if r.IntN(8) == 0 {
				from = r.IntN(count)
			}
			if o.before = s.ops[from].after; r.IntN(20) == 0 {
				o.after = o.before
			}
		}
	}
	s.stamp(r)
	return s
}

// stamp draws when each operation is open, what it is told, and how it ends.
func (s *small) stamp(r *rand.Rand) {
	wrong, late := r.IntN(4), r.IntN(8)
	span := int64(1 + r.IntN(8))
	at, state := int64(0), value{}
	for i := range s.ops {
		o := &s.ops[i]
		at += r.Int64N(span)
		o.call = at
		e := event{index: i, answer: answer{ret: at + r.Int64N(2*span), done: true}}
		saw := state
		if r.IntN(8) < wrong {
			saw = s.ops[r.IntN(len(s.ops))].after
		}
		if o.kind == register.CAS && saw == state && r.IntN(2) == 0 {
			saw, state = o.before, o.before // it was lucky
		}
		switch draw := r.IntN(10); {
		case draw == 0:
			e.lost = true
		case draw == 1:
			e.failed = true
		}
		happens := !e.failed && !(e.lost && r.IntN(2) == 0) || r.IntN(8) < wrong
		switch {
		case o.kind == register.CAS && saw != o.before:
			e.answer.done, happens = false, false
			e.answer.saw, e.answer.says = saw, r.IntN(8) > 0
		case o.kind == register.CAS && r.IntN(20) == 0:
			e.answer.done, e.answer.saw, e.answer.says = false, saw, true // absurd
		case o.kind == register.Read:
			e.answer.saw, e.answer.says = saw, true
		}
		if o.kind != register.Read && happens {
			state = o.after
		}
		if e.time = e.answer.ret; r.IntN(8) < late {
			e.time += r.Int64N(2 * span)
		}
		s.events = append(s.events, event{index: i, called: true, time: at}, e)
	}
	slices.SortStableFunc(s.events, func(a, b event) int {
		if a.time == b.time && a.called != b.called {
			return map[bool]int{true: -1, false: 1}[a.called]
		}
		return cmp.Compare(a.time, b.time)
	})
}

// known is what can be said of the history after so many events: operations that are open may
// happen or not.
func (s small) known(events int) []register.Op {
	place := map[int]int{}
	ops := make([]register.Op, 0, len(s.ops))
	gone := make([]bool, 0, len(s.ops))
	for _, e := range s.events[:events] {
		o := s.ops[e.index]
		if e.called {
			place[e.index] = len(ops)
			ops = append(ops, register.Op{Call: o.call, Ret: register.Forever, Kind: o.kind,
				Before: number(o.before), After: number(o.after), Pending: true})
			gone = append(gone, o.kind == register.Read)
			continue
		}
		op := &ops[place[e.index]]
		switch {
		case e.lost:
			continue
		case e.failed:
			gone[place[e.index]] = true
			continue
		}
		op.Ret, op.Pending = e.answer.ret, false
		gone[place[e.index]] = !e.answer.done && !e.answer.says
		if e.answer.says {
			op.Kind, op.After = register.Read, 0
			if op.Before = number(e.answer.saw); o.kind == register.CAS && e.answer.saw == o.before {
				op.Before = impossible
			}
		}
	}
	kept := ops[:0]
	for i, op := range ops {
		if !gone[i] {
			kept = append(kept, op)
		}
	}
	return kept
}

func number(v value) register.Value { return register.Value(v.number) }

// impossible is a value that no register holds.
const impossible = register.Value(1 << 20)

// linearizable tries every order: the twin of all that this package does.
func linearizable(ops []register.Op) bool {
	tried := map[[2]int]bool{}
	var try func(done int, state register.Value) bool
	try = func(done int, state register.Value) bool {
		here := [2]int{done, int(state)}
		if tried[here] {
			return false
		}
		tried[here] = true
		over, first := true, int64(register.Forever)
		for i, op := range ops {
			if done&(1<<i) == 0 {
				over = over && op.Pending
				first = min(first, op.Ret)
			}
		}
		if over {
			return true
		}
		for i, op := range ops {
			if done&(1<<i) != 0 || op.Call > first {
				continue
			}
			switch {
			case op.Observes() && op.Before != state:
			case op.Writes() && try(done|1<<i, op.After), !op.Writes() && try(done|1<<i, state):
				return true
			}
		}
		return false
	}
	return try(0, register.Initial)
}
