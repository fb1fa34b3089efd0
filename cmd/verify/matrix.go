package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"gauntlet/campaign"
	"gauntlet/suite"
)

// MatrixCmd measures what a target does under each shape of fault.
type MatrixCmd struct {
	File  string  `arg:"" help:"A matrix, such as configs/matrix.yaml."`
	Only  string  `help:"Only rows whose name holds this." placeholder:"TEXT"`
	Seeds int     `help:"Runs of each cell." default:"1" placeholder:"N"`
	Jobs  int     `help:"Runs at a time (at place sim: one for each processor)." placeholder:"N"`
	Place string  `help:"Where to run: lab, hosts or sim; overrides the matrix." placeholder:"PLACE"`
	Hosts string  `help:"Inventory of the hosts, for place hosts." placeholder:"FILE"`
	Seed  *uint64 `help:"Of the first run of each cell; the others follow it. Default: 1."`
	Out   string  `help:"Parent of the run directories." default:"runs" type:"path"`
}

// Help says what is compared.
func (*MatrixCmd) Help() string {
	return `Plays each row of faults with each set of options and number of nodes, and prints what
clients saw beside what is expected: how much of the time with faults anything was acknowledged, and
the median and the most of the longest gap, in election timeouts, from the first fault to the end of
the load. "!" marks a cell of another shape than expected; below the table stands why.

Exit codes: 0 as expected, or explained by the matrix; 1 a safety violation; 2 a difference that the
matrix does not explain; 3 a cell of which no run says anything; 64 usage.`
}

// Validate is called by kong.
func (c *MatrixCmd) Validate() error {
	if c.Seeds < 1 || c.Jobs < 0 {
		return errors.New("--seeds and --jobs: must be above 0")
	}
	return nil
}

// Run plays the matrix and prints its table.
func (c *MatrixCmd) Run(k *kong.Context) error {
	if err := knownPlace(c.Place); err != nil {
		return err
	}
	m, err := suite.LoadMatrix(c.File, c.Place)
	if err != nil {
		return unread(c.File, err)
	}
	m.Cells = slices.DeleteFunc(m.Cells, func(cell suite.MatrixCell) bool {
		return !strings.Contains(cell.Row, c.Only)
	})
	if len(m.Cells) == 0 {
		return &exitError{exitUsage, fmt.Errorf("--only %q: %s has no such row", c.Only, c.File)}
	}
	if err := expectations(c.File, m); err != nil {
		return &exitError{exitUsage, err}
	}
	if err := inventoryFits(m.Place, c.Hosts); err != nil {
		return err
	}
	var player campaign.Player = simPlayer{}
	jobs := runtime.GOMAXPROCS(0)
	if m.Place != suite.PlaceSim {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		player, jobs = newChild(self, c.Hosts), 1
	}
	if c.Jobs > 0 {
		jobs = c.Jobs
	}
	seed := uint64(1)
	if c.Seed != nil {
		seed = *c.Seed
	}
	ctx, stop := interruptible(k.Stderr, healedByGuards)
	defer stop()
	out := filepath.Join(c.Out, fmt.Sprintf("%s-%s-%s", time.Now().UTC().Format("20060102-150405"),
		m.Name, newRunID()))
	began, told := time.Now(), 0
	cells := campaign.Matrix(ctx, m, player, c.Seeds, jobs, seed, out, func(cell campaign.MatrixCell) {
		told++
		fmt.Fprintf(k.Stderr, "+%6.1fs  %d/%d  %s, %d nodes, %s: %s [%s]\n", time.Since(began).Seconds(),
			told, len(m.Cells), cell.Row, cell.Nodes, cell.Options, cell.Seen, cell.Expected)
	})
	if err := campaign.MatrixText(k.Stdout, m, cells); err != nil {
		return err
	}
	fmt.Fprintf(k.Stdout, "%d runs a cell, seeds from %d, in %v\n", c.Seeds, seed,
		time.Since(began).Round(time.Second))
	return ended(campaign.MatrixExit(m, cells))
}

// expectations complains of what no cell can be compared with.
func expectations(file string, m *suite.Matrix) error {
	var problems suite.Problems
	for _, cell := range m.Cells {
		if _, err := campaign.ParseExpected(cell.Expected); err != nil {
			problems = append(problems, suite.Problem{File: file, Line: cell.Line,
				What: fmt.Sprintf("expect.%s: %v", cell.Options, err)})
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}
