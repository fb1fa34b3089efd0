package aggregate

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"gauntlet/checker/finding"
	"gauntlet/history"
)

// Counter checks a sum that begins at 0, as jepsen.checker/counter does: each read lies between the
// least and the greatest sum of the adds that could have been made by then. Those are all adds
// acknowledged before its call, and any choice of the others called before its return: positive
// ones raise the upper bound, negative ones lower the lower. Refused adds count for nothing. A
// counter that nobody read keeps its promise, as Jepsen has it.
//
// Jepsen's own checker takes the lower bound where a read is called and the upper where it returns,
// and asserts that nobody decrements: with these instants it would blame a read for a decrement
// under way, be it one called after the read that it saw, or one acknowledged before the read's
// return that it did not see. Here such a decrement is free: one called by the read's return lowers
// the lower bound, and only one acknowledged before the read's call lowers the upper. With
// increments alone both checkers have the same bounds.
//
// An error names the operation that makes no sense.
func Counter(ops []history.Operation) (Result, error) {
	if err := sensible(ops, "counter", kindAdd, kindRead); err != nil {
		return Result{}, err
	}
	var adds, reads []amount
	blanks := 0
	for i, op := range ops {
		a := amount{at: i, call: op.Call, ret: op.Return}
		var err error
		switch {
		case refused(op) || op.Kind == kindRead && !answered(op):
			continue
		case op.Kind == kindRead && blank(op.Output):
			blanks++
			continue
		case op.Kind == kindRead:
			a.value, err = number(op, op.Output)
			reads = append(reads, a)
		default:
			if !answered(op) {
				a.ret = math.MaxInt64
			}
			a.value, err = number(op, op.Input)
			adds = append(adds, a)
		}
		if err != nil {
			return Result{}, err
		}
	}
	r, err := bounded(ops, adds, reads)
	r.note(blanks, "reads that returned nothing: %d", blanks)
	return r, err
}

// amount is what an operation added or read.
type amount struct {
	at        int // its index
	call, ret time.Duration
	value     int64
}

// number reads a whole number of 64 bits.
func number(op history.Operation, raw json.RawMessage) (int64, error) {
	v, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("operation %d: %s of %s, want a whole number of 64 bits", op.ID, op.Kind,
			brief(raw))
	}
	return v, nil
}

// bounded compares every read with its bounds. It names the read that is furthest out of them.
func bounded(ops []history.Operation, adds, reads []amount) (Result, error) {
	b, err := newBounds(adds)
	if err != nil {
		return open("%v", err), nil
	}
	wrong, worst, furthest := 0, -1, uint64(0)
	for i, read := range reads {
		low, high := b.at(read)
		distance := uint64(0)
		switch {
		case read.value < low:
			distance = uint64(low) - uint64(read.value)
		case read.value > high:
			distance = uint64(read.value) - uint64(high)
		}
		if distance > 0 {
			wrong++
		}
		if distance > furthest {
			worst, furthest = i, distance
		}
	}
	if len(reads) == 0 {
		return kept("nobody read the sum of %s, so nothing contradicts it",
			several(len(adds), "add")), nil
	}
	if worst < 0 {
		return kept("what %s returned lies within the sums of %s", several(len(reads), "read"),
			several(len(adds), "add")), nil
	}
	read := reads[worst]
	low, high := b.at(read)
	class, side := finding.Future, "called by its return make at most"
	bound := high
	if read.value < low {
		class, side, bound = finding.LostWrite, "acknowledged before its call make at least", low
	}
	r := broken(class, []int{read.at}, "Read #%d returned %d, but the adds %s %d.",
		ops[read.at].ID, read.value, side, bound)
	r.note(wrong, "reads out of bounds: %d of %d; the furthest, #%d, read %d of [%d, %d]", wrong,
		len(reads), ops[read.at].ID, read.value, low, high)
	return r, nil
}

// bounds holds the sums of adds by the instant at which they may, or must, have been made.
type bounds struct {
	may, must [2]sums // of the negative adds, by call and by return; then of the positive
}

// sums are running totals: total[i] is the sum of the first i+1 values by time.
type sums struct {
	at    []time.Duration
	total []int64
}

func newBounds(adds []amount) (*bounds, error) {
	b := &bounds{}
	for side, of := range [2]func(int64) bool{
		func(v int64) bool { return v < 0 }, func(v int64) bool { return v > 0 },
	} {
		var signed []amount
		for _, a := range adds {
			if of(a.value) {
				signed = append(signed, a)
			}
		}
		var err error
		b.may[side], err = newSums(signed, func(a amount) time.Duration { return a.call })
		if err != nil {
			return nil, err
		}
		// Their sum is the same in any order, so these fit as well.
		b.must[side], _ = newSums(signed, func(a amount) time.Duration { return a.ret })
	}
	return b, nil
}

var errTooMuch = errors.New("the sum of all adds does not fit into 64 bits")

// newSums refuses what 64 bits cannot hold.
func newSums(adds []amount, when func(amount) time.Duration) (sums, error) {
	adds = slices.Clone(adds)
	slices.SortFunc(adds, func(a, b amount) int { return cmp.Compare(when(a), when(b)) })
	s := sums{at: make([]time.Duration, len(adds)), total: make([]int64, len(adds))}
	total := int64(0)
	for i, a := range adds {
		if a.value > 0 && total > math.MaxInt64-a.value ||
			a.value < 0 && total < math.MinInt64-a.value {
			return s, errTooMuch
		}
		total += a.value
		s.at[i], s.total[i] = when(a), total
	}
	return s, nil
}

// until is the sum up to an instant, itself included.
func (s sums) until(t time.Duration) int64 {
	n, _ := slices.BinarySearchFunc(s.at, t, func(at, t time.Duration) int {
		if at <= t {
			return -1
		}
		return 1
	})
	if n == 0 {
		return 0
	}
	return s.total[n-1]
}

// at returns the least and the greatest sum that a read may see. What ends at the instant of its
// call is concurrent with it.
func (b *bounds) at(read amount) (low, high int64) {
	const negative, positive = 0, 1
	before := read.call - 1
	low = b.may[negative].until(read.ret) + b.must[positive].until(before)
	high = b.may[positive].until(read.ret) + b.must[negative].until(before)
	return low, high
}
