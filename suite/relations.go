package suite

import (
	"fmt"
	"slices"

	"gauntlet/checker"
	"gauntlet/checker/online"
	"gauntlet/nemesis"
)

// relations checks what no single value shows: that the values can hold together.
func (d *decoder) relations(s *Suite) {
	d.relate(names.MatchString(s.Name), []string{"name"},
		"it names files: a-z, 0-9 and -, at most 63 of them", "name %q is not a plain name", s.Name)
	s.Target.kind().relate(d, s.Target)
	d.relate(s.Workload.Timeout <= s.Phases.Load, []string{"workload.timeout", "phases.load"}, "",
		"workload.timeout %v must not exceed phases.load %v", s.Workload.Timeout, s.Phases.Load)
	d.relate(slices.Contains(s.Target.facts().reads, s.Workload.Reads), []string{"workload.reads"},
		"", "clients of %s cannot read %s", s.Target.Kind(), s.Workload.Reads)
	known := s.Target.facts().models
	d.relate(slices.Contains(known, s.Workload.Model), []string{"workload." + s.Workload.Model},
		fmt.Sprintf("they know %v", known), "clients of %s cannot run the workload %s",
		s.Target.Kind(), s.Workload.Model)
	d.placeRelations(s)
	d.leaderRelations(s)
	d.stopRelations(s)
	for i, spec := range s.Faults {
		d.faultRelations(fmt.Sprintf("faults[%d]", i), spec, s)
	}
	d.timelineRelations(s)
	d.requireRelations(s)
}

// observeHint is what to do where the nodes do not say who leads.
const observeHint = "write a command that prints what a node believes: see " + commandPath +
	".observe"

// leaderRelations complains of whatever needs to know the leader where no node tells it.
func (d *decoder) leaderRelations(s *Suite) {
	if s.Target.observed() {
		return
	}
	d.relate(!slices.Contains(s.Checks, checker.CheckLeaderPerTerm), []string{"checks"}, observeHint,
		"check %s needs to know who leads, and the target has no observe", checker.CheckLeaderPerTerm)
	for i, spec := range s.Faults {
		path := fmt.Sprintf("faults[%d]", i)
		d.relate(!spec.NeedsLeader(), []string{path}, observeHint,
			"%s needs to know who leads, and the target has no observe", path)
	}
}

// stopRelations complains where nobody would see what the run is to stop on.
func (d *decoder) stopRelations(s *Suite) {
	if s.StopOn == "" {
		return
	}
	_, err := online.New(s.Workload.Model)
	d.relate(err == nil, []string{"stop-on", "workload." + s.Workload.Model}, "leave it out",
		"stop-on %s: %v", s.StopOn, err)
	d.relate(slices.Contains(s.Checks, checker.CheckLinearizable), []string{"stop-on", "checks"}, "",
		"stop-on %s needs the check %s", s.StopOn, checker.CheckLinearizable)
	d.relate(s.Place != PlaceSim, []string{"stop-on", "place"}, "leave it out",
		"stop-on %s: place sim judges a run as a whole", s.StopOn)
}

// leaves takes joined errors apart: each is a problem of its own.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var apart []error
	for _, inner := range joined.Unwrap() {
		apart = append(apart, leaves(inner)...)
	}
	return apart
}

// missing complains of a value that has no default and is absent.
func (d *decoder) missing(path, key string, present bool) {
	if !present && !d.broken[path] && !d.broken[path+"."+key] {
		d.spoil(path+"."+key, d.line(path), "", "is missing")
	}
}

func (d *decoder) requireRelations(s *Suite) {
	after, recovery := s.Require.AvailableAfterHeal, s.Phases.Recovery
	d.relate(after <= recovery, []string{"require.available-after-heal", "phases.recovery"},
		"nothing can be seen of it after the recovery ended",
		"available-after-heal %v must not exceed phases.recovery %v", after, recovery)

	rate, load := s.Workload.Spec.Rate, s.Phases.Load
	kinds := len(s.Workload.model().Kinds)
	wanted := float64(s.Require.OKPerKind) * float64(kinds)
	working := s.Phases.WarmUp + load + recovery
	d.relate(rate == 0 || wanted <= rate*working.Seconds(),
		[]string{"require.ok-per-kind", "workload." + s.Workload.Model + ".rate", "phases"}, "",
		"ok-per-kind %d of each of %d kinds exceeds rate %v per second over %v of phases",
		s.Require.OKPerKind, kinds, rate, working)

	gap, lost := s.Require.Gap, s.Require.GapLeaderLost
	d.relate(lost == 0 || 0 < gap && gap <= lost,
		[]string{"require.gap-leader-lost", "require.gap"}, "",
		"gap-leader-lost %v must not be below gap %v, which must be given", lost, gap)
	d.leastRelations(s)
}

// leastRelations checks that so many faults as must bite are planned.
func (d *decoder) leastRelations(s *Suite) {
	plan, err := nemesis.NewPlan(s.Faults, s.Phases.Load, 0)
	unclear := func(e entry) bool { return d.brokenBelow(e.at) }
	if err != nil || slices.ContainsFunc(d.timeline, unclear) {
		return // said already
	}
	planners := "faults plan"
	if len(s.Timeline) > 0 {
		planners = "faults and timeline plan"
	}
	plan = nemesis.Merge(plan, s.Timeline)
	for _, kind := range faultKinds {
		least, planned := s.Require.MinFaults[kind], 0
		for _, event := range plan {
			if string(event.Kind) == kind {
				planned++
			}
		}
		d.relate(least <= planned,
			[]string{"require.min-faults." + kind, "faults", "phases.load"}, "",
			"min-faults.%s %d exceeds the %d that %s within phases.load %v",
			kind, least, planned, planners, s.Phases.Load)
	}
}

// sorted returns the problems in the order of their lines; those of one line as they were found.
func (d *decoder) sorted() Problems {
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return a.Line - b.Line })
	return d.problems
}
