package night

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A night's journal is the one truth about it: one line each time something begins or ends, on the
// disk before anything else happens. Whatever kills the controller, the next one goes on from it.
//
//	header   the campaign, the night's seed, and so every cell there is
//	begun    a run of a cell is about to be made, in this directory
//	ended    how it ended
//	lost     it did not: its controller was killed or stopped, or the disk was full
//	resumed  another controller goes on
//	done     the night is over: everybody was told
type entry struct {
	At      time.Time     `json:"at"`
	Elapsed time.Duration `json:"elapsed"` // of controllers at work, by a clock that never jumps
	Header  *header       `json:"header,omitempty"`
	Begun   *begun        `json:"begun,omitempty"`
	Ended   *Attempt      `json:"ended,omitempty"`
	Lost    *lost         `json:"lost,omitempty"`
	Resumed string        `json:"resumed,omitempty"` // what was found
	Done    *done         `json:"done,omitempty"`
}

// header says what there is to do. The cells follow from the combinations, the seed and the rounds.
type header struct {
	Version      int      `json:"version"`
	Campaign     string   `json:"campaign"`
	Digest       string   `json:"digest"` // of the campaign's files
	Place        string   `json:"place"`
	Hosts        string   `json:"hosts,omitempty"`
	Binaries     []string `json:"binaries,omitempty"`
	Build        string   `json:"build,omitempty"` // of what is tested
	Seed         uint64   `json:"seed"`
	Rounds       int      `json:"rounds"` // 0: until the budget is used
	Reruns       int      `json:"reruns"` // of a missed gate
	Combinations []string `json:"combinations"`
	Cells        []Cell   `json:"cells"` // of the first round
}

type begun struct {
	Cell      Cell   `json:"cell"`
	Number    int    `json:"number"`
	Directory string `json:"directory"`
}

type lost struct {
	Cell      int    `json:"cell"`
	Number    int    `json:"number"`
	Directory string `json:"directory"`
	Why       string `json:"why"`
}

type done struct {
	Exit int `json:"exit"`
}

// journalVersion is the format that this package writes, and the only one it goes on with.
const journalVersion = 1

const journalFile = "journal.jsonl"

// appender is the file of a journal.
type appender interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

// journal writes lines that are whole or not there.
type journal struct {
	file appender
	size int64
	err  error // the first trouble: nothing is written after it
}

// append writes one line and waits for the disk. What could not be written whole is taken back:
// that needs no room.
func (j *journal) append(e entry) error {
	if j.err != nil {
		return j.err
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	_, err = j.file.Write(line)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.err = fmt.Errorf("the journal cannot be written: %w",
			errors.Join(err, j.file.Truncate(j.size)))
		return j.err
	}
	j.size += int64(len(line))
	return nil
}

// openJournal opens the journal of a night, or makes one. Entries are what it holds; a torn last
// line, which a controller was killed in, is cut off.
func openJournal(night string) (j *journal, entries []entry, torn bool, err error) {
	path := filepath.Join(night, journalFile)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, false, err
	}
	entries, whole, err := readJournal(text)
	if err != nil {
		return nil, nil, false, fmt.Errorf("%s: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, nil, false, err
	}
	torn = whole < len(text)
	if torn {
		err = file.Truncate(int64(whole))
	}
	if err = errors.Join(err, syncDirectory(night)); err != nil {
		file.Close()
		return nil, nil, false, err
	}
	return &journal{file: file, size: int64(whole)}, entries, torn, nil
}

// readJournal takes lines apart, and tells how many bytes of them are whole. Only the last may be
// torn: anything else is no journal of ours.
func readJournal(text []byte) (entries []entry, whole int, err error) {
	for whole < len(text) {
		end := bytes.IndexByte(text[whole:], '\n')
		if end < 0 {
			return entries, whole, nil
		}
		line := text[whole : whole+end]
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			if whole+end+1 == len(text) {
				return entries, whole, nil
			}
			return nil, 0, fmt.Errorf("line %d is broken: %w", len(entries)+1, err)
		}
		if (len(entries) == 0) != (e.Header != nil) {
			return nil, 0, fmt.Errorf("line %d: the header is the first line, and no other",
				len(entries)+1)
		}
		entries = append(entries, e)
		whole += end + 1
	}
	return entries, whole, nil
}

// syncDirectory makes the names in a directory last.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
