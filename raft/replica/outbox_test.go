package replica

import (
	"slices"
	"testing"

	"gauntlet/raft"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var big [7 << 20]byte

// drawWrite draws what a core could ask of a disk.
func drawWrite(t *rapid.T, sequence uint64, disk twin) Write {
	w := Write{Sequence: sequence}
	if rapid.Bool().Draw(t, "hard state") {
		w.HardState = &raft.HardState{Term: sequence}
	}
	if rapid.IntRange(0, 3).Draw(t, "begins anew") == 0 {
		ahead := rapid.Uint64Range(0, 3).Draw(t, "ahead")
		w.Base = &raft.Position{Index: disk.Base.Index + uint64(len(disk.Log)) + ahead, Term: sequence}
		disk = twin{Base: *w.Base}
	}
	first := disk.Base.Index + rapid.Uint64Range(1, uint64(len(disk.Log))+1).Draw(t, "first")
	for i := range rapid.Uint64Range(0, 4).Draw(t, "entries") {
		w.Entries = append(w.Entries, raft.Entry{
			Index: first + i, Term: sequence, Kind: raft.EntryCommand,
			Data: big[:rapid.SampledFrom([]int{0, 9, len(big)}).Draw(t, "bytes")],
		})
	}
	return w
}

// twin is a dumb disk.
type twin struct {
	Hard raft.HardState
	Base raft.Position
	Log  []raft.Position // behind Base
}

func (d twin) write(w Write) twin {
	if w.HardState != nil {
		d.Hard = *w.HardState
	}
	if w.Base != nil {
		d.Base, d.Log = *w.Base, nil
	}
	for i, e := range w.Entries {
		if i == 0 {
			d.Log = slices.Clone(d.Log[:e.Index-1-d.Base.Index])
		}
		d.Log = append(d.Log, raft.Position{Index: e.Index, Term: e.Term})
	}
	return d
}

// Goal: group commit leaves the disk as writing one by one would, skips and repeats nothing, and
// is bounded. Method: random writes, as a core makes them, taken at random; a dumb twin of the
// disk is given them one by one, and is asked whenever a merged write was carried out.
func TestMergedWritesEqualSingleOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q Writes
		var merged twin
		asked := []twin{{}} // the twin, after each sequence
		done := uint64(0)
		take := func() bool {
			w, ok := q.Take()
			if !ok {
				return false
			}
			if w.Sequence <= done || dataBytes(w.Entries) > maxMergedBytes+4*len(big) {
				t.Fatalf("write %d of %d bytes after write %d", w.Sequence,
					dataBytes(w.Entries), done)
			}
			done, merged = w.Sequence, merged.write(w)
			if diff := cmp.Diff(asked[done], merged, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("after write %d: %s", done, diff)
			}
			return true
		}
		for sequence := range uint64(rapid.IntRange(1, 12).Draw(t, "writes")) {
			last := asked[len(asked)-1]
			w := drawWrite(t, sequence+1, last)
			asked = append(asked, last.write(w))
			q.Add(w)
			if rapid.IntRange(0, 3).Draw(t, "take") == 0 {
				take()
			}
		}
		for take() {
		}
		if done != uint64(len(asked)-1) {
			t.Fatalf("write %d of %d was the last", done, len(asked)-1)
		}
	})
}

// Goal: a merged write stays as it is while others are added, and changes no one else's entries.
// Method: entries in one array with room behind them, as a core hands them out.
func TestMergedWriteIsStable(t *testing.T) {
	var q Writes
	array := make([]raft.Entry, 0, 8)
	for i := range uint64(4) {
		array = append(array, raft.Entry{Index: i + 1, Term: 1})
	}
	q.Add(Write{Sequence: 1, Entries: array[:2]})
	q.Add(Write{Sequence: 2, Entries: []raft.Entry{{Index: 3, Term: 2}}})
	w, _ := q.Take()
	q.Add(Write{Sequence: 3, Entries: []raft.Entry{{Index: 1, Term: 3}}})
	want := []raft.Entry{{Index: 1, Term: 1}, {Index: 2, Term: 1}, {Index: 3, Term: 2}}
	if diff := cmp.Diff(want, w.Entries); diff != "" {
		t.Error(diff)
	}
	if array[2].Term != 1 {
		t.Error("an entry of the log was overwritten")
	}
}

// Goal: rules 1 and 2 of raft.Ready. A message leaves at once if it may; one that waits leaves
// as soon as every write asked for up to then is durable, not before, once, and in order.
// Method: random effects and completions; each message is numbered, and carries the last write
// asked for when it was handed over.
func TestOutbox(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o Outbox
		var asked, durable, count, left uint64
		leave := func(messages []raft.Message) {
			for _, m := range messages {
				if m.Index > durable || m.Index > 0 && m.ID <= left {
					t.Fatalf("message %d, which waits for write %d, left after message %d, "+
						"with write %d durable", m.ID, m.Index, left, durable)
				}
				if m.Index > 0 {
					left = m.ID
				}
				count--
			}
		}
		for sequence := range uint64(rapid.IntRange(1, 30).Draw(t, "steps")) {
			if asked > durable && rapid.Bool().Draw(t, "persist") {
				durable = rapid.Uint64Range(durable+1, asked).Draw(t, "durable")
				leave(o.Persisted(durable))
				continue
			}
			e := Effects{Sequence: sequence + 1}
			switch rapid.IntRange(0, 5).Draw(t, "write") {
			case 0:
				e.Entries, asked = []raft.Entry{{}}, e.Sequence
			case 1:
				e.HardState, asked = &raft.HardState{}, e.Sequence
			case 2:
				e.Base, asked = &raft.Position{}, e.Sequence
			}
			for range rapid.IntRange(0, 2).Draw(t, "now") {
				e.Now = append(e.Now, raft.Message{ID: sequence})
			}
			for i := range uint64(rapid.IntRange(0, 2).Draw(t, "after")) {
				id := 1 + 2*sequence + i
				e.AfterPersist = append(e.AfterPersist, raft.Message{ID: id, Index: asked})
			}
			count += uint64(len(e.Now) + len(e.AfterPersist))
			now, w, write := o.Add(&e)
			if write != (asked == e.Sequence) || write && w.Sequence != e.Sequence {
				t.Fatalf("write %v of %+v", write, e)
			}
			leave(now)
		}
		durable = asked
		leave(o.Persisted(asked))
		if count != 0 {
			t.Fatalf("%d messages never left", count)
		}
	})
}
