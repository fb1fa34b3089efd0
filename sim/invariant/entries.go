package invariant

import (
	"encoding/binary"
	"time"

	"gauntlet/raft"
)

// entries is every entry that any member had in its log in any life, once. The log matching
// property makes it a tree: an index and a term name one entry and, since each entry knows the one
// before it, one past. So the last entry of a log stands for the whole log, and logs are compared
// by comparing two numbers.
type entries struct {
	known []known // by ref; the first is the nothing at index 0 with which all logs begin
	heads []ref   // by index - 1: one of the entries there
	data  []byte  // of all entries, one after the other

	configs []configured // all that ever were, the first of the beginning
	fresh   []int32      // those that are still to be looked at
}

// ref names an entry, and the log that ends with it. 0 is the empty log.
type ref int32

type known struct {
	term   uint64
	digest uint64 // of kind, time and data
	before ref    // the entry at the index below
	beside ref    // another entry at this index, of another term; 0: no more
	node   int32  // who had it first
	config int32  // the configuration in effect with it as the last entry
	kind   raft.EntryKind
	time   time.Duration
	start  int // of its data
	end    int
}

func (s *entries) reset() {
	s.known = append(s.known[:0], known{})
	s.heads, s.data = s.heads[:0], s.data[:0]
}

// find returns the entry of an index and a term, 0 if there never was one.
func (s *entries) find(index, term uint64) ref {
	if index-1 >= uint64(len(s.heads)) { // 0 wraps around
		return 0
	}
	r := s.heads[index-1]
	for r != 0 && s.known[r].term != term {
		r = s.known[r].beside
	}
	return r
}

// add returns the entry that a member has behind another one. It is new, or known and the same;
// false: it is known as another one, or with another past.
func (s *entries) add(e *raft.Entry, before ref, node int) (ref, bool) {
	digest := digestOf(e)
	if r := s.find(e.Index, e.Term); r != 0 {
		return r, s.known[r].digest == digest && s.known[r].before == before
	}
	for uint64(len(s.heads)) < e.Index {
		s.heads = append(s.heads, 0)
	}
	r := ref(len(s.known))
	start := len(s.data)
	s.data = append(s.data, e.Data...)
	s.known = append(s.known, known{
		term: e.Term, digest: digest, before: before, beside: s.heads[e.Index-1],
		node: int32(node), config: s.configuration(e, r, before), kind: e.Kind, time: e.Time,
		start: start, end: len(s.data),
	})
	s.heads[e.Index-1] = r
	return r, true
}

// same tells whether an entry read from a disk is the known one, with the same past.
func (s *entries) same(e *raft.Entry, r, before ref) bool {
	return r != 0 && s.known[r].before == before && s.known[r].digest == digestOf(e)
}

// entry returns an entry as it was when it was first seen.
func (s *entries) entry(r ref, index uint64) raft.Entry {
	k := &s.known[r]
	e := raft.Entry{Index: index, Term: k.term, Kind: k.kind, Time: k.time}
	if k.end > k.start {
		e.Data = s.data[k.start:k.end:k.end]
	}
	return e
}

// digestOf hashes kind, time and data, eight bytes at a time. Each step is a bijection of the
// state, so a change of any one word always shows.
func digestOf(e *raft.Entry) uint64 {
	const odd = 0x9e3779b97f4a7c15
	h := uint64(e.Kind)<<56 ^ uint64(len(e.Data))
	h = (h ^ uint64(e.Time)) * odd
	h ^= h >> 32
	data := e.Data
	for len(data) >= 8 {
		h = (h ^ binary.LittleEndian.Uint64(data)) * odd
		h ^= h >> 32
		data = data[8:]
	}
	last := uint64(0)
	for i, b := range data {
		last |= uint64(b) << (8 * i)
	}
	h = (h ^ last) * odd
	return h ^ h>>32
}
