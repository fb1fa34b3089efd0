package mutants

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gauntlet/suite"
)

const root = ".."

// Goal: every planted bug is one: it builds, differs from the clean program and reports its name.
// Method: build them all; Build itself proves it.
func TestEveryMutantBuilds(t *testing.T) {
	for _, m := range All {
		t.Run(m.ID, func(t *testing.T) {
			if err := m.Build(t.Context(), root, filepath.Join(t.TempDir(), "raftd")); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Goal: every planted bug names a suite that exists and asks for a check that can catch it.
func TestEveryMutantHasASuite(t *testing.T) {
	for _, m := range All {
		s, err := suite.Load(filepath.Join(root, m.Suite()))
		if err != nil {
			t.Errorf("%s: %v", m.ID, err)
		} else if s.Name != m.ID || len(s.Checks) == 0 {
			t.Errorf("%s: suite %q with checks %v", m.ID, s.Name, s.Checks)
		}
	}
}

// Goal: a mutant that is no mutant is refused, whatever made it so.
// Method: an edit that changes only a comment, one whose text is gone, and one whose text is
// ambiguous.
func TestNoCleanProgramUnderAMutantsName(t *testing.T) {
	const file = "raft/quorum.go"
	clean, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	comment := string(clean[strings.Index(string(clean), "// quorum"):])
	comment, _, _ = strings.Cut(comment, "\n")

	out := filepath.Join(t.TempDir(), "raftd")
	build := func(edit Edit) error {
		return Mutant{ID: "none", Edits: []Edit{edit}}.Build(t.Context(), root, out)
	}
	if err := build(Edit{file, comment, comment + ", or so"}); !errors.Is(err, ErrSame) {
		t.Errorf("an edited comment: %v", err)
	}
	for _, old := range []string{"no such text", "return"} {
		if err := build(Edit{file, old, ""}); err == nil || !strings.Contains(err.Error(), "times") {
			t.Errorf("text %q: %v", old, err)
		}
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused mutant was left behind: %v", err)
	}
}

// Goal: the overlay hits although the module is reached through a symbolic link, where go build
// would silently use the clean source.
func TestBuildThroughASymbolicLink(t *testing.T) {
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(absolute, link); err != nil {
		t.Fatal(err)
	}
	if err := All[0].Build(t.Context(), link, filepath.Join(t.TempDir(), "raftd")); err != nil {
		t.Fatal(err)
	}
}

// Goal: a wrong name is answered with the right ones.
func TestFindNamesThemAll(t *testing.T) {
	_, err := Find("nonesuch")
	if err == nil || !strings.Contains(err.Error(), "leader-local-read, even-quorum") {
		t.Errorf("error = %v", err)
	}
}
