package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"gauntlet/exchange/jepsen"
)

// ExportCmd writes the history of a run for other tools.
type ExportCmd struct {
	Directory string `arg:"" help:"A run directory, such as runs/latest." type:"existingdir"`
	Jepsen    bool   `required:"" help:"As EDN, which Jepsen, Knossos and Elle read."`
	Out       string `short:"o" placeholder:"FILE" type:"path" help:"Write it here, not to stdout."`
}

// Help says what becomes of what.
func (*ExportCmd) Help() string {
	return `One operation a line. Registers become :read, :write and :cas, lists and transactions :txn
of [:append k v] and [:r k [v...]], counters :add and :read; keys stand before values, as in
jepsen.independent; faults are of the process :nemesis.

Exit codes: 0 done, 4 the history is damaged or cannot be written, 64 usage.`
}

// Run reads the history whole before it writes anything.
func (c *ExportCmd) Run(out io.Writer) error {
	path := filepath.Join(c.Directory, "history.jsonl")
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &exitError{exitUsage, fmt.Errorf("%s is not a run directory: %w", c.Directory, err)}
	case err != nil:
		return err
	}
	defer f.Close()
	h, err := jepsen.ReadRun(f, path)
	if err != nil {
		return err
	}
	if c.Out == "" {
		return jepsen.Write(out, h)
	}
	return writeWhole(c.Out, func(w io.Writer) error { return jepsen.Write(w, h) })
}

// writeWhole makes a file of what write writes, or leaves what there was.
func writeWhole(path string, write func(io.Writer) error) error {
	temporary := path + ".tmp"
	f, err := os.Create(temporary)
	if err != nil {
		return err
	}
	err = write(f)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary) // what went wrong before is what to say
	}
	return err
}
