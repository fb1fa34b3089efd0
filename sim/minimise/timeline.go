package minimise

import (
	"slices"
	"time"

	"gauntlet/nemesis"
	"gauntlet/shrink"
	"gauntlet/sim/schedule"
)

// conditions lets faults begin at their time, or wait for less.
func (m *minimiser) conditions() {
	for i := range m.best.Faults {
		if m.best.Faults[i].When == nil {
			continue
		}
		if m.try(func(s *schedule.Schedule) { s.Faults[i].When = nil }) {
			continue
		}
		m.condition(i, func(c *nemesis.Condition) { c.Leader = false })
		m.condition(i, func(c *nemesis.Condition) { c.Term = 0 })
		m.condition(i, func(c *nemesis.Condition) { c.Acknowledged = 0 })
		m.condition(i, func(c *nemesis.Condition) { c.Behind, c.Lag = "", 0 })
		is := *m.best.Faults[i].When
		m.atLeast(i, int(is.Term), func(c *nemesis.Condition, n int) { c.Term = uint64(n) })
		m.atLeast(i, is.Acknowledged, func(c *nemesis.Condition, n int) { c.Acknowledged = n })
		m.atLeast(i, int(is.Lag), func(c *nemesis.Condition, n int) { c.Lag = uint64(n) })
	}
}

// condition changes what a fault waits for. Other schedules share the condition that there is.
func (m *minimiser) condition(fault int, change func(c *nemesis.Condition)) bool {
	return m.try(func(s *schedule.Schedule) { wait(&s.Faults[fault], change) })
}

func wait(e *nemesis.Event, change func(c *nemesis.Condition)) {
	c := *e.When
	change(&c)
	e.When = &c
}

// atLeast makes a number of a condition small.
func (m *minimiser) atLeast(fault, is int, set func(c *nemesis.Condition, n int)) {
	if is <= 1 {
		return
	}
	shrink.Number(is, 1, 1, &m.budget, func(n int) bool {
		return m.holds(func(s *schedule.Schedule) {
			wait(&s.Faults[fault], func(c *nemesis.Condition) { set(c, n) })
		})
	})
}

// named lets faults strike fewer members and links of those that they name, and links in one
// direction.
func (m *minimiser) named() {
	for i := range m.best.Faults {
		on, links := m.best.Faults[i].On, m.best.Faults[i].Links
		shrink.Subset(len(on), &m.budget, func(kept []int) bool {
			return m.holds(func(s *schedule.Schedule) { s.Faults[i].On = chosen(on, kept) })
		})
		shrink.Subset(len(links), &m.budget, func(kept []int) bool {
			return m.holds(func(s *schedule.Schedule) { s.Faults[i].Links = chosen(links, kept) })
		})
		for k, l := range m.best.Faults[i].Links {
			there := nemesis.Link{From: l.From, To: l.To, OneWay: true}
			back := nemesis.Link{From: l.To, To: l.From, OneWay: true}
			_ = l.OneWay || m.relink(i, k, there) || m.relink(i, k, back)
		}
		m.try(func(s *schedule.Schedule) { s.Faults[i].Mode = "" })
	}
}

func (m *minimiser) relink(fault, link int, to nemesis.Link) bool {
	return m.try(func(s *schedule.Schedule) {
		e := &s.Faults[fault]
		e.Links = slices.Clone(e.Links)
		e.Links[link] = to
	})
}

// cast gives up names that nobody speaks of, and what ends all faults before the load.
func (m *minimiser) cast() {
	all := m.best.Cast
	shrink.Subset(len(all), &m.budget, func(kept []int) bool {
		return m.holds(func(s *schedule.Schedule) {
			if s.Cast = chosen(all, kept); len(s.Cast) == 0 {
				s.Cast = nil
			}
		})
	})
	m.try(func(s *schedule.Schedule) { s.Options.Heal = 0 })
}

// rename makes a timeline one of a smaller cluster: what it says of nodes that are gone is unsaid,
// and names that nobody speaks of are given up.
func rename(s *schedule.Schedule) {
	gone := func(name string) bool {
		event := nemesis.Event{Kind: nemesis.KindKill, For: time.Second, On: []string{name}}
		return name != "*" && event.Valid(s.Options.Nodes, s.Cast) != nil
	}
	var used []string
	for i := range s.Faults {
		e := &s.Faults[i]
		if len(e.On) > 0 {
			if e.On = slices.DeleteFunc(slices.Clone(e.On), gone); len(e.On) == 0 {
				e.Role = nemesis.RoleAny
			}
		}
		if len(e.Links) > 0 {
			e.Links = slices.DeleteFunc(slices.Clone(e.Links), func(l nemesis.Link) bool {
				return gone(l.From) || gone(l.To)
			})
			if len(e.Links) == 0 {
				e.Shape, e.Links = nemesis.ShapeIsolateOne, nil
			}
		}
		if e.When != nil && e.When.Behind != "" && gone(e.When.Behind) {
			e.When = &nemesis.Condition{Leader: true}
		}
		used = append(used, spokenOf(e)...)
	}
	if len(s.Cast) <= s.Options.Nodes {
		return
	}
	s.Cast = slices.DeleteFunc(slices.Clone(s.Cast), func(c nemesis.Casting) bool {
		return !slices.Contains(used, c.Name)
	})
	if len(s.Cast) == 0 {
		s.Cast = nil
	}
}

func spokenOf(e *nemesis.Event) []string {
	names := slices.Clone(e.On)
	for _, l := range e.Links {
		names = append(names, l.From, l.To)
	}
	if e.When != nil {
		names = append(names, e.When.Behind)
	}
	return names
}
