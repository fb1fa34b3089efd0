package campaign

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/suite"
)

// What a run leaves in its directory, as far as campaigns read it.
const (
	OutputFile     = "output.txt" // what it said, if it was a child
	controllerFile = "controller.json"
	resultsFile    = "results.json"
	historyFile    = "history.jsonl"
	suiteFile      = "suite.yaml"
)

// Run is what a run directory holds of one run that is over.
type Run struct {
	Name    string           // of the directory, as it was asked for
	Suite   *suite.Suite     // nil: this build cannot read it, see Notes
	Text    string           // of the suite, as it was kept
	Results *checker.Results // nil: its controller did not live to write any
	History *history.History
	Notes   []string // what is odd about it, a line each
}

// ErrNoRun is why a directory cannot be read as a run: it is none.
var ErrNoRun = errors.New("is no run directory")

// ReadRun reads a run directory. A run that was killed has no results, and its history may be torn:
// both are notes. So is a suite that this build does not understand.
//
// Errors: ErrNoRun where there is no history; else what is wrong with which file.
func ReadRun(dir string) (*Run, error) {
	r := &Run{Name: dir}
	path := filepath.Join(dir, historyFile)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%s %w: it has no %s", dir, ErrNoRun, historyFile)
	}
	var err error
	if r.History, err = history.Open(path); err != nil {
		return nil, err
	}
	r.Notes = append(r.Notes, r.History.Warnings...)
	if err := r.readSuite(filepath.Join(dir, suiteFile)); err != nil {
		return nil, err
	}
	if r.Results, err = readResults(dir); r.Results == nil && err == nil {
		r.Notes = append(r.Notes, "it has no results: its controller did not live to the end")
	}
	return r, err
}

func (r *Run) readSuite(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s %w: it has no %s", r.Name, ErrNoRun, suiteFile)
	}
	r.Text = string(text)
	if r.Suite, err = suite.Parse(path, text); err != nil {
		r.Suite = nil
		r.Notes = append(r.Notes, "its suite is not as this build writes them: "+inOneLine(err))
	}
	return nil
}

// inOneLine is the first of a suite's problems, and how many more there are.
func inOneLine(err error) string {
	problems := suite.Problems(nil)
	if !errors.As(err, &problems) || len(problems) == 0 {
		return err.Error()
	}
	text := fmt.Sprintf("line %d: %s", problems[0].Line, problems[0].What)
	if more := len(problems) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// readResults reads what a run came to; nil where its controller did not live to write it.
func readResults(dir string) (*checker.Results, error) {
	path := filepath.Join(dir, resultsFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var results checker.Results
	if err := json.Unmarshal(text, &results); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if results.Version > checker.Version {
		return nil, fmt.Errorf("%s: its format is version %d, and this build reads up to %d", path,
			results.Version, checker.Version)
	}
	return &results, nil
}

// resolved is the run's suite with the defaults of this build, so that what only an older build
// left out makes no difference; or as it was kept, if this build cannot read it.
func (r *Run) resolved() string {
	if r.Suite == nil {
		return r.Text
	}
	text, err := r.Suite.Resolved()
	if err != nil {
		return r.Text
	}
	return string(text)
}
