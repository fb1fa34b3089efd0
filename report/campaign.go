package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/checker"
)

// Campaign is many runs as a person wants them who was not there: what ran, what failed, how to see
// it again, what did not run, and what that shows.
type Campaign struct {
	Name      string
	File      string
	Night     string
	Directory string
	Place     string
	Build     string
	Seed      uint64
	Started   time.Time
	Took      time.Duration // of controllers at work
	Resumed   int           // times that a controller went on with it
	Exit      int
	Runs      int // that ended, reruns included
	Flaky     int
	Stopped   string // why it ended before its plan; "": it did not
	GoOn      string // command line that goes on with it; "": there is no need

	Cells        []CampaignCell // in the order they were had
	Combinations []CampaignRow
	Skipped      []CampaignSkip
	NotRun       []CampaignGap
	Failures     []CampaignFailure // by signature, the worst first
	Trends       []CampaignTrend
	Shows        []string // what it shows, in sentences
	Warnings     []string
}

// CampaignCell is one combination under one seed.
type CampaignCell struct {
	ID       string
	Label    string
	Seed     uint64
	Class    int // exit code
	Flaky    bool
	Settled  bool     // no rerun is owed any more
	Clean    bool     // every run of it was valid
	Skipped  []string // capabilities that the place turned out to lack
	Attempts []CampaignAttempt
	Again    string // command line that makes the run again
}

// CampaignAttempt is one run of a cell.
type CampaignAttempt struct {
	Number    int
	Class     int
	Lost      string // why it counts for nothing; "": it counts
	Reasons   []string
	Directory string // below the night's; "": nothing was kept
	Took      time.Duration
}

// CampaignRow is one combination, with the medians of its runs.
type CampaignRow struct {
	Label   string
	Cells   int
	Valid   int
	Figures []string // as Figures names them; "": not measured
}

// CampaignFigures names the columns of figures.
var CampaignFigures = []string{"availability", "longest gap", "recovery", "p99", "ok/s"}

// CampaignSkip is a combination that the place cannot run.
type CampaignSkip struct {
	Label   string
	Missing []string
}

// CampaignGap is a combination that was had less often than planned.
type CampaignGap struct {
	Label string
	Cells int // that were not had; 0: there was no plan how many
	Never bool
}

// CampaignFailure is one way in which runs failed.
type CampaignFailure struct {
	Signature string
	Class     int
	Runs      int
	Cells     []string // IDs
	Before    int      // earlier nights that saw it
}

// CampaignTrend compares a median of the night with those of earlier nights.
type CampaignTrend struct {
	Name           string
	Now            string
	Usual          string // median of earlier nights; "": there were too few
	Low, High      string // what is not unusual
	Nights         int    // earlier ones
	Outside, Worse bool
	Values         []float64 // of each night, this one last
}

// ClassName says in the fewest words what an exit code means.
func ClassName(exit int) string { return strings.ToLower(headline(exit)) }

// counted are the runs of a cell that count.
func (cell CampaignCell) counted() []CampaignAttempt {
	return slices.DeleteFunc(slices.Clone(cell.Attempts),
		func(a CampaignAttempt) bool { return a.Lost != "" })
}

// Verdict is what became of a cell, in a word or two.
func (cell CampaignCell) Verdict() string {
	switch {
	case len(cell.Skipped) > 0:
		return "skipped"
	case len(cell.counted()) == 0:
		return "not run"
	case cell.Flaky:
		return "flaky"
	case cell.Class == checker.ExitValid && !cell.Clean && !cell.onlyLost():
		return "valid at last"
	case cell.Class == checker.ExitGate && !cell.Settled:
		return ClassName(cell.Class) + ", not rerun"
	}
	return ClassName(cell.Class)
}

// Troubled lists the cells worth a look, the worst first.
func (c *Campaign) Troubled() []CampaignCell {
	var list []CampaignCell
	for _, cell := range c.Cells {
		if !cell.Clean && len(cell.Skipped) == 0 && !cell.onlyLost() {
			list = append(list, cell)
		}
	}
	rank := func(cell CampaignCell) int {
		return slices.Index([]int{checker.ExitViolation, checker.ExitGate, checker.ExitRefused,
			checker.ExitHarness, checker.ExitCleanup, checker.ExitInconclusive, checker.ExitValid},
			cell.Class)
	}
	slices.SortStableFunc(list, func(a, b CampaignCell) int { return cmp.Compare(rank(a), rank(b)) })
	return list
}

// onlyLost tells whether nothing is wrong with a cell but that somebody stopped a run of it.
func (cell CampaignCell) onlyLost() bool {
	counted := cell.counted()
	return len(counted) > 0 && len(counted) < len(cell.Attempts) &&
		!slices.ContainsFunc(counted, func(a CampaignAttempt) bool {
			return a.Class != checker.ExitValid
		})
}

// Lost tells of the runs that count for nothing, of cells that had another one.
func (c *Campaign) Lost() []string {
	var lines []string
	for _, cell := range c.Cells {
		for _, a := range cell.Attempts {
			if a.Lost != "" && cell.onlyLost() {
				lines = append(lines, fmt.Sprintf("%s, run %d: %s; what it left: %s", cell.ID, a.Number, a.Lost,
					a.Directory))
			}
		}
	}
	return lines
}

// Telling leaves out all but the last of the valid reruns: the red ones are what matters.
func Telling(attempts []CampaignAttempt) []CampaignAttempt {
	var told []CampaignAttempt
	for i, a := range attempts {
		next := i + 1
		if a.Class != checker.ExitValid || a.Lost != "" || next == len(attempts) ||
			attempts[next].Class != checker.ExitValid {
			told = append(told, a)
		}
	}
	return told
}

// Lacking lists what the place could not run: known before, or found out by the first who tried.
func (c *Campaign) Lacking() []CampaignSkip {
	skips := slices.Clone(c.Skipped)
	for _, cell := range c.Cells {
		known := slices.ContainsFunc(skips, func(s CampaignSkip) bool { return s.Label == cell.Label })
		if len(cell.Skipped) > 0 && !known {
			skips = append(skips, CampaignSkip{cell.Label, cell.Skipped})
		}
	}
	return skips
}

// Figure writes a figure for people by what it is of: one of CampaignFigures.
func Figure(name string, value float64) string {
	switch name {
	case "availability":
		return fmt.Sprintf("%.1f %%", value/10)
	case "ok/s":
		return fmt.Sprintf("%.1f", value)
	}
	return seconds(time.Duration(value))
}
