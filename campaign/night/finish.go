package night

import (
	"bytes"
	"errors"
	"fmt"

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
// told. What goes wrong here hides nothing that was found.
func (n *night) finish() *Outcome {
	before, err := n.store.records()
	if err != nil {
		n.warn("trends: the index of earlier nights cannot be read: %v", err)
	}
	for i, r := range before {
		if r.Night == n.name {
			before = append(before[:i:i], before[i+1:]...)
			break
		}
	}
	summary := n.summary(before)
	out := &Outcome{Exit: summary.Exit, Directory: n.path(), Summary: summary, Trouble: n.stop.err}
	if errors.Is(out.Trouble, errInterrupted) {
		out.Trouble = nil
	}
	if err := errors.Join(n.keep(summary), n.store.remember(n.record(summary))); err != nil {
		out.blame(fmt.Errorf("the summary cannot be kept: %w", err))
	}
	told := n.state.finished
	if told == nil && !errors.Is(n.stop.err, errInterrupted) {
		for _, warning := range notify(n.Campaign.Notify, summary, n.path(textFile)) {
			n.warn("%s", warning)
			summary.Warnings = n.warnings
		}
	}
	if !n.stop.resumable && told == nil && n.journal.err == nil {
		if err := n.note(entry{Done: &done{Exit: out.Exit}}); err != nil {
			out.blame(err)
		}
	}
	return out
}

// blame takes a trouble in. The first is told: it explains the others.
func (o *Outcome) blame(err error) {
	o.Exit = Worst(o.Exit, checker.ExitHarness)
	if o.Trouble == nil {
		o.Trouble = err
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
		Night: n.name, Started: c.Started.UTC(), Took: c.Took, Exit: c.Exit, Build: c.Build,
		Seed: c.Seed, Runs: c.Runs, Classes: map[int]int{}, Flaky: c.Flaky, Skipped: len(c.Skipped),
		Medians: n.medians(),
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
