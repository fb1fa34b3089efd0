package lossydisk

import (
	"io/fs"
	"slices"
	"syscall"
	"time"
)

// change is one change of names, which a power cut takes whole or not at all.
type change struct {
	order   uint64
	entries []entry
}

// entry says what a name of a directory means from now on.
type entry struct {
	dir  *node
	name string
	node *node // nil: nothing
}

// Lookup finds a name in a directory.
func (d *Disk) Lookup(dir uint64, name string) (Attributes, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.lookup(dir, name)
	if err != nil {
		return Attributes{}, err
	}
	return n.attributes(), nil
}

func (d *Disk) lookup(dir uint64, name string) (*node, error) {
	parent, err := d.directory(dir)
	if err != nil {
		return nil, err
	}
	n := parent.names[name]
	if n == nil {
		return nil, syscall.ENOENT
	}
	return n, nil
}

func (d *Disk) directory(number uint64) (*node, error) {
	n, err := d.find(number)
	if err == nil && n.names == nil {
		err = syscall.ENOTDIR
	}
	return n, err
}

// free returns a directory in which the name means nothing yet.
func (d *Disk) free(dir uint64, name string) (*node, error) {
	parent, err := d.directory(dir)
	switch {
	case err != nil:
		return nil, err
	case parent.names[name] != nil:
		return nil, syscall.EEXIST
	case d.faults.Full:
		d.counts.Refused++
		return nil, syscall.ENOSPC
	}
	return parent, nil
}

// Make makes an empty file, an empty directory or a symbolic link to target, by its mode.
func (d *Disk) Make(dir uint64, name string, mode fs.FileMode, target string) (Attributes, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	parent, err := d.free(dir, name)
	if err != nil {
		return Attributes{}, err
	}
	d.last++
	n := &node{number: d.last, mode: mode, target: target, changed: time.Now()}
	if mode.IsDir() {
		n.names, n.kept = map[string]*node{}, map[string]*node{}
	}
	d.nodes[n.number] = n
	d.change(entry{parent, name, n})
	return n.attributes(), nil
}

// Link gives a file another name.
func (d *Disk) Link(number, dir uint64, name string) (Attributes, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(number)
	if err != nil {
		return Attributes{}, err
	}
	parent, err := d.free(dir, name)
	if err != nil {
		return Attributes{}, err
	}
	d.change(entry{parent, name, n})
	return n.attributes(), nil
}

// Remove removes the name of a file, or of an empty directory.
func (d *Disk) Remove(dir uint64, name string, directory bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.lookup(dir, name)
	switch {
	case err != nil:
		return err
	case directory && n.names == nil:
		return syscall.ENOTDIR
	case !directory && n.names != nil:
		return syscall.EISDIR
	case len(n.names) > 0:
		return syscall.ENOTEMPTY
	}
	d.change(entry{d.nodes[dir], name, nil})
	return nil
}

// Rename moves a name, replacing what the new one meant; unless keep, which refuses to.
func (d *Disk) Rename(from uint64, name string, to uint64, newName string, keep bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.lookup(from, name)
	if err != nil {
		return err
	}
	parent, err := d.directory(to)
	if err != nil {
		return err
	}
	old := parent.names[newName]
	switch {
	case old == n:
		return nil
	case old == nil:
	case keep:
		return syscall.EEXIST
	case old.names != nil && n.names == nil:
		return syscall.EISDIR
	case old.names == nil && n.names != nil:
		return syscall.ENOTDIR
	case len(old.names) > 0:
		return syscall.ENOTEMPTY
	}
	d.change(entry{parent, newName, n}, entry{d.nodes[from], name, nil})
	return nil
}

// Entries lists what a directory holds, in the order of names.
func (d *Disk) Entries(h Handle) (names []string, all []Attributes, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir, err := d.opened(h)
	if err != nil {
		return nil, nil, err
	}
	names = dir.sorted()
	for _, name := range names {
		all = append(all, dir.names[name].attributes())
	}
	return names, all, nil
}

// Pin notes that the kernel was told of a node; Unpin that it has forgotten.
func (d *Disk) Pin(number uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.nodes[number]; n != nil {
		n.pins++
	}
}

// Unpin takes pins back.
func (d *Disk) Unpin(number, pins uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.nodes[number]
	if n == nil {
		return
	}
	n.pins -= min(n.pins, pins)
	if n.pins == 0 && n.names == nil {
		d.sweep()
	}
}

// change carries a change of names out, as processes see it.
func (d *Disk) change(entries ...entry) {
	d.order++
	for _, e := range entries {
		e.apply(e.dir.names)
		e.dir.changed = time.Now()
	}
	d.changes = append(d.changes, change{d.order, entries})
}

func (e entry) apply(names map[string]*node) {
	if e.node == nil {
		delete(names, e.name)
		return
	}
	names[e.name] = e.node
}

// commit makes the changes of names in a directory durable, up to one; and those before them that
// they rest on, which gave one of the same names a meaning.
func (d *Disk) commit(dir *node, until uint64) {
	type place struct {
		dir  *node
		name string
	}
	places := map[place]bool{}
	var committed []change
	d.changes = slices.Clip(d.changes)
	for i := len(d.changes) - 1; i >= 0; i-- {
		c := d.changes[i]
		if c.order > until || !slices.ContainsFunc(c.entries, func(e entry) bool {
			return e.dir == dir || places[place{e.dir, e.name}]
		}) {
			continue
		}
		for _, e := range c.entries {
			places[place{e.dir, e.name}] = true
		}
		committed = append(committed, c)
		d.changes = slices.Delete(d.changes, i, i+1)
	}
	for _, c := range slices.Backward(committed) {
		for _, e := range c.entries {
			e.apply(e.dir.kept)
		}
	}
	d.sweep()
}

// sweep forgets the nodes that nothing leads to any more: no name, durable or not, and no process.
func (d *Disk) sweep() {
	reached := map[*node]bool{}
	var visit func(*node)
	visit = func(n *node) {
		if n == nil || reached[n] {
			return
		}
		reached[n] = true
		for _, names := range []map[string]*node{n.names, n.kept} {
			for _, below := range names {
				visit(below)
			}
		}
	}
	visit(d.nodes[Root])
	for _, c := range d.changes {
		for _, e := range c.entries {
			visit(e.dir)
			visit(e.node)
		}
	}
	for number, n := range d.nodes {
		if !reached[n] && n.pins == 0 {
			delete(d.nodes, number)
			_ = d.store.Remove(number) // what is left takes room, no more
		}
	}
}
