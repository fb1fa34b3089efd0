package invariant

import (
	"bufio"
	"hash"
	"hash/crc64"

	"gauntlet/raft/kv"
	"gauntlet/sim/failure"
)

// states is the first state that was seen at each index (paper, figure 3: state machine safety).
// It is a state as its snapshot has it: the map, the sessions with their answers, and the time.
type states struct {
	first map[uint64]stateSeen
	sum   hash.Hash64
	room  *bufio.Writer // in front of sum
}

type stateSeen struct {
	node int
	sum  uint64
}

// snapshotBuffer is as large as the one that a snapshot is written through, which then needs none.
const snapshotBuffer = 64 << 10

func newStates() states {
	sum := crc64.New(crc64.MakeTable(crc64.ISO))
	return states{
		first: make(map[uint64]stateSeen), sum: sum, room: bufio.NewWriterSize(sum, snapshotBuffer),
	}
}

func (s *states) reset() { clear(s.first) }

// State tells the state of a member that has applied all entries up to an index. It returns whether
// another member's was known to compare it with.
func (w *Watch) State(node int, index uint64, view kv.View) bool {
	if w.failed != nil {
		return false
	}
	s := &w.states
	s.sum.Reset()
	s.room.Reset(s.sum)
	view.WriteTo(s.room) // a checksum takes everything
	s.room.Flush()
	seen, known := s.first[index]
	if !known {
		s.first[index] = stateSeen{node, s.sum.Sum64()}
		return false
	}
	if seen.sum != s.sum.Sum64() {
		w.fail(failure.Failure{
			Signature: failure.StateMismatch, Nodes: []int{seen.node, node}, Index: index,
		}, "%s and %s have applied the same %d entries, but their states differ",
			name(seen.node), name(node), index)
	}
	return seen.node != node
}
