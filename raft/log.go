package raft

import (
	"fmt"
	"slices"
	"sort"
)

// log is the replicated log in memory, without the beginning that a snapshot stands for (paper,
// section 7). Slices of it are handed out, so no slot of the array behind it is ever written twice:
// truncating makes the next append copy.
type log struct {
	base    Position // the entry before the first one kept; of a log never compacted, index 0
	entries []Entry  // index i at i-base.Index-1
	handed  uint64   // up to here handed out for writing
	durable uint64   // up to here known to be on this member's disk
}

// restoredLog is what the disk held: entries that follow base.
func restoredLog(base Position, entries []Entry) log {
	n := uint64(len(entries))
	return log{
		base: base, entries: entries[:n:n], handed: base.Index + n, durable: base.Index + n,
	}
}

// last returns the index of the last entry, 0 in an empty log.
func (l *log) last() uint64 {
	return l.base.Index + uint64(len(l.entries))
}

// knows tells whether the log can tell the term at an index: it holds the entry there, or it is
// the last one compacted, whose term the log keeps.
func (l *log) knows(index uint64) bool {
	return index >= l.base.Index && index <= l.last()
}

// term returns the term of the entry at index, and 0 where the log does not know it: at index 0,
// above the last entry, and where all is compacted away. That 0 is no term to compare with: see
// holds.
func (l *log) term(index uint64) uint64 {
	if !l.knows(index) {
		return 0
	}
	if index == l.base.Index {
		return l.base.Term
	}
	return l.at(index).Term
}

// at returns the entry at an index above the base.
func (l *log) at(index uint64) *Entry {
	return &l.entries[index-l.base.Index-1]
}

// holds tells whether the log has this very entry; all logs have the nothing at index 0. Of what
// is compacted away it can only tell the last one: for all others the answer is no.
func (l *log) holds(index, term uint64) bool {
	return l.knows(index) && l.term(index) == term
}

// upToDate tells whether a log that ends with (index, term) is at least as up-to-date as this one
// (paper 5.4.1): the later last term wins, then the longer log.
func (l *log) upToDate(index, term uint64) bool {
	own := l.term(l.last())
	return term > own || term == own && index >= l.last()
}

// from returns the entries from index on, as many as fit into maxBytes but at least one.
func (l *log) from(index uint64, maxBytes int) []Entry {
	rest := l.between(index-1, l.last())
	bytes := 0
	for i, e := range rest {
		bytes += size(e)
		if i > 0 && bytes > maxBytes {
			return rest[:i:i]
		}
	}
	return rest
}

// between returns the entries in (after, upTo], none of which may be compacted away.
func (l *log) between(after, upTo uint64) []Entry {
	from, to := after-l.base.Index, upTo-l.base.Index
	return l.entries[from:to:to]
}

// append adds entries that follow the last one.
func (l *log) append(entries ...Entry) {
	l.entries = append(l.entries, entries...)
}

// conflict returns the first of the entries that this log does not hold, as a place in entries:
// len(entries) if it holds them all. The entries' predecessor must match.
func (l *log) conflict(entries []Entry) int {
	for i, e := range entries {
		if !l.holds(e.Index, e.Term) {
			return i
		}
	}
	return len(entries)
}

// truncate drops the entries from index on. What was handed out or durable of them no longer
// counts, even if the very same entries come back: the disk will drop them in between.
func (l *log) truncate(index, commit uint64) {
	if index <= commit {
		panic(fmt.Sprintf("raft: asked to drop entry %d, committed up to %d", index, commit))
	}
	n := index - l.base.Index - 1
	l.entries = l.entries[:n:n]
	l.handed = min(l.handed, index-1)
	l.durable = min(l.durable, index-1)
}

// compact drops the entries up to index, which must be durable. What is kept is copied: the old
// array would keep what was dropped in memory.
func (l *log) compact(index uint64) {
	if index <= l.base.Index {
		return
	}
	if index > l.durable {
		panic(fmt.Sprintf("raft: asked to compact up to %d, durable up to %d", index, l.durable))
	}
	base := Position{Index: index, Term: l.term(index)}
	l.entries = slices.Clone(l.between(index, l.last()))
	l.base = base
}

// beforeTail returns the least index behind which, up to last, there are at most so many entries,
// and at most so many bytes of their data; 0 bytes: any.
func (l *log) beforeTail(last, entries uint64, bytes int) uint64 {
	first := last - min(last, entries)
	if bytes == 0 {
		return first
	}
	for i := last; i > max(first, l.base.Index); i-- {
		bytes -= len(l.entries[i-l.base.Index-1].Data)
		if bytes < 0 {
			return i
		}
	}
	return first
}

// lastUpToTerm returns the last index that is at most index and has at most this term, or 0: where
// two logs can agree at the latest (paper 5.3, end: whole terms are skipped). What is compacted
// away has unknown terms: the answer may then be any index before it, and the logs may agree only
// earlier.
func (l *log) lastUpToTerm(index, term uint64) uint64 {
	if index < l.base.Index {
		return index
	}
	n := min(index, l.last()) - l.base.Index
	kept := sort.Search(int(n), func(i int) bool { return l.entries[i].Term > term })
	if kept == 0 && l.base.Term > term {
		return l.base.Index - 1
	}
	return l.base.Index + uint64(kept)
}
