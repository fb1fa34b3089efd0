package wire

import (
	"encoding/binary"
	"fmt"
	"time"

	"gauntlet/raft"
)

// The kinds of frame body.
const (
	kindHello   = 1
	kindMessage = 2
	kindPing    = 3
)

// The flags of a message.
const (
	flagReject   = 1
	flagTransfer = 2
)

// minEntryBytes is the least an entry takes: it bounds how many a body can announce. So does
// maxEntries, far above what an Append is filled with, since in memory an entry of no data takes
// ten times as much as here.
const (
	minEntryBytes = 5
	maxEntries    = 1 << 20
)

// appendBody appends the fields of m. Every field is always there: a few zero bytes are cheaper
// than a table of which kind uses what, which would have to change with every new kind.
func appendBody(dst []byte, m *raft.Message) []byte {
	flags := uint64(0)
	if m.Reject {
		flags |= flagReject
	}
	if m.Transfer {
		flags |= flagTransfer
	}
	for _, v := range [...]uint64{
		uint64(m.Kind), uint64(m.From), uint64(m.To), m.Term, m.Index, m.LogTerm, m.Commit,
		flags, m.HintIndex, m.HintTerm, m.Round, m.ID,
	} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = appendBytes(dst, m.Data)
	dst = binary.AppendUvarint(dst, uint64(len(m.Entries)))
	for _, e := range m.Entries {
		dst = binary.AppendUvarint(dst, e.Index)
		dst = binary.AppendUvarint(dst, e.Term)
		dst = binary.AppendUvarint(dst, uint64(e.Kind))
		dst = binary.AppendUvarint(dst, uint64(e.Time))
		dst = appendBytes(dst, e.Data)
	}
	return appendChunk(dst, m.Chunk)
}

// appendChunk appends a part of a snapshot: the snapshot's metadata, of which there are some, and
// then the other fields; or no metadata and nothing else.
func appendChunk(dst []byte, part *raft.Chunk) []byte {
	if part == nil {
		return appendBytes(dst, nil)
	}
	dst = appendBytes(dst, part.Snapshot.Encode())
	dst = binary.AppendUvarint(dst, part.Offset)
	dst = binary.AppendUvarint(dst, uint64(part.Checksum))
	return appendBytes(dst, part.Data)
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// parse decodes a body whose checksum has been verified.
func parse(body []byte) (Frame, error) {
	d := decoder{rest: body[1:]}
	var f Frame
	switch body[0] {
	case kindHello:
		f.Hello = d.hello()
	case kindMessage:
		f.Message = d.message()
	case kindPing:
	default:
		return Frame{}, fmt.Errorf("%w: unknown kind %d", ErrMalformed, body[0])
	}
	if d.err == nil && len(d.rest) > 0 {
		d.fail("%d bytes too many", len(d.rest))
	}
	if d.err != nil {
		return Frame{}, d.err
	}
	return f, nil
}

// decoder takes fields off the front of a body. The first error sticks, and every later field
// reads as zero.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
	}
	d.rest = nil
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail("cut short or overlong integer")
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// small reads an integer that must fit below limit.
func (d *decoder) small(what string, limit uint64) uint64 {
	v := d.uint()
	if v >= limit {
		d.fail("%s %d", what, v)
		return 0
	}
	return v
}

// bytes returns nil for a length of zero, so that decoding what was encoded gives the same value.
func (d *decoder) bytes() []byte {
	n := d.uint()
	if n > uint64(len(d.rest)) {
		d.fail("%d bytes announced, %d there", n, len(d.rest))
		return nil
	}
	if n == 0 {
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) hello() *Hello {
	if v := d.uint(); d.err == nil && v != Version {
		d.fail("version %d, this side speaks %d", v, Version)
	}
	h := &Hello{
		Cluster:  d.uint(),
		From:     raft.NodeID(d.uint()),
		To:       raft.NodeID(d.uint()),
		Stream:   Stream(d.small("stream", uint64(Snapshots)+1)),
		Founders: d.uint(),
		Name:     string(d.bytes()),
		Address:  string(d.bytes()),
	}
	if len(d.rest) > 0 {
		h.Proof = string(d.bytes())
	}
	return h
}

func (d *decoder) message() *raft.Message {
	m := &raft.Message{
		Kind:    raft.MessageKind(d.small("message kind", 256)),
		From:    raft.NodeID(d.uint()),
		To:      raft.NodeID(d.uint()),
		Term:    d.uint(),
		Index:   d.uint(),
		LogTerm: d.uint(),
		Commit:  d.uint(),
	}
	flags := d.small("flags", flagTransfer<<1)
	m.Reject, m.Transfer = flags&flagReject != 0, flags&flagTransfer != 0
	m.HintIndex, m.HintTerm = d.uint(), d.uint()
	m.Round, m.ID = d.uint(), d.uint()
	m.Data = d.bytes()
	n := d.uint()
	if n > min(uint64(len(d.rest)/minEntryBytes), maxEntries) {
		d.fail("%d entries announced in %d bytes", n, len(d.rest))
		return nil
	}
	for range n {
		m.Entries = append(m.Entries, raft.Entry{
			Index: d.uint(),
			Term:  d.uint(),
			Kind:  raft.EntryKind(d.small("entry kind", 256)),
			Time:  time.Duration(d.small("entry time", 1<<63)),
			Data:  d.bytes(),
		})
	}
	m.Chunk = d.chunk()
	return m
}

func (d *decoder) chunk() *raft.Chunk {
	metadata := d.bytes()
	if metadata == nil {
		return nil
	}
	s, err := raft.DecodeSnapshot(metadata)
	if err != nil {
		d.fail("%v", err)
		return nil
	}
	return &raft.Chunk{
		Snapshot: s,
		Offset:   d.uint(),
		Checksum: uint32(d.small("chunk checksum", 1<<32)),
		Data:     d.bytes(),
	}
}
