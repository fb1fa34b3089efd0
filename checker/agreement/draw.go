package agreement

import (
	"cmp"
	"encoding/json"
	"hash/maphash"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"gauntlet/chance"
	"gauntlet/history"
)

// object is a sequential object. States are comparable; answers and inputs are JSON.
type object struct {
	initial any
	// do is what the object answers to a request, and its state afterwards. A request that cannot
	// be met in that state has no answer.
	do func(state any, r request) (answer string, next any)
	// ask draws operation n, from 1, of a history, knowing the state in which it takes effect.
	ask func(draws *chance.Stream, n int64, state any) request
	// lie draws some answer, near the truth, of a history of n operations.
	lie   func(draws *chance.Stream, n int64, r request, truth string) string
	input func(r request) string
	// ordered: the state tells the order of all that happened, so that searches try every one.
	ordered bool
	// granted is what a request that was refused is told in a bent history; "": nothing.
	granted string
}

// request is what an operation asks.
type request struct {
	kind            string
	value, expected int64
}

// operation is a request with what came of it.
type operation struct {
	request
	call, ret int64
	point     int64 // when it takes effect
	outcome   history.Outcome
	answer    string // JSON, if ok
}

// drawn is a small random history.
type drawn []operation

// The shape of histories. Stamps are so few that many are equal.
const (
	mostOperations = 12
	mostOrdered    = 8 // of an object that is ordered
	percent        = 100
	refused        = 4 // percent of the operations
)

// unanswered are the percentages of unanswered operations in a history, to choose from.
var unanswered = []int{0, 0, 10, 25, 40}

// seed is of the hashes of states, which decide nothing.
var seed = maphash.MakeSeed()

// draw draws a history: one that an object gave, mostly bent in a place or a few.
func (o object) draw(draws *chance.Stream) drawn {
	most := mostOperations
	if o.ordered {
		most = mostOrdered
	}
	h := make(drawn, 2+draws.Intn(most-1))
	span := 1 + draws.Intn(3*len(h))
	longest := 1 + draws.Intn(len(h))
	silence := unanswered[draws.Intn(len(unanswered))]
	for i := range h {
		op := &h[i]
		op.call = int64(draws.Intn(span))
		op.ret = op.call + int64(draws.Intn(longest))
		op.point = op.call + int64(draws.Intn(int(op.ret-op.call)+1))
		op.outcome = history.OutcomeOK
		switch dice := draws.Intn(percent); {
		case dice < silence:
			op.outcome = history.OutcomeInfo
			op.point += int64(draws.Intn(2 * span)) // late, or after all others
		case dice >= percent-refused:
			op.outcome = history.OutcomeFail
		}
	}
	o.play(h, draws)
	if draws.Intn(4) > 0 {
		for range 1 + draws.Intn(4) {
			o.bend(h, draws)
		}
	}
	slices.SortStableFunc(h, func(a, b operation) int { return cmp.Compare(a.call, b.call) })
	return h
}

// play lets the object answer. Half of the unanswered operations do not happen.
func (o object) play(h drawn, draws *chance.Stream) {
	slices.SortStableFunc(h, func(a, b operation) int { return cmp.Compare(a.point, b.point) })
	state := o.initial
	for i := range h {
		op := &h[i]
		op.request = o.ask(draws, int64(i+1), state)
		if op.outcome == history.OutcomeFail ||
			op.outcome == history.OutcomeInfo && draws.Intn(2) == 0 {
			continue
		}
		answer, next := o.do(state, op.request)
		switch {
		case answer == "" && op.outcome == history.OutcomeOK:
			op.outcome = history.OutcomeFail
		case answer != "":
			state = next
			if op.outcome == history.OutcomeOK {
				op.answer = answer
			}
		}
	}
}

// bend changes an operation so that the history may be wrong, or only look so.
func (o object) bend(h drawn, draws *chance.Stream) {
	op := &h[draws.Intn(len(h))]
	if op.outcome == history.OutcomeFail && o.granted != "" {
		op.outcome, op.answer = history.OutcomeOK, o.granted
		return
	}
	switch draws.Intn(4) {
	case 0: // it comes earlier
		by := min(op.call, int64(1+draws.Intn(3*len(h))))
		op.call, op.ret = op.call-by, op.ret-by
	case 1: // it comes later
		by := int64(1 + draws.Intn(3*len(h)))
		op.call, op.ret = op.call+by, op.ret+by
	case 2: // it was told otherwise
		if op.outcome == history.OutcomeOK {
			op.answer = o.lie(draws, int64(len(h)), op.request, op.answer)
		}
	case 3: // it was told what another was
		other := h[draws.Intn(len(h))]
		if op.answer != "" && other.answer != "" && op.kind == other.kind {
			op.answer = other.answer
		}
	}
}

// operations is the history as the checker takes it.
func (h drawn) operations(input func(request) string) []history.Operation {
	ops := make([]history.Operation, len(h))
	for i, op := range h {
		ops[i] = history.Operation{
			ID: int64(i + 1), Process: i, Node: "n1", Kind: op.kind, Key: "k",
			Input: json.RawMessage(input(op.request)), Outcome: op.outcome,
			Call: time.Duration(op.call), Return: time.Duration(op.ret),
		}
		if op.outcome == history.OutcomeOK {
			ops[i].Output = json.RawMessage(op.answer)
		}
	}
	return ops
}

// porcupine is the history as porcupine takes it: what failed did not happen, and what was not
// answered may happen at any time to come.
func (h drawn) porcupine() []porcupine.Operation {
	var ops []porcupine.Operation
	var last int64
	for _, op := range h {
		last = max(last, op.ret)
	}
	for i := range h {
		op := &h[i]
		if op.outcome == history.OutcomeFail {
			continue
		}
		ret := op.ret
		if op.outcome == history.OutcomeInfo {
			ret = last + 1
		}
		ops = append(ops, porcupine.Operation{Input: op, Call: op.call, Return: ret})
	}
	return ops
}

// model is the object as porcupine takes it.
func (o object) model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return o.initial },
		Hash: func(state any) uint64 { return maphash.Comparable(seed, state) },
		Step: func(state, input, _ any) (bool, any) {
			op := input.(*operation)
			answer, next := o.do(state, op.request)
			if op.outcome == history.OutcomeInfo {
				if answer == "" {
					return true, state // it waits, for ever if this is its place
				}
				return true, next
			}
			return answer != "" && answer == op.answer, next
		},
	}
}
