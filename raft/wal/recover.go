package wal

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gauntlet/raft"
)

// recover reads every segment, then writes the live one anew (rules 3 and 4 of the package).
// Until everything has been read and found good it changes nothing.
func (l *Log) recover() (raft.Restored, error) {
	names, err := l.fs.List(l.dir)
	if err != nil {
		return raft.Restored{}, fmt.Errorf("list log directory: %w", err)
	}
	numbers, leftovers := sortNames(names)
	var restored raft.Restored
	live := contents{segmentHeader: segmentHeader{number: 1}} // of a new member
	var room room
	for i, number := range numbers {
		if number != uint64(i)+1 {
			return raft.Restored{}, l.corrupt(uint64(i)+1,
				"missing, though segment %d is there", number)
		}
		if live, err = l.read(number, i == len(numbers)-1, live.seal, &room); err != nil {
			return raft.Restored{}, err
		}
		for _, r := range live.records {
			if err := r.replay(&restored); err != nil {
				return raft.Restored{}, l.corrupt(number, "%v", err)
			}
			l.recovery.Records++
		}
	}
	if err := l.rewrite(live, leftovers); err != nil {
		return raft.Restored{}, fmt.Errorf("rewrite live segment %d: %w", live.number, err)
	}
	l.last = uint64(len(restored.Entries))
	l.recovery.Segments = max(len(numbers), 1)
	l.recovery.TornBytes = live.junk
	return restored, nil
}

// sortNames picks the segments and the temporary files, which a crash left behind, among the names.
// Names of a fixed width sort as their numbers do.
func sortNames(names []string) (numbers []uint64, leftovers []string) {
	for _, name := range names {
		if strings.HasSuffix(name, segmentSuffix+temporarySuffix) {
			leftovers = append(leftovers, name)
		}
		number, err := strconv.ParseUint(strings.TrimSuffix(name, segmentSuffix), 16, 64)
		if err == nil && name == segmentName(number) {
			numbers = append(numbers, number)
		}
	}
	return numbers, leftovers
}

// room is what one segment after the other is read into.
type room struct {
	bytes   []byte
	records []record
}

// read reads and judges one segment, whose predecessor ended with the seal chain.
func (l *Log) read(number uint64, isLive bool, chain uint32, into *room) (contents, error) {
	var err error
	into.bytes, err = readFile(l.fs, filepath.Join(l.dir, segmentName(number)), into.bytes)
	if err != nil {
		return contents{}, fmt.Errorf("read segment %d: %w", number, err)
	}
	c, err := readSegment(into.bytes, into.records[:0])
	if err != nil {
		return contents{}, l.corrupt(number, "%v", err)
	}
	into.records = c.records
	if c.number != number {
		return contents{}, l.corrupt(number, "its header says it is segment %d", c.number)
	}
	if c.chain != chain {
		return contents{}, l.corrupt(number-1, "its last records are lost or not its own")
	}
	if c.after > 0 {
		return contents{}, l.corrupt(number,
			"bad record at offset %d before a good one at offset %d", c.end, c.after)
	}
	if c.junk > 0 && !isLive {
		return contents{}, l.corrupt(number, "bad record at offset %d of a sealed segment", c.end)
	}
	return c, nil
}

func (l *Log) corrupt(number uint64, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s",
		ErrCorrupt, filepath.Join(l.dir, segmentName(number)), fmt.Sprintf(format, args...))
}

// rewrite puts a synced copy of the live segment, without its torn tail, in its place.
func (l *Log) rewrite(live contents, leftovers []string) error {
	for _, name := range leftovers {
		if err := l.fs.Remove(filepath.Join(l.dir, name)); err != nil {
			return err
		}
	}
	header := live.segmentHeader
	header.salt = l.options.Salt
	var err error
	l.live, err = createSegment(l.fs, l.dir, header, l.options.SegmentBytes, live.records)
	return err
}

// readFile reads a whole file, into b if it fits.
func readFile(fs FS, path string, b []byte) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b = slices.Grow(b[:0], int(size))[:size]
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), b); err != nil {
		return nil, err
	}
	return b, nil
}
