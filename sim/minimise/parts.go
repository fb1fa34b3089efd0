package minimise

import (
	"slices"

	"gauntlet/nemesis"
	"gauntlet/shrink"
	"gauntlet/sim/schedule"
)

// liveness does without the last phase, or kills the members outside of its core.
func (m *minimiser) liveness() {
	m.each(
		func(s *schedule.Schedule) { s.Options.Liveness = schedule.Liveness{} },
		func(s *schedule.Schedule) {
			if s.Options.Liveness.Others != "" {
				s.Options.Liveness.Others = schedule.OthersDead
			}
		},
	)
}

func (m *minimiser) faults()              { m.keepFaults(m.holds) }
func (m *minimiser) faultsOfAnySeed()     { m.keepFaults(m.holdsSomewhere) }
func (m *minimiser) operations()          { m.keepOperations(m.holds) }
func (m *minimiser) operationsOfAnySeed() { m.keepOperations(m.holdsSomewhere) }

// holdsSomewhere is holds with any of a few seeds. The candidate itself has been paid for already.
func (m *minimiser) holdsSomewhere(change change) bool {
	m.budget.Left++
	return m.leap(triesOfPart, change)
}

func (m *minimiser) keepFaults(holds func(change) bool) {
	all := m.best.Faults
	shrink.Subset(len(all), &m.budget, func(kept []int) bool {
		return holds(func(s *schedule.Schedule) { s.Faults = chosen(all, kept) })
	})
}

// changes leaves changes of the members out, and servers that wait for them.
func (m *minimiser) changes() {
	all := m.best.Changes
	shrink.Subset(len(all), &m.budget, func(kept []int) bool {
		return m.holds(func(s *schedule.Schedule) { s.Changes = keptChanges(all, kept) })
	})
	for spares := range m.best.Options.Spares {
		if m.try(func(s *schedule.Schedule) { s.Options.Spares = spares }) {
			return
		}
	}
}

func keptChanges(all []schedule.Change, kept []int) []schedule.Change {
	if len(kept) == 0 {
		return nil
	}
	return chosen(all, kept)
}

func (m *minimiser) keepOperations(holds func(change) bool) {
	all := m.best.Operations
	shrink.Subset(len(all), &m.budget, func(kept []int) bool {
		return holds(func(s *schedule.Schedule) { s.Operations = chosen(all, kept) })
	})
}

// workers gives the operations of each worker to the first one that asks the same member, or at
// least makes their numbers small.
func (m *minimiser) workers() {
	for worker := m.best.Options.Workload.Clients - 1; worker >= m.best.Options.Nodes; worker-- {
		m.try(func(s *schedule.Schedule) {
			assign(s, func(w int) int {
				if w == worker {
					return w % s.Options.Nodes
				}
				return w
			})
		})
	}
	m.try(func(s *schedule.Schedule) { renumber(s) })
}

// renumber gives workers the lowest numbers with which they ask the same members.
func renumber(s *schedule.Schedule) {
	n := s.Options.Nodes
	working := make([]bool, s.Options.Workload.Clients)
	for _, op := range s.Operations {
		working[op.Worker] = true
	}
	rounds := make([]int, n) // workers of each member so far
	number := make([]int, len(working))
	for w, works := range working {
		if works {
			number[w] = w%n + n*rounds[w%n]
			rounds[w%n]++
		}
	}
	assign(s, func(w int) int { return number[w] })
}

// assign gives each worker's operations to another worker, and keeps no more workers than it takes.
func assign(s *schedule.Schedule, to func(worker int) int) {
	s.Options.Workload.Clients = 1
	for i := range s.Operations {
		worker := to(s.Operations[i].Worker)
		s.Operations[i].Worker = worker
		s.Options.Workload.Clients = max(s.Options.Workload.Clients, worker+1)
	}
	slices.SortStableFunc(s.Operations,
		func(a, b schedule.Operation) int { return int(a.At - b.At) })
}

// members leaves out the last members: one, or two, which keeps an odd cluster odd.
func (m *minimiser) members() {
	for m.resizeBy(1) || m.resizeBy(2) {
	}
}

func (m *minimiser) resizeBy(fewer int) bool {
	size := m.best.Options.Nodes - fewer
	if size < 1 {
		return false
	}
	if m.leap(triesOfMember, func(s *schedule.Schedule) { resize(s, size, false) }) {
		return true
	}
	asked := func(op schedule.Operation) bool { return op.Worker%m.best.Options.Nodes >= size }
	return slices.ContainsFunc(m.best.Operations, asked) &&
		m.leap(triesOfMember, func(s *schedule.Schedule) { resize(s, size, true) })
}

// resize makes the cluster smaller. Workers ask whom they asked before. Those of members that are
// gone, the orphans, ask anybody, or are gone with theirs. A shape that so few members cannot have
// becomes the isolation of one; see also rename.
func resize(s *schedule.Schedule, size int, orphans bool) {
	was := s.Options.Nodes
	s.Options.Nodes = size
	gone := func(op schedule.Operation) bool { return op.Worker%was >= size }
	if !orphans {
		s.Operations = slices.DeleteFunc(s.Operations, gone)
	}
	rounds := s.Options.Workload.Clients/was + 1
	assign(s, func(w int) int {
		if member, round := w%was, w/was; member < size {
			return member + round*size
		}
		return rounds*size + w // a number that no other worker has
	})
	rename(s)
	for i := range s.Faults {
		if e := &s.Faults[i]; e.Kind.Traits().Links && e.Shape.Valid(size, e.Sites) != nil {
			e.Shape, e.Sites, e.Links = nemesis.ShapeIsolateOne, nil, nil
		}
	}
	shrinkCore(s, size)
}

// shrinkCore keeps the liveness core a quorum of those who are left.
func shrinkCore(s *schedule.Schedule, size int) {
	l := &s.Options.Liveness
	if len(l.Core) == 0 {
		return
	}
	l.Core = slices.DeleteFunc(l.Core, func(member int) bool { return member >= size })
	for member := 0; len(l.Core) < s.Options.Quorum(); member++ {
		if !slices.Contains(l.Core, member) {
			l.Core = append(l.Core, member)
		}
	}
	slices.Sort(l.Core)
	if len(l.Core) == size {
		l.Core, l.Others = nil, ""
	}
}
