// Command measure says how fast the checker decides long histories of one hot register, and how
// much memory it takes, beside porcupine on the same histories: go run ./checker/measure
//
// Each cell of the table runs in a process of its own, on one core; what counts is the time that it
// had that core. The memory is the peak while it decides, the history included. Porcupine is
// stopped at its limits; where it failed on an easier history it is not asked. A cell that takes
// longer than its goal is measured up to three times, and the best counts: others may use the
// machine. One goal that is missed makes the exit code 1.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// The exit codes, as verify counts them.
const (
	exitMissed  = 1
	exitHarness = 4
)

// tries is how often a cell may be measured before its goal is missed.
const tries = 3

func main() {
	if len(os.Args) == 3 && os.Args[1] == argChild {
		os.Exit(child(os.Args[2], os.Stdout))
	}
	most := flag.Int("most", 1_000_000, "leave out histories of more operations")
	without := flag.Bool("alone", false, "do not ask porcupine")
	flag.Parse()
	m := measurer{out: os.Stdout, alone: *without}
	missed, err := m.all(context.Background(), cells(*most))
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitHarness)
	case missed > 0:
		os.Exit(exitMissed)
	}
}

// measurer fills in the table.
type measurer struct {
	out    io.Writer
	alone  bool
	failed []cell // those that were too much for porcupine
}

// all measures the cells, from the easiest of each sort to the hardest, and returns how many goals
// were missed.
func (m *measurer) all(ctx context.Context, cells []cell) (missed int, err error) {
	fmt.Fprint(m.out, legend)
	for _, c := range cells {
		met, err := m.one(ctx, c)
		if err != nil {
			return missed, fmt.Errorf("%s: %w", c, err)
		}
		if !met {
			missed++
		}
	}
	fmt.Fprintf(m.out, "%d cells, %d goals missed\n", len(cells), missed)
	return missed, nil
}

// one measures a cell and writes its line.
func (m *measurer) one(ctx context.Context, c cell) (met bool, err error) {
	var ours outcome
	for try := 0; try < tries && !met && ours.Failed == ""; try++ {
		again, err := measure(ctx, c, subjectOurs)
		if err != nil {
			return false, err
		}
		if try == 0 || again.better(ours) {
			ours = again
		}
		met = c.missed(ours) == ""
	}
	theirs := "not asked"
	if !m.alone {
		if theirs, err = m.porcupine(ctx, c); err != nil {
			return false, err
		}
	}
	parsing := ""
	if c.parse {
		read, err := measure(ctx, c, subjectParse)
		if err != nil {
			return false, err
		}
		parsing = fmt.Sprintf("  parsing %.2f s", read.Seconds)
	}
	goal := "met"
	if !met {
		goal = "MISSED: " + c.missed(ours)
	}
	_, err = fmt.Fprintf(m.out, "%s  %s  %-18s  %s%s\n", c, ours, theirs, goal, parsing)
	return met, err
}

// porcupine asks porcupine, unless it is known not to get through.
func (m *measurer) porcupine(ctx context.Context, c cell) (string, error) {
	for _, easier := range m.failed {
		if easier.implies(c) {
			return "(an easier failed)", nil
		}
	}
	theirs, err := measure(ctx, c, subjectPorcupine)
	if err != nil {
		return "", err
	}
	if theirs.Failed != "" {
		m.failed = append(m.failed, c)
		return theirs.Failed, nil
	}
	if theirs.Valid == c.Stale {
		return "", fmt.Errorf("porcupine says valid: %t", theirs.Valid)
	}
	return fmt.Sprintf("%7.3f s %5d MB", theirs.Seconds, theirs.Bytes>>20), nil
}

// backstop is how long a child may take to make its history and to judge it.
const backstop = 10 * time.Minute

// measure runs one subject on one cell in a process of its own.
func measure(ctx context.Context, c cell, subject string) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, backstop)
	defer cancel()
	program, err := os.Executable()
	if err != nil {
		return outcome{}, err
	}
	order, err := json.Marshal(order{Cell: c, Subject: subject})
	if err != nil {
		return outcome{}, err
	}
	command := exec.CommandContext(ctx, program, argChild, string(order))
	command.Env = append(os.Environ(), "GOMAXPROCS=1")
	command.Stderr = os.Stderr
	said, err := command.Output()
	if err != nil {
		return outcome{}, fmt.Errorf("%s: %w", subject, err)
	}
	var o outcome
	return o, json.Unmarshal(said, &o)
}
