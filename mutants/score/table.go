package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// line is a row as it is told while the hunt goes on.
func (r *row) line() string {
	if r.missed != "" {
		return fmt.Sprintf("%s: MISSED: %s (%d seeds)", r.mutant.ID, r.missed, r.seeds)
	}
	return fmt.Sprintf("%s: %s after %d seeds in %.1fs", r.mutant.ID, r.signature, r.seeds,
		r.took.Seconds())
}

// table is what became of all bugs.
func table(rows []row, h *hunter) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "bug\tfound as\tclients saw it\tseeds\tfound\tshrunk\tmembers\tfaults\t"+
		"operations\tseeds that fail")
	for _, r := range rows {
		r.write(w)
	}
	w.Flush()
	b.WriteString("\n")
	found := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.small == nil })
	if len(found) > 0 {
		fmt.Fprintf(&b, "medians: found after %d seeds in %s, shrunk in %s to %d faults and "+
			"%d operations\n", median(found, func(r row) int { return r.seeds }),
			seconds(median(found, func(r row) time.Duration { return r.took })),
			seconds(median(found, func(r row) time.Duration { return r.shrinking })),
			median(found, func(r row) int { return len(r.small.Faults) }),
			median(found, func(r row) int { return len(r.small.Operations) }))
	}
	caught := 0
	for _, r := range rows {
		if r.missed == "" {
			caught++
			continue
		}
		fmt.Fprintf(&b, "MISSED %s: %s\n", r.mutant.ID, r.missed)
	}
	fmt.Fprintf(&b, "%d of %d planted bugs caught, in at most %v each, by %d workers, "+
		"from seed %d on\n", caught, len(rows), h.patience, h.workers, h.from)
	return b.String()
}

// write writes one line of the table.
func (r *row) write(w io.Writer) {
	if r.small == nil {
		fmt.Fprintf(w, "%s\tMISSED\t-\t%d\t-\t-\t-\t-\t-\t-\n", r.mutant.ID, r.seeds)
		return
	}
	seen := "yes"
	if r.internal {
		seen = "no"
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%d\t%d\t%d\t%s\n",
		r.mutant.ID, r.signature, seen, r.seeds,
		seconds(r.took), seconds(r.shrinking), r.small.Options.Nodes,
		len(r.small.Faults), len(r.small.Operations), r.rate)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

// String says how many of the seeds that were counted failed.
func (t tally) String() string {
	if t.seeds == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2g (%d of %d)", float64(t.failures)/float64(t.seeds), t.failures, t.seeds)
}

// median is the middle one, and of two the lower.
func median[T cmp.Ordered](rows []row, of func(row) T) T {
	var values []T
	for _, r := range rows {
		values = append(values, of(r))
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}
