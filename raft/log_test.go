package raft

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// wholeLog is the dumb twin of a log: every entry ever appended is there, and what a compacted log
// must no longer be asked for is known by its base alone. Entry i stands at i-1.
type wholeLog struct {
	terms []uint64
	base  uint64
}

func (w *wholeLog) term(index uint64) uint64 {
	if index == 0 || index < w.base || index > uint64(len(w.terms)) {
		return 0
	}
	return w.terms[index-1]
}

// holds knows nothing of what is compacted away, and of nothing it knows that it is there.
func (w *wholeLog) holds(index, term uint64) bool {
	return index >= w.base && index <= uint64(len(w.terms)) && w.term(index) == term
}

// canAgree tells whether a log that ends at limit with this term may hold what the twin has there.
func (w *wholeLog) canAgree(index, limit, term uint64) bool {
	return index <= min(limit, uint64(len(w.terms))) && (index == 0 || w.terms[index-1] <= term)
}

// checkLog compares everything that can be asked.
func checkLog(t *rapid.T, l *log, w *wholeLog) {
	last := uint64(len(w.terms))
	if l.last() != last || l.base.Index != w.base {
		t.Fatalf("base %d, last %d; want %d, %d", l.base.Index, l.last(), w.base, last)
	}
	if err := validEntries(l.base, l.entries, 100); err != nil {
		t.Fatal(err)
	}
	for index := range last + 2 {
		if l.term(index) != w.term(index) {
			t.Fatalf("entry %d has term %d, want %d", index, l.term(index), w.term(index))
		}
		for term := range uint64(5) {
			if l.holds(index, term) != w.holds(index, term) {
				t.Fatalf("holds(%d, %d) is %v with base %v", index, term, l.holds(index, term), l.base)
			}
			checkAgreement(t, l, w, index, term)
		}
	}
	for after := w.base; after <= last; after++ {
		for upTo := after; upTo <= last; upTo++ {
			part := l.between(after, upTo)
			if len(part) != int(upTo-after) || cap(part) != len(part) {
				t.Fatalf("%d entries in (%d, %d], capacity %d", len(part), after, upTo, cap(part))
			}
			if len(part) > 0 && part[0].Index != after+1 {
				t.Fatalf("(%d, %d] begins with entry %d", after, upTo, part[0].Index)
			}
		}
	}
}

// checkAgreement checks a hint: nothing above it can be common to both logs.
func checkAgreement(t *rapid.T, l *log, w *wholeLog, index, term uint64) {
	hint := l.lastUpToTerm(index, term)
	if hint > index || hint > l.last() {
		t.Fatalf("logs agree up to %d, of %d at most", hint, index)
	}
	for above := max(hint, w.base) + 1; above <= index; above++ {
		if w.canAgree(above, index, term) {
			t.Fatalf("hint %d for (%d, %d), but entry %d of term %d can be common",
				hint, index, term, above, w.term(above))
		}
	}
	if l.knows(hint) && l.term(hint) > term {
		t.Fatalf("hint %d for (%d, %d) has term %d", hint, index, term, l.term(hint))
	}
}

// Goal: a compacted log tells the truth about what it holds, and knows what it does not know: a
// term that was compacted away equals none, above all not 0. Method: append, truncate, persist and
// compact at random, and compare with a twin that keeps everything.
func TestLogAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, w, commit := restoredLog(Position{}, nil), &wholeLog{}, uint64(0)
		draw := func(from, to uint64, what string) uint64 {
			return rapid.Uint64Range(from, to).Draw(t, what)
		}
		for range draw(1, 25, "steps") {
			last := uint64(len(w.terms))
			switch draw(0, 4, "what") {
			case 0, 1:
				e := Entry{Index: last + 1, Term: draw(max(w.lastTerm(), 1), 4, "term")}
				l.append(e)
				w.terms = append(w.terms, e.Term)
			case 2:
				if last > commit {
					index := draw(commit+1, last, "truncate")
					l.truncate(index, commit)
					w.terms = w.terms[:index-1]
				}
			case 3:
				l.handed, l.durable = last, last
				commit = draw(commit, last, "commit")
			case 4:
				index := draw(0, min(commit, l.durable), "compact")
				before, kept := l.entries, slices.Clone(l.entries)
				l.compact(index)
				w.base = max(w.base, index)
				if !slices.EqualFunc(before, kept, sameEntry) {
					t.Fatal("compacting changed entries that were handed out")
				}
			}
			checkLog(t, &l, w)
		}
	})
}

// lastTerm returns the term of the last entry, 0 if there is none.
func (w *wholeLog) lastTerm() uint64 {
	if len(w.terms) == 0 {
		return 0
	}
	return w.terms[len(w.terms)-1]
}

// Goal: what is kept behind a snapshot is as much as may be, and no more, in entries and in bytes.
func TestBeforeTail(t *testing.T) {
	l := restoredLog(Position{Index: 10, Term: 1}, []Entry{
		{Index: 11, Term: 1, Data: make([]byte, 5)}, {Index: 12, Term: 1},
		{Index: 13, Term: 1, Data: make([]byte, 3)}, {Index: 14, Term: 1, Data: make([]byte, 2)},
	})
	for _, c := range []struct {
		last, entries uint64
		bytes         int
		want          uint64
	}{
		{14, 0, 0, 14}, {14, 2, 0, 12}, {14, 100, 0, 0}, {14, 14, 100, 0}, {14, 4, 100, 10},
		{14, 4, 1, 14}, {14, 4, 2, 13}, {14, 4, 4, 13}, {14, 4, 5, 11}, {14, 4, 9, 11},
		{14, 4, 10, 10}, {14, 1, 10, 13}, {13, 4, 3, 11}, {12, 4, 3, 11},
	} {
		if got := l.beforeTail(c.last, c.entries, c.bytes); got != c.want {
			t.Errorf("beforeTail(%d, %d, %d) = %d, want %d", c.last, c.entries, c.bytes, got, c.want)
		}
	}
}
