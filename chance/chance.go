// Package chance is the only source of chance in a run: one seed, split into keyed streams.
//
// Every draw is a pure function H(seed, stream, entity, counter), so removing one entity, be it a
// fault or a worker, shifts nothing that the others draw. Shrinking rests on this. Integers only:
// a seed means the same on every architecture.
//
// Source: G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA
// 2014 (SplitMix64), with the finaliser constants of D. Stafford's variant 13, used as a counter
// generator in the manner of J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3",
// SC 2011. Not for secrets.
package chance

import (
	"math/bits"
	"time"
)

// golden is the odd integer next to 2^64 divided by the golden ratio: SplitMix64's step.
const golden = 0x9e3779b97f4a7c15

// Key returns H(seed, stream, entity, counter). It equals the draw number counter, from 0, of
// New(seed, stream, entity).
func Key(seed uint64, stream string, entity, counter uint64) uint64 {
	return mix(base(seed, stream, entity) + (counter+1)*golden)
}

// Stream draws the sequence Key(seed, stream, entity, 0), 1, 2, ... It is not safe for concurrent
// use; streams are cheap, so give each goroutine an entity of its own.
type Stream struct {
	state uint64
}

// New returns the stream of one entity, before its first draw.
func New(seed uint64, stream string, entity uint64) *Stream {
	return &Stream{state: base(seed, stream, entity)}
}

// Uint64 returns the next draw, uniform over all 64 bits.
func (s *Stream) Uint64() uint64 {
	s.state += golden
	return mix(s.state)
}

// Intn returns a uniform integer in [0, n). It panics if n <= 0, which is a caller's mistake.
func (s *Stream) Intn(n int) int {
	if n <= 0 {
		panic("chance: Intn of a bound that is not positive")
	}
	return int(s.below(uint64(n)))
}

// Duration returns a uniform duration in [lo, hi], both included; lo if hi does not exceed it.
func (s *Stream) Duration(lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return lo
	}
	return lo + time.Duration(s.below(uint64(hi)-uint64(lo)+1))
}

// Shuffle permutes n elements uniformly (Fisher and Yates), swapping through swap.
func (s *Stream) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, s.Intn(i+1))
	}
}

// below returns a uniform integer in [0, n) without bias; 0 stands for 2^64 (D. Lemire, "Fast
// Random Integer Generation in an Interval", ACM TOMACS 29(1), 2019).
func (s *Stream) below(n uint64) uint64 {
	if n == 0 {
		return s.Uint64()
	}
	high, low := bits.Mul64(s.Uint64(), n)
	if low < n {
		for reject := -n % n; low < reject; {
			high, low = bits.Mul64(s.Uint64(), n)
		}
	}
	return high
}

// base folds everything but the counter into the state before the first draw. Each field is mixed
// before the next joins it, so neighbouring seeds and entities share nothing.
func base(seed uint64, stream string, entity uint64) uint64 {
	h := mix(seed + golden)
	h = mix(h ^ name(stream))
	return mix(h + entity*golden)
}

// name hashes a stream's name (FNV-1a, 64 bits).
func name(stream string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := 0; i < len(stream); i++ {
		h = (h ^ uint64(stream[i])) * 0x100000001b3
	}
	return h
}

// mix is a bijection of 64 bits; every input bit flips every output bit about half the time.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
