package raft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// Snapshots and log compaction (paper, section 7; thesis, chapter 5). A snapshot stands for the
// whole log up to its last entry. Its bytes are the state machine's: every member makes the same
// bytes of the same state, so a snapshot of one member is as good as that of another. The caller
// keeps them; the core knows the metadata, and decides what becomes of the log.

// Snapshot is what is known about a snapshot without its bytes.
type Snapshot struct {
	Index uint64        // of the last entry it stands for; 0: there is no snapshot
	Term  uint64        // of that entry
	Time  time.Duration // cluster time of that entry

	Configuration Configuration // the latest up to that entry: see Core.ConfigurationAt

	Size     uint64 // of the bytes
	Checksum uint32 // CRC-32C of the bytes
}

// SnapshotID tells one snapshot from another: members that give the same one have the same bytes.
type SnapshotID struct {
	Index    uint64
	Term     uint64
	Size     uint64
	Checksum uint32
}

// ID returns what identifies the snapshot.
func (s *Snapshot) ID() SnapshotID {
	return SnapshotID{s.Index, s.Term, s.Size, s.Checksum}
}

// last returns the position of the last entry that the snapshot stands for.
func (s *Snapshot) last() Position {
	return Position{Index: s.Index, Term: s.Term}
}

// Compact tells that a snapshot of this member's own state is durable, and lets go of the log that
// it stands for, but for the last few entries (Config.KeepEntries, KeepBytes) and those behind a
// snapshot that a peer is being sent, unless the peer has gone silent: it may be dead, and the log
// would grow for ever. Nothing that is not durable is dropped. A snapshot older than the one known
// does nothing.
func (c *Core) Compact(s Snapshot) {
	if s.Index <= c.snapshot.Index {
		return
	}
	if s.Index > c.applied || c.log.knows(s.Index) && !c.log.holds(s.Index, s.Term) {
		panic(fmt.Sprintf("raft: snapshot of entry %d of term %d, applied up to %d",
			s.Index, s.Term, c.applied))
	}
	c.snapshot = s
	upTo := c.log.beforeTail(s.Index, c.cfg.KeepEntries, c.cfg.KeepBytes)
	for i := range c.peers {
		p := &c.peers[i]
		heard := c.now < p.heard+c.cfg.ElectionTimeoutMin
		if c.role == Leader && p.state == install && heard {
			upTo = min(upTo, p.shipment.snapshot.Index)
		}
	}
	c.log.compact(min(upTo, c.log.durable))
	for len(c.configs) > 1 && c.configs[1].at.Index <= c.log.base.Index {
		c.configs = c.configs[1:]
	}
}

// Encode returns the metadata as bytes: index, term, time, size and checksum as unsigned varints,
// and then the configuration.
func (s Snapshot) Encode() []byte {
	var b []byte
	for _, v := range [...]uint64{
		s.Index, s.Term, uint64(s.Time), s.Size, uint64(s.Checksum),
	} {
		b = binary.AppendUvarint(b, v)
	}
	return append(b, s.Configuration.Encode()...)
}

// DecodeSnapshot reads what Encode wrote, and refuses anything else.
func DecodeSnapshot(b []byte) (Snapshot, error) {
	d := memberDecoder{rest: b}
	s := Snapshot{
		Index: d.uint(), Term: d.uint(), Time: time.Duration(d.uint()), Size: d.uint(),
	}
	checksum := d.uint()
	if d.failed || s.Time < 0 || checksum > math.MaxUint32 {
		return Snapshot{}, errors.New("malformed snapshot metadata")
	}
	s.Checksum = uint32(checksum)
	var err error
	s.Configuration, err = DecodeConfiguration(d.rest)
	return s, err
}
