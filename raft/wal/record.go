package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"gauntlet/raft"
)

// A record is what one Append wrote. Integers are little endian.
//
//	length    uint32  bytes of the body
//	kind      uint32  what the body holds: 1 hard state, 2 entries, 3 both
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

func sealOf(header []byte, salt, offset uint64) uint32 {
	var place [16]byte
	binary.LittleEndian.PutUint64(place[:], salt)
	binary.LittleEndian.PutUint64(place[8:], offset)
	return crc32.Update(crc32.Checksum(place[:], castagnoli), castagnoli, header[:16])
}

// readRecord reads the record that stands at offset, judging it by itself and not by the chain.
func readRecord(segment []byte, salt uint64, offset int) (record, bool) {
	if len(segment)-offset < recordHeaderBytes {
		return record{}, false
	}
	header := segment[offset : offset+recordHeaderBytes]
	kind := recordKind(binary.LittleEndian.Uint32(header[4:]))
	if kind == 0 || kind > holdsHardState|holdsEntries {
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

// encode returns the body that holds both, or either.
func encode(hard *raft.HardState, entries []raft.Entry) (recordKind, []byte) {
	var kind recordKind
	var body []byte
	if hard != nil {
		kind |= holdsHardState
		body = binary.AppendUvarint(body, hard.Term)
		body = binary.AppendUvarint(body, uint64(hard.Vote))
	}
	if len(entries) > 0 {
		kind |= holdsEntries
		body = binary.AppendUvarint(body, entries[0].Index)
		for _, e := range entries {
			body = binary.AppendUvarint(body, e.Term)
			body = append(body, byte(e.Kind))
			body = binary.AppendUvarint(body, uint64(len(e.Data)))
			body = append(body, e.Data...)
		}
	}
	return kind, body
}

// replay applies the record to what was restored before it.
func (r record) replay(restored *raft.Restored) error {
	rest, ok := r.body, true
	uint := func() uint64 {
		v, n := binary.Uvarint(rest)
		if n <= 0 {
			rest, ok = nil, false
			return 0
		}
		rest = rest[n:]
		return v
	}
	if r.kind&holdsHardState != 0 {
		hard := raft.HardState{Term: uint(), Vote: raft.NodeID(uint())}
		if hard.Term < restored.HardState.Term {
			return fmt.Errorf("term falls from %d to %d", restored.HardState.Term, hard.Term)
		}
		restored.HardState = hard
	}
	if r.kind&holdsEntries != 0 {
		var entries []raft.Entry
		for index := uint(); ok && len(rest) > 0; index++ {
			e := raft.Entry{Index: index, Term: uint()}
			if !ok || len(rest) == 0 {
				return fmt.Errorf("entry %d cut short", index)
			}
			e.Kind, rest = raft.EntryKind(rest[0]), rest[1:]
			n := uint()
			if !ok || n > uint64(len(rest)) {
				return fmt.Errorf("entry %d cut short", index)
			}
			e.Data, rest = append([]byte(nil), rest[:n]...), rest[n:]
			entries = append(entries, e)
		}
		if len(entries) == 0 {
			return fmt.Errorf("no entries in a record of entries")
		}
		if err := follows(uint64(len(restored.Entries)), entries); err != nil {
			return err
		}
		restored.Entries = append(restored.Entries[:entries[0].Index-1], entries...)
	}
	if !ok || len(rest) > 0 {
		return fmt.Errorf("body does not end where its fields do")
	}
	return nil
}
