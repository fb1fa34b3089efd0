package night

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"gauntlet/checker"
	"gauntlet/report"
)

// The files of a night that tell of it.
const (
	textFile  = "summary.txt"
	pageFile  = "summary.html"
	junitFile = "junit.xml"
)

// finish tells what the night has shown: on the disk, in the index, and to whoever wants to be
// told. What goes wrong here hides nothing that was found, and stands in the summary as well.
func (n *night) finish() *Outcome {
	summary := n.summary(n.comparable())
	out := &Outcome{Exit: summary.Exit, Directory: n.path(), Summary: summary, Trouble: n.stop.err}
	if errors.Is(out.Trouble, errInterrupted) {
		out.Trouble = nil
	}
	warned := len(n.warnings)
	n.leave(out)
	told := n.state.finished
	if told == nil && !errors.Is(n.stop.err, errInterrupted) {
		for _, warning := range notify(n.Campaign.Notify, summary, n.path(textFile)) {
			n.warn("%s", warning)
		}
	}
	if !n.stop.resumable && told == nil && n.journal.err == nil {
		if err := n.note(entry{Done: &done{Exit: out.Exit}}); err != nil {
			n.blame(out, err)
		}
	}
	if len(n.warnings) > warned || summary.Exit != out.Exit {
		n.leave(out)
	}
	return out
}

// comparable lists the earlier nights that this one can be compared with: those of its place.
func (n *night) comparable() []Record {
	before, err := n.store.records()
	if err != nil {
		n.warn("trends: the index of earlier nights cannot be read: %v", err)
	}
	return slices.DeleteFunc(before, func(r Record) bool {
		return r.Night == n.name || r.Place != n.state.header.Place
	})
}

// leave writes down all that is known by now: the summary, and the line in the index.
func (n *night) leave(out *Outcome) {
	out.Summary.Exit, out.Summary.Warnings = out.Exit, n.warnings
	err := errors.Join(n.keep(out.Summary), n.store.remember(n.record(out.Summary)))
	if err != nil {
		n.blame(out, fmt.Errorf("the summary cannot be kept: %w", err))
		out.Summary.Exit, out.Summary.Warnings = out.Exit, n.warnings
	}
}

// blame takes a trouble in. The first is told: it explains the others.
func (n *night) blame(out *Outcome, err error) {
	n.warn("%v", err)
	out.Exit = Worst(out.Exit, checker.ExitHarness)
	if out.Trouble == nil {
		out.Trouble = err
	}
}

// keep writes the three files, each as far as it goes.
func (n *night) keep(c *report.Campaign) error {
	var text bytes.Buffer
	err := c.Text(&text)
	page, ofPage := c.HTML()
	junit, ofJUnit := c.JUnit()
	return errors.Join(err, ofPage, ofJUnit, write(n.path(textFile), text.Bytes()),
		write(n.path(pageFile), page), write(n.path(junitFile), junit))
}

// record is what stays of the night when all else is gone.
func (n *night) record(c *report.Campaign) Record {
	r := Record{
		Night: n.name, Place: c.Place, Started: c.Started.UTC(), Took: c.Took, Exit: c.Exit,
		Build: c.Build, Seed: c.Seed, Runs: c.Runs, Classes: map[int]int{}, Flaky: c.Flaky,
		Skipped: len(c.Skipped), Medians: n.medians(),
	}
	for _, cell := range n.state.records {
		if len(cell.attempts) > 0 && len(cell.skipped()) == 0 {
			r.Classes[cell.standing.Class]++
		}
	}
	for _, gap := range c.NotRun {
		r.NotRun += gap.Cells
	}
	for _, f := range c.Failures {
		r.Failures = append(r.Failures, Failure{f.Signature, f.Class, f.Runs})
	}
	return r
}
