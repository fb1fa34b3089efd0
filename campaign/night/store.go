package night

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"gauntlet/suite"
)

// Record is what the store remembers of a night for ever.
type Record struct {
	Night    string        `json:"night"`
	Place    string        `json:"place"` // figures of another place are of another world
	Started  time.Time     `json:"started"`
	Took     time.Duration `json:"took"`
	Exit     int           `json:"exit"`
	Build    string        `json:"build,omitempty"`
	Seed     uint64        `json:"seed"`
	Runs     int           `json:"runs"`
	Classes  map[int]int   `json:"classes"` // cells, by exit code
	Flaky    int           `json:"flaky,omitempty"`
	NotRun   int           `json:"notRun,omitempty"`
	Skipped  int           `json:"skipped,omitempty"` // combinations known to lack something
	Medians  Medians       `json:"medians"`
	Failures []Failure     `json:"failures,omitempty"`
}

// Medians are those of a night's runs; what is nil was not measured. 0 is a figure like any other:
// the worst night has no availability at all.
type Medians struct {
	Available  *float64 `json:"available,omitempty"`  // permille
	LongestGap *float64 `json:"longestGap,omitempty"` // this and those below in nanoseconds
	Recovery   *float64 `json:"recovery,omitempty"`
	Transport  *float64 `json:"transport,omitempty"`
	P99        *float64 `json:"p99,omitempty"`
	Throughput *float64 `json:"throughput,omitempty"` // a second
}

// Failure is one way to fail.
type Failure struct {
	Signature string `json:"signature"`
	Class     int    `json:"class"`
	Runs      int    `json:"runs"`
}

const indexFile = "index.jsonl"

// store is the directory of all nights of one campaign.
type store string

func (s store) path(parts ...string) string {
	return filepath.Join(append([]string{string(s)}, parts...)...)
}

// records lists the nights that have ended, each once: as it ended last. A line that cannot be read
// is left out: trends are not worth a night.
func (s store) records() ([]Record, error) {
	text, err := os.ReadFile(s.path(indexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var list []Record
	for line := range bytes.Lines(text) {
		var r Record
		if json.Unmarshal(line, &r) != nil || r.Night == "" {
			continue
		}
		list = slices.DeleteFunc(list, func(other Record) bool { return other.Night == r.Night })
		list = append(list, r)
	}
	return list, nil
}

// remember adds a record. One that a controller was killed in is left on a line of its own.
func (s store) remember(r Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(s.path(indexFile), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	at, err := file.Stat()
	if err != nil {
		return err
	}
	last := []byte{'\n'}
	if at.Size() > 0 {
		if _, err := file.ReadAt(last, at.Size()-1); err != nil {
			return err
		}
	}
	if last[0] != '\n' {
		line = append([]byte{'\n'}, line...)
	}
	if _, err := file.Write(append(line, '\n')); err != nil {
		return errors.Join(err, file.Truncate(at.Size()))
	}
	return file.Sync()
}

// nights lists the directories of nights, the oldest first. They are numbered: a clock may jump.
func (s store) nights() ([]string, error) {
	entries, err := os.ReadDir(string(s))
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if e.IsDir() && ordinal(e.Name()) > 0 {
			list = append(list, e.Name())
		}
	}
	slices.SortFunc(list, func(a, b string) int { return ordinal(a) - ordinal(b) })
	return list, nil
}

// nightName is how newNight calls a night. Run directories begin with a date, and are none.
var nightName = regexp.MustCompile(`^(\d{4,})-\d{8}-\d{6}$`)

// ordinal is the number that a night's name begins with; 0 if it is no night's name.
func ordinal(night string) int {
	parts := nightName.FindStringSubmatch(night)
	if parts == nil {
		return 0
	}
	count, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0
	}
	return count
}

// newNight makes the directory of the next night.
func (s store) newNight(now time.Time) (string, error) {
	nights, err := s.nights()
	if err != nil {
		return "", err
	}
	records, err := s.records()
	if err != nil {
		return "", err
	}
	last := 0
	for _, night := range nights {
		last = max(last, ordinal(night))
	}
	for _, r := range records {
		last = max(last, ordinal(r.Night))
	}
	name := fmt.Sprintf("%04d-%s", last+1, now.UTC().Format("20060102-150405"))
	return name, os.Mkdir(s.path(name), 0o755)
}

// kept is one night on the disk, and what of it can go first.
type kept struct {
	name  string // "": it is none of the campaign's, or gone
	bytes int64
	clean []cleanCell // run directories of cells that nobody needs to look at
}

type cleanCell struct {
	path  string
	bytes int64
}

// look measures a night of a campaign. What has no journal that begins as one of the campaign's is
// none of it, and nothing of what has one that cannot be read counts as clean.
func (s store) look(night, campaign string) kept {
	if h, err := readHeader(s.path(night)); err != nil || h.Campaign != campaign {
		return kept{}
	}
	k := kept{name: night, bytes: sizeOf(s.path(night))}
	text, err := os.ReadFile(s.path(night, journalFile))
	if err != nil {
		return k
	}
	entries, _, err := readJournal(text)
	if err != nil || len(entries) == 0 {
		return k
	}
	told, err := replay(entries)
	if err != nil {
		return k
	}
	for _, r := range told.records {
		path := s.path(night, "cells", r.ID())
		if size := sizeOf(path); r.clean() && size > 0 {
			k.clean = append(k.clean, cleanCell{path, size})
		}
	}
	return k
}

// retain deletes what the campaign does not keep: run directories of passing cells after so many
// nights, whole nights later; and while the store is too large, first what passed, the oldest
// first, then the oldest nights. The index, and what failed in the night under way, always stay; so
// does whatever is not surely a night of this campaign.
func (s store) retain(
	policy suite.Retention, campaign, current string,
) (left int64, err error) {
	nights, err := s.nights()
	if err != nil {
		return 0, err
	}
	var all []kept
	for _, night := range nights {
		if k := s.look(night, campaign); k.name != "" {
			all = append(all, k)
		}
	}
	var errs []error
	for i := range all {
		switch age := len(all) - i; {
		case all[i].name == current:
		case policy.Failing > 0 && age > policy.Failing:
			errs = append(errs, os.RemoveAll(s.path(all[i].name)))
			all[i] = kept{}
		case policy.Keep > 0 && age > policy.Keep:
			errs = append(errs, all[i].drop(math.MaxInt64))
		}
		left += all[i].bytes
	}
	if policy.Disk == 0 {
		return left, errors.Join(errs...)
	}
	for i := range all {
		before := all[i].bytes
		errs = append(errs, all[i].drop(left-policy.Disk))
		left -= before - all[i].bytes
	}
	for _, k := range all {
		if left > policy.Disk && k.name != current && k.name != "" {
			errs = append(errs, os.RemoveAll(s.path(k.name)))
			left -= k.bytes
		}
	}
	return left, errors.Join(errs...)
}

// drop deletes clean run directories, the oldest first, until so many bytes are free.
func (k *kept) drop(wanted int64) error {
	var errs []error
	for freed := int64(0); len(k.clean) > 0 && freed < wanted; {
		errs = append(errs, os.RemoveAll(k.clean[0].path))
		freed += k.clean[0].bytes
		k.bytes -= k.clean[0].bytes
		k.clean = k.clean[1:]
	}
	return errors.Join(errs...)
}

// sizeOf is how many bytes lie below a path. What vanishes meanwhile takes no room.
func sizeOf(path string) (total int64) {
	_ = filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := e.Info(); err == nil && e.Type().IsRegular() {
			total += info.Size()
		}
		return nil
	})
	return total
}
