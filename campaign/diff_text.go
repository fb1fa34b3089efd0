package campaign

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// Text writes the difference for a person.
func (d *Difference) Text(w io.Writer) error {
	var b bytes.Buffer
	for _, run := range []struct {
		name  string
		facts RunFacts
	}{{"then", d.Then}, {"now", d.Now}} {
		fmt.Fprintf(&b, "%-6s%s\n", run.name, run.facts)
	}
	d.suiteText(&b)
	d.verdictText(&b)
	d.figureText(&b)
	d.faultText(&b)
	for _, note := range d.Notes {
		fmt.Fprintf(&b, "note  %s\n", note)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// String is the run in one line.
func (f RunFacts) String() string {
	ended := "not judged"
	if f.Judged {
		ended = fmt.Sprintf("%s, exit %d", f.Verdict, f.Exit)
	}
	return fmt.Sprintf("%s: %s on %s, seed %d, run %s: %s", f.Directory, f.Suite, f.Place, f.Seed,
		f.Run, ended)
}

func (d *Difference) suiteText(b *bytes.Buffer) {
	if len(d.Suite) == 0 {
		b.WriteString("\nsuite: the same\n")
		return
	}
	b.WriteString("\nsuite\n")
	for _, change := range d.Suite {
		path := change.Path
		if path == "" {
			path = "(top)"
		}
		fmt.Fprintf(b, "  %s\n", path)
		for _, line := range change.Then {
			fmt.Fprintf(b, "    - %s\n", line)
		}
		for _, line := range change.Now {
			fmt.Fprintf(b, "    + %s\n", line)
		}
	}
}

func (d *Difference) verdictText(b *bytes.Buffer) {
	if len(d.Verdicts) == 0 {
		b.WriteString("\nchecks and gates: the same\n")
		return
	}
	b.WriteString("\nchecks and gates\n")
	for _, change := range d.Verdicts {
		fmt.Fprintf(b, "  %s\n", change.Name)
		fmt.Fprintf(b, "    - %s\n    + %s\n", change.Then.text(change.Gate),
			change.Now.text(change.Gate))
	}
}

func (c *JudgedCheck) text(gate bool) string {
	if c == nil {
		return "not asked"
	}
	word := c.Verdict.String()
	if gate {
		word = map[string]string{"valid": "met", "invalid": "missed", "unknown": "unknown"}[word]
	}
	return fmt.Sprintf("%-8s%s", word, c.Reason)
}

func (d *Difference) figureText(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n%-22s  %12s  %12s  %8s\n", "during the load", "then", "now", "ratio")
	for _, f := range d.Figures {
		ratio := ""
		if f.Ratio != nil {
			ratio = fmt.Sprintf("%.2f", *f.Ratio)
		}
		fmt.Fprintln(b, strings.TrimRight(fmt.Sprintf("  %-20s  %12s  %12s  %8s", f.Name,
			amountText(f.Then, f.Unit), amountText(f.Now, f.Unit), ratio), " "))
	}
}

// amountText is a figure with its unit.
func amountText(amount *float64, unit string) string {
	switch {
	case amount == nil:
		return "-"
	case unit == UnitTime:
		return spell(time.Duration(*amount))
	case unit == UnitShare:
		return strconv.FormatFloat(*amount/10, 'f', 1, 64) + "%"
	case unit == UnitRate:
		return strconv.FormatFloat(*amount, 'f', 1, 64) + "/s"
	}
	return strconv.FormatFloat(math.Round(*amount), 'f', 0, 64)
}

// spell writes a duration with three or four digits.
func spell(d time.Duration) string {
	switch size := d.Abs(); {
	case size >= time.Minute:
		return d.Round(time.Second).String()
	case size >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case size >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}

func (d *Difference) faultText(b *bytes.Buffer) {
	if len(d.Faults) == 0 {
		b.WriteString("\nfaults: none\n")
		return
	}
	same := 0
	b.WriteString("\nfaults, from the start of the load\n")
	for _, pair := range d.Faults {
		mark := "="
		if !pair.Same {
			mark = "!"
		} else {
			same++
		}
		fmt.Fprintf(b, "  %s %-4d %s\n", mark, pair.Number, pair.Then)
		fmt.Fprintf(b, "         %s\n", pair.Now)
	}
	fmt.Fprintf(b, "  %d of %d are the same\n", same, len(d.Faults))
}

// String is the fault in one line.
func (f *FaultInstance) String() string {
	if f == nil {
		return "-"
	}
	text := fmt.Sprintf("%s  at %s", f.What, spell(f.Start))
	if len(f.Nodes) > 0 {
		text = fmt.Sprintf("%s %s  at %s", f.What, strings.Join(f.Nodes, " "), spell(f.Start))
	}
	switch {
	case f.Failed != "":
		return text + ", failed: " + f.Failed
	case f.Length == 0:
		text += ", to the end of what is recorded"
	default:
		text += " for " + spell(f.Length)
	}
	if !f.Proven {
		text += ", not proven"
	}
	return text
}
