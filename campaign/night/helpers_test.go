package night

import (
	"os"

	"gauntlet/suite"
)

var suiteLoad = func(path string) (*suite.Campaign, error) { return suite.LoadCampaign(path, "") }

// scratch is a store that a property needs anew for each of its cases.
type scratch struct{ path string }

func freshStore() (scratch, error) {
	path, err := os.MkdirTemp("", "night")
	return scratch{path}, err
}

func (s scratch) remove() { os.RemoveAll(s.path) }

// unsynced opens journals that do not wait for the disk: for tests of many nights that nobody
// kills.
func unsynced(night string) (*journal, []entry, bool, error) {
	j, entries, torn, err := openJournal(night)
	if err == nil {
		j.file = hasty{j.file}
	}
	return j, entries, torn, err
}

type hasty struct{ appender }

func (hasty) Sync() error { return nil }
