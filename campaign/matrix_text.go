package campaign

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"gauntlet/checker"
	"gauntlet/suite"
)

// MatrixText writes a table of what was seen beside what was expected, and below it each difference
// with the reason that the matrix gives for it.
func MatrixText(w io.Writer, m *suite.Matrix, cells []MatrixCell) error {
	fmt.Fprintf(w, "%s at place %s: availability while the fault lasts, median/most of the longest "+
		"gap in election timeouts, [expected]\n\n", m.Name, m.Place)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "fault\tnodes\t%s\n", strings.Join(m.Options, "\t"))
	for _, line := range lines(cells) {
		fmt.Fprintf(table, "%s\t%d", line[0].Row, line[0].Nodes)
		for _, options := range m.Options {
			fmt.Fprintf(table, "\t%s", entry(line, options))
		}
		fmt.Fprintln(table)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return remarks(w, cells)
}

// lines puts the cells of one row and number of nodes together, in the order they first come.
func lines(cells []MatrixCell) [][]MatrixCell {
	var all [][]MatrixCell
	for _, c := range cells {
		at := slices.IndexFunc(all, func(line []MatrixCell) bool {
			return line[0].Row == c.Row && line[0].Nodes == c.Nodes
		})
		if at < 0 {
			at = len(all)
			all = append(all, nil)
		}
		all[at] = append(all[at], c)
	}
	return all
}

// entry is one cell in the table. "!" marks what is not as expected.
func entry(line []MatrixCell, options string) string {
	at := slices.IndexFunc(line, func(c MatrixCell) bool { return c.Options == options })
	if at < 0 {
		return ""
	}
	c := line[at]
	switch {
	case len(c.Unsafe) > 0:
		return "VIOLATION"
	case len(c.Missing) > 0:
		return "skipped"
	case !c.Known():
		return "too few runs say anything"
	}
	mark := ""
	if !c.Fits {
		mark = " !"
	}
	return fmt.Sprintf("%s [%s]%s", c.Seen, c.Expected, mark)
}

// remarks lists what the table cannot show.
func remarks(w io.Writer, cells []MatrixCell) error {
	var b strings.Builder
	for _, c := range cells {
		name := fmt.Sprintf("%s, %d nodes, %s", c.Row, c.Nodes, c.Options)
		for _, why := range c.Unsafe {
			fmt.Fprintf(&b, "VIOLATION  %s: %s\n", name, why)
		}
		for _, why := range c.Trouble {
			fmt.Fprintf(&b, "not counted  %s: %s\n", name, why)
		}
		if len(c.Missing) > 0 {
			fmt.Fprintf(&b, "skipped  %s: the place lacks %s\n", name, strings.Join(c.Missing, ", "))
		}
		if c.Known() && !c.Fits {
			note := cmp.Or(c.Note, "NOT EXPLAINED")
			fmt.Fprintf(&b, "differs  %s: %s, expected %s: %s\n", name, c.Seen, c.Expected, note)
		}
	}
	if b.Len() > 0 {
		fmt.Fprintf(w, "\n%s", &b)
	}
	_, err := fmt.Fprintf(w, "\n%s\n", counted(cells))
	return err
}

// counted says how many cells are as expected, and how many are not.
func counted(cells []MatrixCell) string {
	fits, differs, silent, skipped := 0, 0, 0, 0
	for _, c := range cells {
		switch {
		case len(c.Missing) > 0:
			skipped++
		case !c.Known():
			silent++
		case c.Fits:
			fits++
		default:
			differs++
		}
	}
	return fmt.Sprintf("%d cells as expected, %d different, %d of which too little is known, "+
		"%d skipped", fits, differs, silent, skipped)
}

// MatrixExit is the exit code of a matrix: a violation is never masked, a difference is a missed
// gate unless the matrix explains it, and a cell without any run leaves it open, unless the place
// lacks what it needs.
func MatrixExit(m *suite.Matrix, cells []MatrixCell) int {
	exit := checker.ExitValid
	for _, c := range cells {
		switch {
		case len(c.Unsafe) > 0:
			return checker.ExitViolation
		case c.Known() && !c.Fits && c.Note == "":
			exit = checker.ExitGate
		case !c.Known() && len(c.Missing) == 0 && exit == checker.ExitValid:
			exit = checker.ExitInconclusive
		}
	}
	if len(cells) < len(m.Cells) && exit == checker.ExitValid {
		exit = checker.ExitInconclusive
	}
	return exit
}
