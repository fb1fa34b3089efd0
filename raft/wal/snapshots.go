package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"gauntlet/raft"
)

// ErrDamaged says that the bytes received are not those of the snapshot: they are gone, and are to
// be asked for anew.
var ErrDamaged = errors.New("received snapshot is damaged")

// keptSnapshots is how many snapshots are kept: the newest, and the one before it, which a peer may
// still be in the midst of receiving.
const keptSnapshots = 2

// syncBytes is how much is written between two syncs of a snapshot, so that the last one does not
// hold up the log's.
const syncBytes = 1 << 20

// Snapshots are the snapshot files in a log's directory. They may be used beside the log, by one
// goroutine at a time. A failed write or sync is final, as it is for the log: the process must end.
type Snapshots struct {
	fs    FS
	dir   string
	block int

	incoming *snapshotFile // being received; nil: none
	sending  *snapshotFile // last read from; nil: none
}

// snapshotFile is an open file of a snapshot.
type snapshotFile struct {
	snapshotHeader
	file   File
	path   string
	at     uint64 // bytes of the state so far
	sum    uint32 // their checksum
	synced uint64
	buffer []byte
}

// Save makes a snapshot durable whose state write writes, and returns its metadata with size and
// checksum. It may take its time: a crash before it returns leaves nothing.
func (s *Snapshots) Save(
	metadata raft.Snapshot, write func(io.Writer) error,
) (raft.Snapshot, error) {
	path := filepath.Join(s.dir, snapshotName(metadata.Index, metadata.Term))
	f, err := s.create(path+temporarySuffix, newSnapshotHeader(metadata, s.block))
	if err != nil {
		return raft.Snapshot{}, err
	}
	defer f.file.Close()
	blocks := &blockWriter{f: f}
	if err := write(blocks); err != nil {
		return raft.Snapshot{}, err
	}
	if err := blocks.flush(); err != nil {
		return raft.Snapshot{}, err
	}
	if f.at == 0 {
		return raft.Snapshot{}, errors.New("a snapshot of no bytes")
	}
	f.snapshot.Size, f.snapshot.Checksum = f.at, f.sum
	if err := s.finish(f, path); err != nil {
		return raft.Snapshot{}, err
	}
	return f.snapshot, nil
}

// blockWriter cuts what is written into blocks.
type blockWriter struct {
	f    *snapshotFile
	next []byte // the beginning of the next block
}

func (w *blockWriter) Write(p []byte) (int, error) {
	rest := p
	for len(rest) > 0 {
		n := min(len(rest), w.f.block-len(w.next))
		w.next = append(w.next, rest[:n]...)
		rest = rest[n:]
		if len(w.next) < w.f.block {
			break
		}
		if err := w.flush(); err != nil {
			return len(p) - len(rest), err
		}
	}
	return len(p), nil
}

// flush writes what there is of a block, which must be a whole one or the last.
func (w *blockWriter) flush() error {
	if len(w.next) == 0 {
		return nil
	}
	err := w.f.write(w.next)
	w.next = w.next[:0]
	return err
}

func (s *Snapshots) create(path string, h snapshotHeader) (*snapshotFile, error) {
	file, err := s.fs.Create(path)
	if err != nil {
		return nil, err
	}
	f := &snapshotFile{snapshotHeader: h, file: file, path: path}
	if _, err := file.WriteAt(h.encode(), 0); err != nil {
		file.Close()
		return nil, err
	}
	return f, nil
}

// write writes the next block.
func (f *snapshotFile) write(data []byte) error {
	b := binary.LittleEndian.AppendUint32(f.buffer[:0], uint32(len(data)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(data, castagnoli))
	f.buffer = append(b, data...)
	if _, err := f.file.WriteAt(f.buffer, f.place(f.at)); err != nil {
		return err
	}
	f.at += uint64(len(data))
	f.sum = crc32.Update(f.sum, castagnoli, data)
	if f.at-f.synced < syncBytes {
		return nil
	}
	f.synced = f.at
	return f.file.Sync()
}

// finish gives a file its name. The order is rule 5 of the package.
func (s *Snapshots) finish(f *snapshotFile, path string) error {
	if _, err := f.file.WriteAt(f.encode(), 0); err != nil {
		return err
	}
	if err := f.file.Sync(); err != nil {
		return err
	}
	if err := s.fs.Rename(f.path, path); err != nil {
		return err
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return err
	}
	return s.prune()
}

// prune removes all but the newest snapshots.
func (s *Snapshots) prune() error {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		_, _, ok := parseSnapshotName(name)
		return !ok
	})
	for len(names) > keptSnapshots {
		if err := s.fs.Remove(filepath.Join(s.dir, names[0])); err != nil {
			return err
		}
		names = names[1:]
	}
	return nil
}

// Load reads the state from a snapshot's file. Damage is an error.
func (s *Snapshots) Load(wanted raft.Snapshot, read func(io.Reader) error) error {
	path := filepath.Join(s.dir, snapshotName(wanted.Index, wanted.Term))
	f, h, err := openSnapshot(s.fs, path)
	if err != nil {
		return err
	}
	defer f.Close()
	if h.snapshot.ID() != wanted.ID() {
		return fmt.Errorf("%w: %s is another snapshot", ErrCorrupt, path)
	}
	if err := read(&blockReader{f: f, h: h}); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, path, err)
	}
	return nil
}

// blockReader reads the state of a snapshot.
type blockReader struct {
	f    File
	h    snapshotHeader
	at   uint64 // of the next block
	rest []byte // of the last one
}

func (r *blockReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.at >= r.h.snapshot.Size {
			return 0, io.EOF
		}
		data, err := r.h.readBlock(r.f, r.at)
		if err != nil {
			return 0, err
		}
		r.rest, r.at = data, r.at+uint64(len(data))
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Chunk returns the bytes of a snapshot that a chunk at an offset has, or false if the snapshot is
// no longer there. Damage is an error.
func (s *Snapshots) Chunk(wanted raft.Snapshot, offset uint64) ([]byte, bool, error) {
	if s.sending == nil || s.sending.snapshot.ID() != wanted.ID() {
		path := filepath.Join(s.dir, snapshotName(wanted.Index, wanted.Term))
		f, h, err := openSnapshot(s.fs, path)
		if err != nil {
			return nil, false, s.unlessGone(path, err)
		}
		if h.snapshot.ID() != wanted.ID() || h.block != s.block {
			return nil, false, f.Close()
		}
		s.closeSending()
		s.sending = &snapshotFile{snapshotHeader: h, file: f, path: path}
	}
	data, err := s.sending.readBlock(s.sending.file, offset)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %s: %w", ErrCorrupt, s.sending.path, err)
	}
	return data, true, nil
}

// unlessGone returns nil if there is no such file.
func (s *Snapshots) unlessGone(path string, err error) error {
	names, listErr := s.fs.List(s.dir)
	if listErr == nil && !slices.Contains(names, filepath.Base(path)) {
		return nil
	}
	return err
}

func (s *Snapshots) closeSending() {
	if s.sending != nil {
		s.sending.file.Close()
		s.sending = nil
	}
}

// Store writes a chunk of a snapshot that is being received behind those before it; the first one
// begins anew. With the last one the snapshot is complete, and durable on return. It fails with
// ErrDamaged if the whole is not what it should be.
func (s *Snapshots) Store(part raft.Chunk) (complete bool, err error) {
	if part.Offset == 0 {
		if err := s.receive(part.Snapshot); err != nil {
			return false, err
		}
	}
	f := s.incoming
	if f == nil || f.snapshot.ID() != part.Snapshot.ID() || f.at != part.Offset {
		return false, fmt.Errorf("chunk at %d of snapshot %d does not follow what is there",
			part.Offset, part.Snapshot.Index)
	}
	if err := f.write(part.Data); err != nil {
		return false, err
	}
	if f.at < f.snapshot.Size {
		return false, nil
	}
	s.incoming = nil
	defer f.file.Close()
	if f.sum != f.snapshot.Checksum {
		if err := s.fs.Remove(f.path); err != nil {
			return false, err
		}
		return false, ErrDamaged
	}
	path := filepath.Join(s.dir, snapshotName(f.snapshot.Index, f.snapshot.Term))
	return true, s.finish(f, path)
}

// receive begins to receive a snapshot, and gives up the one that was being received.
func (s *Snapshots) receive(snapshot raft.Snapshot) error {
	if s.incoming != nil {
		s.incoming.file.Close()
		if err := s.fs.Remove(s.incoming.path); err != nil {
			return err
		}
		s.incoming = nil
	}
	h := newSnapshotHeader(snapshot, s.block)
	h.snapshot = snapshot
	path := filepath.Join(s.dir, snapshotName(snapshot.Index, snapshot.Term)+partialSuffix)
	f, err := s.create(path, h)
	s.incoming = f
	return err
}

// Close closes the files that are open.
func (s *Snapshots) Close() {
	s.closeSending()
	if s.incoming != nil {
		s.incoming.file.Close()
		s.incoming = nil
	}
}

// resume looks for a snapshot that was being received, newer than the newest one, and returns its
// metadata and how many of its bytes are there for certain. The last block is always received
// again, so that something completes it. Anything else that was being received is removed.
func (s *Snapshots) resume(names []string, newest raft.Snapshot) (raft.Snapshot, uint64, error) {
	for _, name := range slices.Backward(names) {
		whole, isPartial := strings.CutSuffix(name, partialSuffix)
		if _, _, ok := parseSnapshotName(whole); !ok || !isPartial {
			continue
		}
		path := filepath.Join(s.dir, name)
		if s.incoming == nil {
			if err := s.reopen(path, newest); err != nil {
				return raft.Snapshot{}, 0, err
			}
		}
		if s.incoming != nil && s.incoming.path == path {
			continue
		}
		if err := s.fs.Remove(path); err != nil {
			return raft.Snapshot{}, 0, err
		}
	}
	if s.incoming == nil {
		return raft.Snapshot{}, 0, nil
	}
	return s.incoming.snapshot, s.incoming.at, nil
}

// reopen opens what is left of a snapshot that was being received, unless that is of no use. What
// it keeps it writes anew, for rule 3 of the package: what the page cache shows may be what an
// earlier life failed to sync.
func (s *Snapshots) reopen(path string, newest raft.Snapshot) error {
	file, h, err := openSnapshot(s.fs, path)
	if err != nil {
		return nil
	}
	at, _, _ := h.readAll(file)
	if at == h.snapshot.Size && at > 0 {
		at = (at - 1) / uint64(h.block) * uint64(h.block)
	}
	old := h.snapshot.Index <= newest.Index
	if old || at == 0 || h.block != s.block || h.room != newSnapshotHeader(h.snapshot, 0).room {
		return file.Close()
	}
	f := &snapshotFile{snapshotHeader: h, file: file, path: path}
	for f.at < at {
		data, err := h.readBlock(file, f.at)
		if err == nil {
			err = f.write(data)
		}
		if err != nil {
			file.Close()
			return err
		}
	}
	s.incoming = f
	return nil
}
