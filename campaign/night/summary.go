package night

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/campaign"
	"gauntlet/checker"
	"gauntlet/report"
	"gauntlet/suite"
)

func className(class int) string { return report.ClassName(class) }

// fileName is a combination's name as a file's. Labels are told apart by their parts, file names
// must be too.
func fileName(c suite.Combination) string { return strings.ReplaceAll(c.Label(), "/", "_") }

// exit is the class of the whole night: the worst of its cells; and what kept it from its end, from
// having each combination at all, or from having it under as many seeds as its file says, is never
// a pass.
func (n *night) exit() int {
	var classes []int
	had, cells := map[int]bool{}, 0
	for _, r := range n.state.records {
		if len(r.attempts) == 0 {
			continue
		}
		had[r.Combination] = true
		cells++
		if len(r.skipped()) == 0 {
			classes = append(classes, r.standing.Class)
		}
	}
	for _, combination := range n.state.cells.order {
		if !had[combination] {
			classes = append(classes, checker.ExitInconclusive)
		}
	}
	if cells < n.state.cells.count {
		classes = append(classes, checker.ExitInconclusive)
	}
	if n.stop.class != checker.ExitValid {
		classes = append(classes, n.stop.class)
	}
	return Worst(classes...)
}

// summary tells of the night.
func (n *night) summary(before []Record) *report.Campaign {
	h := n.state.header
	c := &report.Campaign{
		Name: h.Campaign, File: n.Campaign.File, Night: n.name, Directory: n.path(), Place: h.Place,
		Build: h.Build, Seed: h.Seed, Started: n.state.started, Took: n.elapsed(),
		Resumed: n.state.resumed, Exit: n.exit(), Runs: n.runs(), Stopped: n.stop.why,
		Warnings: n.warnings,
	}
	if n.stop.resumable {
		c.GoOn = n.GoOn(n.path())
	}
	for _, r := range n.state.records {
		cell := n.cell(r)
		if cell.Flaky {
			c.Flaky++
		}
		c.Cells = append(c.Cells, cell)
	}
	c.Combinations, c.Skipped, c.NotRun = n.rows(), n.skips(), n.gaps()
	c.Failures = n.failures(before)
	c.Trends = trends(before, n.medians())
	c.Shows = n.shows()
	return c
}

func (n *night) cell(r *cellRecord) report.CampaignCell {
	c := n.combination(r.Cell)
	cell := report.CampaignCell{
		ID: r.ID(), Label: c.Label(), Seed: r.Seed, Class: r.standing.Class, Flaky: r.standing.Flaky,
		Settled: r.standing.Final, Clean: r.clean(), Skipped: r.skipped(),
		Again: n.Again(n.suiteFile(c), r.Seed),
	}
	for _, a := range r.attempts {
		cell.Attempts = append(cell.Attempts, report.CampaignAttempt{
			Number: a.Number, Class: a.Class, Reasons: a.Reasons, Took: a.Took,
			Directory: a.Directory,
		})
	}
	for _, l := range r.lost {
		cell.Attempts = append(cell.Attempts, report.CampaignAttempt{
			Number: l.Number, Lost: l.Why, Directory: l.Directory,
		})
	}
	slices.SortStableFunc(cell.Attempts, func(a, b report.CampaignAttempt) int {
		return cmp.Compare(a.Number, b.Number)
	})
	return cell
}

// rows are the combinations that were had, with the medians of all their runs.
func (n *night) rows() []report.CampaignRow {
	var rows []report.CampaignRow
	for i, c := range n.Campaign.Combinations {
		row := report.CampaignRow{Label: c.Label()}
		var runs []Figures
		for _, r := range n.state.records {
			if r.Combination != i || len(r.attempts) == 0 || len(r.skipped()) > 0 {
				continue
			}
			row.Cells++
			if r.standing.Final && r.standing.Class == checker.ExitValid {
				row.Valid++
			}
			runs = append(runs, r.figures()...)
		}
		if row.Cells == 0 {
			continue
		}
		of := medians(runs)
		for _, one := range compared {
			text := ""
			if value := one.of(of); value != nil {
				text = report.Figure(one.name, *value)
			}
			row.Figures = append(row.Figures, text)
		}
		rows = append(rows, row)
	}
	return rows
}

// figures of the runs of a cell that say something of the target.
func (r *cellRecord) figures() []Figures {
	var list []Figures
	for _, a := range r.attempts {
		if a.Figures != nil && a.Class != checker.ExitHarness && a.Class != checker.ExitRefused {
			list = append(list, *a.Figures)
		}
	}
	return list
}

// medians are those of the cells' first runs: reruns would count a bad seed ten times.
func (n *night) medians() Medians {
	var runs []Figures
	for _, r := range n.state.records {
		if figures := r.figures(); len(figures) > 0 {
			runs = append(runs, figures[0])
		}
	}
	return medians(runs)
}

// skips are the combinations that the place was known to lack something for. What turned out
// stands with the cells.
func (n *night) skips() []report.CampaignSkip {
	var list []report.CampaignSkip
	for _, c := range n.Campaign.Combinations {
		if len(c.Missing) > 0 {
			list = append(list, report.CampaignSkip{Label: c.Label(), Missing: c.Missing})
		}
	}
	return list
}

// gaps are the combinations that were had less often than planned, or never. A cell that has begun
// and owes a run is told with the cells.
func (n *night) gaps() []report.CampaignGap {
	had := map[int]int{}
	for _, r := range n.state.records {
		if len(r.attempts) > 0 {
			had[r.Combination]++
		}
	}
	var list []report.CampaignGap
	for _, combination := range slices.Sorted(slices.Values(n.state.cells.order)) {
		gap := report.CampaignGap{Label: n.Campaign.Combinations[combination].Label(),
			Cells: max(n.state.header.Rounds-had[combination], 0), Never: had[combination] == 0}
		if gap.Never || gap.Cells > 0 {
			list = append(list, gap)
		}
	}
	return list
}

// failures counts runs by signature, the worst and most frequent first.
func (n *night) failures(before []Record) []report.CampaignFailure {
	type key struct {
		class     int
		signature string
	}
	seen := map[key]*report.CampaignFailure{}
	var order []*report.CampaignFailure
	for _, r := range n.state.records {
		for _, a := range r.attempts {
			if a.Class == checker.ExitValid || a.skipped() {
				continue
			}
			k := key{a.Class, a.Signature}
			if seen[k] == nil {
				seen[k] = &report.CampaignFailure{Signature: a.Signature, Class: a.Class}
				order = append(order, seen[k])
			}
			f := seen[k]
			f.Runs++
			if !slices.Contains(f.Cells, r.ID()) {
				f.Cells = append(f.Cells, r.ID())
			}
		}
	}
	list := make([]report.CampaignFailure, len(order))
	for i, f := range order {
		for _, night := range before {
			if slices.ContainsFunc(night.Failures, func(o Failure) bool {
				return o.Class == f.Class && o.Signature == f.Signature
			}) {
				f.Before++
			}
		}
		list[i] = *f
	}
	slices.SortStableFunc(list, func(a, b report.CampaignFailure) int {
		return cmp.Or(cmp.Compare(checker.Severity(b.Class), checker.Severity(a.Class)),
			b.Runs-a.Runs)
	})
	return list
}

// tally counts what the first runs of the cells show, each under a seed of its own: a rerun is no
// new evidence. What said nothing the first time may say something the second.
func (n *night) tally() (judged, violated, red, safe int) {
	for _, r := range n.state.records {
		var first *Attempt
		for i := range r.attempts {
			a := &r.attempts[i]
			if a.Class == checker.ExitViolation {
				violated++
			}
			if first == nil && (a.Safe || a.Class == checker.ExitGate ||
				a.Class == checker.ExitViolation) && a.Class != checker.ExitInconclusive &&
				a.Class != checker.ExitHarness {
				first = a
			}
		}
		if first == nil {
			continue
		}
		judged++
		if first.Safe {
			safe++
		}
		if first.Class == checker.ExitGate {
			red++
		}
	}
	return judged, violated, red, safe
}

// shows puts into words what the night shows, and what not.
func (n *night) shows() []string {
	judged, violated, red, safe := n.tally()
	level := n.Campaign.Confidence
	if judged == 0 {
		return []string{"Nothing: no run came to a verdict."}
	}
	var lines []string
	confidence := float64(level) / 1000
	bound := func(runs int) string { return rateText(campaign.RateBelow(runs, confidence)) }
	switch {
	case violated > 0:
		lines = append(lines, fmt.Sprintf("Safety is violated: in %s of %s. One is enough.",
			counted(violated, "run"), counted(judged, "cell")))
	case safe > 0:
		lines = append(lines, fmt.Sprintf("No violation in %s: with %s confidence a run violates safety "+
			"in fewer than %s of all runs.", counted(safe, "independent run"), percent(level), bound(safe)))
	}
	switch {
	case violated > 0:
	case red > 0:
		lines = append(lines, fmt.Sprintf("%d of %s missed a gate or an objective in the first run, "+
			"whatever their reruns showed.", red, counted(judged, "cell")))
	default:
		lines = append(lines, fmt.Sprintf("Every gate and objective was met in %s: with %s confidence "+
			"fewer than %s of all runs miss one.", counted(judged, "independent run"), percent(level),
			bound(judged)))
	}
	lines = append(lines, n.about())
	if of := n.medians(); of.Recovery != nil && of.Transport != nil && *of.Transport > 0 {
		lines = append(lines, fmt.Sprintf("Clients were served again %v after a heal (median of the "+
			"slowest of each run); for %v of that the nodes did not hear each other yet.",
			rounded(time.Duration(*of.Recovery)), rounded(time.Duration(*of.Transport))))
	}
	return lines
}

// about says of what exactly all that holds.
func (n *night) about() string {
	var options, nodes, workloads, faults []string
	add := func(list *[]string, text string) {
		if text != "" && !slices.Contains(*list, text) {
			*list = append(*list, text)
		}
	}
	for _, r := range n.state.records {
		if len(r.attempts) > 0 && len(r.skipped()) == 0 {
			c := n.combination(r.Cell)
			add(&options, c.Options)
			add(&nodes, fmt.Sprint(c.Suite.Target.Nodes()))
			add(&workloads, cmp.Or(c.Workload, c.Suite.Workload.Model))
			add(&faults, cmp.Or(c.Faults, "of the base"))
		}
	}
	text := "All of this is about "
	for _, one := range []struct {
		name string
		list []string
	}{{"options", options}, {"nodes", nodes}, {"workloads", workloads}, {"faults", faults}} {
		if len(one.list) > 0 {
			slices.Sort(one.list)
			text += one.name + " " + strings.Join(one.list, ", ") + "; "
		}
	}
	return text + "and of nothing else."
}

func rateText(rate float64) string { return fmt.Sprintf("%.2g %%", 100*rate) }

func counted(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
