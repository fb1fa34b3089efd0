package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"gauntlet/raft"
)

const dir = "/data"

// testOptions makes segments small, so that a few appends fill several.
func testOptions(salt uint64) Options {
	return Options{SegmentBytes: 256, Salt: salt, ChunkBytes: 64}
}

func entry(index, term uint64, data string) raft.Entry {
	return raft.Entry{
		Index: index, Term: term, Kind: raft.EntryCommand, Time: time.Duration(index * term),
		Data: []byte(data),
	}
}

func open(t testing.TB, m *Memory, salt uint64) (*Log, raft.Restored) {
	t.Helper()
	l, restored, err := Open(m, dir, testOptions(salt))
	if err != nil {
		t.Fatal(err)
	}
	return l, restored
}

func mustAppend(t testing.TB, l *Log, hard *raft.HardState, entries ...raft.Entry) {
	t.Helper()
	if err := l.Append(hard, entries); err != nil {
		t.Fatal(err)
	}
}

func wantRestored(t interface{ Fatalf(string, ...any) }, got, want raft.Restored) {
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("restored (-want +got):\n%s", diff)
	}
}

// apply is the dumb twin of the log: what a member must remember after an Append.
func apply(r raft.Restored, hard *raft.HardState, entries []raft.Entry) raft.Restored {
	if hard != nil {
		r.HardState = *hard
	}
	if len(entries) > 0 {
		kept := append([]raft.Entry(nil), r.Entries[:entries[0].Index-1-r.Snapshot.Index]...)
		r.Entries = append(kept, entries...)
	}
	return r
}

// Goal: rule 2 and rule 3. A failed sync kills the log; and what a later process then sees in the
// page cache is durable before it is believed.
// Method: fail one sync, check that the log stays dead, start again without a power cut, append,
// cut the power losing all that is unsynced: everything seen at the restart must be there.
func TestFailedSync(t *testing.T) {
	disk := NewMemory()
	l, _ := open(t, disk, 1)
	mustAppend(t, l, &raft.HardState{Term: 1, Vote: 1}, entry(1, 1, "a"))
	broken := errors.New("input/output error")
	disk.Fault = func(operation, _ string) error {
		if operation == "sync" {
			return broken
		}
		return nil
	}
	if err := l.Append(nil, []raft.Entry{entry(2, 1, "b")}); !errors.Is(err, broken) {
		t.Fatalf("append: %v", err)
	}
	disk.Fault = nil
	if err := l.Append(nil, []raft.Entry{entry(2, 1, "b")}); !errors.Is(err, ErrDead) {
		t.Fatalf("append after a failed sync: %v, want ErrDead", err)
	}

	disk.Restart()
	l, seen := open(t, disk, 2)
	mustAppend(t, l, nil, entry(uint64(len(seen.Entries))+1, 1, "c"))
	_, restored := open(t, disk.Crash(LoseUnsynced, nil), 3)
	want := apply(seen, nil, []raft.Entry{entry(uint64(len(seen.Entries))+1, 1, "c")})
	wantRestored(t, restored, want)
}

// Goal: rule 3 for a snapshot being received. Blocks whose sync failed are in the page cache,
// clean, and a later life that goes on behind them must not believe that its own sync covers them.
// Method: fail the last sync of a snapshot, start again without a power cut, receive the rest,
// begin the log anew behind it, cut the power losing all that is unsynced: the snapshot must be
// whole.
func TestFailedSyncOfReceivedSnapshot(t *testing.T) {
	disk, broken := NewMemory(), errors.New("input/output error")
	l, _ := open(t, disk, 1)
	hard := raft.HardState{Term: 1, Vote: 1}
	mustAppend(t, l, &hard, entry(1, 1, "a"))
	s, state := snapshotOf(9, 1), stateOf(9, 1)
	receive := func(from uint64) error {
		for at := from; at < s.Size; at += 64 {
			data := state[at:min(at+64, s.Size)]
			part := raft.Chunk{Snapshot: s, Offset: at, Data: data}
			if _, err := l.Snapshots().Store(part); err != nil {
				return err
			}
		}
		return nil
	}
	disk.Fault = func(operation, _ string) error {
		if operation == "sync" {
			return broken
		}
		return nil
	}
	if err := receive(0); !errors.Is(err, broken) {
		t.Fatalf("received: %v", err)
	}
	disk.Fault = nil

	disk.Restart()
	l, seen := open(t, disk, 2)
	if seen.Partial.ID() != s.ID() || seen.PartialBytes == 0 {
		t.Fatalf("nothing to go on with: %+v", seen)
	}
	if err := receive(seen.PartialBytes); err != nil {
		t.Fatal(err)
	}
	if err := l.Restart(nil, raft.Position{Index: s.Index, Term: s.Term}, nil); err != nil {
		t.Fatal(err)
	}
	_, restored := open(t, disk.Crash(LoseUnsynced, nil), 3)
	wantRestored(t, restored, raft.Restored{HardState: hard, Snapshot: s})
}

// Goal: rule 4 for every bit. Damage to the last record of the live segment loses that record only;
// damage anywhere before is refused, and the file is left as it was.
// Method: flip every bit of the header, of the first and of the last record in turn.
func TestEveryFlippedBit(t *testing.T) {
	disk := NewMemory()
	l, _ := open(t, disk, 7)
	mustAppend(t, l, &raft.HardState{Term: 1, Vote: 1}, entry(1, 1, "first"))
	last := l.live.offset
	mustAppend(t, l, nil, entry(2, 1, "second"))
	end := l.live.offset
	path := filepath.Join(dir, segmentName(1))
	whole := disk.Content(path)
	for bit := range end * 8 {
		damaged := bytes.Clone(whole)
		damaged[bit/8] ^= 1 << (bit % 8)
		broken := NewMemory()
		broken.SetContent(path, damaged)
		log, restored, err := Open(broken, dir, testOptions(8))
		if bit/8 < last {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("bit %d of byte %d: %v, want ErrCorrupt", bit%8, bit/8, err)
			}
			if !bytes.Equal(broken.Content(path), damaged) {
				t.Fatalf("byte %d: the refused file was changed", bit/8)
			}
			continue
		}
		if err != nil {
			t.Fatalf("byte %d of the tail: %v", bit/8, err)
		}
		if len(restored.Entries) != 1 || log.Recovery().TornBytes == 0 {
			t.Fatalf("byte %d: %d entries, %+v", bit/8, len(restored.Entries), log.Recovery())
		}
	}
}

// Goal: what a client stored can neither pass for a record nor make a torn tail look corrupt.
// Method: store as a value the very bytes of a record that was valid at its place under another
// salt; tear the header off the record that carries it.
func TestForgedRecord(t *testing.T) {
	disk := NewMemory()
	l, _ := open(t, disk, 1)
	place := uint64(l.live.offset + recordHeaderBytes + 4) // where the value will stand
	kind, body := appendBody(nil, &raft.HardState{Term: 9, Vote: 3}, nil, nil)
	forged, _ := appendRecord(nil, kind, body, 2, place, l.live.chain)
	at := l.live.offset
	mustAppend(t, l, nil, entry(1, 1, string(forged)))
	path := filepath.Join(dir, segmentName(1))
	torn := disk.Content(path)
	clear(torn[at : at+recordHeaderBytes])
	disk.SetContent(path, torn)
	disk.Restart()
	_, restored := open(t, disk, 3)
	wantRestored(t, restored, raft.Restored{})
}

// Goal: seals are what record.go documents. Method: a dumb twin.
func TestSeal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		header := rapid.SliceOfN(rapid.Byte(), 16, 20).Draw(t, "header")
		salt, offset := rapid.Uint64().Draw(t, "salt"), rapid.Uint64().Draw(t, "offset")
		place := binary.LittleEndian.AppendUint64(nil, salt)
		place = binary.LittleEndian.AppendUint64(place, offset)
		want := crc32.Checksum(append(place, header[:16]...), castagnoli)
		if got := sealOf(header, salt, offset); got != want {
			t.Fatalf("%x, want %x", got, want)
		}
	})
}

// Goal: a caller's mistake is refused before anything is written, and harms nothing.
func TestGapsAreRefused(t *testing.T) {
	disk := NewMemory()
	l, _ := open(t, disk, 1)
	for _, entries := range [][]raft.Entry{
		{entry(2, 1, "gap")},
		{entry(0, 1, "zero")},
		{entry(1, 1, "a"), entry(3, 1, "hole")},
	} {
		if err := l.Append(nil, entries); err == nil {
			t.Errorf("accepted %v", entries)
		}
	}
	mustAppend(t, l, nil, entry(1, 1, "a"))
	disk.Restart()
	_, restored := open(t, disk, 2)
	wantRestored(t, restored, raft.Restored{Entries: []raft.Entry{entry(1, 1, "a")}})
}

// Goal: the real file system does what the one in memory does, and keeps a second process out.
// Method: fill several segments in a temporary directory that does not exist yet; try to open it
// twice; reopen; cut the last file short in the middle of a record; reopen.
func TestDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "data")
	l, _, err := Open(Disk{}, dir, testOptions(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(Disk{}, dir, testOptions(2)); !errors.Is(err, ErrLocked) {
		t.Fatalf("second open: %v, want ErrLocked", err)
	}
	var want raft.Restored
	for i := uint64(1); i <= 20; i++ {
		e := entry(i, 1, fmt.Sprintf("value %d", i))
		mustAppend(t, l, &raft.HardState{Term: i}, e)
		want = apply(want, &raft.HardState{Term: i}, []raft.Entry{e})
	}
	tail := l.live.offset
	number := l.live.number
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, restored, err := Open(Disk{}, dir, testOptions(3))
	if err != nil {
		t.Fatal(err)
	}
	wantRestored(t, restored, want)
	if got := l.Recovery(); got.Segments < 3 || got.Records != 20 || got.TornBytes != 0 {
		t.Errorf("recovery %+v", got)
	}
	l.Close()

	if err := os.Truncate(filepath.Join(dir, segmentName(number)), int64(tail-6)); err != nil {
		t.Fatal(err)
	}
	l, restored, err = Open(Disk{}, dir, testOptions(4))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	wantRestored(t, restored, raft.Restored{
		HardState: raft.HardState{Term: 19}, Entries: want.Entries[:19],
	})
}

// Goal: no file content makes Open panic, and what it accepts it can write and read back the same.
// Method: the fuzzer chooses the bodies of records and raw bytes behind them.
func FuzzOpen(f *testing.F) {
	kind, body := appendBody(nil, &raft.HardState{Term: 2, Vote: 1}, nil,
		[]raft.Entry{entry(1, 2, "x")})
	f.Add(uint32(kind), body, []byte(nil))
	f.Add(uint32(1), []byte{}, []byte("tail"))
	f.Fuzz(func(t *testing.T, kind uint32, body, tail []byte) {
		content := segmentHeader{number: 1}.append(nil)
		previous := crc32.Checksum(content[:28], castagnoli)
		content, _ = appendRecord(content, recordKind(kind), body, 0, segmentHeaderBytes, previous)
		for _, file := range [][]byte{append(bytes.Clone(content), tail...), tail} {
			disk := NewMemory()
			disk.SetContent(filepath.Join(dir, segmentName(1)), file)
			l, restored, err := Open(disk, dir, testOptions(1))
			if err != nil {
				continue
			}
			l.Close()
			_, again, err := Open(disk, dir, testOptions(2))
			if err != nil {
				t.Fatal(err)
			}
			wantRestored(t, again, restored)
		}
	})
}

// BenchmarkMemory shows what a simulated disk costs: one durable entry, and a restart after a power
// failure.
func BenchmarkMemory(b *testing.B) {
	options := Options{SegmentBytes: 16 << 10, Salt: 1}
	begin := func() (*Memory, *Log, []raft.Entry) {
		disk := NewMemory()
		disk.Deferred = true
		l, _, err := Open(disk, dir, options)
		if err != nil {
			b.Fatal(err)
		}
		return disk, l, []raft.Entry{entry(0, 1, strings.Repeat("v", 64))}
	}
	next := func(l *Log, entries []raft.Entry) {
		entries[0].Index++
		if err := l.Append(nil, entries); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		disk, l, entries := begin()
		for b.Loop() {
			if entries[0].Index == 1<<12 { // a log for ever would need memory for ever
				disk, l, entries = begin()
			}
			next(l, entries)
			disk.Settle()
		}
	})
	b.Run("restart", func(b *testing.B) {
		b.ReportAllocs()
		disk, l, entries := begin()
		for range 300 {
			next(l, entries)
		}
		for b.Loop() {
			disk = disk.Crash(KeepSectors, func(n int) int { return n - 1 })
			if _, _, err := Open(disk, dir, options); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkAppend shows what one durable entry costs on this disk.
func BenchmarkAppend(b *testing.B) {
	l, _, err := Open(Disk{}, b.TempDir(), Options{Salt: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	index, value := uint64(0), strings.Repeat("v", 64)
	for b.Loop() {
		index++
		mustAppend(b, l, nil, entry(index, 1, value))
	}
}

// Goal: a log that has held nothing but terms and votes for segments on end can be compacted, and
// needs no snapshot for it: there is no entry that one would have to stand for.
func TestCompactWithoutEntries(t *testing.T) {
	disk := NewMemory()
	l, _ := open(t, disk, 1)
	hard := raft.HardState{}
	for len(l.sealed) == 0 {
		hard.Term++
		mustAppend(t, l, &hard)
	}
	if err := l.Compact(0); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, restored := open(t, disk, 2)
	wantRestored(t, restored, raft.Restored{HardState: hard})
}
