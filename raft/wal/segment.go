package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"
)

// A segment is a file NUMBER.wal (16 hex digits, without a gap; those before the first one left are
// compacted away): header, records, zeros.
//
//	magic   8 bytes  "GNTWAL" and the format version
//	number  uint64   as in the name
//	salt    uint64   see Options
//	chain   uint32   seal of the last record of the segment before; 0 in the first
//	crc     uint32   CRC-32C of the 28 bytes above; the first record's "previous"
//
// It is written and synced under a temporary name: so a segment that has its name has a whole
// header, and a segment with a successor is sealed. All but segment 1 begin with a record that
// holds the hard state and the end of the log, so they can be read without those before them.
const (
	segmentMagic       = "GNTWAL\x00\x02"
	segmentHeaderBytes = 32
	segmentSuffix      = ".wal"
	temporarySuffix    = ".tmp"
)

type segmentHeader struct {
	number uint64
	salt   uint64
	chain  uint32
}

// segment is the live segment, open for writing.
type segment struct {
	segmentHeader // chain moves on: it is the seal that the next record must name

	file   File
	size   int
	offset int    // where the next record goes
	buffer []byte // reused between writes
}

func segmentName(number uint64) string { return fmt.Sprintf("%016x%s", number, segmentSuffix) }

// append appends the header, which stands at the start of b.
func (h segmentHeader) append(b []byte) []byte {
	b = append(b, segmentMagic...)
	b = binary.LittleEndian.AppendUint64(b, h.number)
	b = binary.LittleEndian.AppendUint64(b, h.salt)
	b = binary.LittleEndian.AppendUint32(b, h.chain)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeHeader(b []byte) (segmentHeader, error) {
	if len(b) < segmentHeaderBytes {
		return segmentHeader{}, fmt.Errorf("%d bytes are too few for a header", len(b))
	}
	b = b[:segmentHeaderBytes]
	if crc32.Checksum(b[:28], castagnoli) != binary.LittleEndian.Uint32(b[28:]) {
		return segmentHeader{}, fmt.Errorf("bad header checksum")
	}
	if string(b[:8]) != segmentMagic {
		return segmentHeader{}, fmt.Errorf("unknown format %q", b[:8])
	}
	return segmentHeader{
		number: binary.LittleEndian.Uint64(b[8:]),
		salt:   binary.LittleEndian.Uint64(b[16:]),
		chain:  binary.LittleEndian.Uint32(b[24:]),
	}, nil
}

// createSegment writes a segment of at least size bytes that holds the given records, and makes it
// and its name durable. A segment of the same number is replaced, at once or not at all.
func createSegment(
	fs FS, dir string, header segmentHeader, size int, records []record,
) (*segment, error) {
	need := segmentHeaderBytes
	for _, r := range records {
		need += recordBytes(len(r.body))
	}
	s := &segment{segmentHeader: header, offset: need, size: max(size, need)}
	content := header.append(make([]byte, 0, need))
	s.chain = binary.LittleEndian.Uint32(content[28:])
	for _, r := range records {
		offset := uint64(len(content))
		content, s.chain = appendRecord(content, r.kind, r.body, header.salt, offset, s.chain)
	}

	name := filepath.Join(dir, segmentName(header.number))
	file, err := fs.Create(name + temporarySuffix)
	if err != nil {
		return nil, err
	}
	s.file = file
	if err := s.install(fs, dir, name, content); err != nil {
		file.Close()
		return nil, err
	}
	return s, nil
}

// zeros is what fresh segments are filled with. It is never written, so it takes no memory.
var zeros [DefaultSegmentBytes]byte

// install fills the new file and gives it its name. The order is rule 5 of the package.
func (s *segment) install(fs FS, dir, name string, content []byte) error {
	if _, err := s.file.WriteAt(content, 0); err != nil {
		return err
	}
	for at := len(content); at < s.size; {
		n, err := s.file.WriteAt(zeros[:min(len(zeros), s.size-at)], int64(at))
		if err != nil {
			return err
		}
		at += n
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	if err := fs.Rename(name+temporarySuffix, name); err != nil {
		return err
	}
	return fs.SyncDir(dir)
}

func (s *segment) fits(bodyBytes int) bool {
	return s.size-s.offset >= recordBytes(bodyBytes)
}

// write writes one record behind the last one, in one call, without syncing it.
func (s *segment) write(kind recordKind, body []byte) error {
	b, seal := appendRecord(s.buffer[:0], kind, body, s.salt, uint64(s.offset), s.chain)
	if _, err := s.file.WriteAt(b, int64(s.offset)); err != nil {
		return err
	}
	s.offset += len(b)
	s.chain = seal
	if cap(b) <= maxBufferBytes {
		s.buffer = b
	}
	return nil
}

// contents is what a segment was found to hold.
type contents struct {
	segmentHeader
	records []record
	seal    uint32 // of the last record
	end     int    // offset behind the last record
	junk    int    // bytes from there to the last one that is not zero
	after   int    // offset of a valid record behind the first bad one; 0: there is none
}

// readSegment reads records as far as they are valid and chained, which it appends to those given,
// and looks at what is behind them.
func readSegment(b []byte, records []record) (contents, error) {
	header, err := decodeHeader(b)
	if err != nil {
		return contents{}, err
	}
	c := contents{segmentHeader: header, records: records, end: segmentHeaderBytes}
	c.seal = binary.LittleEndian.Uint32(b[28:])
	for {
		r, ok := readRecord(b, header.salt, c.end)
		if !ok || r.previous != c.seal {
			break
		}
		c.records = append(c.records, r)
		c.seal = r.seal
		c.end += recordBytes(len(r.body))
	}
	c.junk = len(trimZeros(b[c.end:]))
	for offset := c.end; offset < c.end+c.junk; offset += recordAlignment {
		if _, ok := readRecord(b, header.salt, offset); ok {
			c.after = offset
			break
		}
	}
	return c, nil
}

// trimZeros cuts the zeros off the end, which in a fresh segment are most of it.
func trimZeros(b []byte) []byte {
	for len(b) >= 8 && binary.LittleEndian.Uint64(b[len(b)-8:]) == 0 {
		b = b[:len(b)-8]
	}
	return bytes.TrimRight(b, "\x00")
}
