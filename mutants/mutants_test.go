package mutants

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gauntlet/suite"
)

const root = ".."

// Goal: the planted bugs of the lab are ones: they build, differ from the clean program and report
// their names. Method: build them; Build itself proves it.
func TestMutantsOnLabBuild(t *testing.T) {
	for _, m := range OnLab {
		t.Run(m.ID, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "raftd")
			if err := m.Build(t.Context(), root, Raftd, out); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Goal: every planted bug that a lab shows names a suite that exists and asks for a check that can
// catch it.
func TestEveryMutantOnLabHasASuite(t *testing.T) {
	for _, m := range OnLab {
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
		return Mutant{ID: "none", Edits: []Edit{edit}}.Build(t.Context(), root, Raftd, out)
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
	out := filepath.Join(t.TempDir(), "raftd")
	if err := OnLab[0].Build(t.Context(), link, Raftd, out); err != nil {
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

// Goal: every planted bug of the table fits the source as it is now: each text occurs once, what it
// becomes compiles, and no two bugs share a name.
// Method: compile the packages that are edited; that a program differs is proven as it is built.
func TestEveryMutantCompiles(t *testing.T) {
	known := map[string]bool{}
	for _, m := range slices.Concat(All, Elusive) {
		if known[m.ID] || m.Rule == "" || len(m.Edits) == 0 {
			t.Errorf("%q is there twice, or says nothing", m.ID)
		}
		known[m.ID] = true
		t.Run(m.ID, func(t *testing.T) {
			t.Parallel()
			for _, e := range m.Edits {
				edited := "./" + filepath.Dir(e.File)
				if err := compile(t.Context(), root, m.Edits, t.TempDir(), edited); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
