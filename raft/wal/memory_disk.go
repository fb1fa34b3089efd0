package wal

import (
	"maps"
	"slices"
)

const sectorBytes = 512

// operation is one thing that a process asked of the disk under a Memory.
type operation struct {
	kind   operationKind
	inode  *inode // of changeName: nil removes the name
	path   string // changeName
	offset int64  // write
	data   []byte // write
}

type operationKind uint8

const (
	write operationKind = iota
	syncFile
	failSync // of a file
	changeName
	syncNames
)

// disk is what the operations that were carried out have left. What is not durable yet may be lost.
type disk struct {
	names    map[string]*inode // durable
	changes  []operation       // of names, not durable, in order
	unsynced int               // writes of all files that are not durable
}

// inode is one file.
type inode struct {
	content []byte // as a running process sees it
	durable []byte
	writes  []operation // carried out, not durable, in order
	shared  bool        // content and durable may be in use elsewhere, too: copy before writing
}

// durableInode returns a file that a crash leaves as it is.
func durableInode(content []byte) *inode {
	return &inode{content: content, durable: content, shared: true}
}

// own makes the bytes of a file its own.
func (f *inode) own() {
	if f.shared {
		f.content, f.durable, f.shared = slices.Clone(f.content), slices.Clone(f.durable), false
	}
}

func (d *disk) carryOut(o *operation) {
	switch o.kind {
	case write:
		o.inode.writes = append(o.inode.writes, *o)
		d.unsynced++
	case syncFile:
		o.inode.own()
		for _, w := range o.inode.writes {
			o.inode.durable = overwrite(o.inode.durable, w.offset, w.data)
		}
		d.clean(o.inode)
	case failSync:
		d.clean(o.inode)
	case changeName:
		d.changes = append(d.changes, *o)
	case syncNames:
		for _, c := range d.changes {
			c.rename(d.names)
		}
		d.changes = d.changes[:0]
	}
}

// clean forgets the writes of a file: they are durable, or lost.
func (d *disk) clean(f *inode) {
	d.unsynced -= len(f.writes)
	clear(f.writes)
	f.writes = f.writes[:0]
}

// rename carries out a changeName.
func (o *operation) rename(names map[string]*inode) {
	if o.inode == nil {
		delete(names, o.path)
		return
	}
	names[o.path] = o.inode
}

// after returns a disk that has carried out these operations as well. The old one is unaffected.
func (d *disk) after(pending []operation) *disk {
	copies := map[*inode]*inode{nil: nil}
	copyOf := func(f *inode) *inode {
		if copies[f] == nil && f != nil {
			f.shared = true
			copies[f] = &inode{durable: f.durable, writes: slices.Clone(f.writes), shared: true}
		}
		return copies[f]
	}
	next := &disk{names: make(map[string]*inode, len(d.names))}
	for path, file := range d.names {
		next.names[path] = copyOf(file)
	}
	for _, o := range slices.Concat(d.changes, pending) {
		o.inode = copyOf(o.inode)
		next.carryOut(&o)
	}
	return next
}

// crash returns what is left when the power goes. All of it is durable.
func (d *disk) crash(model Crash, draw func(n int) int) disk {
	kept := 0
	if model != LoseUnsynced {
		kept = draw(len(d.changes) + 1) // journals keep the order of changes to names
	}
	for _, c := range d.changes[:kept] {
		c.rename(d.names)
	}
	for _, path := range slices.Sorted(maps.Keys(d.names)) {
		d.names[path] = durableInode(d.names[path].crash(model, draw))
	}
	return disk{names: d.names}
}

// crash returns what is left of a file.
func (f *inode) crash(model Crash, draw func(n int) int) []byte {
	if model == LoseUnsynced || len(f.writes) == 0 {
		return f.durable
	}
	content := slices.Clone(f.durable)
	if model == KeepSectors {
		for _, w := range f.writes {
			content = keepSectors(content, w, draw)
		}
		return content
	}
	whole := draw(len(f.writes) + 1)
	for _, w := range f.writes[:whole] {
		content = overwrite(content, w.offset, w.data)
	}
	if model == TearWrite && whole < len(f.writes) {
		w := f.writes[whole]
		content = overwrite(content, w.offset, w.data[:draw(len(w.data)+1)])
	}
	return content
}

// keepSectors carries a write out for some of the sectors it touches.
func keepSectors(content []byte, w operation, draw func(n int) int) []byte {
	for at := 0; at < len(w.data); {
		n := min(sectorBytes-int(w.offset+int64(at))%sectorBytes, len(w.data)-at)
		if draw(2) == 0 {
			content = overwrite(content, w.offset+int64(at), w.data[at:at+n])
		}
		at += n
	}
	return content
}

func overwrite(content []byte, offset int64, data []byte) []byte {
	if need := int(offset) + len(data); need > len(content) {
		content = append(content, make([]byte, need-len(content))...)
	}
	copy(content[offset:], data)
	return content
}
