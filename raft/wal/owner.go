package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// The file OWNER names the member whose log a directory holds, in a line of text. Whoever took
// over another's directory would vote a second time in a term, and vouch for entries in its name;
// so would whoever began an empty log in place of one that is lost.
const ownerFile = "OWNER"

// ErrNotOurs is why Open refuses a directory that is another member's.
var ErrNotOurs = errors.New("this log is another member's")

// checkOwner refuses a directory of somebody else, and one whose log is gone. It returns whether
// the directory is yet to be claimed. An owner of 0 does not care.
func (l *Log) checkOwner() (unclaimed bool, err error) {
	if l.options.Owner == 0 {
		return false, nil
	}
	names, err := l.fs.List(l.dir)
	if err != nil {
		return false, err
	}
	if !slices.Contains(names, ownerFile) {
		return true, nil
	}
	numbers, _ := sortNames(names)
	path := filepath.Join(l.dir, ownerFile)
	text, err := readFile(l.fs, path, nil)
	if err != nil {
		return false, err
	}
	var owner uint64
	_, err = fmt.Sscanf(string(text), "member %d", &owner)
	switch {
	case err != nil || string(text) != ownerLine(owner):
		return false, fmt.Errorf("%w: %s says %.40q", ErrCorrupt, path, text)
	case owner != l.options.Owner:
		return false, fmt.Errorf("%w: %s says member %d, this is %d", ErrNotOurs, path, owner,
			l.options.Owner)
	case len(numbers) == 0:
		return false, l.corrupt(1, "missing, though member %d had a log here", owner)
	}
	return false, nil
}

func ownerLine(owner uint64) string { return fmt.Sprintf("member %d\n", owner) }

// claim makes the directory this owner's. Rule 5 of the package gives the order; the log is there
// by now.
func (l *Log) claim() error {
	path := filepath.Join(l.dir, ownerFile)
	f, err := l.fs.Create(path + temporarySuffix)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(ownerLine(l.options.Owner)), 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := l.fs.Rename(path+temporarySuffix, path); err != nil {
		return err
	}
	return l.fs.SyncDir(l.dir)
}
