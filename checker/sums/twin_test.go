package sums

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// bruteForce tries every order of the operations that respects real time.
func bruteForce(ops []Op, done []bool, sum int64) bool {
	finished := true
	for i, op := range ops {
		if done[i] {
			continue
		}
		finished = finished && op.Pending
		if waits(ops, done, i) {
			continue
		}
		next, ok := step(op, sum)
		if !ok {
			continue
		}
		done[i] = true
		found := bruteForce(ops, done, next)
		done[i] = false
		if found {
			return true
		}
	}
	return finished
}

// waits tells whether another operation returned before this one was called, and is still to come.
func waits(ops []Op, done []bool, i int) bool {
	for j, other := range ops {
		if j != i && !done[j] && !other.Pending && other.Ret < ops[i].Call {
			return true
		}
	}
	return false
}

// step is the sequential counter.
func step(op Op, sum int64) (next int64, ok bool) {
	sum += op.Delta
	return sum, op.Pending || !op.Told || sum == op.Sum
}

// shape is what kind of counter to draw.
type shape struct {
	unanswered int // per hundred
	silent     int // of a hundred adds that returned, how many do not tell the sum
	delta      func(n int) (of func(*rand.Rand) int64)
}

// The deltas of a history.
func units(int) func(*rand.Rand) int64   { return func(*rand.Rand) int64 { return 1 } }
func falling(int) func(*rand.Rand) int64 { return func(*rand.Rand) int64 { return -2 } }
func positive(int) func(*rand.Rand) int64 {
	return func(chance *rand.Rand) int64 { return 1 + chance.Int64N(4) }
}
func mixed(int) func(*rand.Rand) int64 {
	return func(chance *rand.Rand) int64 { return chance.Int64N(9) - 4 }
}

// draw makes a history that a counter answered, each operation at a random instant, or an
// unanswered one later or never; then it perhaps bends it.
func draw(chance *rand.Rand, n int, s shape) []Op {
	ops := make([]Op, n)
	points, order := make([]int64, n), make([]int, n)
	delta, spread := s.delta(n), 1+chance.IntN(8)
	for i := range ops {
		op := &ops[i]
		op.Call = int64(chance.IntN(2*n) - 3)
		op.Ret = op.Call + int64(chance.IntN(spread))
		op.Pending = chance.IntN(100) < s.unanswered
		if chance.IntN(3) > 0 {
			op.Delta = delta(chance)
		}
		op.Told = !op.Pending && (op.Delta == 0 || chance.IntN(100) >= s.silent)
		points[i] = op.Call + chance.Int64N(op.Ret-op.Call+1)
		if op.Pending {
			points[i] = op.Call + int64(chance.IntN(2*n))
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(points[a] - points[b]) })
	sum := int64(0)
	for _, i := range order {
		op := &ops[i]
		if !op.Pending || chance.IntN(2) == 0 {
			sum += op.Delta
		}
		if op.Told {
			op.Sum = sum
		}
	}
	for range max(0, chance.IntN(6)-1) {
		op, shift := &ops[chance.IntN(n)], int64(chance.IntN(7)-3)
		if op.Told && chance.IntN(2) == 0 {
			op.Sum += shift
			continue
		}
		op.Call, op.Ret = op.Call+shift, op.Ret+shift
	}
	return ops
}

func show(ops []Op) string {
	var text string
	for i, op := range ops {
		text += fmt.Sprintf("%d: %+v\n", i, op)
	}
	return text
}
