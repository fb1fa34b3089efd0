package raft

import (
	"fmt"
	"sort"
)

// log is the replicated log, whole and in memory. Slices of it are handed out, so no slot of the
// array behind it is ever written twice: truncating makes the next append copy.
type log struct {
	entries []Entry // index i at i-1
	handed  uint64  // up to here handed out for writing
	durable uint64  // up to here known to be on this member's disk
}

func restoredLog(entries []Entry) log {
	n := uint64(len(entries))
	return log{entries: entries[:n:n], handed: n, durable: n}
}

// last returns the index of the last entry, 0 in an empty log.
func (l *log) last() uint64 {
	return uint64(len(l.entries))
}

// term returns the term of the entry at index: 0 at index 0, and above the last.
func (l *log) term(index uint64) uint64 {
	if index == 0 || index > l.last() {
		return 0
	}
	return l.entries[index-1].Term
}

// holds tells whether the log has this very entry; all logs have the nothing at index 0.
func (l *log) holds(index, term uint64) bool {
	return index <= l.last() && l.term(index) == term
}

// upToDate tells whether a log that ends with (index, term) is at least as up-to-date as this one
// (paper 5.4.1): the later last term wins, then the longer log.
func (l *log) upToDate(index, term uint64) bool {
	own := l.term(l.last())
	return term > own || term == own && index >= l.last()
}

// from returns the entries from index on, as many as fit into maxBytes but at least one.
func (l *log) from(index uint64, maxBytes int) []Entry {
	rest := l.entries[index-1:]
	bytes := 0
	for i, e := range rest {
		bytes += size(e)
		if i > 0 && bytes > maxBytes {
			return rest[:i:i]
		}
	}
	return rest[:len(rest):len(rest)]
}

// between returns the entries in (after, upTo].
func (l *log) between(after, upTo uint64) []Entry {
	return l.entries[after:upTo:upTo]
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
	l.entries = l.entries[: index-1 : index-1]
	l.handed = min(l.handed, index-1)
	l.durable = min(l.durable, index-1)
}

// lastUpToTerm returns the last index that is at most index and has at most this term, or 0: where
// two logs can agree at the latest (paper 5.3, end: whole terms are skipped).
func (l *log) lastUpToTerm(index, term uint64) uint64 {
	n := min(index, l.last())
	return uint64(sort.Search(int(n), func(i int) bool { return l.entries[i].Term > term }))
}
