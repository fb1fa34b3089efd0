package wal

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// Owner is who a directory belongs to: a member, of a cluster. It is the same at every start of the
// member, however its cluster's members have changed since.
//
// Whoever took over another's directory would vote a second time in a term, and vouch for entries
// in its name; so would whoever began an empty log in place of one that is lost. And a log that is
// taken to members of another founding set meets other entries at the same indexes and terms: each
// set has elected leaders of these terms by a majority of its own.
type Owner struct {
	Member  uint64 `json:"member"` // its id; 0: anybody may open the directory
	Name    string `json:"name"`
	Cluster string `json:"cluster"` // by which members recognise each other
	// Founders are the names of the first members in the order of their ids; of a member that was
	// added later: none.
	Founders []string `json:"founders"`
}

// The file OWNER holds the owner of a directory, in a line of JSON.
const ownerFile = "OWNER"

// ErrNotOurs is why Open refuses a directory of another owner.
var ErrNotOurs = errors.New("another owner")

// checkOwner refuses a directory of somebody else, and one whose log is gone. It returns whether
// the directory is yet to be claimed.
func (l *Log) checkOwner() (unclaimed bool, err error) {
	if l.options.Owner.Member == 0 {
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
	var owner Owner
	if json.Unmarshal(text, &owner) != nil || string(text) != owner.line() {
		return false, fmt.Errorf("%w: %s says %.40q, which names no owner", ErrCorrupt, path, text)
	}
	if string(text) != l.options.Owner.line() {
		return false, fmt.Errorf("%w: %s says %s", ErrNotOurs, path, owner.unlike(l.options.Owner))
	}
	if len(numbers) == 0 {
		return false, l.corrupt(1, "missing, though member %d had a log here", owner.Member)
	}
	return false, nil
}

// unlike says what tells the owner of a directory from who opens it.
func (o Owner) unlike(other Owner) string {
	switch {
	case o.Member != other.Member:
		return fmt.Sprintf("member %d, this is %d", o.Member, other.Member)
	case o.Name != other.Name:
		return fmt.Sprintf("name %q, this is %q", o.Name, other.Name)
	case !slices.Equal(o.Founders, other.Founders):
		return fmt.Sprintf("first members %q, this has %q", o.Founders, other.Founders)
	}
	return fmt.Sprintf("cluster %q, this is %q", o.Cluster, other.Cluster)
}

// line is the content of the file. Owners are the same if their lines are.
func (o Owner) line() string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // numbers and strings always have a form
	}
	return string(text) + "\n"
}

// claim makes the directory this owner's. Rule 5 of the package gives the order; the log is there
// by now.
func (l *Log) claim() error {
	path := filepath.Join(l.dir, ownerFile)
	f, err := l.fs.Create(path + temporarySuffix)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(l.options.Owner.line()), 0)
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
