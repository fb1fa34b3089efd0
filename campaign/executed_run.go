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
	path := filepath.Join(dir, "history.jsonl")
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%s %w: it has no history.jsonl", dir, ErrNoRun)
	}
	var err error
	if r.History, err = history.Open(path); err != nil {
		return nil, err
	}
	r.Notes = append(r.Notes, r.History.Warnings...)
	if err := r.readSuite(filepath.Join(dir, "suite.yaml")); err != nil {
		return nil, err
	}
	return r, r.readResults(filepath.Join(dir, "results.json"))
}

func (r *Run) readSuite(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s %w: it has no suite.yaml", r.Name, ErrNoRun)
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

func (r *Run) readResults(path string) error {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Notes = append(r.Notes, "it has no results: its controller did not live to the end")
		return nil
	case err != nil:
		return err
	}
	r.Results = &checker.Results{}
	if err := json.Unmarshal(text, r.Results); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if r.Results.Version > checker.Version {
		return fmt.Errorf("%s: its format is version %d, and this build reads up to %d", path,
			r.Results.Version, checker.Version)
	}
	return nil
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
