// Package minimise finds the smallest schedule that still fails the same way. It does not run
// schedules: the caller does, and says whether the failure has the same signature.
package minimise

import (
	"reflect"
	"slices"

	"gauntlet/shrink"
	"gauntlet/sim/schedule"
)

// Replays is a budget that is enough for most failures.
const Replays = 2000

// Progress is how far a minimisation is.
type Progress struct {
	Pass    string // the name of the pass at work
	Replays int    // so far
	Best    *schedule.Schedule
}

// Minimise returns the smallest schedule it finds within so many replays for which same holds. The
// schedule given must be Valid, fail, and say which operations its clients make; it is not changed.
// What is returned expects nothing: see schedule.Expect.
//
// Each pass simplifies one thing. They are repeated until none of them finds more. Every candidate
// is Valid, and its liveness phase as long as before, if there is one: what is too short for any
// Raft would be no failure. Its seed may be another. Progress is told of each smaller schedule, and
// may be nil.
func Minimise(
	s *schedule.Schedule, same func(*schedule.Schedule) bool, budget int, progress func(Progress),
) *schedule.Schedule {
	m := &minimiser{best: clone(s), same: same, budget: shrink.Budget{Left: budget}, total: budget,
		progress: progress}
	m.best.Expect = nil
	for i, idle := 0, 0; idle < len(passes) && m.budget.Left > 0; i++ {
		pass, before := passes[i%len(passes)], m.found
		m.pass = pass.name
		pass.run(m)
		idle++
		if m.found > before {
			idle = 0
		}
	}
	return m.best
}

// passes are in the order of what they save: the sooner a run is short, the cheaper the others, and
// the less is left to chance, the less does leaving something out shift for all that remains.
var passes = []struct {
	name string
	run  func(m *minimiser)
}{
	{"liveness phase", (*minimiser).liveness},
	{"end", (*minimiser).end},
	{"start", (*minimiser).start},
	{"changes", (*minimiser).changes},
	{"members", (*minimiser).members},
	{"network", (*minimiser).network},
	{"disks and clocks", (*minimiser).disks},
	{"settings", (*minimiser).settings},
	{"halves", (*minimiser).halves},
	{"faults", (*minimiser).faults},
	{"operations", (*minimiser).operations},
	{"faults, other seeds", (*minimiser).faultsOfAnySeed},
	{"operations, other seeds", (*minimiser).operationsOfAnySeed},
	{"workers", (*minimiser).workers},
	{"conditions", (*minimiser).conditions},
	{"named", (*minimiser).named},
	{"cast", (*minimiser).cast},
	{"load", (*minimiser).load},
	{"pauses", (*minimiser).pauses},
	{"fault windows", (*minimiser).windows},
	{"fault strengths", (*minimiser).strengths},
}

// minimiser holds the best schedule so far.
type minimiser struct {
	best     *schedule.Schedule
	same     func(*schedule.Schedule) bool
	budget   shrink.Budget
	total    int // replays at first
	found    int // better schedules so far
	pass     string
	progress func(Progress)
}

// change makes one schedule into another.
type change func(s *schedule.Schedule)

// holds makes the change, and keeps it if the schedule still fails the same way. A change that
// changes nothing, or leaves no Valid schedule, is not replayed, and costs nothing.
func (m *minimiser) holds(change change) bool {
	candidate := clone(m.best)
	change(candidate)
	if equal(candidate, m.best) || candidate.Valid() != nil {
		m.budget.Left++
		return false
	}
	if !m.same(clone(candidate)) {
		return false
	}
	m.best = candidate
	m.found++
	if m.progress != nil {
		m.progress(Progress{Pass: m.pass, Replays: m.total - m.budget.Left, Best: clone(candidate)})
	}
	return true
}

// try is holds for a change of its own, within the budget.
func (m *minimiser) try(change change) bool {
	return m.budget.Try(func() bool { return m.holds(change) })
}

// each tries changes one by one.
func (m *minimiser) each(changes ...change) {
	for _, change := range changes {
		m.try(change)
	}
}

// together tries changes at once, and one by one if that is too much.
func (m *minimiser) together(changes ...change) {
	all := func(s *schedule.Schedule) {
		for _, change := range changes {
			change(s)
		}
	}
	if !m.leap(triesOfMember, all) {
		m.each(changes...)
	}
}

func equal(a, b *schedule.Schedule) bool { return reflect.DeepEqual(a, b) }

func clone(s *schedule.Schedule) *schedule.Schedule {
	c := *s
	c.Options.Liveness.Core = slices.Clone(s.Options.Liveness.Core)
	c.Faults = slices.Clone(s.Faults)
	c.Cast = slices.Clone(s.Cast)
	c.Changes = slices.Clone(s.Changes)
	c.Operations = slices.Clone(s.Operations)
	return &c
}

// chosen returns the parts that are kept. It is never nil: no operation at all is not the same as
// operations that are drawn.
func chosen[T any](parts []T, kept []int) []T {
	some := make([]T, len(kept))
	for i, k := range kept {
		some[i] = parts[k]
	}
	return some
}
