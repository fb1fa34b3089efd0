package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

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
	if errors.Is(err, fs.ErrNotExist) {
		return &exitError{exitUsage, fmt.Errorf("%s is not a run directory: %w", c.Directory, err)}
	}
	if err != nil {
		return err
	}
	if err := report.Text(out, results); err != nil {
		return err
	}
	if results.Exit != 0 {
		return &exitError{code: results.Exit}
	}
	return nil
}

// workerCmd is the child process of a check.
type workerCmd struct {
	Directory string `arg:""`
}

// Run writes one line before and one after each key.
func (c *workerCmd) Run(out io.Writer) error {
	return runner.CheckWorker(runner.Directory(c.Directory), out)
}
