package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"gauntlet/checker"
	"gauntlet/report"
	"gauntlet/runner"
)

// CheckCmd judges a run directory from what was recorded, without any host; or a history in a file.
type CheckCmd struct {
	Path string `arg:"" help:"A run directory, such as runs/latest; or a file, with --model."`
	FileFlags
}

// Help says what can be read.
func (*CheckCmd) Help() string {
	return `With --model M the history is a file: of Jepsen, Knossos or Elle (EDN or JSON), of
porcupine's tests, or a history.jsonl of ours. M says what the operations are of:

  register, cas-register   add what it begins with: cas-register(0), cas-register(nil)
  multi-register           transactions of reads and writes: multi-register({x 0 y 0})
  mutex, kv                a lock; strings with get, put and append
  set, set-full, counter, bank       as Jepsen's checkers have them
  append, counter, txn, queue        histories of ours

Exit codes: 0 valid, 1 violation, 3 unknown, 64 a file or a flag makes no sense; of a run directory
those of the run.`
}

// Validate is called by kong.
func (c *CheckCmd) Validate() error {
	if c.Model == "" &&
		(c.Total != nil || c.JSON || c.Draw != "" || c.NegativeBalances || c.Linearizable) {
		return errors.New("--total, --negative-balances, --linearizable, --json and --draw go with " +
			"--model")
	}
	return nil
}

// Run prints the verdict and ends with its exit code.
func (c *CheckCmd) Run(out io.Writer) error {
	at, err := os.Stat(c.Path)
	switch {
	case err != nil && c.Model == "":
		return noRun(c.Path, err)
	case err != nil:
		return unread(c.Path, err)
	case c.Model == "" && !at.IsDir():
		return &exitError{exitUsage, fmt.Errorf("%s is no run directory: say what it is a history of "+
			"with --model", c.Path)}
	case c.Model != "" && at.IsDir():
		return &exitError{exitUsage, fmt.Errorf("%s is a directory: --model is for a history in a file",
			c.Path)}
	case c.Model != "":
		answer, err := c.judgeFile(c.Path)
		if err != nil {
			return err
		}
		return answer.conclude(out, c.JSON, c.Draw)
	}
	return c.judgeRun(out)
}

// judgeRun judges a run directory.
func (c *CheckCmd) judgeRun(out io.Writer) error {
	dir, err := filepath.Abs(c.Path)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	results, err := runner.Check(context.Background(), runner.Directory(dir), self)
	if results != nil {
		return conclude(out, results, err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &exitError{exitUsage, fmt.Errorf("%s is not a run directory: %w", c.Path, err)}
	}
	return err
}

// conclude prints the verdict and ends with its exit code. A verdict counts though it could not be
// written down; that trouble is said, and taints whatever is not a violation.
func conclude(out io.Writer, results *checker.Results, unkept error) error {
	if err := report.Text(out, results); err != nil {
		return err
	}
	code := results.Exit
	if unkept != nil && code != checker.ExitViolation {
		code = exitHarness
	}
	if code == 0 {
		return nil
	}
	return &exitError{code, unkept}
}

// workerCmd is the child process of a check.
type workerCmd struct {
	Directory string `arg:""`
}

// Run writes one line before and one after each key. It ends with its parent, which holds the other
// end of stdin: nobody else watches its memory.
func (c *workerCmd) Run(out io.Writer) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(exitHarness)
	}()
	return runner.CheckWorker(runner.Directory(c.Directory), out)
}
