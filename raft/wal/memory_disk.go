package wal

import (
	"maps"
	"slices"
)

const (
	sectorBytes    = 512
	leastRoomBytes = 4 << 10 // of a file, so that records do not make it grow one by one
)

// operation is one thing that a process asked of the disk under a Memory.
type operation struct {
	kind   operationKind
	inode  *inode // of changeName: nil removes the name
	path   string // changeName
	offset int    // write
	data   extent // write
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

// extent is some bytes and the zeros behind them, size bytes in all. A preallocated segment is
// mostly zeros, which cost nothing here.
type extent struct {
	bytes []byte
	size  int
}

// extentOf shares b's memory.
func extentOf(b []byte) extent { return extent{trimZeros(b), len(b)} }

// all returns a copy that spells the zeros out.
func (x extent) all() []byte {
	b := make([]byte, x.size)
	copy(b, x.bytes)
	return b
}

func (x extent) clone() extent { return extent{slices.Clone(x.bytes), x.size} }

// part returns n bytes from a place on.
func (x extent) part(at, n int) extent {
	from, to := min(at, len(x.bytes)), min(at+n, len(x.bytes))
	return extent{x.bytes[from:to], n}
}

// write replaces what is at offset by data.
func (x *extent) write(offset int, data extent) {
	if need := offset + len(data.bytes); need > len(x.bytes) && len(data.bytes) > 0 {
		if need > cap(x.bytes) {
			room := max(need, leastRoomBytes, min(4*cap(x.bytes), x.size))
			x.bytes = append(make([]byte, 0, room), x.bytes...)
		}
		x.bytes = x.bytes[:need] // zeros: nothing was ever written there
	}
	if offset < len(x.bytes) {
		n := copy(x.bytes[offset:], data.bytes)
		clear(x.bytes[offset+n : min(offset+data.size, len(x.bytes))])
	}
	x.size = max(x.size, offset+data.size)
}

// inode is one file.
type inode struct {
	content extent // as a running process sees it
	durable extent
	writes  []operation // carried out, not durable, in order
	shared  bool        // content and durable may be in use elsewhere, too: copy before writing
}

// durableInode returns a file that a crash leaves as it is.
func durableInode(content extent) *inode {
	return &inode{content: content, durable: content, shared: true}
}

// own makes the bytes of a file its own.
func (f *inode) own() {
	if f.shared {
		f.content, f.durable, f.shared = f.content.clone(), f.durable.clone(), false
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
			o.inode.durable.write(w.offset, w.data)
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
func (f *inode) crash(model Crash, draw func(n int) int) extent {
	if model == LoseUnsynced || len(f.writes) == 0 {
		return f.durable
	}
	content := f.durable.clone()
	if model == KeepSectors {
		for _, w := range f.writes {
			content.keepSectors(w, draw)
		}
		return content
	}
	whole := draw(len(f.writes) + 1)
	for _, w := range f.writes[:whole] {
		content.write(w.offset, w.data)
	}
	if model == TearWrite && whole < len(f.writes) {
		w := f.writes[whole]
		content.write(w.offset, w.data.part(0, draw(w.data.size+1)))
	}
	return content
}

// keepSectors carries a write out for some of the sectors it touches.
func (x *extent) keepSectors(w operation, draw func(n int) int) {
	for at := 0; at < w.data.size; {
		n := min(sectorBytes-(w.offset+at)%sectorBytes, w.data.size-at)
		if draw(2) == 0 {
			x.write(w.offset+at, w.data.part(at, n))
		}
		at += n
	}
}
