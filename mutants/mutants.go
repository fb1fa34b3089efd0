// Package mutants holds known bugs as small edits of the clean source: the proof that a red
// verdict is possible. A mutant is built with "go build -overlay", so the source itself carries
// no switches. The simulator must find all of All; a few show on real processes, too, and have a
// suite that must catch them there.
//
// An edit that silently missed would build the clean program and call it the bug. Hence: each
// text to replace must occur exactly once; the paths of the overlay are absolute, free of
// symbolic links and seen to exist; the binary must differ from the clean one under the mutant's
// name; and it must report that name.
package mutants

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Mutant is one planted bug.
type Mutant struct {
	ID    string // as "raftd --version" reports it, and the name of its suite, if it has one
	Rule  string // the rule of Raft that it breaks, and where that rule comes from
	Seen  string // who shipped it, or warned of it; "": nobody that we know of
	Edits []Edit
}

// Edit replaces one text of one file.
type Edit struct {
	File string // below the module's root
	Old  string // must occur exactly once
	New  string
}

// Suite is the path, below the module's root, of the suite that must catch a mutant of OnLab.
func (m Mutant) Suite() string { return "configs/bugs/" + m.ID + ".yaml" }

// Find returns the mutant with an ID; the error lists those there are.
func Find(id string) (Mutant, error) {
	var known []string
	for _, m := range slices.Concat(All, Elusive) {
		if m.ID == id {
			return m, nil
		}
		known = append(known, m.ID)
	}
	return Mutant{}, fmt.Errorf("bug %q is none of: %s", id, strings.Join(known, ", "))
}

// apply edits the files below root in memory. It returns the new texts by path below root.
func apply(root string, edits []Edit) (map[string]string, error) {
	texts := map[string]string{}
	for _, edit := range edits {
		text, ok := texts[edit.File]
		if !ok {
			clean, err := os.ReadFile(filepath.Join(root, edit.File))
			if err != nil {
				return nil, err
			}
			text = string(clean)
		}
		if n := strings.Count(text, edit.Old); n != 1 {
			return nil, fmt.Errorf("%s: %q occurs %d times, not once", edit.File, edit.Old, n)
		}
		texts[edit.File] = strings.Replace(text, edit.Old, edit.New, 1)
	}
	return texts, nil
}
