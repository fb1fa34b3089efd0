// Package wal keeps a member's log and hard state durable, in segments of checksummed records on a
// small file-system interface, so that a simulator can run this very code over a disk that loses,
// tears and lies.
//
// # Rules
//
//  1. Append returns only when what it was given is on stable storage. One Append is one write and
//     one fdatasync of one record, so at most one record was ever unsynced: it alone can be torn.
//  2. After a failed write or sync the Log is dead. The kernel marks the pages clean, so that a
//     retry would succeed and lie (Rebello et al., "Can Applications Recover from fsync Failures?",
//     ATC 2020). The process must end.
//  3. For the same reason Open writes the live segment anew, synced, before it returns: what the
//     page cache shows of it may never have reached the disk. So it does with what is there of a
//     snapshot being received, which is synced when it is complete.
//  4. A bad record with nothing valid after it in the live segment is a torn tail, never
//     acknowledged, and is cut. Anything else that does not read back is corruption: Open refuses
//     and changes nothing (Alagappan et al., "Protocol-Aware Recovery", FAST 2018).
//  5. A file counts from the moment its directory is synced, and it is complete by then.
//  6. No entry goes before a snapshot that stands for it is durable. If a crash comes between the
//     two, the log and the snapshot overlap, or the log ends before the snapshot's last entry or
//     contradicts it: then the snapshot is newer, and the log begins anew behind it. A log whose
//     beginning is compacted away without a whole snapshot that reaches it is corrupt.
//  7. A directory is one member's of one cluster for ever, and its log never begins anew: see
//     owner.go.
//
// The format is described in record.go, segment.go and snapshot_file.go.
package wal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"gauntlet/raft"
)

// The errors of this package, for errors.Is.
var (
	ErrCorrupt = errors.New("corrupt log")               // Open: see rule 4
	ErrLocked  = errors.New("in use by another process") // Open: two writers would destroy the log
	ErrDead    = errors.New("log is dead after an earlier failure")
)

// DefaultSegmentBytes is the size at which a new segment is begun. Filling it with zeros takes some
// milliseconds of the disk, and makes every later sync free of metadata.
const DefaultSegmentBytes = 4 << 20

// maxBufferBytes bounds what is kept between writes to save allocations.
const maxBufferBytes = 1 << 20

// Options are what Open may be told. Zero values choose defaults.
type Options struct {
	SegmentBytes int // preallocated size of a segment; one record may exceed it

	// Salt must differ between two starts: it seeds every checksum of the segments begun since,
	// so that neither stale bytes nor a client's value can pass for a record.
	Salt uint64

	ChunkBytes int // of a snapshot in one message, as raft.Config has it

	// Owner is whose directory it is; nobody else may open it. The zero value: anybody may.
	Owner Owner
}

// DefaultChunkBytes is raft.Config's default.
const DefaultChunkBytes = 64 << 10

// Recovery says what Open found.
type Recovery struct {
	Segments  int
	Records   int
	TornBytes int    // length of the tail that was cut; 0: the log ended cleanly
	Snapshot  uint64 // index of the newest snapshot; 0: there is none
}

// Log is an open write-ahead log. It is not safe for concurrent use.
type Log struct {
	fs       FS
	dir      string
	options  Options
	lock     io.Closer
	recovery Recovery

	snapshots *Snapshots

	sealed  []sealed // oldest first
	live    *segment
	highest uint64         // index of any entry ever written to the live segment
	hard    raft.HardState // as last written
	end     raft.Position  // of the log
	body    []byte         // reused between writes
	failed  error          // the first failure; see rule 2
}

// Open locks dir, which it creates if absent, recovers what it holds and makes it ready for Append.
func Open(fs FS, dir string, options Options) (*Log, raft.Restored, error) {
	if options.SegmentBytes == 0 {
		options.SegmentBytes = DefaultSegmentBytes
	}
	if options.ChunkBytes == 0 {
		options.ChunkBytes = DefaultChunkBytes
	}
	if err := fs.MkdirAll(dir); err != nil {
		return nil, raft.Restored{}, fmt.Errorf("create log directory: %w", err)
	}
	lock, err := fs.Lock(filepath.Join(dir, "LOCK"))
	if err != nil {
		return nil, raft.Restored{}, fmt.Errorf("lock log directory: %w", err)
	}
	l := &Log{fs: fs, dir: dir, options: options, lock: lock}
	l.snapshots = &Snapshots{fs: fs, dir: dir, block: options.ChunkBytes}
	unclaimed, err := l.checkOwner()
	if err != nil {
		lock.Close()
		return nil, raft.Restored{}, fmt.Errorf("check owner of log directory: %w", err)
	}
	restored, err := l.recover()
	if err != nil {
		lock.Close()
		return nil, raft.Restored{}, err
	}
	if unclaimed {
		if err := l.claim(); err != nil {
			return nil, raft.Restored{}, errors.Join(fmt.Errorf("claim log directory: %w", err),
				l.Close())
		}
	}
	return l, restored, nil
}

// Recovery returns what Open found.
func (l *Log) Recovery() Recovery { return l.recovery }

// Append makes the hard state (if not nil) and the entries durable. The entries replace everything
// from entries[0].Index on, and must leave no gap. After an error nothing may be assumed durable,
// and every later Append fails: the process must end.
func (l *Log) Append(hard *raft.HardState, entries []raft.Entry) error {
	return l.write(hard, nil, entries)
}

// Restart does what Append does, with a log that begins anew behind base: no earlier entry is left.
// A snapshot that stands for what was up to base must be durable.
func (l *Log) Restart(hard *raft.HardState, base raft.Position, entries []raft.Entry) error {
	if err := l.covered(base.Index); err != nil {
		return err
	}
	return l.write(hard, &base, entries)
}

func (l *Log) write(hard *raft.HardState, base *raft.Position, entries []raft.Entry) error {
	if l.failed != nil {
		return fmt.Errorf("%w: %w", ErrDead, l.failed)
	}
	if hard == nil && base == nil && len(entries) == 0 {
		return nil
	}
	end := l.end
	if base != nil {
		end = *base
	}
	if err := follows(end.Index, entries); err != nil {
		return err
	}
	kind, body := appendBody(l.body[:0], hard, base, entries)
	if cap(body) <= maxBufferBytes {
		l.body = body
	}
	if err := l.append(kind, body); err != nil {
		l.failed = err
		return err
	}
	if n := len(entries); n > 0 {
		end = raft.Position{Index: entries[n-1].Index, Term: entries[n-1].Term}
	}
	if hard != nil {
		l.hard = *hard
	}
	l.end, l.highest = end, max(l.highest, end.Index)
	return nil
}

func (l *Log) append(kind recordKind, body []byte) error {
	if len(body) > maxRecordBytes {
		return fmt.Errorf("record of %d bytes exceeds the limit of %d", len(body), maxRecordBytes)
	}
	if !l.live.fits(len(body)) {
		if err := l.rotate(len(body)); err != nil {
			return fmt.Errorf("begin segment %d: %w", l.live.number+1, err)
		}
	}
	if err := l.live.write(kind, body); err != nil {
		return fmt.Errorf("write segment %d: %w", l.live.number, err)
	}
	if err := l.live.file.Sync(); err != nil {
		return fmt.Errorf("sync segment %d: %w", l.live.number, err)
	}
	return nil
}

// rotate seals the live segment, which the next one's header does by naming the end of its chain.
func (l *Log) rotate(bodyBytes int) error {
	first := l.summary()
	size := segmentHeaderBytes + recordBytes(len(first.body)) + recordBytes(bodyBytes)
	next, err := createSegment(l.fs, l.dir, segmentHeader{
		number: l.live.number + 1,
		salt:   l.options.Salt,
		chain:  l.live.chain,
	}, max(size, l.options.SegmentBytes), []record{first})
	if err != nil {
		return err
	}
	if err := l.live.file.Close(); err != nil {
		return err
	}
	l.sealed = append(l.sealed, sealed{l.live.number, l.highest})
	l.live, l.highest = next, 0
	return nil
}

// summary returns the record that stands for all before it, but for the entries.
func (l *Log) summary() record {
	kind, body := appendBody(nil, &l.hard, &l.end, nil)
	return record{kind: kind, body: body}
}

// Close releases the directory. It syncs nothing: what Append accepted is durable already.
func (l *Log) Close() error {
	l.failed = errors.New("closed")
	l.snapshots.Close()
	return errors.Join(l.live.file.Close(), l.lock.Close())
}

// follows reports whether entries may be written behind an entry of index last.
func follows(last uint64, entries []raft.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	first := entries[0].Index
	if first == 0 || first > last+1 {
		return fmt.Errorf("entries begin at index %d behind a log that ends at %d", first, last)
	}
	for i, e := range entries {
		if e.Index != first+uint64(i) {
			return fmt.Errorf("index %d stands where %d must", e.Index, first+uint64(i))
		}
	}
	return nil
}
