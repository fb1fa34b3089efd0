package invariant_test

import (
	"testing"

	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/sim/invariant"
)

// story is a cluster of 5 in which member 0 leads, about to replicate: what one entry of 64 bytes
// brings about, told over and over. Changed is called 11 times a turn, Leaves 12 times.
type story struct {
	*invariant.Watch
	is    [5]raft.Status
	empty raft.Restored
	hard  raft.HardState
	voted replica.Effects
	added replica.Effects
	quiet replica.Effects
	entry []raft.Entry
}

func newStory() *story {
	s := &story{Watch: invariant.New(), hard: raft.HardState{Term: 1, Vote: 1}}
	s.entry = []raft.Entry{{Term: 1, Kind: raft.EntryCommand, Data: make([]byte, 64)}}
	s.voted.HardState, s.added.Entries = &s.hard, s.entry
	s.begin()
	return s
}

func (s *story) begin() {
	s.Reset(len(s.is), 0)
	for i := range s.is {
		s.Started(i, &s.empty)
		s.is[i] = raft.Status{Term: 1, Vote: 1}
		s.Changed(i, &s.voted, s.is[i])
		s.Durable(i, &s.hard, nil)
	}
	s.is[0].Role = raft.Leader
	s.entry[0].Index = 0
}

// turn replicates and commits one entry.
func (s *story) turn() {
	s.entry[0].Index++
	index := s.entry[0].Index
	for i := range s.is {
		s.is[i].LastIndex = index
		s.Changed(i, &s.added, s.is[i])
		s.Durable(i, nil, s.entry)
	}
	for i := range s.is {
		s.is[i].Commit = index
		s.Changed(i, &s.quiet, s.is[i])
	}
	s.Changed(0, &s.quiet, s.is[0])
	answer := raft.Message{
		Kind: raft.AppendAnswer, From: 2, To: 1, Term: 1, Index: index, LogTerm: 1,
	}
	order := raft.Message{Kind: raft.Append, From: 1, To: 2, Term: 1, Index: index - 1, LogTerm: 1}
	for range 4 {
		s.Leaves(1, &answer)
		s.Leaves(0, &order)
		s.Leaves(0, &order)
	}
	s.Committed()
}

// Goal: a watch that has seen a run needs no memory for the next one. Method: runs of 500 entries,
// all but the first of them counted.
func TestSteadyStateDoesNotAllocate(t *testing.T) {
	s := newStory()
	n := testing.AllocsPerRun(10, func() {
		s.begin()
		for range 500 {
			s.turn()
		}
	})
	if n > 0 {
		t.Errorf("%v allocations in a run", n)
	}
	if f := s.Failure(); f != nil {
		t.Error(f.Text)
	}
}

// BenchmarkTurn is all that one entry costs in a cluster of 5: 11 calls of Changed, 5 of them with
// an entry of 64 bytes and 5 with a commit, 5 of Durable, 12 of Leaves.
func BenchmarkTurn(b *testing.B) {
	s := newStory()
	b.ReportAllocs()
	for b.Loop() {
		if s.entry[0].Index == 1000 {
			s.begin()
		}
		s.turn()
	}
	if s.Failure() != nil {
		b.Fatal(s.Failure().Text)
	}
}

// BenchmarkChanged is an input that changed nothing that matters here, as most do.
func BenchmarkChanged(b *testing.B) {
	s := newStory()
	b.ReportAllocs()
	for b.Loop() {
		s.Changed(1, &s.quiet, s.is[1])
	}
}

// BenchmarkLeaves is an acknowledgement, the message with the most to check.
func BenchmarkLeaves(b *testing.B) {
	s := newStory()
	s.turn()
	m := raft.Message{Kind: raft.AppendAnswer, From: 2, To: 1, Term: 1, Index: 1, LogTerm: 1}
	b.ReportAllocs()
	for b.Loop() {
		s.Leaves(1, &m)
	}
}
