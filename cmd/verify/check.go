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

// CheckCmd judges a run directory from what was recorded, without any host.
type CheckCmd struct {
	Directory string `arg:"" help:"A run directory, such as runs/latest." type:"existingdir"`
}

// Run prints the verdict and ends with its exit code.
func (c *CheckCmd) Run(out io.Writer) error {
	dir, err := filepath.Abs(c.Directory)
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
		return &exitError{exitUsage, fmt.Errorf("%s is not a run directory: %w", c.Directory, err)}
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
