package campaign

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
)

// Difference is what two runs do not have in common, and the figures of both side by side. The
// first of the two is "then", the second "now".
type Difference struct {
	Then     RunFacts         `json:"then"`
	Now      RunFacts         `json:"now"`
	Suite    []SuiteChange    `json:"suite"`    // in the order of the file; none: the same suite
	Verdicts []VerdictChange  `json:"verdicts"` // of checks and gates, those that differ
	Figures  []Figure         `json:"figures"`
	Faults   []FaultInstances `json:"faults"` // matched by their order
	Notes    []string         `json:"notes,omitempty"`
}

// RunFacts are what names a run, and how it ended.
type RunFacts struct {
	Directory string          `json:"directory"`
	Run       string          `json:"run"`
	Suite     string          `json:"suite"`
	Place     string          `json:"place"`
	Seed      uint64          `json:"seed"`
	Judged    bool            `json:"judged"` // false: it has no results
	Verdict   checker.Verdict `json:"verdict"`
	Exit      int             `json:"exit"`
}

// SuiteChange is lines of a resolved suite that the other one does not have, at one place.
type SuiteChange struct {
	Path string   `json:"path"` // of what the lines belong to: "target.raftd.options"; "" the top
	Then []string `json:"then,omitempty"`
	Now  []string `json:"now,omitempty"`
}

// VerdictChange is a check or a gate that did not end alike.
type VerdictChange struct {
	Name string       `json:"name"`
	Gate bool         `json:"gate"`
	Then *JudgedCheck `json:"then,omitempty"` // nil: that run was not asked
	Now  *JudgedCheck `json:"now,omitempty"`
}

// JudgedCheck is how a check or a gate ended.
type JudgedCheck struct {
	Verdict checker.Verdict `json:"verdict"`
	Reason  string          `json:"reason"`
}

// FaultInstances is the fault that was the n-th in each of two runs, and what of it differs.
type FaultInstances struct {
	Number int            `json:"number"` // from 1, in the order of their start
	Then   *FaultInstance `json:"then,omitempty"`
	Now    *FaultInstance `json:"now,omitempty"`
	Same   bool           `json:"same"` // by name or by links; on the same nodes, proven alike
}

// FaultInstance is one fault as a run executed it. Its times count from the start of the load.
type FaultInstance struct {
	ID     int           `json:"id"`
	What   string        `json:"what"`  // "partition isolate-leader"
	Nodes  []string      `json:"nodes"` // whom it struck
	Start  time.Duration `json:"start"`
	Length time.Duration `json:"length"` // 0: it was in force when the history ended
	Proven bool          `json:"proven"`
	Failed string        `json:"failed,omitempty"` // why it could not be injected, or not be healed
}

// Diff compares two runs.
func Diff(then, now *Run) *Difference {
	d := &Difference{
		Then: then.Facts(), Now: now.Facts(), Suite: suiteChanges(then.resolved(), now.resolved()),
		Verdicts: verdictChanges(then.Results, now.Results), Figures: sideBySide(then, now),
		Faults: faultInstances(then.History, now.History),
	}
	for _, run := range []*Run{then, now} {
		for _, note := range run.Notes {
			d.Notes = append(d.Notes, run.Name+": "+note)
		}
	}
	return d
}

// Facts are what names the run, and how it ended.
func (r *Run) Facts() RunFacts {
	header := r.History.Header
	facts := RunFacts{Directory: r.Name, Run: header.Run, Suite: header.Suite, Seed: header.Seed}
	if r.Suite != nil {
		facts.Place = r.Suite.Place
	}
	if r.Results != nil {
		facts.Place = cmp.Or(r.Results.Place, facts.Place)
		facts.Judged, facts.Verdict, facts.Exit = true, r.Results.Verdict, r.Results.Exit
	}
	return facts
}

// verdictChanges lists the checks, then the gates, that did not end alike.
func verdictChanges(then, now *checker.Results) []VerdictChange {
	var changes []VerdictChange
	for _, gate := range []bool{false, true} {
		before, after := resultsOf(then, gate), resultsOf(now, gate)
		for _, result := range append(slices.Clone(before), after...) {
			c := VerdictChange{Name: result.Check, Gate: gate,
				Then: judgedCheck(before, result.Check), Now: judgedCheck(after, result.Check)}
			known := slices.ContainsFunc(changes, func(other VerdictChange) bool {
				return other.Name == c.Name && other.Gate == gate
			})
			alike := c.Then != nil && c.Now != nil && c.Then.Verdict == c.Now.Verdict
			if !alike && !known {
				changes = append(changes, c)
			}
		}
	}
	return changes
}

func resultsOf(r *checker.Results, gate bool) []checker.Result {
	switch {
	case r == nil:
		return nil
	case gate:
		return r.Gates
	}
	return r.Checks
}

func judgedCheck(results []checker.Result, name string) *JudgedCheck {
	for _, r := range results {
		if r.Check == name {
			return &JudgedCheck{Verdict: r.Verdict, Reason: r.Reason}
		}
	}
	return nil
}

// faultInstances matches the faults of two runs by the order in which they began.
func faultInstances(then, now *history.History) []FaultInstances {
	before, after := instancesOf(then), instancesOf(now)
	pairs := make([]FaultInstances, max(len(before), len(after)))
	for i := range pairs {
		pairs[i].Number = i + 1
		if i < len(before) {
			pairs[i].Then = &before[i]
		}
		if i < len(after) {
			pairs[i].Now = &after[i]
		}
		if a, b := pairs[i].Then, pairs[i].Now; a != nil && b != nil {
			pairs[i].Same = a.Proven == b.Proven && (a.Failed == "") == (b.Failed == "") &&
				(a.What == b.What && slices.Equal(a.Nodes, b.Nodes) || struckAlike(then, a.ID, now, b.ID))
		}
	}
	return pairs
}

// struckAlike tells whether two faults of a kind struck the same nodes and links, by their places,
// whatever they were planned as: a run that is executed again names what roles and shapes became.
func struckAlike(then *history.History, before int, now *history.History, after int) bool {
	a, b := strikesOf(then, before), strikesOf(now, after)
	slices.Sort(a)
	slices.Sort(b)
	return len(a) > 0 && slices.Equal(slices.Compact(a), slices.Compact(b)) &&
		kindOf(then, before) == kindOf(now, after)
}

// kindOf is the kind of the fault with an ID; "": there is none.
func kindOf(h *history.History, id int) string {
	for _, f := range h.Faults {
		if f.ID == id {
			return f.Kind
		}
	}
	return ""
}

// instancesOf lists the faults of a run by their start; those that never began by their plan.
func instancesOf(h *history.History) []FaultInstance {
	load, _ := loadSpan(h)
	var all []FaultInstance
	for _, f := range h.Faults {
		instance := FaultInstance{ID: f.ID, What: whatOf(f), Nodes: struckBy(f),
			Start: cmp.Or(f.Start, f.PlannedStart) - load, Proven: f.Bit(), Failed: f.Error}
		if f.Stop > 0 {
			instance.Length = f.Stop - f.Start
		}
		all = append(all, instance)
	}
	slices.SortStableFunc(all, func(a, b FaultInstance) int { return cmp.Compare(a.Start, b.Start) })
	return all
}

// whatOf names a fault: its kind, with the shape or role that it was planned with.
func whatOf(f history.Fault) string {
	words := []string{f.Kind, f.Shape, f.Role}
	return strings.Join(slices.DeleteFunc(words, func(word string) bool { return word == "" }), " ")
}

// struckBy is whom a fault was about, or else all at the ends of its links.
func struckBy(f history.Fault) []string {
	nodes := slices.Clone(f.Hosts)
	if len(nodes) == 0 {
		for _, cut := range f.Cuts {
			nodes = append(nodes, cut.From, cut.To)
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// loadSpan is when the load began and ended: the whole history if it tells of no load.
func loadSpan(h *history.History) (from, to time.Duration) {
	to = lastStamp(h) + 1 // what came last belongs to it
	for i, phase := range h.Phases {
		if phase.Name != checker.PhaseLoad {
			continue
		}
		if i+1 < len(h.Phases) {
			to = h.Phases[i+1].At
		}
		return phase.At, to
	}
	return 0, to
}

// lastStamp is the last instant that a history knows of.
func lastStamp(h *history.History) time.Duration {
	last := time.Duration(0)
	for _, op := range h.Operations {
		last = max(last, op.Call, op.Return)
	}
	for _, f := range h.Faults {
		last = max(last, f.Start, f.Stop, f.Heard, f.Resumed)
	}
	for _, o := range h.Observations {
		last = max(last, o.At)
	}
	for _, p := range h.Phases {
		last = max(last, p.At)
	}
	return last
}
