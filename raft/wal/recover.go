package wal

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gauntlet/raft"
)

// history is what the records of a log tell, one after the other.
type history struct {
	hard    raft.HardState
	base    raft.Position // the entry before the first one; Term 0: unknown
	entries []raft.Entry
}

// end returns the position of the last entry.
func (h *history) end() raft.Position {
	if n := len(h.entries); n > 0 {
		return raft.Position{Index: h.entries[n-1].Index, Term: h.entries[n-1].Term}
	}
	return h.base
}

// holds tells whether the log has the very entry that a snapshot ends with.
func (h *history) holds(s raft.Snapshot) bool {
	if s.Index <= h.base.Index {
		return s.Index == h.base.Index && (s.Term == h.base.Term || h.base.Term == 0)
	}
	at := s.Index - h.base.Index
	return at <= uint64(len(h.entries)) && h.entries[at-1].Term == s.Term
}

// recover reads every segment and the newest snapshot, then writes the live segment anew (rules 3,
// 4 and 6 of the package). Until everything has been read and found good it changes nothing.
func (l *Log) recover() (raft.Restored, error) {
	names, err := l.fs.List(l.dir)
	if err != nil {
		return raft.Restored{}, fmt.Errorf("list log directory: %w", err)
	}
	numbers, leftovers := sortNames(names)
	snapshot, damaged := l.newestSnapshot(names)
	if len(numbers) == 0 && snapshot.Index > 0 {
		return raft.Restored{}, l.corrupt(1, "missing, though there is a snapshot")
	}
	live, told, err := l.readSegments(numbers)
	if err != nil {
		return raft.Restored{}, err
	}
	if snapshot.Index < told.base.Index {
		return raft.Restored{}, l.corrupt(numbers[0],
			"it begins behind entry %d, and no whole snapshot reaches that%s",
			told.base.Index, describe(damaged))
	}
	restored, anew := l.join(&told, snapshot)
	if anew {
		live.records = append(live.records, l.summary())
	}
	for name := range damaged {
		leftovers = append(leftovers, name) // the log tells all that it stood for
	}
	slices.Sort(leftovers)
	if err := l.rewrite(live, leftovers); err != nil {
		return raft.Restored{}, fmt.Errorf("rewrite live segment %d: %w", live.number, err)
	}
	l.recovery.Segments = max(len(numbers), 1)
	l.recovery.TornBytes = live.junk
	l.recovery.Snapshot = snapshot.Index
	if restored.Partial, restored.PartialBytes, err = l.snapshots.resume(names, snapshot); err != nil {
		return raft.Restored{}, fmt.Errorf("look for a snapshot being received: %w", err)
	}
	return restored, nil
}

// readSegments reads the segments in turn. It returns the live one, which is the first of a new
// member if there is none.
func (l *Log) readSegments(numbers []uint64) (contents, history, error) {
	live := contents{segmentHeader: segmentHeader{number: 1}}
	var told history
	var room room
	for i, number := range numbers {
		if number != numbers[0]+uint64(i) {
			return contents{}, history{}, l.corrupt(numbers[0]+uint64(i),
				"missing, though segment %d is there", number)
		}
		var err error
		first, last := i == 0 && number > 1, i == len(numbers)-1
		if live, err = l.read(number, first, last, live.seal, &room); err != nil {
			return contents{}, history{}, err
		}
		l.highest = 0
		for _, r := range live.records {
			if err := r.replay(&told); err != nil {
				return contents{}, history{}, l.corrupt(number, "%v", err)
			}
			l.highest = max(l.highest, told.end().Index)
			if r.kind != holdsHardState|holdsEnd { // what a segment begins with
				l.recovery.Records++
			}
		}
		if !last {
			l.sealed = append(l.sealed, sealed{number, l.highest})
		}
	}
	return live, told, nil
}

// join joins the log and the newest snapshot: see rule 6. A log that begins anew behind the
// snapshot must be made to say so.
func (l *Log) join(told *history, s raft.Snapshot) (restored raft.Restored, anew bool) {
	if anew = s.Index > 0 && !told.holds(s); anew {
		told.base, told.entries = raft.Position{Index: s.Index, Term: s.Term}, nil
	}
	if s.Term > told.hard.Term { // the snapshot was durable before the term in which it came
		told.hard = raft.HardState{Term: s.Term}
	}
	l.hard, l.end = told.hard, told.end()
	l.highest = max(l.highest, l.end.Index)
	return raft.Restored{
		HardState: told.hard, Snapshot: s, Entries: told.entries[s.Index-told.base.Index:],
	}, anew
}

// newestSnapshot returns the newest snapshot that is whole, Index 0 if there is none, and what is
// wrong with newer ones, by name.
func (l *Log) newestSnapshot(names []string) (newest raft.Snapshot, damaged map[string]error) {
	damaged = map[string]error{}
	for _, name := range slices.Backward(names) {
		if _, _, ok := parseSnapshotName(name); !ok {
			continue
		}
		s, err := checkSnapshot(l.fs, filepath.Join(l.dir, name))
		if err == nil {
			return s, damaged
		}
		damaged[name] = err
	}
	return raft.Snapshot{}, damaged
}

// describe says what is wrong with snapshots.
func describe(damaged map[string]error) string {
	said := ""
	for _, name := range slices.Sorted(maps.Keys(damaged)) {
		said += fmt.Sprintf("; %v", damaged[name])
	}
	return said
}

// sortNames picks the segments and the temporary files, which a crash left behind, among the names.
// Names of a fixed width sort as their numbers do.
func sortNames(names []string) (numbers []uint64, leftovers []string) {
	for _, name := range names {
		if strings.HasSuffix(name, segmentSuffix+temporarySuffix) ||
			strings.HasSuffix(name, snapshotSuffix+temporarySuffix) {
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

// read reads and judges one segment. Its predecessor ended with the seal chain; that of the first
// one left is compacted away.
func (l *Log) read(
	number uint64, isFirst, isLive bool, chain uint32, into *room,
) (contents, error) {
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
	if isFirst && (len(c.records) == 0 || c.records[0].kind&holdsEnd == 0) {
		return contents{}, l.corrupt(number-1, "missing, though segment %d needs it", number)
	}
	if c.chain != chain && !isFirst {
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
