// Package lossydisk models a file system that knows what of it is durable, and can lose the rest:
// the power is cut, a sync fails or takes its time, no room is left. Only this shows a missing
// fsync or a missing sync of a directory outside the simulator: kill -9 leaves the page cache as it
// is.
//
// What is durable lies in a Store; what processes have written and not synced is kept apart, in
// order. As on a journalling file system at its worst, fsync makes the content and the length of a
// file durable and says nothing of its name; only a sync of the directory makes names durable.
// Modes, owners and times are not tracked. Package mount gives the model to processes, by FUSE.
package lossydisk

import (
	"io/fs"
	"path"
	"sync"
	"syscall"
	"time"
)

// Root is the number of the root directory.
const Root = 1

// Store holds the durable content of files. It need not be safe for concurrent use, but for Flush.
type Store interface {
	ReadAt(file uint64, p []byte, offset int64) error // zeros where nothing was written
	WriteAt(file uint64, p []byte, offset int64) error
	Truncate(file uint64, length int64) error
	Remove(file uint64) error // also one that holds nothing
	Flush(p []byte) error     // takes as long as a real disk takes to make p durable
}

// Disk is the file system. It is safe for concurrent use. Errors of its methods are
// syscall.Errno, or the store's.
//
// Invariants, while the lock is free:
//
//  1. The store holds of each file what is durable, and nothing else.
//  2. What processes see of a file is its durable content with its writes carried out in order.
//  3. What processes see of names is the durable ones with the changes carried out in order.
//  4. Each node that has a name, durable or not, is in nodes.
type Disk struct {
	mu    sync.Mutex
	store Store
	nodes map[uint64]*node
	last  uint64 // the highest number ever given to a node

	changes []change // of names, not durable, in order
	order   uint64   // of the latest write

	life    Life
	faults  Faults
	altered chan struct{} // closed when life or faults change
	counts  Counts
}

// Life counts the power cuts. Whoever opened a file before one is dead since: his handle is of an
// earlier life.
type Life uint64

// Faults are what the disk does to processes from now on.
type Faults struct {
	Off       bool          // everything fails with EIO: there is no power
	FailSyncs bool          // syncs fail with EIO, and what they were to make durable never is
	Full      bool          // writes and new names fail with ENOSPC
	Slow      time.Duration // each sync takes so much longer
}

// Counts are what the disk has done to processes since it was made.
type Counts struct {
	Cuts, Failed, Refused, Stalled int // power cuts, failed syncs, refused writes, stalled syncs
}

// Loss is what a power cut took.
type Loss struct {
	Bytes int64 // written and gone, those of files without a name included
	Files int   // that lost some of that
	Names int   // changes of names
}

// New makes an empty disk over an empty store.
func New(store Store) *Disk {
	root := &node{number: Root, mode: fs.ModeDir | 0o700, names: map[string]*node{},
		kept: map[string]*node{}, changed: time.Now()}
	return &Disk{store: store, nodes: map[uint64]*node{Root: root}, last: Root,
		altered: make(chan struct{})}
}

// Life returns the present life, for handles.
func (d *Disk) Life() Life {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.life
}

// Alter changes what the disk does to processes. Syncs that are held up look at it anew.
func (d *Disk) Alter(change func(*Faults)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.alter(change)
}

func (d *Disk) alter(change func(*Faults)) {
	change(&d.faults)
	close(d.altered)
	d.altered = make(chan struct{})
}

// State returns what the disk does to processes, and what it has done.
func (d *Disk) State() (Faults, Counts) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.faults, d.counts
}

// Handle is an open file: of whom, since when.
type Handle struct {
	File uint64
	Life Life
}

// usable returns why the disk does nothing for a process of that life.
func (d *Disk) usable(life Life) error {
	if d.faults.Off || life != d.life {
		return syscall.EIO
	}
	return nil
}

// find returns a node; ENOENT if a power cut took it. The disk must have power.
func (d *Disk) find(number uint64) (*node, error) {
	if d.faults.Off {
		return nil, syscall.EIO
	}
	n := d.nodes[number]
	if n == nil {
		return nil, syscall.ENOENT
	}
	return n, nil
}

// opened returns the node of a handle that is still good.
func (d *Disk) opened(h Handle) (*node, error) {
	if err := d.usable(h.Life); err != nil {
		return nil, err
	}
	return d.find(h.File)
}

// Paths lists the names below the root that processes see, with the content of each file: for
// tests, and small disks only. Directories end with a slash.
func (d *Disk) Paths() (map[string][]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string][]byte{}
	err := d.walk("", d.nodes[Root], func(at string, n *node) error {
		if n.names != nil {
			all[at+"/"] = nil
			return nil
		}
		content := make([]byte, n.size)
		_, err := d.read(n, content, 0)
		all[at] = content
		return err
	})
	return all, err
}

// walk visits everything below a directory, in the order of names.
func (d *Disk) walk(below string, dir *node, visit func(string, *node) error) error {
	for _, name := range dir.sorted() {
		n, at := dir.names[name], path.Join(below, name)
		if err := visit(at, n); err != nil {
			return err
		}
		if n.names == nil {
			continue
		}
		if err := d.walk(at, n, visit); err != nil {
			return err
		}
	}
	return nil
}
