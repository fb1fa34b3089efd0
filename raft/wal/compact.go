package wal

import (
	"fmt"
	"path/filepath"
)

// sealed is a segment that is no longer written to.
type sealed struct {
	number  uint64
	highest uint64 // index of any entry ever written to it
}

// Snapshots returns the snapshots beside the log.
func (l *Log) Snapshots() *Snapshots { return l.snapshots }

// covered reports whether a snapshot is durable that stands for the entries up to index. One that
// has its name is: rule 5 of the package.
func (l *Log) covered(index uint64) error {
	if index == 0 {
		return nil // there are no such entries
	}
	names, err := l.fs.List(l.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if reaches, _, ok := parseSnapshotName(name); ok && reaches >= index {
			return nil
		}
	}
	return fmt.Errorf("no snapshot stands for the entries up to %d", index)
}

// Compact removes the segments that hold nothing above index, oldest first. A snapshot that stands
// for the entries up to index must be durable: rule 6 of the package.
func (l *Log) Compact(index uint64) error {
	if l.failed != nil {
		return fmt.Errorf("%w: %w", ErrDead, l.failed)
	}
	if len(l.sealed) == 0 || l.sealed[0].highest > index {
		return nil
	}
	if err := l.covered(index); err != nil {
		return err
	}
	for len(l.sealed) > 0 && l.sealed[0].highest <= index {
		if err := l.removeOldest(); err != nil {
			l.failed = err
			return fmt.Errorf("remove segment %d: %w", l.sealed[0].number, err)
		}
		l.sealed = l.sealed[1:]
	}
	return nil
}

// removeOldest removes one segment for certain: a gap between the segments left would be taken for
// a loss.
func (l *Log) removeOldest() error {
	path := filepath.Join(l.dir, segmentName(l.sealed[0].number))
	if err := l.fs.Remove(path); err != nil {
		return err
	}
	return l.fs.SyncDir(l.dir)
}
