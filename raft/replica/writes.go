package replica

import "gauntlet/raft"

// maxMergedBytes bounds what one write gathers, so that the first of its waiters is not held up.
const maxMergedBytes = 16 << 20

// Write is what Effects ask of the disk: HardState (if not nil), and Entries, which replace
// everything from Entries[0].Index on; before them the log begins anew behind Base, if that is not
// nil.
type Write struct {
	Sequence  uint64
	HardState *raft.HardState
	Base      *raft.Position
	Entries   []raft.Entry
}

// Writes is the queue before a disk. Whatever has gathered while the last sync went on becomes one
// write with one sync: group commit without a timer. The zero value is empty.
type Writes struct {
	queue  []Write
	merged []raft.Entry // room for Take to work in
}

// Add queues a write behind all others. What can gather is bounded by the core's own limits.
func (q *Writes) Add(w Write) { q.queue = append(q.queue, w) }

// Take merges the writes at the head of the queue into one that leaves the disk as they would one
// after the other. Its entries stay as they are until the next Take; Add does not touch them. It
// returns false if there is nothing to write.
func (q *Writes) Take() (Write, bool) {
	if len(q.queue) == 0 {
		return Write{}, false
	}
	merged := q.queue[0]
	taken, bytes := 1, dataBytes(merged.Entries)
	for _, next := range q.queue[1:] {
		if bytes += dataBytes(next.Entries); bytes > maxMergedBytes {
			break
		}
		if taken == 1 {
			q.merged = append(q.merged[:0], merged.Entries...)
		}
		merged.Sequence = next.Sequence
		if next.HardState != nil {
			merged.HardState = next.HardState
		}
		if next.Base != nil {
			merged.Base, q.merged = next.Base, q.merged[:0]
		}
		q.merged = replaceFrom(q.merged, next.Entries)
		merged.Entries = q.merged
		taken++
	}
	left := copy(q.queue, q.queue[taken:])
	clear(q.queue[left:])
	q.queue = q.queue[:left]
	return merged, true
}

// replaceFrom returns the entries that remain to be written when next is to be written after first.
// Those of first that next replaces are never written, which is as if they had been and were
// overwritten at once.
func replaceFrom(first, next []raft.Entry) []raft.Entry {
	if len(first) == 0 || len(next) == 0 {
		return append(first, next...)
	}
	kept := uint64(0)
	if next[0].Index > first[0].Index {
		kept = next[0].Index - first[0].Index
	}
	return append(first[:kept], next...)
}

func dataBytes(entries []raft.Entry) int {
	n := 0
	for _, e := range entries {
		n += len(e.Data)
	}
	return n
}
