package wal

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"gauntlet/raft"
)

// errPower is what an operation ends with when the power goes.
var errPower = errors.New("power cut")

// twin is what a member must remember: the dumb twin of a log and its snapshots.
type twin struct {
	t       *rapid.T
	disk    *Memory
	log     *Log
	known   raft.Restored // acknowledged
	attempt raft.Restored // acknowledged, and then what was under way
}

// stateOf returns the state that the snapshot of an entry has: some chunks of it.
func stateOf(index, term uint64) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%d/%d;", index, term), 40)
}

func snapshotOf(index, term uint64) raft.Snapshot {
	state := stateOf(index, term)
	return raft.Snapshot{Index: index, Term: term, Size: uint64(len(state)),
		Checksum: crc32.Checksum(state, castagnoli)}
}

// covered is the dumb twin of rule 6: what is left of the log when a snapshot becomes durable.
func covered(r raft.Restored, s raft.Snapshot) raft.Restored {
	var kept []raft.Entry
	for _, e := range r.Entries {
		if e.Index == s.Index && e.Term == s.Term {
			kept = r.Entries[s.Index-r.Snapshot.Index:]
		}
	}
	r.Snapshot, r.Entries = s, slices.Clone(kept)
	if s.Term > r.HardState.Term {
		r.HardState = raft.HardState{Term: s.Term}
	}
	return r
}

// open begins a life, and checks what it finds.
func (w *twin) open(salt int) error {
	l, restored, err := Open(w.disk, dir, testOptions(uint64(salt)))
	if err != nil {
		return err
	}
	w.log = l
	part, has := restored.Partial, restored.PartialBytes
	restored.Partial, restored.PartialBytes = raft.Snapshot{}, 0
	if !cmp.Equal(restored, w.known, cmpopts.EquateEmpty()) {
		wantRestored(w.t, restored, w.attempt)
	}
	w.known, w.attempt = restored, restored
	if s := restored.Snapshot; s.Index > 0 {
		err := l.Snapshots().Load(s, func(r io.Reader) error {
			state, err := io.ReadAll(r)
			if err == nil && !bytes.Equal(state, stateOf(s.Index, s.Term)) {
				w.t.Fatalf("snapshot %d holds %q", s.Index, state)
			}
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if part.Index > 0 && (part.Index <= restored.Snapshot.Index || has == 0 || has >= part.Size) {
		w.t.Fatalf("%d bytes of snapshot %d go on behind snapshot %d",
			has, part.Index, restored.Snapshot.Index)
	}
	if part.Index > 0 && rapid.Bool().Draw(w.t, "resume") {
		return w.receive(part, has)
	}
	return nil
}

// step does one thing that a member can ask for.
func (w *twin) step() error {
	switch rapid.IntRange(0, 5).Draw(w.t, "step") {
	case 0:
		return w.compact()
	case 1:
		s := w.known.Snapshot
		index := s.Index + uint64(rapid.IntRange(1, 5).Draw(w.t, "index"))
		term := max(w.known.HardState.Term, 1) + uint64(rapid.IntRange(0, 1).Draw(w.t, "later"))
		if at := index - s.Index; at <= uint64(len(w.known.Entries)) && rapid.Bool().Draw(w.t, "held") {
			term = w.known.Entries[at-1].Term
		}
		return w.receive(snapshotOf(index, term), 0)
	}
	hard, entries := drawAppend(w.t, w.known)
	w.attempt = apply(w.known, hard, entries)
	if err := w.log.Append(hard, entries); err != nil {
		return err
	}
	w.known = w.attempt
	return nil
}

// compact takes a snapshot and drops the log that it stands for.
func (w *twin) compact() error {
	if len(w.known.Entries) == 0 {
		return nil
	}
	e := w.known.Entries[rapid.IntRange(0, len(w.known.Entries)-1).Draw(w.t, "up to")]
	s := snapshotOf(e.Index, e.Term)
	w.attempt = covered(w.known, s)
	made, err := w.log.Snapshots().Save(raft.Snapshot{Index: s.Index, Term: s.Term},
		func(out io.Writer) error {
			state := stateOf(s.Index, s.Term)
			for len(state) > 0 {
				n := min(rapid.SampledFrom([]int{1, 50, 64, 100, 1000}).Draw(w.t, "at once"), len(state))
				if _, err := out.Write(state[:n]); err != nil {
					return err
				}
				state = state[n:]
			}
			return nil
		})
	if err != nil {
		return err
	}
	if made.ID() != s.ID() {
		w.t.Fatalf("made %+v, want %+v", made, s)
	}
	w.known = w.attempt
	return w.log.Compact(s.Index)
}

// receive takes a snapshot in from an offset on, and begins the log anew unless that holds its last
// entry.
func (w *twin) receive(s raft.Snapshot, from uint64) error {
	for at, state := from, stateOf(s.Index, s.Term); at < s.Size; {
		data := state[at:min(at+64, s.Size)]
		w.attempt = w.known
		if at += uint64(len(data)); at == s.Size {
			w.attempt = covered(w.known, s)
		}
		complete, err := w.log.Snapshots().Store(raft.Chunk{
			Snapshot: s, Offset: at - uint64(len(data)), Data: data,
		})
		if err != nil {
			return err
		}
		if complete != (at == s.Size) {
			w.t.Fatalf("complete is %v at %d of %d", complete, at, s.Size)
		}
		if !complete && rapid.IntRange(0, 9).Draw(w.t, "given up") == 0 {
			return nil
		}
	}
	held := len(w.attempt.Entries) > 0 || slices.ContainsFunc(w.known.Entries,
		func(e raft.Entry) bool { return e.Index == s.Index && e.Term == s.Term })
	hard := w.attempt.HardState
	w.known = w.attempt
	if held {
		return w.log.Append(&hard, nil)
	}
	return w.log.Restart(&hard, raft.Position{Index: s.Index, Term: s.Term}, nil)
}

// Goal: a crash at any instant loses nothing that was acknowledged and invents nothing: not while
// appending, nor while a snapshot is made, received or installed, nor while the log is compacted.
// Method: against a dumb twin, do all of it at random; let a random write, sync, rename, removal or
// directory sync fail, and all after it; cut the power then, under every crash model, or let the
// process alone end, which finds in the page cache what it failed to sync; recover; go on. The twin
// allows what was under way to have happened or not. Several lives follow each other on what the
// last one left.
func TestCrashAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &twin{t: t, disk: NewMemory()}
		for life := range rapid.IntRange(1, 5).Draw(t, "lives") {
			left := rapid.IntRange(0, 40).Draw(t, "operations until they fail")
			w.disk.Fault = func(string, string) error {
				if left--; left < 0 {
					return errPower
				}
				return nil
			}
			err := w.open(life)
			for err == nil {
				err = w.step()
			}
			if !errors.Is(err, errPower) {
				t.Fatal(err)
			}
			w.disk.Fault = nil
			if rapid.Bool().Draw(t, "only the process ends") {
				w.disk.Restart()
				continue
			}
			model := Crash(rapid.IntRange(0, int(KeepSectors)).Draw(t, "crash"))
			w.disk = w.disk.Crash(model, func(n int) int {
				return rapid.IntRange(0, n-1).Draw(t, "kept")
			})
		}
		if err := w.open(99); err != nil {
			t.Fatal(err)
		}
	})
}

// drawAppend draws what a core could ask for: a newer hard state, entries that extend the log or
// replace a suffix of it, or both.
func drawAppend(t *rapid.T, known raft.Restored) (*raft.HardState, []raft.Entry) {
	what := rapid.IntRange(1, 3).Draw(t, "what")
	term := known.HardState.Term + uint64(rapid.IntRange(0, 1).Draw(t, "later"))
	term = max(term, 1)
	var hard *raft.HardState
	if what&1 != 0 || term > known.HardState.Term {
		hard = &raft.HardState{Term: term, Vote: raft.NodeID(rapid.IntRange(0, 3).Draw(t, "vote"))}
	}
	var entries []raft.Entry
	if what&2 != 0 {
		first := rapid.IntRange(1, len(known.Entries)+1).Draw(t, "first") + int(known.Snapshot.Index)
		for i := range rapid.IntRange(1, 3).Draw(t, "entries") {
			data := strings.Repeat("x", rapid.IntRange(0, 300).Draw(t, "size"))
			entries = append(entries, entry(uint64(first+i), term, data))
		}
	}
	return hard, entries
}
