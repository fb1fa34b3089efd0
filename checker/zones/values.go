package zones

import (
	"fmt"
	"math"
	"slices"

	"gauntlet/checker/finding"
	"gauntlet/checker/register"
)

// none stands for no operation, or no value.
const none = -1

// begin is when the initial value was written.
const begin = math.MinInt64

// value is what operations say of one value.
type value struct {
	// Of its completed reads: the earliest return and the latest call, or register.Forever and
	// begin if there are none.
	ret, call int64
	writer    int32 // the operation that wrote it, or none
	next      int32 // the value that a compare-and-set replaced it with, or none
}

// history is the history of one register with what is known of its values.
//
// Invariants, once observe has found nothing:
//  1. Each value has one writer, or none, as the initial value.
//  2. A completed operation saw a value that has a writer which was called before it returned.
//  3. next links u to v exactly if a compare-and-set from u to v surely took effect: it completed,
//     or v was observed. An unanswered operation whose value nobody observed may as well never have
//     happened, and is in no block.
type history struct {
	ops       []register.Op
	values    []value
	forward   []block // by f; see order
	backward  []block
	periods   []period // see sure
	writes    int      // plain writes: there are that many blocks, and the initial one, or fewer
	differing int      // operations that saw any value but one
}

// swaps reports whether an operation is a compare-and-set that changes something. One that writes
// what it expects is a read if it completed, and nothing if it did not.
func swaps(op *register.Op) bool { return op.Kind == register.CAS && op.Before != op.After }

// reads reports whether an operation saw one value and left it as it was.
func reads(op *register.Op) bool {
	return !op.Pending && (op.Kind == register.Read ||
		op.Kind == register.CAS && op.Before == op.After)
}

// index finds the writer of each value, or why the history is not one for this package.
func index(ops []register.Op, values int) (*history, string) {
	if len(ops) > math.MaxInt32 {
		return nil, fmt.Sprintf("%d operations are more than can be numbered", len(ops))
	}
	highest, why := inspect(ops, values)
	if why != "" {
		return nil, why
	}
	if int(highest) > 2*len(ops) {
		ops, highest = renumber(ops)
	}
	h := &history{ops: ops, values: make([]value, highest+1)}
	for v := range h.values {
		h.values[v] = value{ret: register.Forever, call: begin, writer: none, next: none}
	}
	for i := range ops {
		op := &ops[i]
		switch {
		case op.Kind == register.Write || swaps(op):
			switch {
			case op.After == register.Initial:
				return nil, "the initial value is written again"
			case h.values[op.After].writer != none:
				return nil, "a value has two writers"
			}
			h.values[op.After].writer = int32(i)
			if op.Kind == register.Write {
				h.writes++
			}
		case op.Kind == register.NotEqual && !op.Pending:
			h.differing++
		}
	}
	return h, ""
}

// inspect returns the highest value that operations speak of, or which of them breaks an invariant
// of register.Op.
func inspect(ops []register.Op, values int) (highest register.Value, why string) {
	for i := range ops {
		op := &ops[i]
		var low, high register.Value
		switch op.Kind {
		case register.Read, register.NotEqual:
			low, high = op.Before, op.Before
		case register.Write:
			low, high = op.After, op.After
		case register.CAS:
			low, high = min(op.Before, op.After), max(op.Before, op.After)
		default:
			return 0, fmt.Sprintf("operation %d is of no known kind: %d", i, op.Kind)
		}
		switch {
		case low < 0 || int(high) >= values:
			return 0, fmt.Sprintf("operation %d speaks of a value that is none of the %d: %d..%d",
				i, values, low, high)
		case op.Call > op.Ret:
			return 0, fmt.Sprintf("operation %d returns at %d, before its call at %d",
				i, op.Ret, op.Call)
		case op.Call == begin:
			return 0, fmt.Sprintf("operation %d is called before all time", i)
		case op.Pending && op.Ret != register.Forever:
			return 0, fmt.Sprintf("operation %d is pending, yet returns at %d", i, op.Ret)
		}
		highest = max(highest, high)
	}
	return highest, ""
}

// renumber counts the values of few operations without gaps.
func renumber(ops []register.Op) ([]register.Op, register.Value) {
	ops = slices.Clone(ops)
	numbers := map[register.Value]register.Value{register.Initial: register.Initial}
	number := func(v *register.Value) {
		if _, known := numbers[*v]; !known {
			numbers[*v] = register.Value(len(numbers))
		}
		*v = numbers[*v]
	}
	for i := range ops {
		op := &ops[i]
		if op.Kind != register.Write {
			number(&op.Before)
		}
		if op.Kind == register.Write || op.Kind == register.CAS {
			number(&op.After)
		}
	}
	return ops, register.Value(len(numbers) - 1)
}

// wrong remembers the earliest operations that show a violation, by their returns.
type wrong struct{ orphan, early, twice int32 }

func (h *history) earlier(at *int32, i int32) {
	if *at == none || h.ops[i].Ret < h.ops[*at].Ret {
		*at = i
	}
}

// observe gathers who saw which value, and finds values that were never written, or seen before
// their write was called, or taken away twice. What it finds first is what says most.
func (h *history) observe() *finding.Finding {
	bad := wrong{none, none, none}
	unanswered := 0
	for i := range h.ops {
		op := &h.ops[i]
		switch {
		case op.Pending:
			if swaps(op) {
				unanswered++
			}
			continue
		case op.Kind == register.Write || op.Kind == register.NotEqual:
			continue
		}
		v := &h.values[op.Before]
		if v.writer == none && op.Before != register.Initial {
			h.earlier(&bad.orphan, int32(i))
		} else if v.writer != none && op.Ret < h.ops[v.writer].Call {
			h.earlier(&bad.early, int32(i))
		}
		if swaps(op) {
			h.link(int32(i), &bad)
		} else {
			v.ret, v.call = min(v.ret, op.Ret), max(v.call, op.Call)
		}
	}
	for i := 0; i < len(h.ops) && unanswered > 0; i++ {
		if op := &h.ops[i]; op.Pending && swaps(op) {
			unanswered--
			h.keep(int32(i), &bad)
		}
	}
	return h.simple(&bad)
}

// link has a compare-and-set that took effect replace its value.
func (h *history) link(i int32, bad *wrong) {
	switch next := &h.values[h.ops[i].Before].next; *next {
	case none, int32(h.ops[i].After):
		*next = int32(h.ops[i].After)
	default:
		h.earlier(&bad.twice, i)
	}
}

// observed reports whether the value was surely in force.
func (h *history) observed(v register.Value) bool {
	return h.values[v].next != none || h.values[v].call != begin
}

// keep has an unanswered compare-and-set take effect if its value was observed. Then so was the
// value that it saw, which may be the work of another unanswered one.
func (h *history) keep(i int32, bad *wrong) {
	for i != none && h.ops[i].Pending && swaps(&h.ops[i]) && h.observed(h.ops[i].After) {
		u := h.ops[i].Before
		if u != register.Initial && h.values[u].writer == none {
			h.earlier(&bad.orphan, i)
		}
		known := h.observed(u)
		h.link(i, bad)
		if known {
			return // its writer has its own turn
		}
		i = h.values[u].writer
	}
}

// simple is the finding about what showed itself while gathering.
func (h *history) simple(bad *wrong) *finding.Finding {
	switch {
	case bad.orphan != none:
		return violation(finding.NeverWritten, h.grounded([]int32{bad.orphan}))
	case bad.early != none:
		writer := h.values[h.ops[bad.early].Before].writer
		return violation(finding.Future, h.grounded([]int32{bad.early, writer}))
	case bad.twice != none:
		first := h.values[h.values[h.ops[bad.twice].Before].next].writer
		return violation(finding.Twice, h.grounded([]int32{bad.twice, first}))
	}
	return nil
}

// kept reports whether a value was surely written.
func (h *history) kept(v int32) bool {
	w := h.values[v].writer
	return v == int32(register.Initial) ||
		w != none && (!h.ops[w].Pending || h.observed(register.Value(v)))
}

// written is when the write of a kept value was called and returned.
func (h *history) written(v int32) (call, ret int64) {
	if v == int32(register.Initial) {
		return begin, begin
	}
	w := &h.ops[h.values[v].writer]
	return w.Call, w.Ret
}

// root reports whether a kept value was not made of another by a compare-and-set.
func (h *history) root(v int32) bool {
	return v == int32(register.Initial) || h.ops[h.values[v].writer].Kind == register.Write
}
