package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gauntlet/checker"
	"gauntlet/report"
)

// The files of a run directory. Together they can be checked again anywhere, offline, for ever.
const (
	historyFile = "history.jsonl"
	suiteFile   = "suite.yaml"
	resultsFile = "results.json"
	reportFile  = "report.html"
	junitFile   = "junit.xml"
	nodesDir    = "nodes"
	capturesDir = "capture"    // below each node's
	evidenceDir = "violation"  // likewise: what a run that stopped on a violation found
	stateFile   = "state.json" // in evidenceDir
)

// Directory is where one run keeps everything it leaves behind.
type Directory string

// CreateDirectory makes a new run directory below parent and points parent/latest at it.
func CreateDirectory(parent, name string) (Directory, error) {
	dir, err := filepath.Abs(filepath.Join(parent, name))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(dir, nodesDir), 0o755); err != nil {
		return "", fmt.Errorf("cannot create the run directory: %w", err)
	}
	latest := filepath.Join(filepath.Dir(dir), "latest")
	if err := os.Remove(latest); err == nil || errors.Is(err, fs.ErrNotExist) {
		// A convenience for people: two runs at once may race for it, and either may win.
		_ = os.Symlink(filepath.Base(dir), latest)
	}
	return Directory(dir), nil
}

func (d Directory) path(parts ...string) string {
	return filepath.Join(append([]string{string(d)}, parts...)...)
}

func (d Directory) files() fs.FS { return os.DirFS(string(d)) }

// write replaces a file whole, so that a reader never sees half of it.
func (d Directory) write(name string, data []byte) error {
	temporary := d.path(name + ".tmp")
	if err := os.WriteFile(temporary, data, 0o644); err != nil {
		_ = os.Remove(temporary) // half of it: where the disk is full, others need the room
		return err
	}
	return os.Rename(temporary, d.path(name))
}

// saveResults writes results.json, junit.xml and report.html.
func (d Directory) saveResults(results *checker.Results) error {
	data, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	if err := d.write(resultsFile, append(data, '\n')); err != nil {
		return err
	}
	junit, err := report.JUnit(results)
	if err != nil {
		return err
	}
	if err := d.write(junitFile, junit); err != nil {
		return err
	}
	page, err := report.HTML(d.files())
	if err != nil {
		return err
	}
	return d.write(reportFile, page)
}
