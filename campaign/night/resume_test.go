package night

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gauntlet/campaign"
	"gauntlet/checker"
	"gauntlet/suite"
)

// lay makes files below a directory; what a name ends in "/" is one itself.
func lay(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else if err == nil {
			err = os.WriteFile(path, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// tree lists everything below a directory, and where links point.
func tree(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		line := strings.TrimPrefix(path, dir)
		if err == nil && e.Type()&fs.ModeSymlink != 0 {
			to, _ := os.Readlink(path)
			line += " -> " + to
		}
		if err == nil && e.Type().IsRegular() {
			text, _ := os.ReadFile(path)
			line += fmt.Sprintf(" %q", text)
		}
		list = append(list, line)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// foreign is what lies beside nights and is none of this campaign's.
var foreign = map[string]string{
	"20261120-100000-smoke-aa/history.jsonl":       "evidence",
	"0001-20261120-100000/notes.txt":               "no journal",
	"0002-20261120-100000/journal.jsonl":           `{"at":"2026-11-20T10:00:00Z","header":{"ver`,
	"0003-20261120-100000/journal.jsonl":           headerLine("other"),
	"0003-20261120-100000/cells/c0001/1/run/a":     "of another campaign",
	"0004-20261120-100000/journal.jsonl":           `{"resumed":"something"}` + "\n",
	"0005-20261120-100000-old/journal.jsonl":       headerLine("four"),
	"5-20261120-100000/journal.jsonl":              headerLine("four"),
	"20261120-20261120-100000-smoke-bb/journal.js": "",
	"0006-20261120-100000/":                        "",
}

func headerLine(campaign string) string {
	return fmt.Sprintf(`{"header":{"version":1,"campaign":%q}}`+"\n", campaign)
}

// Goal: what is no night of the campaign cannot be gone on with, and is left as it is. Method: a
// parent of runs with everything in it that looks like a night and is none.
func TestNoNight(t *testing.T) {
	f := &fake{rule: always(0)}
	conf := config(t, load(t, fourCombinations), f)
	lay(t, conf.Store, foreign)
	run := "20261120-100000-smoke-aa"
	if err := os.Symlink(run, filepath.Join(conf.Store, "latest")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(conf.Store)
	if err != nil {
		t.Fatal(err)
	}
	before := tree(t, conf.Store)
	names := []string{"latest", ".", "..", filepath.Base(conf.Store), "0009-20261120-100000"}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	for _, name := range names {
		other := conf
		other.Resume = name
		var changed *ChangedError
		_, err := Run(context.Background(), other)
		if !errors.As(err, &changed) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := tree(t, conf.Store); !slices.Equal(before, after) || len(f.plays) > 0 {
		t.Errorf("%d runs; there was\n%s\nand is\n%s", len(f.plays), strings.Join(before, "\n"),
			strings.Join(after, "\n"))
	}
}

// Goal: retention deletes nights of this campaign and nothing else, and not the one under way.
// Method: nights among everything that looks like one, and no room for any.
func TestRetentionSparesOthers(t *testing.T) {
	f := &fake{rule: always(0), keep: 1 << 10}
	conf := config(t, load(t, fourCombinations), f)
	lay(t, conf.Store, foreign)
	first, second := carry(t, conf).Summary.Night, carry(t, conf).Summary.Night
	if first[:5] != "0007-" || second[:5] != "0008-" {
		t.Errorf("nights %s and %s", first, second)
	}
	s := store(conf.Store)
	policy := suite.Retention{Keep: 1, Failing: 1, Disk: 1}
	if _, err := s.retain(policy, "four", second); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.path(first)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the night before is still there: %v", err)
	}
	if _, err := os.Stat(s.path(second, journalFile)); err != nil {
		t.Errorf("the night under way: %v", err)
	}
	for name := range foreign {
		if _, err := os.Stat(s.path(name)); err != nil {
			t.Errorf("what is none of ours is gone: %v", err)
		}
	}
}

// fillsUp lets the disk of a journal fill up after so many lines.
func fillsUp(lines int) func(string) (*journal, []entry, bool, error) {
	return func(night string) (*journal, []entry, bool, error) {
		j, entries, torn, err := openJournal(night)
		if err == nil {
			j.file = &full{appender: j.file, left: lines}
		}
		return j, entries, torn, err
	}
}

// Goal: a violation that cannot be written down counts all the same. Method: a disk that fills up
// at the line that tells of it, in the night that finds it, and in one that goes on.
func TestViolationWithoutRoom(t *testing.T) {
	f := &fake{rule: func(cell, _ int, j campaign.Job) campaign.Played {
		p := shown(map[bool]int{true: 1}[cell == 2])
		keepResults(t, j.Out, &p)
		return p
	}}
	conf := config(t, load(t, fourCombinations), f)
	conf.open = fillsUp(6) // header, two runs, and the beginning of the third
	o := carry(t, conf)
	checkFound(t, "found", o)
	conf.Resume, conf.open = o.Summary.Night, fillsUp(0)
	checkFound(t, "goes on", carry(t, conf))
	if len(f.plays) != 3 {
		t.Errorf("runs %v", f.plays)
	}
}

func checkFound(t *testing.T, name string, o *Outcome) {
	t.Helper()
	if o.Exit != checker.ExitViolation || o.Trouble == nil || len(o.Summary.Cells) != 3 ||
		len(o.Summary.Failures) != 1 || o.Summary.Failures[0].Class != checker.ExitViolation {
		t.Errorf("%s: exit %d, trouble %v, failures %+v", name, o.Exit, o.Trouble, o.Summary.Failures)
	}
	if junit := readJUnit(t, o.Directory); junit.Failures != 1 {
		t.Errorf("%s: JUnit has %d failures", name, junit.Failures)
	}
}

// keepResults leaves a run directory with results, as a child does.
func keepResults(t *testing.T, out string, p *campaign.Played) {
	t.Helper()
	text, err := json.Marshal(p.Results)
	if err != nil {
		t.Fatal(err)
	}
	p.Directory = filepath.Join(out, "run")
	lay(t, p.Directory, map[string]string{resultsFile: string(text)})
}

// Goal: a run whose controller was killed and that ends by itself with a violation is evidence, and
// is never had again; whatever else it ends with is. And what it was started with, its secrets
// included, does not stay. Method: a controller that dies at the line that tells of the third run,
// whose child writes its results while the next controller waits for it.
func TestEndedWithoutController(t *testing.T) {
	for name, class := range map[string]int{"violation": 1, "gate": 2, "valid": 0, "torn": -1} {
		t.Run(name, func(t *testing.T) {
			f := &fake{rule: always(0)}
			conf := config(t, load(t, fourCombinations), f)
			conf.open = fillsUp(6)
			o := carry(t, conf)
			run := filepath.Join(o.Directory, "cells", "c0003", "1")
			lay(t, run, map[string]string{".run-77/suite.yaml": "password", ".run-77/output.txt": "said"})
			conf.Resume, conf.open = o.Summary.Night, nil
			conf.Abandoned = func(dir string) error {
				p := shown(max(class, 0))
				if keepResults(t, dir, &p); class < 0 {
					return os.Truncate(filepath.Join(p.Directory, resultsFile), 10)
				}
				return nil
			}
			o = carry(t, conf)
			want, plays := 0, "0.1 1.1 2.1 2.2 3.1"
			if class == checker.ExitViolation {
				want, plays = 1, "0.1 1.1 2.1 3.1"
				if a := o.Summary.Cells[2].Attempts[0]; a.Directory != "cells/c0003/1/run" || a.Lost != "" {
					t.Errorf("the run is told as %+v", a)
				}
			}
			if o.Exit != want || o.Trouble != nil || strings.Join(f.plays, " ") != plays {
				t.Errorf("exit %d, trouble %v, runs %v", o.Exit, o.Trouble, f.plays)
			}
			_, err := os.Stat(filepath.Join(run, "INTERRUPTED"))
			if (err == nil) != (want == 0) {
				t.Errorf("marked as interrupted: %v", err)
			}
			if _, err := os.Stat(filepath.Join(run, ".run-77")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the suite with its secrets is still there: %v", err)
			}
			if text, _ := os.ReadFile(filepath.Join(run, "output.txt")); string(text) != "said" {
				t.Errorf("what the run said is gone: %q", text)
			}
			conf.Abandoned = nil
			if o = carry(t, conf); o.Exit != want {
				t.Errorf("once more: exit %d", o.Exit)
			}
		})
	}
}
