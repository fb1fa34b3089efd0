package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"gauntlet/raft"
)

// A record is what one Append wrote. Integers are little endian.
//
//	length    uint32  bytes of the body
//	kind      uint32  what the body holds, a sum: 1 hard state, 2 entries, 4 end
//	previous  uint32  the seal of the record before (of the segment header, if the first)
//	body crc  uint32  CRC-32C of the body and its padding
//	seal      uint32  CRC-32C of the segment's salt, this record's offset and the 16 bytes above
//	body      padded with zeros to a multiple of 4 bytes
//
// The seals chain the records. Because salt and offset go into them, a record can be recognised
// alone: so a torn tail is told from damage before good data, and bytes that merely look like a
// record, stale ones or a client's value, are not taken for one.
const (
	recordHeaderBytes = 20
	recordAlignment   = 4
	maxRecordBytes    = 256 << 20
)

// recordKind is a bit set of what the body holds.
type recordKind uint32

const (
	holdsHardState recordKind = 1
	holdsEntries   recordKind = 2

	// holdsEnd says which entry is the last one of the log: of a log that ends otherwise, nothing
	// is left. A segment begins with it, so that it can be the first one; and so does the log
	// behind an installed snapshot.
	holdsEnd recordKind = 4

	holdsAll = holdsHardState | holdsEntries | holdsEnd
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record is one record as read back.
type record struct {
	kind     recordKind
	previous uint32
	seal     uint32
	body     []byte // without the padding
}

func padded(n int) int      { return (n + recordAlignment - 1) &^ (recordAlignment - 1) }
func recordBytes(n int) int { return recordHeaderBytes + padded(n) }

// appendRecord appends the record of body, which will stand at offset, and returns its seal.
func appendRecord(
	dst []byte, kind recordKind, body []byte, salt, offset uint64, previous uint32,
) ([]byte, uint32) {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(body)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(kind))
	dst = binary.LittleEndian.AppendUint32(dst, previous)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = append(dst, body...)
	dst = append(dst, make([]byte, padded(len(body))-len(body))...)
	header, stored := dst[start:start+recordHeaderBytes], dst[start+recordHeaderBytes:]
	binary.LittleEndian.PutUint32(header[12:], crc32.Checksum(stored, castagnoli))
	seal := sealOf(header, salt, offset)
	binary.LittleEndian.PutUint32(header[16:], seal)
	return dst, seal
}

// sealOf returns the CRC-32C of salt, offset and the first 16 bytes of a header. Salt and offset
// are taken in by the byte, since a buffer for them would be an allocation for every record.
func sealOf(header []byte, salt, offset uint64) uint32 {
	crc := ^uint32(0)
	for _, place := range [...]uint64{salt, offset} {
		for shift := 0; shift < 64; shift += 8 {
			crc = castagnoli[byte(crc)^byte(place>>shift)] ^ crc>>8
		}
	}
	return crc32.Update(^crc, castagnoli, header[:16])
}

// readRecord reads the record that stands at offset, judging it by itself and not by the chain.
func readRecord(segment []byte, salt uint64, offset int) (record, bool) {
	if len(segment)-offset < recordHeaderBytes {
		return record{}, false
	}
	header := segment[offset : offset+recordHeaderBytes]
	kind := recordKind(binary.LittleEndian.Uint32(header[4:]))
	if kind == 0 || kind > holdsAll {
		return record{}, false
	}
	seal := binary.LittleEndian.Uint32(header[16:])
	if seal != sealOf(header, salt, uint64(offset)) {
		return record{}, false
	}
	length := int(binary.LittleEndian.Uint32(header))
	rest := segment[offset+recordHeaderBytes:]
	if padded(length) > len(rest) {
		return record{}, false
	}
	rest = rest[:padded(length)]
	if crc32.Checksum(rest, castagnoli) != binary.LittleEndian.Uint32(header[12:]) {
		return record{}, false
	}
	return record{
		kind:     kind,
		previous: binary.LittleEndian.Uint32(header[8:]),
		seal:     seal,
		body:     rest[:length],
	}, true
}

// appendBody appends the body that holds what is not nil of these, in this order.
func appendBody(
	body []byte, hard *raft.HardState, end *raft.Position, entries []raft.Entry,
) (recordKind, []byte) {
	var kind recordKind
	if hard != nil {
		kind |= holdsHardState
		body = binary.AppendUvarint(body, hard.Term)
		body = binary.AppendUvarint(body, uint64(hard.Vote))
	}
	if end != nil {
		kind |= holdsEnd
		body = binary.AppendUvarint(body, end.Index)
		body = binary.AppendUvarint(body, end.Term)
	}
	if len(entries) > 0 {
		kind |= holdsEntries
		body = binary.AppendUvarint(body, entries[0].Index)
		for _, e := range entries {
			body = binary.AppendUvarint(body, e.Term)
			body = append(body, byte(e.Kind))
			body = binary.AppendUvarint(body, uint64(e.Time))
			body = binary.AppendUvarint(body, uint64(len(e.Data)))
			body = append(body, e.Data...)
		}
	}
	return kind, body
}

// replay applies the record to what was told before it, which is of no use after an error.
func (r record) replay(h *history) error {
	f := fields{rest: r.body}
	if r.kind&holdsHardState != 0 {
		hard := raft.HardState{Term: f.uint(), Vote: raft.NodeID(f.uint())}
		if hard.Term < h.hard.Term {
			return fmt.Errorf("term falls from %d to %d", h.hard.Term, hard.Term)
		}
		h.hard = hard
	}
	if r.kind&holdsEnd != 0 {
		end := raft.Position{Index: f.uint(), Term: f.uint()}
		if end != h.end() {
			h.base, h.entries = end, h.entries[:0]
		}
	}
	if r.kind&holdsEntries != 0 {
		if err := f.entries(h); err != nil {
			return err
		}
	}
	if f.bad || len(f.rest) > 0 {
		return fmt.Errorf("body does not end where its fields do")
	}
	return nil
}

// fields takes fields off the front of a body. The first bad one sticks.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) uint() uint64 {
	v, n := binary.Uvarint(f.rest)
	if n <= 0 {
		f.rest, f.bad = nil, true
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

// entries takes all entries off, which go where their indexes say. They do not keep the segment
// that they were read from in memory, only each other.
func (f *fields) entries(h *history) error {
	first := f.uint()
	err := follows(h.end().Index, []raft.Entry{{Index: first}})
	if !f.bad && err != nil {
		return err
	}
	if first <= h.base.Index { // replaced what is compacted away by now
		h.base, h.entries = raft.Position{Index: first - 1}, nil
	}
	f.rest = bytes.Clone(f.rest)
	if len(f.rest) == 0 {
		return fmt.Errorf("no entries in a record of entries")
	}
	h.entries = h.entries[:first-1-h.base.Index]
	for index := first; len(f.rest) > 0; index++ {
		e := raft.Entry{Index: index, Term: f.uint()}
		if len(f.rest) == 0 {
			return fmt.Errorf("entry %d cut short", index)
		}
		e.Kind, f.rest = raft.EntryKind(f.rest[0]), f.rest[1:]
		e.Time = time.Duration(f.uint())
		n := f.uint()
		if f.bad || n > uint64(len(f.rest)) {
			return fmt.Errorf("entry %d cut short", index)
		}
		if n > 0 {
			e.Data = f.rest[:n:n]
		}
		f.rest = f.rest[n:]
		h.entries = append(h.entries, e)
	}
	return nil
}
