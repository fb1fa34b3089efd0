package minimise

import (
	"slices"
	"time"

	"gauntlet/nemesis"
	"gauntlet/shrink"
	"gauntlet/sim/schedule"
)

// grain is what times become multiples of, where that is possible.
const grain = 10 * time.Millisecond

// end leaves out all that begins after the failure: what came before it stays as it was.
func (m *minimiser) end() {
	shrink.Number(m.best.Options.Load, grain, grain, &m.budget, func(end time.Duration) bool {
		return m.holds(func(s *schedule.Schedule) {
			s.Faults = slices.DeleteFunc(s.Faults, func(e nemesis.Event) bool { return e.At >= end })
			s.Operations = slices.DeleteFunc(s.Operations,
				func(op schedule.Operation) bool { return op.At >= end })
			dropChanges(s, func(at time.Duration) bool { return at >= end })
			endLoad(s, end)
		})
	})
}

// dropChanges leaves out the changes of the members at these times.
func dropChanges(s *schedule.Schedule, drop func(at time.Duration) bool) {
	s.Changes = slices.DeleteFunc(s.Changes, func(c schedule.Change) bool { return drop(c.At) })
	if len(s.Changes) == 0 {
		s.Changes = nil
	}
}

// load ends the load soon after the last thing that happens in it.
func (m *minimiser) load() {
	last := time.Duration(0)
	for _, at := range instants(m.best) {
		last = max(last, at)
	}
	soonest := (last/grain + 1) * grain
	if soonest >= m.best.Options.Load {
		return
	}
	shrink.Number(m.best.Options.Load, soonest, grain, &m.budget, func(load time.Duration) bool {
		return m.holds(func(s *schedule.Schedule) { endLoad(s, load) })
	})
}

// endLoad ends the load, and what is still in force then.
func endLoad(s *schedule.Schedule, load time.Duration) {
	s.Options.Load = load
	s.Options.Heal = min(s.Options.Heal, load)
	for i := range s.Faults {
		s.Faults[i].For = min(s.Faults[i].For, load-s.Faults[i].At)
	}
	for i := range s.Changes {
		s.Changes[i].Linger = min(s.Changes[i].Linger, load)
	}
}

// pauses shortens the time before each thing that happens, by bringing it and all that follows
// forward.
func (m *minimiser) pauses() {
	for i := 0; i < len(instants(m.best)); {
		whole, all, before := m.best, instants(m.best), time.Duration(0)
		if i > 0 {
			before = all[i-1]
		}
		shrink.Number(all[i]-before, 0, grain, &m.budget, func(pause time.Duration) bool {
			return m.holds(func(s *schedule.Schedule) {
				*s = *clone(whole)
				bringForward(s, all[i], all[i]-before-pause)
			})
		})
		if len(instants(m.best)) == len(all) {
			i++ // else it is now at the same instant as the one before
		}
	}
}

// instants lists when something begins, in order.
func instants(s *schedule.Schedule) []time.Duration {
	var all []time.Duration
	for _, e := range s.Faults {
		all = append(all, e.At)
	}
	for _, op := range s.Operations {
		all = append(all, op.At)
	}
	for _, c := range s.Changes {
		all = append(all, c.At)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// bringForward lets everything from an instant on, the end of the load too, come earlier.
func bringForward(s *schedule.Schedule, from, by time.Duration) {
	for i := range s.Faults {
		if s.Faults[i].At >= from {
			s.Faults[i].At -= by
		}
	}
	for i := range s.Operations {
		if s.Operations[i].At >= from {
			s.Operations[i].At -= by
		}
	}
	for i := range s.Changes {
		if s.Changes[i].At >= from {
			s.Changes[i].At -= by
		}
	}
	if heal := s.Options.Heal; heal >= from {
		s.Options.Heal = max(heal-by, 1) // 0 would be the end of the load
	}
	endLoad(s, s.Options.Load-by)
}

// windows makes faults short.
func (m *minimiser) windows() {
	for i := range m.best.Faults {
		shrink.Number(m.best.Faults[i].For, grain, grain, &m.budget, func(lasts time.Duration) bool {
			return m.holds(func(s *schedule.Schedule) { s.Faults[i].For = lasts })
		})
	}
}

// strengths makes amounts small, and rates such that they leave nothing to chance.
func (m *minimiser) strengths() {
	for i := range m.best.Faults {
		if most := m.best.Faults[i].Kind.Traits().MaxRate; m.best.Faults[i].Kind.Traits().Links {
			m.try(func(s *schedule.Schedule) { s.Faults[i].Rate = most })
		}
		if amount := m.best.Faults[i].Amount; amount > grain {
			shrink.Number(amount, grain, grain, &m.budget, func(amount time.Duration) bool {
				return m.holds(func(s *schedule.Schedule) { s.Faults[i].Amount = amount })
			})
		}
	}
}
