package sim

import (
	"gauntlet/raft"
)

// hash is the running hash of a run: of every event, and of what the members were after it.
type hash uint64

func (h *hash) add(v uint64) {
	x := (uint64(*h) ^ v) * 0x9e3779b97f4a7c15
	*h = hash(x ^ x>>29)
}

func (h *hash) event(e *event) {
	h.add(uint64(e.at))
	h.add(uint64(e.kind)<<48 | uint64(uint16(e.who))<<32 | uint64(uint32(e.ref)))
}

func (h *hash) message(m *raft.Message) {
	h.add(uint64(m.Kind)<<56 | uint64(m.From)<<48 | uint64(m.To)<<40 | uint64(len(m.Entries)))
	h.add(m.Term)
	h.add(m.Index)
	h.add(m.Commit<<1 | bit(m.Reject))
	h.add(m.Round<<32 ^ m.ID)
	if m.Chunk != nil {
		h.add(m.Chunk.Snapshot.Index)
		h.add(m.Chunk.Offset)
	}
}

func (h *hash) status(s *raft.Status) {
	h.add(s.Term<<4 | uint64(s.Role))
	h.add(s.Commit<<32 ^ s.LastIndex)
	h.add(s.LastTerm<<8 | uint64(s.Leader))
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
