package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"strings"

	"gauntlet/raft"
)

// A snapshot is a file INDEX-TERM.snap (16 hex digits each) beside the log: a header, then the
// bytes of the state in blocks, each as large as a chunk that members send each other. Integers are
// little endian.
//
//	magic     8 bytes  "GNTSNP" and the format version
//	room      uint32   where the blocks begin
//	block     uint32   bytes of the state in each block but the last
//	metadata  uint32   bytes of it
//	          raft.Snapshot.Encode
//	crc       uint32   CRC-32C of all above; zeros up to the blocks
//
// A block is its length, the CRC-32C of its bytes, and the bytes. So what a crash left of a
// snapshot that was being received can be told from what it did not, and no damaged block is ever
// sent.
const (
	snapshotMagic     = "GNTSNP\x00\x01"
	snapshotSuffix    = ".snap"
	partialSuffix     = ".part"
	blockHeaderBytes  = 8
	snapshotFixed     = 24 // bytes of a header without the metadata
	maxSnapshotHeader = 16 << 20
)

func snapshotName(index, term uint64) string {
	return fmt.Sprintf("%016x-%016x%s", index, term, snapshotSuffix)
}

// parseSnapshotName returns what a name says, false if it is not that of a snapshot.
func parseSnapshotName(name string) (index, term uint64, ok bool) {
	_, err := fmt.Sscanf(strings.TrimSuffix(name, snapshotSuffix), "%16x-%16x", &index, &term)
	return index, term, err == nil && name == snapshotName(index, term)
}

// snapshotHeader is the head of a snapshot file.
type snapshotHeader struct {
	snapshot raft.Snapshot
	room     int
	block    int
}

// newSnapshotHeader leaves room for a size and a checksum that are not yet known.
func newSnapshotHeader(s raft.Snapshot, block int) snapshotHeader {
	s.Size, s.Checksum = ^uint64(0), ^uint32(0)
	return snapshotHeader{snapshot: s, room: snapshotFixed + len(s.Encode()), block: block}
}

func (h snapshotHeader) encode() []byte {
	metadata := h.snapshot.Encode()
	b := append(make([]byte, 0, h.room), snapshotMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(h.room))
	b = binary.LittleEndian.AppendUint32(b, uint32(h.block))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(metadata)))
	b = append(b, metadata...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// readSnapshotHeader reads the head of a file. Whatever it finds, it takes no more memory than the
// file has bytes.
func readSnapshotHeader(f File) (snapshotHeader, error) {
	size, err := f.Size()
	if err != nil {
		return snapshotHeader{}, err
	}
	b := make([]byte, min(size, snapshotFixed))
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), b); err != nil {
		return snapshotHeader{}, err
	}
	if len(b) < snapshotFixed || string(b[:8]) != snapshotMagic {
		return snapshotHeader{}, errors.New("unknown format")
	}
	length := int64(binary.LittleEndian.Uint32(b[16:])) + snapshotFixed
	h := snapshotHeader{
		room: int(binary.LittleEndian.Uint32(b[8:])), block: int(binary.LittleEndian.Uint32(b[12:])),
	}
	if length > min(size, maxSnapshotHeader) || length > int64(h.room) || h.block == 0 {
		return snapshotHeader{}, errors.New("bad header")
	}
	b = make([]byte, length)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), b); err != nil {
		return snapshotHeader{}, err
	}
	if crc32.Checksum(b[:length-4], castagnoli) != binary.LittleEndian.Uint32(b[length-4:]) {
		return snapshotHeader{}, errors.New("bad header checksum")
	}
	h.snapshot, err = raft.DecodeSnapshot(b[20 : length-4])
	return h, err
}

// place returns where the block stands that begins at an offset of the state.
func (h snapshotHeader) place(offset uint64) int64 {
	return int64(h.room) + int64(offset)/int64(h.block)*int64(h.block+blockHeaderBytes)
}

// blockBytes returns how many bytes of the state the block at an offset has.
func (h snapshotHeader) blockBytes(offset uint64) int {
	return int(min(uint64(h.block), h.snapshot.Size-offset))
}

// readBlock returns the bytes of a block, or says that they are damaged.
func (h snapshotHeader) readBlock(f File, offset uint64) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	need := h.blockBytes(offset)
	if h.place(offset)+int64(blockHeaderBytes+need) > size {
		return nil, fmt.Errorf("cut short at byte %d of the state", offset)
	}
	b := make([]byte, blockHeaderBytes+need)
	if _, err := f.ReadAt(b, h.place(offset)); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	data := b[blockHeaderBytes:]
	if int(binary.LittleEndian.Uint32(b)) != need ||
		binary.LittleEndian.Uint32(b[4:]) != crc32.Checksum(data, castagnoli) {
		return nil, fmt.Errorf("bad block at byte %d of the state", offset)
	}
	return data, nil
}

// readAll reads the blocks up to the first that is damaged, and returns how many bytes of the state
// they are, and their checksum.
func (h snapshotHeader) readAll(f File) (uint64, uint32, error) {
	at, sum := uint64(0), uint32(0)
	for at < h.snapshot.Size {
		data, err := h.readBlock(f, at)
		if err != nil {
			return at, sum, err
		}
		at += uint64(len(data))
		sum = crc32.Update(sum, castagnoli, data)
	}
	return at, sum, nil
}

// openSnapshot opens a snapshot's file, and reads its header.
func openSnapshot(fs FS, path string) (File, snapshotHeader, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, snapshotHeader{}, err
	}
	h, err := readSnapshotHeader(f)
	if err != nil {
		f.Close()
		return nil, snapshotHeader{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return f, h, nil
}

// checkSnapshot reads a whole snapshot, and returns its metadata if all of it is there.
func checkSnapshot(fs FS, path string) (raft.Snapshot, error) {
	f, h, err := openSnapshot(fs, path)
	if err != nil {
		return raft.Snapshot{}, err
	}
	defer f.Close()
	_, sum, err := h.readAll(f)
	if err == nil && sum != h.snapshot.Checksum {
		err = errors.New("bad checksum of the whole state")
	}
	name, s := filepath.Base(path), h.snapshot
	if err == nil && (s.Size == 0 || name != snapshotName(s.Index, s.Term)) {
		err = fmt.Errorf("it says it is the snapshot of entry %d of term %d",
			s.Index, s.Term)
	}
	if err != nil {
		return raft.Snapshot{}, fmt.Errorf("%s: %w", name, err)
	}
	return h.snapshot, nil
}
