package campaign

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// never is said of what a campaign should have met and did not.
const never = "NEVER SEEN"

// Beyond are what no simulated run exercises, however many seeds are played.
var Beyond = []string{
	"real kernels, TCP, file systems and clocks: the lab and hosts are for these",
	"peers and clients on the wire: frames, HTTP, connections",
	"rolling changes of versions",
}

// Summary writes what the campaign has shown, in the order in which a person asks.
func (t *Tally) Summary(w io.Writer) error {
	var b strings.Builder
	t.writePlayed(&b)
	t.writeFailures(&b)
	t.writeNotes(&b)
	writeCounts(&b, "situations", t.Situations, never)
	writeCounts(&b, "faults that changed something", t.Effects, "0: NEVER CHANGED ANYTHING")
	t.writeShown(&b)
	t.writeUnexercised(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Tally) writePlayed(b *strings.Builder) {
	if t.Seeds == 0 && len(t.Troubles) == 0 {
		fmt.Fprintf(b, "no seed was played\n")
		return
	}
	last := t.First + uint64(t.Seeds+t.Troubled) - 1
	fmt.Fprintf(b, "seeds %d..%d: %s\n", t.First, last, t.verdict())
	fmt.Fprintf(b, "  %s events, %s of simulated time, %s operations, of which %s ok\n",
		thousands(t.Events), hours(t.Virtual), thousands(t.Ops), thousands(t.OK))
	fmt.Fprintf(b, "  %s seeds played twice, the same event by event; %s judged by the checker too\n",
		thousands(int64(t.Again)), thousands(int64(t.Checked)))
	if t.Against > 0 {
		fmt.Fprintf(b, "  %s of them it REJECTED though the witness held\n",
			thousands(int64(t.Against)))
	}
	fmt.Fprintf(b, "  traces %016x, the same wherever this build plays these seeds\n", t.Traces)
}

// verdict is the campaign in a few words.
func (t *Tally) verdict() string {
	var parts []string
	if n := t.failures(false); n > 0 {
		parts = append(parts, fmt.Sprintf("SAFETY VIOLATED by %s", thousands(int64(n))))
	}
	if t.Troubled > 0 {
		parts = append(parts, fmt.Sprintf("CONTRADICTED by %s", thousands(int64(t.Troubled))))
	}
	if n := t.failures(true); n > 0 {
		parts = append(parts, fmt.Sprintf("liveness missed by %s", thousands(int64(n))))
	}
	if n := len(t.Undecided); n > 0 {
		parts = append(parts, fmt.Sprintf("%d undecided", n))
	}
	if len(parts) == 0 {
		return "no failure"
	}
	return strings.Join(parts, ", ")
}

func (t *Tally) writeFailures(b *strings.Builder) {
	if len(t.Groups) == 0 {
		return
	}
	fmt.Fprintf(b, "\nfailures\n")
	for _, g := range t.Groups {
		fmt.Fprintf(b, "  %-18s %s seeds, the first is %d", g.Signature,
			thousands(int64(g.Count)), g.Seeds[0])
		if g.Internal > 0 {
			fmt.Fprintf(b, "; internal only in %s: clients could not have seen it",
				thousands(int64(g.Internal)))
		}
		fmt.Fprintf(b, "\n  %-18s %s\n", "", g.First.Text)
		if g.Directory != "" {
			fmt.Fprintf(b, "  %-18s %s\n", "", g.Directory)
		}
	}
}

func (t *Tally) writeNotes(b *strings.Builder) {
	writeNotes(b, "the simulator contradicts itself", t.Troubles)
	writeNotes(b, "rejected by the checker, though the witness held", t.Disputed)
	writeNotes(b, "not decided by the checker", t.Undecided)
	writeNotes(b, "evidence that could not be kept", t.Unkept)
}

func writeNotes(b *strings.Builder, title string, notes []Note) {
	if len(notes) == 0 {
		return
	}
	const shown = 5
	fmt.Fprintf(b, "\n%s\n", title)
	for i, n := range notes {
		if i == shown {
			fmt.Fprintf(b, "  ... and more\n")
			break
		}
		fmt.Fprintf(b, "  seed %d: %s\n", n.Seed, n.Text)
	}
}

func writeCounts(b *strings.Builder, title string, counts []Count, zero string) {
	width := len(title) - len("  ")
	for _, c := range counts {
		width = max(width, len(c.Name))
	}
	fmt.Fprintf(b, "\n%-*s %10s %12s\n", width+2, title, "seeds", "times")
	for _, c := range counts {
		if c.Times == 0 {
			fmt.Fprintf(b, "  %-*s %s\n", width, c.Name, zero)
			continue
		}
		fmt.Fprintf(b, "  %-*s %10s %12s\n", width, c.Name, thousands(int64(c.Seeds)),
			thousands(c.Times))
	}
}

// writeShown says how rare failures are, and over what.
func (t *Tally) writeShown(b *strings.Builder) {
	if t.Seeds == 0 {
		return
	}
	fmt.Fprintf(b, "\nwhat this shows\n")
	for _, kind := range []struct {
		name     string
		liveness bool
	}{{"safety", false}, {"liveness", true}} {
		fmt.Fprintf(b, "  %-9s %s\n", kind.name, rate(t.failures(kind.liveness), t.Seeds))
	}
	fmt.Fprintf(b, "  over seeds as they are drawn here, and nothing else:\n")
	writeList(b, "members", t.Sizes)
	writeList(b, "workloads", t.Workloads)
	writeList(b, "faults", t.Planned)
}

// rate says what so many failures in n seeds mean. Bounds are rounded outward: what is printed
// holds as well.
func rate(failures, n int) string {
	seeds := thousands(int64(n))
	below := outward(RateBelow(failures, n), math.Ceil)
	if failures == 0 {
		return fmt.Sprintf("no failure in %s seeds: the rate is below %.2g a seed (%.0f %%)",
			seeds, below, Confidence*100)
	}
	low, high := RateBetween(failures, n)
	return fmt.Sprintf("%s failures in %s seeds: the rate is at most %.2g a seed (%.0f %%),\n"+
		"            or between %.2g and %.2g (%.0f %%)", thousands(int64(failures)), seeds, below,
		Confidence*100, outward(low, math.Floor), outward(high, math.Ceil), Confidence*100)
}

// outward rounds to two digits.
func outward(rate float64, round func(float64) float64) float64 {
	if rate == 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(rate))-1)
	return round(rate/unit-1e-9) * unit
}

func writeList(b *strings.Builder, title string, counts []Count) {
	var items []string
	for _, c := range counts {
		items = append(items, fmt.Sprintf("%s (%s)", c.Name, thousands(c.Times)))
	}
	if len(items) == 0 {
		items = []string{"none"}
	}
	wrap(b, fmt.Sprintf("    %-10s", title), items)
}

// wrap writes items behind a title, on as many lines as 100 columns make it.
func wrap(b *strings.Builder, title string, items []string) {
	const columns = 100
	line := title
	for i, item := range items {
		if i < len(items)-1 {
			item += ","
		}
		if len(line)+1+len(item) > columns && line != title {
			fmt.Fprintln(b, line)
			line = strings.Repeat(" ", len(title))
		}
		line += " " + item
	}
	fmt.Fprintln(b, line)
}

// writeUnexercised lists what the numbers above say nothing about.
func (t *Tally) writeUnexercised(b *strings.Builder) {
	fmt.Fprintf(b, "\nnot exercised\n")
	for _, c := range t.Situations {
		if c.Times == 0 {
			fmt.Fprintf(b, "  situation: %s\n", c.Name)
		}
	}
	for _, c := range t.Effects {
		if c.Times == 0 {
			fmt.Fprintf(b, "  fault: %s\n", c.Name)
		}
	}
	for _, what := range Beyond {
		fmt.Fprintf(b, "  %s\n", what)
	}
}
