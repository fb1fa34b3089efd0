package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
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

// Text writes a campaign for a terminal.
func (c *Campaign) Text(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s   campaign %s on %s, night %s, seed %d\n", strings.ToUpper(headline(c.Exit)),
		c.Name, c.Place, c.Night, c.Seed)
	fmt.Fprintf(&b, "  %s\n", c.counts())
	if c.Stopped != "" {
		fmt.Fprintf(&b, "  ended before its plan: %s\n", c.Stopped)
	}
	if c.GoOn != "" {
		fmt.Fprintf(&b, "  go on with it: %s\n", c.GoOn)
	}
	c.writeFailed(&b)
	c.writeNotRun(&b)
	c.writeRows(&b)
	c.writeTrends(&b)
	section(&b, "what this shows", c.Shows)
	section(&b, "warnings", c.Warnings)
	_, err := w.Write(b.Bytes())
	return err
}

func section(b *bytes.Buffer, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "  %s\n", strings.TrimRight(line, " "))
	}
}

// counts says what there was: "44 cells in 47 runs, 58m12s: 41 valid, 1 violation, 1 flaky".
func (c *Campaign) counts() string {
	text := fmt.Sprintf("%s in %s, %v", plural(len(c.Cells), "cell"), plural(c.Runs, "run"),
		c.Took.Round(time.Second))
	if parts := c.classes(); len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	if c.Resumed > 0 {
		text += fmt.Sprintf("; resumed %s", times(c.Resumed))
	}
	return text
}

// classes counts cells: those without a trouble first, then the worst.
func (c *Campaign) classes() []string {
	var parts []string
	for _, class := range []int{checker.ExitValid, checker.ExitViolation, checker.ExitGate,
		checker.ExitInconclusive, checker.ExitHarness, checker.ExitRefused, checker.ExitCleanup} {
		count := 0
		for _, cell := range c.Cells {
			if cell.Class == class && len(cell.Skipped) == 0 && len(cell.counted()) > 0 {
				count++
			}
		}
		if count > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", thousands(count), ClassName(class)))
		}
	}
	if c.Flaky > 0 {
		parts = append(parts, fmt.Sprintf("%s flaky among the valid", thousands(c.Flaky)))
	}
	return parts
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

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
	case cell.Class == checker.ExitValid && !cell.Clean:
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
		if !cell.Clean {
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

// mostTroubled cells stand in the text; the page has more.
const mostTroubled = 20

func (c *Campaign) writeFailed(b *bytes.Buffer) {
	troubled := c.Troubled()
	if len(troubled) == 0 {
		return
	}
	fmt.Fprintf(b, "\nwhat failed, the worst first; evidence lies below %s\n", c.Directory)
	for i, cell := range troubled {
		if i == mostTroubled {
			fmt.Fprintf(b, "  and %s more: see summary.html\n", thousands(len(troubled)-i))
			break
		}
		fmt.Fprintf(b, "  %s  %s: %s, seed %d\n", cell.ID, strings.ToUpper(cell.Verdict()), cell.Label,
			cell.Seed)
		for _, a := range Telling(cell.Attempts) {
			fmt.Fprintf(b, "         run %-2d %s\n", a.Number, a.words())
			if a.Directory != "" {
				fmt.Fprintf(b, "                %s\n", a.Directory)
			}
		}
		fmt.Fprintf(b, "         again  %s\n", cell.Again)
	}
	if len(c.Failures) == 0 {
		return
	}
	b.WriteString("\nfailures by signature\n")
	for _, f := range c.Failures {
		fmt.Fprintf(b, "  %4d × %-14s  %s (%s)\n", f.Runs, ClassName(f.Class), f.Signature, f.seen())
	}
}

// seen says how new a failure is.
func (f CampaignFailure) seen() string {
	cells := list(f.Cells)
	if f.Before == 0 {
		return "new; " + cells
	}
	return "also in " + plural(f.Before, "earlier night") + "; " + cells
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

// words is what became of a run, on one line.
func (a CampaignAttempt) words() string {
	switch {
	case a.Lost != "":
		return "lost: " + a.Lost
	case len(a.Reasons) > 0:
		return ClassName(a.Class) + ": " + a.Reasons[0]
	}
	return ClassName(a.Class)
}

func (c *Campaign) writeNotRun(b *bytes.Buffer) {
	var lines []string
	for _, skip := range c.Skipped {
		lines = append(lines, fmt.Sprintf("skipped: %s: the place lacks %s", skip.Label,
			list(skip.Missing)))
	}
	for _, gap := range c.NotRun {
		lines = append(lines, gap.words())
	}
	section(b, "what did not run", lines)
}

// words says what was not had of a combination.
func (g CampaignGap) words() string {
	switch {
	case g.Never:
		return "never: " + g.Label
	case g.Cells == 0:
		return g.Label
	}
	return fmt.Sprintf("%s: %s more planned", g.Label, thousands(g.Cells))
}

func (c *Campaign) writeRows(b *bytes.Buffer) {
	if len(c.Combinations) == 0 {
		return
	}
	width := len("medians of each combination")
	for _, row := range c.Combinations {
		width = max(width, len(row.Label))
	}
	fmt.Fprintf(b, "\n%-*s  %11s", width+2, "medians of each combination", "valid cells")
	for _, name := range CampaignFigures {
		fmt.Fprintf(b, "  %12s", name)
	}
	b.WriteByte('\n')
	for _, row := range c.Combinations {
		line := fmt.Sprintf("  %-*s  %11s", width, row.Label,
			fmt.Sprintf("%d of %d", row.Valid, row.Cells))
		for _, figure := range row.Figures {
			line += fmt.Sprintf("  %12s", cmp.Or(figure, "-"))
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

func (c *Campaign) writeTrends(b *bytes.Buffer) {
	var lines []string
	for _, t := range c.Trends {
		lines = append(lines, fmt.Sprintf("%-14s %12s   %s", t.Name, t.Now, t.words()))
	}
	section(b, "medians of this night, against earlier ones", lines)
}

// words compares with earlier nights.
func (t CampaignTrend) words() string {
	if t.Usual == "" {
		return fmt.Sprintf("too few earlier nights to compare with: %d", t.Nights)
	}
	text := fmt.Sprintf("usual %s, from %s to %s in %d nights", t.Usual, t.Low, t.High, t.Nights)
	switch {
	case t.Outside && t.Worse:
		text += ": UNUSUAL, AND WORSE"
	case t.Outside:
		text += ": unusual, and better"
	}
	return text
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
