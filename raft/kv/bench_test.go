package kv

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"gauntlet/raft"
)

// puts returns entries that put 64-byte values under so many keys of 64 bytes, in random order.
func puts(keys int) []raft.Entry {
	entries := make([]raft.Entry, keys)
	for i, k := range rand.New(rand.NewPCG(1, 1)).Perm(keys) {
		cmd := Command{Op: Put, Key: fmt.Sprintf("%064d", k), Value: make([]byte, 64)}
		entries[i] = raft.Entry{Kind: raft.EntryCommand, Data: cmd.Encode()}
	}
	return entries
}

// Goal: applying a command is far cheaper than committing it, also right after Freeze, whose cost
// is that each node of the tree is copied once. Method: puts over keys that are there, with a
// Freeze every so often. Compare with the map, the cheapest conceivable store.
func BenchmarkApply(b *testing.B) {
	const keys = 100_000
	entries := puts(keys)
	for _, freezes := range []int{0, 10_000, 100} {
		b.Run(fmt.Sprintf("freeze-every-%d", freezes), func(b *testing.B) {
			s := New()
			for _, e := range entries {
				s.Apply(e)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i++; freezes > 0 && i%freezes == 0 {
					s.Freeze()
				}
				s.Apply(entries[i%keys])
			}
		})
	}
	b.Run("map", func(b *testing.B) {
		values := map[string][]byte{}
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i++
			cmd, _ := Decode(entries[i%keys].Data)
			values[cmd.Key] = cmd.Value
		}
	})
}

// Goal: a simulator, which makes a store for every member of every seed, pays little for it.
// Method: a new store and one command.
func BenchmarkNew(b *testing.B) {
	entry := puts(1)[0]
	b.ReportAllocs()
	for b.Loop() {
		New().Apply(entry)
	}
}

// Goal: a million keys are written and read back in well under the time a restart may take.
// Method: a view of a hundred thousand; ns/key.
func BenchmarkSnapshot(b *testing.B) {
	const keys = 100_000
	s := New()
	for _, e := range puts(keys) {
		s.Apply(e)
	}
	perKey := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/keys, "ns/key")
	}
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			s.Freeze().WriteTo(io.Discard)
		}
		perKey(b)
	})
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			r, w := io.Pipe()
			go func() {
				_, err := s.Freeze().WriteTo(w)
				w.CloseWithError(err)
			}()
			if _, err := Restore(r); err != nil {
				b.Fatal(err)
			}
		}
		perKey(b)
	})
}
