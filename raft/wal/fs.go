package wal

import "io"

// FS is what the log needs of a file system. Disk is the real one, Memory one that can crash.
// Nothing but Sync and SyncDir makes anything durable.
type FS interface {
	MkdirAll(dir string) error           // the directories themselves are durable on return
	Lock(path string) (io.Closer, error) // exclusive; ErrLocked if another holds it
	List(dir string) ([]string, error)   // base names, sorted
	Open(path string) (File, error)      // an existing file, for reading
	Create(path string) (File, error)    // a new, empty file, replacing any
	Rename(from, to string) error        // atomic, replacing any
	Remove(path string) error
	SyncDir(dir string) error // the names in dir become durable
}

// File is one open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error)
	Sync() error // content and length become durable
}
