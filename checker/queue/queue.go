// Package queue decides whether what clients saw of a first-in-first-out queue is linearizable, in
// O(n log n), if no value was put in twice. Unanswered operations are decided exactly.
//
// Of an element x, in(x) is its enqueue and out(x) its dequeue. A history in which every operation
// returned is a violation if and only if (Henzinger, Sezgin and Vafeiadis, CONCUR 2013; the order
// test and O(n log n): Lee and Mathur, OOPSLA 2025; Abdulla et al., PLDI 2025):
//
//	fresh   some x was dequeued and never enqueued, or out(x) returned before in(x) was called
//	twice   some x was dequeued twice
//	order   in(x) precedes in(y), and out(y) precedes out(x) or x was never dequeued
//	empty   a dequeue that found nothing lies inside the union of the intervals
//	        (return of in(x), call of out(x)), in which x was surely there
//
// An unanswered enqueue was never made if its element is not dequeued, else it returned at the end
// of time. An unanswered dequeue may have taken an element that was surely enqueued and that nobody
// is known to have taken: see share.
package queue

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gauntlet/checker/finding"
)

// Kind is what an operation did to the queue.
type Kind uint8

// The kinds of operation.
const (
	Enqueue Kind = iota // put Value in
	Dequeue             // took Value out; unanswered: whatever was there, if anything
	Empty               // a dequeue that found nothing
)

// Op is one operation, at one instant between its call and its return, both included. Of a pending
// operation Ret means nothing, and of a pending dequeue neither does Value.
type Op struct {
	Call, Ret int64 // nanoseconds; at equal stamps calls come before returns
	Value     int32 // counted from 0, the same for the same value
	Kind      Kind
	Pending   bool
}

// none is the index of an operation that is not there.
const none = -1

// never is beyond all stamps.
const never = math.MaxInt64

// history is a queue's history by element.
type history struct {
	ops     []Op
	in, out []int32 // by value: its enqueue and its dequeue, or none

	inside []int32 // values that were in the queue, by the call of their enqueue
	lost   []int32 // those that nobody is known to have taken, by the return of their enqueue
	open   []int32 // unanswered dequeues, by their call
	empty  []int32 // dequeues that found nothing
}

// Check judges the operations of one queue that begins empty, in any order. Values lie from 0 to
// values-1. It is undecided only if a value is enqueued twice or an operation makes no sense.
func Check(ops []Op, values int) finding.Finding {
	h := &history{ops: ops, in: absent(values), out: absent(values)}
	if why := h.place(); why != "" {
		return finding.Finding{Why: why}
	}
	if found := h.twice(); found != nil {
		return *found
	}
	h.share()
	for _, rule := range []func() *finding.Finding{h.fresh, h.order, h.nothing} {
		if found := rule(); found != nil {
			return *found
		}
	}
	return finding.Finding{Answer: finding.Linearizable}
}

func absent(values int) []int32 {
	list := make([]int32, max(values, 0))
	for i := range list {
		list[i] = none
	}
	return list
}

// place puts every operation where it belongs. It says what keeps the history from being judged.
func (h *history) place() string {
	for i, op := range h.ops {
		at := int32(i)
		switch {
		case op.Kind > Empty:
			return fmt.Sprintf("operation %d is of no kind that a queue knows", i)
		case !op.Pending && op.Ret < op.Call:
			return fmt.Sprintf("operation %d returned before it was called", i)
		case op.Kind != Enqueue && op.Pending:
			h.open = append(h.open, at)
		case op.Kind == Empty:
			h.empty = append(h.empty, at)
		case op.Value < 0 || int(op.Value) >= len(h.in):
			return fmt.Sprintf("operation %d has value %d, want 0 to %d", i, op.Value, len(h.in)-1)
		case op.Kind == Enqueue && h.in[op.Value] != none:
			return "a value is enqueued twice"
		case op.Kind == Enqueue:
			h.in[op.Value] = at
		case h.out[op.Value] == none:
			h.out[op.Value] = at
		}
	}
	return ""
}

// share lists the elements, and gives the unanswered dequeues to the lost ones: the first called to
// the one whose enqueue returned first, and so on. An element that got one was dequeued between its
// call and the end of time.
//
// If any way to give them explains the history, this one does. That a lost element x is dequeued at
// all is wanted only where another element whose enqueue was called after in(x) returned has been
// taken by some instant, or where the queue was empty at an instant after in(x) returned. Each such
// instant for one element is one for every element whose enqueue returned earlier: those are wanted
// no later. And who is wanted first may as well have the dequeue that was called first.
func (h *history) share() {
	for v, in := range h.in {
		switch {
		case in == none:
		case h.out[v] != none:
			h.inside = append(h.inside, int32(v))
		case !h.ops[in].Pending:
			h.inside, h.lost = append(h.inside, int32(v)), append(h.lost, int32(v))
		}
	}
	by(h.inside, func(v int32) int64 { return h.ops[h.in[v]].Call })
	by(h.lost, h.entered)
	by(h.open, func(i int32) int64 { return h.ops[i].Call })
	for i := range min(len(h.lost), len(h.open)) {
		h.out[h.lost[i]] = h.open[i]
	}
}

// by sorts a list by the key of each.
func by(list []int32, key func(int32) int64) {
	slices.SortFunc(list, func(a, b int32) int { return cmp.Compare(key(a), key(b)) })
}

// entered is when an element was surely in the queue.
func (h *history) entered(v int32) int64 {
	if in := h.ops[h.in[v]]; !in.Pending {
		return in.Ret
	}
	return never
}

// left are the instants between which an element was dequeued.
func (h *history) left(v int32) (call, ret int64) {
	switch out := h.out[v]; {
	case out == none:
		return never, never
	case h.ops[out].Pending:
		return h.ops[out].Call, never
	default:
		return h.ops[out].Call, h.ops[out].Ret
	}
}

// twice finds a value that was dequeued more than once.
func (h *history) twice() *finding.Finding {
	for i, op := range h.ops {
		if op.Kind != Dequeue || op.Pending || h.out[op.Value] == int32(i) {
			continue
		}
		return violation(finding.Twice, h.in[op.Value], h.out[op.Value], int32(i))
	}
	return nil
}

// fresh finds a value that was dequeued and not enqueued before.
func (h *history) fresh() *finding.Finding {
	for v, out := range h.out {
		if out == none {
			continue
		}
		in := h.in[v]
		if in == none {
			return violation(finding.NeverWritten, out)
		}
		if _, ret := h.left(int32(v)); ret < h.ops[in].Call {
			return violation(finding.Future, in, out)
		}
	}
	return nil
}

// order finds two elements that were taken in the order opposite to that in which they came. It
// walks over the later one's enqueue and keeps, of all elements that surely came before, the one
// whose dequeue was called last.
func (h *history) order() *finding.Finding {
	entered := slices.Clone(h.inside)
	by(entered, h.entered)
	next, latest, call := 0, int32(none), int64(math.MinInt64)
	for _, y := range h.inside {
		for ; next < len(entered) && h.entered(entered[next]) < h.ops[h.in[y]].Call; next++ {
			if c, _ := h.left(entered[next]); c > call {
				latest, call = entered[next], c
			}
		}
		if _, ret := h.left(y); ret < call {
			culprits := append(h.story(latest), h.story(y)...)
			return violation(h.class(latest, finding.Reordered), culprits...)
		}
	}
	return nil
}

// story names the operations that bound when an element was in the queue. Of a lost element these
// are its enqueue and those of all elements before it in line for an unanswered dequeue, and the
// dequeues that those got.
func (h *history) story(v int32) []int32 {
	if !h.isLost(v) {
		return []int32{h.in[v], h.out[v]}
	}
	culprits := []int32{h.in[v]}
	for i, x := range h.lost {
		if x == v || i == len(h.open) {
			break
		}
		culprits = append(culprits, h.in[x], h.open[i])
	}
	return culprits
}

// isLost reports whether nobody is known to have taken an element.
func (h *history) isLost(v int32) bool { return h.out[v] == none || h.ops[h.out[v]].Pending }

// class names a violation that rests on when an element was in the queue.
func (h *history) class(v int32, otherwise finding.Class) finding.Class {
	if h.isLost(v) {
		return finding.LostWrite
	}
	return otherwise
}

// violation sorts the culprits, and leaves out those that are none or named twice.
func violation(class finding.Class, culprits ...int32) *finding.Finding {
	slices.Sort(culprits)
	list := make([]int, 0, len(culprits))
	for i, c := range culprits {
		if c != none && (i == 0 || c != culprits[i-1]) {
			list = append(list, int(c))
		}
	}
	return &finding.Finding{Answer: finding.Violation, Class: class, Culprits: list}
}
