package lossydisk

import (
	"io/fs"
	"maps"
	"slices"
	"syscall"
	"time"
)

// node is a file, a directory or a symbolic link.
type node struct {
	number  uint64
	mode    fs.FileMode
	changed time.Time
	pins    uint64 // how often the kernel was told of it, and has not forgotten

	size    int64   // as processes see it
	durable int64   // the length in the store
	writes  []write // in order; see fate

	target string           // of a symbolic link
	names  map[string]*node // of a directory: as processes see it; nil: it is none
	kept   map[string]*node // of a directory: durable
}

// write is one change of a file's content or length.
type write struct {
	order  uint64
	offset int64
	data   []byte
	length int64 // of a change of length, if data is nil
	fate   fate
}

// fate is what has become of a write. A write that is durable is forgotten, unless one before it
// was lost: then both are needed to know what processes see.
type fate uint8

const (
	unsynced fate = iota
	synced        // in the store
	lost          // its sync failed: processes see it, and no later sync saves it
)

// Attributes are what stat tells of a node.
type Attributes struct {
	Number  uint64
	Mode    fs.FileMode
	Size    int64
	Changed time.Time
}

func (n *node) attributes() Attributes {
	return Attributes{n.number, n.mode, max(n.size, int64(len(n.target))), n.changed}
}

func (n *node) sorted() []string { return slices.Sorted(maps.Keys(n.names)) }

// Stat returns the attributes of a node.
func (d *Disk) Stat(number uint64) (Attributes, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(number)
	if err != nil {
		return Attributes{}, err
	}
	return n.attributes(), nil
}

// Target returns where a symbolic link leads.
func (d *Disk) Target(number uint64) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(number)
	if err == nil && n.mode.Type() != fs.ModeSymlink {
		err = syscall.EINVAL
	}
	if err != nil {
		return "", err
	}
	return n.target, nil
}

// Chmod changes a node's permissions, durably.
func (d *Disk) Chmod(number uint64, permissions fs.FileMode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(number)
	if err == nil {
		n.mode = n.mode.Type() | permissions.Perm()
	}
	return err
}

// Read reads what processes see, and returns how much there was.
func (d *Disk) Read(h Handle, p []byte, offset int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.opened(h)
	if err != nil {
		return 0, err
	}
	return d.read(n, p, offset)
}

func (d *Disk) read(n *node, p []byte, offset int64) (int, error) {
	p = p[:max(0, min(int64(len(p)), n.size-offset))]
	clear(p)
	if known := max(0, min(int64(len(p)), n.durable-offset)); known > 0 {
		if err := d.store.ReadAt(n.number, p[:known], offset); err != nil {
			return 0, err
		}
	}
	for _, w := range n.writes {
		if w.data == nil {
			clear(p[max(0, min(int64(len(p)), w.length-offset)):])
			continue
		}
		from, to := max(w.offset, offset), min(w.offset+int64(len(w.data)), offset+int64(len(p)))
		if from < to {
			copy(p[from-offset:to-offset], w.data[from-w.offset:])
		}
	}
	return len(p), nil
}

// Write writes, which makes nothing durable.
func (d *Disk) Write(h Handle, p []byte, offset int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.opened(h)
	if err != nil {
		return err
	}
	if d.faults.Full {
		d.counts.Refused++
		return syscall.ENOSPC
	}
	if len(p) > 0 {
		n.size = max(n.size, offset+int64(len(p)))
		d.note(n, write{offset: offset, data: slices.Clip(slices.Clone(p))})
	}
	return nil
}

// Resize changes the length of a file, which makes nothing durable.
func (d *Disk) Resize(number uint64, length int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(number)
	switch {
	case err != nil:
		return err
	case n.names != nil:
		return syscall.EISDIR
	case length == n.size:
		return nil
	case d.faults.Full && length > n.size:
		d.counts.Refused++
		return syscall.ENOSPC
	}
	n.size = length
	d.note(n, write{length: length})
	return nil
}

func (d *Disk) note(n *node, w write) {
	d.order++
	w.order = d.order
	n.writes = append(n.writes, w)
	n.changed = time.Now()
}

// carryOut brings a write, or what is left of it, into the store.
func (d *Disk) carryOut(n *node, w write) error {
	if w.data == nil {
		n.durable = w.length
		return d.store.Truncate(n.number, w.length)
	}
	n.durable = max(n.durable, w.offset+int64(len(w.data)))
	return d.store.WriteAt(n.number, w.data, w.offset)
}
