package raft

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"slices"
)

// testChunkBytes makes a snapshot of the tests' state take several chunks.
const testChunkBytes = 16

// stateAt returns the bytes of the state after so many committed entries: the same on all members.
func (c *cluster) stateAt(index uint64) []byte {
	digest := fnv.New64a()
	for _, e := range c.committed[:index] {
		fmt.Fprintf(digest, "%d/%d:%d:%s;", e.Index, e.Term, e.Kind, e.Data)
	}
	return bytes.Repeat(binary.BigEndian.AppendUint64(nil, digest.Sum64()), 9)
}

// snapshot makes a snapshot of what a node has applied durable, and tells the node.
func (c *cluster) snapshot(n *node) {
	if n.applied == 0 {
		return
	}
	state, last := c.stateAt(n.applied), c.committed[n.applied-1]
	s := Snapshot{
		Index: n.applied, Term: last.Term, Time: last.Time, Size: uint64(len(state)),
		Checksum: crc32.Checksum(state, castagnoli),
	}
	s.Configuration, _ = n.core.ConfigurationAt(n.applied)
	n.keep(s, state)
	n.core.Compact(s)
	c.trace("%d has a snapshot of %d/%d, log from %d", n.cfg.ID, s.Index, s.Term,
		n.core.log.base.Index+1)
}

// keep makes a snapshot durable; the newest two are kept.
func (n *node) keep(s Snapshot, state []byte) {
	n.files = append(n.files, file{s, state})
	slices.SortStableFunc(n.files, func(a, b file) int { return int(a.Index) - int(b.Index) })
	if len(n.files) > 2 {
		n.files = n.files[len(n.files)-2:]
	}
	n.disk.Snapshot = n.files[len(n.files)-1].Snapshot
}

// file is a snapshot on a node's disk.
type file struct {
	Snapshot
	state []byte
}

// fill completes the chunks that a node wants to send, if it still has their snapshot.
func (c *cluster) fill(n *node, chunks []Message) {
	for _, m := range chunks {
		for _, f := range n.files {
			if from := m.Chunk.Offset; f.ID() == m.Chunk.Snapshot.ID() {
				m.Fill(f.state[from:min(from+testChunkBytes, f.Size)])
				c.leave(n, []Message{m})
				break
			}
		}
	}
}

// store writes the oldest chunk that a node has received, and installs a snapshot that is complete.
func (c *cluster) store(n *node) {
	part := n.stores[0]
	n.stores = n.stores[1:]
	if part.Offset == 0 {
		n.partial = nil
	}
	n.disk.Partial = part.Snapshot
	n.partial = append(n.partial, part.Data...)
	s := part.Snapshot
	if uint64(len(n.partial)) < s.Size {
		n.core.Stored(c.now, s.ID(), uint64(len(n.partial)))
		c.drain(n)
		return
	}
	if !bytes.Equal(n.partial, c.stateAt(s.Index)) {
		panic(fmt.Sprintf("%d received other bytes than snapshot %d has", n.cfg.ID, s.Index))
	}
	n.keep(s, n.partial)
	n.partial, n.disk.Partial = nil, Snapshot{}
	before := n.core.Status()
	if !n.core.Install(c.now, s) {
		c.trace("%d has no use for snapshot %d/%d", n.cfg.ID, s.Index, s.Term)
		n.late = s
		c.drain(n)
		return
	}
	c.trace("%d installs snapshot %d/%d", n.cfg.ID, s.Index, s.Term)
	if s.Index <= before.Commit || s.Index <= n.applied {
		panic(fmt.Sprintf("%d replaced state of %d by snapshot %d", n.cfg.ID, n.applied, s.Index))
	}
	n.applied = s.Index
	c.installed++
	c.drain(n)
}

// restored is what a node finds on its disk: the newest snapshot, and the log if it goes on behind
// that.
func (n *node) restored() Restored {
	s := n.disk.Snapshot
	if at := int(s.Index) - int(n.first.Index); at < 0 || at > len(n.disk.Entries) ||
		at > 0 && n.disk.Entries[at-1].Term != s.Term || at == 0 && n.first != s.last() {
		n.first, n.disk.Entries = s.last(), nil
	}
	r := n.disk
	r.HardState = n.disk.HardState
	if s.Term > r.HardState.Term {
		r.HardState = HardState{Term: s.Term}
		n.disk.HardState = r.HardState
	}
	r.Entries = slices.Clone(n.disk.Entries[s.Index-n.first.Index:])
	r.PartialBytes = uint64(len(n.partial))
	return r
}

// onDisk tells whether a node holds an entry durably, in its log or by a snapshot.
func (n *node) onDisk(index, term uint64) bool {
	if index <= n.disk.Snapshot.Index {
		return true
	}
	at := int(index) - int(n.first.Index)
	return at >= 1 && at <= len(n.disk.Entries) && n.disk.Entries[at-1].Term == term
}
