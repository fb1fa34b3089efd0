package chance

import (
	"math/bits"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Goal: a seed means the same for ever and on every architecture. Method: fixed vectors.
func TestKeyVectors(t *testing.T) {
	vectors := []struct {
		seed            uint64
		stream          string
		entity, counter uint64
		want            uint64
	}{
		{0, "", 0, 0, 0x41e5779b7cf5e194},
		{1, "workload", 0, 0, 0x4533144a3ca6a16c},
		{1, "workload", 0, 1, 0x52de63bdbb576971},
		{1, "workload", 1, 0, 0x67f726fc68bfd97a},
		{1, "nemesis", 0, 0, 0x7a2bcd448c1751e6},
		{2, "workload", 0, 0, 0x4d1b1edbb35dc8f5},
		{1<<64 - 1, "h\u00e9llo", 1 << 63, 1 << 40, 0x549085af243c9edb},
	}
	for _, v := range vectors {
		if got := Key(v.seed, v.stream, v.entity, v.counter); got != v.want {
			t.Errorf("Key(%d, %q, %d, %d) = %#x, want %#x",
				v.seed, v.stream, v.entity, v.counter, got, v.want)
		}
	}
}

// Goal: the step and the finaliser are SplitMix64 itself. Method: its published outputs for state 0
// and state 1234567.
func TestStreamIsSplitMix64(t *testing.T) {
	for _, c := range []struct {
		state uint64
		want  []uint64
	}{
		{0, []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f}},
		{1234567, []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423}},
	} {
		s := Stream{state: c.state}
		for i, want := range c.want {
			if got := s.Uint64(); got != want {
				t.Errorf("state %d, draw %d: got %#x, want %#x", c.state, i, got, want)
			}
		}
	}
}

// Goal: a stream and its keyed form agree, and every bound holds. Method: random keys and bounds.
func TestStreamProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed, entity := rapid.Uint64().Draw(t, "seed"), rapid.Uint64().Draw(t, "entity")
		stream := rapid.String().Draw(t, "stream")
		s := New(seed, stream, entity)
		for counter := range uint64(5) {
			if got, want := s.Uint64(), Key(seed, stream, entity, counter); got != want {
				t.Fatalf("draw %d: stream %#x, key %#x", counter, got, want)
			}
		}
		n := rapid.IntRange(1, 1<<62).Draw(t, "n")
		if got := s.Intn(n); got < 0 || got >= n {
			t.Fatalf("Intn(%d) = %d", n, got)
		}
		lo := time.Duration(rapid.Int64().Draw(t, "lo"))
		hi := time.Duration(rapid.Int64().Draw(t, "hi"))
		if got := s.Duration(lo, hi); got < lo || got > max(lo, hi) {
			t.Fatalf("Duration(%d, %d) = %d", lo, hi, got)
		}
	})
}

// Goal: no bound is favoured. Method: count 60,000 draws below 6; each count within 5 % of 10,000,
// which is 5.5 standard deviations, on a fixed seed.
func TestIntnIsUniform(t *testing.T) {
	var counts [6]int
	s := New(1, "uniform", 0)
	for range 60_000 {
		counts[s.Intn(len(counts))]++
	}
	for face, n := range counts {
		if n < 9_500 || n > 10_500 {
			t.Errorf("face %d: %d of 60000", face, n)
		}
	}
}

// Goal: large bounds are as fair as small ones. Method: below 3 * 2^61 a plain multiplication
// would give the residues 0, 1, 2 in the proportion 3:3:2; each must come 20,000 times of
// 60,000, within 3 %.
func TestIntnIsUnbiased(t *testing.T) {
	var counts [3]int
	s := New(1, "unbiased", 0)
	for range 60_000 {
		counts[s.Intn(3<<61)%3]++
	}
	for residue, n := range counts {
		if n < 19_400 || n > 20_600 {
			t.Errorf("residue %d: %d of 60000", residue, n)
		}
	}
}

// Goal: neighbouring seeds, entities, counters and streams share nothing. Method: the mean Hamming
// distance of the draws of neighbours is 32 bits within 1 bit.
func TestNeighboursAreIndependent(t *testing.T) {
	const draws = 2000
	var seeds, entities, counters, streams int
	for i := range uint64(draws) {
		k := Key(i, "a", 7, 0)
		seeds += bits.OnesCount64(k ^ Key(i+1, "a", 7, 0))
		streams += bits.OnesCount64(k ^ Key(i, "b", 7, 0))
		entities += bits.OnesCount64(Key(1, "a", i, 0) ^ Key(1, "a", i+1, 0))
		counters += bits.OnesCount64(Key(1, "a", 7, i) ^ Key(1, "a", 7, i+1))
	}
	for name, sum := range map[string]int{
		"seeds": seeds, "entities": entities, "counters": counters, "streams": streams,
	} {
		if sum < 31*draws || sum > 33*draws {
			t.Errorf("%s: mean distance %d/%d bits, want about 32", name, sum, draws)
		}
	}
}

// Goal: Shuffle permutes. Method: every order of three elements occurs, and nothing else.
func TestShuffle(t *testing.T) {
	s, seen := New(3, "shuffle", 0), map[[3]int]int{}
	for range 600 {
		order := [3]int{0, 1, 2}
		s.Shuffle(3, func(i, j int) { order[i], order[j] = order[j], order[i] })
		seen[order]++
	}
	if len(seen) != 6 {
		t.Errorf("%d orders of three elements: %v", len(seen), seen)
	}
	for order, n := range seen {
		if n < 60 {
			t.Errorf("order %v came %d times of 600", order, n)
		}
	}
}
