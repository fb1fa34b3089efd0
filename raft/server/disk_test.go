package server

import (
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/raft/wal"
)

// Goal: group commit leaves the disk as writing one by one would.
// Method: random writes, as a core makes them; once through the queue, once straight into a log.
func TestMergedWritesEqualSingleOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plainDisk, mergedDisk := wal.NewMemory(), wal.NewMemory()
		plain, _, err := wal.Open(plainDisk, "/d", wal.Options{SegmentBytes: 4096, Salt: 1})
		if err != nil {
			t.Fatal(err)
		}
		merged, _, err := wal.Open(mergedDisk, "/d", wal.Options{SegmentBytes: 4096, Salt: 1})
		if err != nil {
			t.Fatal(err)
		}
		d := newDisk(merged, func(time.Duration) {})
		last := 0
		for sequence := range rapid.IntRange(1, 8).Draw(t, "writes") {
			w := replica.Write{Sequence: uint64(sequence)}
			if rapid.Bool().Draw(t, "hard") {
				w.HardState = &raft.HardState{Term: uint64(sequence)}
			}
			first := rapid.IntRange(1, last+1).Draw(t, "first")
			for i := range rapid.IntRange(0, 4).Draw(t, "entries") {
				last = first + i
				w.Entries = append(w.Entries, raft.Entry{
					Index: uint64(last), Term: uint64(sequence) + 1, Kind: raft.EntryCommand,
				})
			}
			if err := plain.Append(w.HardState, w.Entries); err != nil {
				t.Fatal(err)
			}
			d.add(w)
		}
		d.close()
		d.run()
		plain.Close()
		merged.Close()
		_, want, err := wal.Open(plainDisk, "/d", wal.Options{SegmentBytes: 4096, Salt: 2})
		if err != nil {
			t.Fatal(err)
		}
		_, got, err := wal.Open(mergedDisk, "/d", wal.Options{SegmentBytes: 4096, Salt: 2})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Goal: a queue to a peer is bounded in messages and bytes, drops the oldest, and forgets what is
// too old to be worth sending.
func TestQueue(t *testing.T) {
	q := newQueue(new(atomic.Uint64), new(atomic.Uint64))
	for i := range queueMessages + 10 {
		q.push(raft.Message{Round: uint64(i)})
	}
	if m, ok := q.take(time.Hour); !ok || m.Round != 10 {
		t.Errorf("oldest kept: %d, want 10", m.Round)
	}
	for range 4 {
		q.push(raft.Message{Data: []byte(strings.Repeat("x", queueBytes/2))})
	}
	for range 4 {
		chunk := &raft.Chunk{Data: make([]byte, queueBytes/2)}
		q.push(raft.Message{Kind: raft.SnapshotChunk, Chunk: chunk})
	}
	if q.bytes > queueBytes || len(q.messages) > 2 {
		t.Errorf("%d messages of %d bytes", len(q.messages), q.bytes)
	}
	if _, ok := q.take(-1); ok {
		t.Error("an old message was worth sending")
	}
	if q.bytes != 0 || q.messages != nil {
		t.Errorf("an empty queue holds %d bytes", q.bytes)
	}
}

// Goal: a load that never leaves the disk idle does not keep the log from being compacted.
// Method: every write asks for the next one before it is done, so the queue is never empty; the
// log may go up to a snapshot; the first segment must be gone when the last write is.
func TestCompactionUnderLoad(t *testing.T) {
	const writes = 2 * patientWrites
	m := wal.NewMemory()
	log, _, err := wal.Open(m, "/data", wal.Options{SegmentBytes: 512})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	var d *disk
	asked, compacted := uint64(0), false
	ask := func() {
		asked++
		d.add(replica.Write{Sequence: asked, Entries: []raft.Entry{
			{Index: asked, Term: 1, Kind: raft.EntryCommand, Data: make([]byte, 64)},
		}})
	}
	d = newDisk(log, func(time.Duration) {
		if asked < writes {
			ask()
			return
		}
		names, _ := m.List("/data")
		compacted = !slices.Contains(names, "0000000000000001.wal")
	})
	snapshot, err := log.Snapshots().Save(raft.Snapshot{Index: patientWrites, Term: 1},
		func(w io.Writer) error {
			_, err := w.Write([]byte("state"))
			return err
		})
	if err != nil {
		t.Fatal(err)
	}
	d.compact(snapshot.Index)
	ask()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.run()
	}()
	for sequence := uint64(0); sequence < writes; {
		select {
		case sequence = <-d.persisted:
		case err := <-d.failed:
			t.Fatal(err)
		}
	}
	d.close()
	<-ended
	if !compacted {
		t.Error("the log was never compacted while there was something to write")
	}
}
