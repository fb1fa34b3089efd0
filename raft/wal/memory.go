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

const sectorBytes = 512

// Memory is a file system in memory that tells what is synced from what is merely written, and can
// crash. It is safe for concurrent use.
type Memory struct {
	// Fault, if set, is asked before each "write", "sync", "rename" and "syncdir"; the operation
	// then fails with the error returned. A failed sync marks the writes clean, as Linux does: they
	// stay readable, later syncs do not touch them, and a crash loses them.
	Fault func(operation, path string) error

	mu      sync.Mutex
	names   map[string]*inode // as a running process sees them
	durable map[string]*inode
	changes []change // of names, not yet durable, in order
	locked  map[string]bool
}

type inode struct {
	content []byte // as a running process sees it
	durable []byte
	writes  []pendingWrite // not yet durable, in order
}

type pendingWrite struct {
	offset int64
	data   []byte
}

// change names a file, or removes the name if inode is nil.
type change struct {
	path  string
	inode *inode
}

// NewMemory returns an empty file system.
func NewMemory() *Memory {
	return &Memory{
		names: map[string]*inode{}, durable: map[string]*inode{}, locked: map[string]bool{},
	}
}

// Crash returns what the machine finds after the power came back. Draw returns a number in [0, n).
// The old file system lives on, unaffected.
func (m *Memory) Crash(model Crash, draw func(n int) int) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	survived := NewMemory()
	names := map[string]*inode{}
	for path, file := range m.durable {
		names[path] = file
	}
	kept := 0
	if model != LoseUnsynced {
		kept = draw(len(m.changes) + 1) // journals keep the order of changes to names
	}
	for _, c := range m.changes[:kept] {
		c.apply(names)
	}
	for _, path := range sortedNames(names) {
		content := names[path].crash(model, draw)
		file := &inode{content: content, durable: slices.Clone(content)}
		survived.names[path], survived.durable[path] = file, file
	}
	return survived
}

func (f *inode) crash(model Crash, draw func(n int) int) []byte {
	content := slices.Clone(f.durable)
	if model == LoseUnsynced {
		return content
	}
	whole := len(f.writes)
	if model != KeepSectors {
		whole = draw(whole + 1)
	}
	for _, w := range f.writes[:whole] {
		if model != KeepSectors {
			content = overwrite(content, w.offset, w.data)
			continue
		}
		for at := 0; at < len(w.data); {
			n := min(sectorBytes-int(w.offset+int64(at))%sectorBytes, len(w.data)-at)
			if draw(2) == 0 {
				content = overwrite(content, w.offset+int64(at), w.data[at:at+n])
			}
			at += n
		}
	}
	if model == TearWrite && whole < len(f.writes) {
		w := f.writes[whole]
		content = overwrite(content, w.offset, w.data[:draw(len(w.data)+1)])
	}
	return content
}

// Restart is the death of the process alone: nothing is lost, not even what was never synced; only
// the locks are released.
func (m *Memory) Restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.locked = map[string]bool{}
}

// Content returns a copy of what a running process sees in a file.
func (m *Memory) Content(path string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if file := m.names[path]; file != nil {
		return slices.Clone(file.content)
	}
	return nil
}

// SetContent damages a file, or makes one, durably.
func (m *Memory) SetContent(path string, content []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	file := &inode{content: slices.Clone(content), durable: slices.Clone(content)}
	m.names[path], m.durable[path] = file, file
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
	for _, path := range sortedNames(m.names) {
		if filepath.Dir(path) == filepath.Clean(dir) {
			in = append(in, filepath.Base(path))
		}
	}
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
	m.change(change{path, file})
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
	m.change(change{to, file})
	m.change(change{from, nil})
	return nil
}

// Remove deletes a name.
func (m *Memory) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.change(change{path, nil})
	return nil
}

// SyncDir makes every name durable. (There is one directory in use.)
func (m *Memory) SyncDir(dir string) error {
	if err := m.fault("syncdir", dir); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.changes {
		c.apply(m.durable)
	}
	m.changes = nil
	return nil
}

func (m *Memory) change(c change) {
	c.apply(m.names)
	m.changes = append(m.changes, c)
}

func (c change) apply(names map[string]*inode) {
	if c.inode == nil {
		delete(names, c.path)
		return
	}
	names[c.path] = c.inode
}

func (m *Memory) fault(operation, path string) error {
	if m.Fault == nil {
		return nil
	}
	return m.Fault(operation, path)
}

func sortedNames(names map[string]*inode) []string {
	paths := make([]string, 0, len(names))
	for path := range names {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

func overwrite(content []byte, offset int64, data []byte) []byte {
	if need := int(offset) + len(data); need > len(content) {
		content = append(content, make([]byte, need-len(content))...)
	}
	copy(content[offset:], data)
	return content
}
