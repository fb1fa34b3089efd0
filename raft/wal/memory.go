package wal

import (
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
)

// Crash says what becomes of writes and names that were not synced when the power went.
type Crash uint8

// The crash models, from kind to cruel. What was synced survives all of them.
const (
	LoseUnsynced Crash = iota // nothing unsynced survives
	KeepPrefix                // the first few writes of each file survive
	TearWrite                 // ... and part of the next one
	KeepSectors               // any subset of 512-byte sectors survives
)

// Memory is a file system in memory that tells what is synced from what is merely written, and can
// crash. It is safe for concurrent use.
type Memory struct {
	// Fault, if set, is asked before each "write", "sync", "rename", "remove" and "syncdir"; the
	// operation then fails with the error returned. A failed sync marks the writes clean, as Linux
	// does: they stay readable, later syncs do not touch them, and a crash loses them.
	Fault func(operation, path string) error

	// Deferred lets operations take time. A process sees at once what it has done, but the disk
	// gets to it only with Settle: a crash before that finds any number of the operations, in
	// their order, carried out or not.
	Deferred bool

	mu     sync.Mutex
	names  map[string]*inode // as a running process sees them
	locked map[string]bool

	latest  int64       // where the latest write began in its file
	pending []operation // what the disk has not got to, in order
	arena   []byte      // holds the bytes of writes that are pending or unsynced
	disk    disk
}

// NewMemory returns an empty file system.
func NewMemory() *Memory {
	return &Memory{
		names:  map[string]*inode{},
		locked: map[string]bool{},
		disk:   disk{names: map[string]*inode{}},
	}
}

// Settle carries out what is pending: the disk has got to it. Without Deferred there never is any.
func (m *Memory) Settle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settle()
}

func (m *Memory) settle() {
	for i := range m.pending {
		m.disk.carryOut(&m.pending[i])
	}
	clear(m.pending)
	m.pending = m.pending[:0]
	if m.disk.unsynced == 0 {
		m.arena = m.arena[:0]
		if cap(m.arena) > maxBufferBytes {
			m.arena = nil
		}
	}
}

// do gives the disk an operation.
func (m *Memory) do(o operation) {
	m.pending = append(m.pending, o)
	if !m.Deferred {
		m.settle()
	}
}

// Crash returns what the machine finds after the power came back, with the same Fault and Deferred.
// Draw returns a number in [0, n). The old file system lives on, unaffected.
func (m *Memory) Crash(model Crash, draw func(n int) int) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	reached := len(m.pending)
	if reached > 0 {
		reached = draw(reached + 1)
	}
	survived := NewMemory()
	survived.Fault, survived.Deferred = m.Fault, m.Deferred
	survived.disk = m.disk.after(m.pending[:reached]).crash(model, draw)
	for path, file := range survived.disk.names {
		survived.names[path] = file
	}
	return survived
}

// Restart is the death of the process alone: nothing is lost, not even what was never synced; only
// the locks are released.
func (m *Memory) Restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.locked)
}

// Content returns a copy of what a running process sees in a file.
func (m *Memory) Content(path string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if file := m.names[path]; file != nil {
		return file.content.all()
	}
	return nil
}

// LatestWrite returns where the latest write to any file began in it. Nothing before that can have
// been torn by a crash.
func (m *Memory) LatestWrite() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.latest
}

// SetContent damages a file, or makes one, durably. What is pending is carried out before.
func (m *Memory) SetContent(path string, content []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settle()
	file := durableInode(extentOf(slices.Clone(content)))
	m.names[path], m.disk.names[path] = file, file
}

// MkdirAll has nothing to do: every directory exists.
func (m *Memory) MkdirAll(string) error { return nil }

// Lock holds path until it is closed, or Restart.
func (m *Memory) Lock(path string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked[path] {
		return nil, ErrLocked
	}
	m.locked[path] = true
	return memoryLock{m, path}, nil
}

// List returns the names in dir, sorted.
func (m *Memory) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var in []string
	for path := range m.names {
		if filepath.Dir(path) == filepath.Clean(dir) {
			in = append(in, filepath.Base(path))
		}
	}
	slices.Sort(in)
	return in, nil
}

// Open opens an existing file.
func (m *Memory) Open(path string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	file := m.names[path]
	if file == nil {
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
	}
	return &memoryFile{m: m, path: path, inode: file}, nil
}

// Create makes an empty file.
func (m *Memory) Create(path string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	file := &inode{}
	m.name(path, file)
	return &memoryFile{m: m, path: path, inode: file}, nil
}

// Rename replaces to by from.
func (m *Memory) Rename(from, to string) error {
	if err := m.fault("rename", from); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	file := m.names[from]
	if file == nil {
		return fmt.Errorf("rename %s: %w", from, fs.ErrNotExist)
	}
	m.name(to, file)
	m.name(from, nil)
	return nil
}

// Remove deletes a name.
func (m *Memory) Remove(path string) error {
	if err := m.fault("remove", path); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.name(path, nil)
	return nil
}

// SyncDir makes every name durable. (There is one directory in use.)
func (m *Memory) SyncDir(dir string) error {
	if err := m.fault("syncdir", dir); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.do(operation{kind: syncNames})
	return nil
}

// name gives a file a name, or removes the name if the file is nil.
func (m *Memory) name(path string, file *inode) {
	o := operation{kind: changeName, path: path, inode: file}
	o.rename(m.names)
	m.do(o)
}

func (m *Memory) fault(operation, path string) error {
	if m.Fault == nil {
		return nil
	}
	return m.Fault(operation, path)
}
