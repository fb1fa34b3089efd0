package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"gauntlet/checker"
)

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
	section(&b, "runs that were cut short, and had again", c.Lost())
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
	for _, skip := range c.Lacking() {
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
