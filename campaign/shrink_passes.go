package campaign

import (
	"slices"
	"time"

	"gauntlet/checker"
	"gauntlet/nemesis"
	"gauntlet/shrink"
)

// fewestNodes is the smallest cluster that can lose anybody.
const fewestNodes = 3

// shrinkPasses are in the order of what they save: the sooner a run is short, the cheaper the
// others. They are repeated until none of them finds more.
var shrinkPasses = []struct {
	name string
	run  func(*shrinker)
}{
	{"end of the load", (*shrinker).end},
	{"series of faults", (*shrinker).seriesOfFaults},
	{"events", (*shrinker).events},
	{"flapping", (*shrinker).flapping},
	{"conditions", (*shrinker).conditions},
	{"cast", (*shrinker).names},
	{"hosts", (*shrinker).hosts},
	{"links", (*shrinker).links},
	{"nodes", (*shrinker).nodes},
	{"starts", (*shrinker).starts},
	{"durations", (*shrinker).durations},
	{"load", (*shrinker).loads},
	{"warm-up", (*shrinker).warmUps},
}

// grain is what times become multiples of: one election timeout.
func (m *shrinker) grain() time.Duration { return max(slice(m.Set.Suite), 10*time.Millisecond) }

// shorter looks for the shortest time that will do, within a sixteenth of it.
func (m *shrinker) shorter(from, least time.Duration, set func(*sketch, time.Duration)) {
	if from <= least {
		return
	}
	step := max(m.grain(), (from / 16).Round(m.grain()))
	shrink.Number(from, least, step, &m.budget, func(d time.Duration) bool {
		return m.holds(func(s *sketch) { set(s, d) })
	})
}

// end leaves out all that begins late.
func (m *shrinker) end() {
	m.shorter(m.best.load, m.grain(), func(s *sketch, end time.Duration) {
		s.entries = slices.DeleteFunc(s.entries,
			func(e timelineEntry) bool { return e.begins() >= end })
		s.endLoad(end)
	})
}

// loads ends the load soon after the last fault.
func (m *shrinker) loads() {
	soonest := (m.best.lastEnd()/m.grain() + 1) * m.grain()
	m.shorter(m.best.load, soonest, func(s *sketch, end time.Duration) { s.endLoad(end) })
}

// warmUps lets the first fault come sooner after the target has started. Ten election timeouts are
// left, so that on any machine somebody leads by then.
func (m *shrinker) warmUps() {
	m.shorter(m.best.warmUp, max(10*m.grain(), time.Second),
		func(s *sketch, warmUp time.Duration) { s.warmUp = warmUp })
}

func (m *shrinker) seriesOfFaults() {
	all := m.best.series
	m.subset(len(all), 0, func(s *sketch, kept []int) { s.series = chosen(all, kept) })
}

func (m *shrinker) events() {
	all := m.best.entries
	m.subset(len(all), 0, func(s *sketch, kept []int) {
		s.entries = nil
		for _, k := range kept {
			s.entries = append(s.entries, slices.Clone(all[k]))
		}
	})
}

// flapping makes one event of what flaps, or lets it flap less often.
func (m *shrinker) flapping() {
	for i := range m.best.entries {
		cuts := m.best.entries[i]
		if len(cuts) == 1 {
			continue
		}
		if m.try(func(s *sketch) {
			one := s.entries[i][0]
			one.For = s.entries[i].ends() - one.At
			s.entries[i] = timelineEntry{one}
		}) {
			continue
		}
		shrink.Number(len(cuts), 1, 1, &m.budget, func(n int) bool {
			return m.holds(func(s *sketch) { s.entries[i] = slices.Clone(cuts[:n]) })
		})
	}
}

// conditions lets events begin at their time.
func (m *shrinker) conditions() {
	for i := range m.best.entries {
		m.try(func(s *sketch) {
			s.entries[i].each(func(e *nemesis.Event) { e.When = nil })
		})
	}
}

// names does without whom nobody speaks of.
func (m *shrinker) names() {
	all := m.best.cast
	m.subset(len(all), 0, func(s *sketch, kept []int) { s.cast = chosen(all, kept) })
}

func (m *shrinker) hosts() {
	for i := range m.best.entries {
		all := m.best.entries[i][0].On
		m.subset(len(all), 1, func(s *sketch, kept []int) {
			s.entries[i].each(func(e *nemesis.Event) { e.On = chosen(all, kept) })
		})
	}
}

func (m *shrinker) links() {
	for i := range m.best.entries {
		all := m.best.entries[i][0].Links
		m.subset(len(all), 1, func(s *sketch, kept []int) {
			s.entries[i].each(func(e *nemesis.Event) { e.Links = chosen(all, kept) })
		})
	}
}

// nodes leaves out nodes: two, which keeps an odd cluster odd, or one. A smaller cluster stands
// less, so there one of several faults may do alone. That is another incident: everything that was
// needed must be needed still.
func (m *shrinker) nodes() {
	for _, fewer := range []int{2, 1} {
		for m.best.nodes-fewer >= fewestNodes && m.budget.Left > 0 {
			smaller := m.changed(func(s *sketch) { s.resize(s.nodes - fewer) })
			if smaller == nil || !m.shows(smaller) || !m.needsAll(smaller) {
				break
			}
			m.keep(smaller)
		}
	}
}

// needsAll tells whether no fault can be left out.
func (m *shrinker) needsAll(s *sketch) bool {
	for i := range s.entries {
		without := s.clone()
		without.entries = slices.Delete(without.entries, i, i+1)
		if m.shows(without) {
			return false
		}
	}
	for i := range s.series {
		without := s.clone()
		without.series = slices.Delete(without.series, i, i+1)
		if m.shows(without) {
			return false
		}
	}
	return m.budget.Left > 0 // else nobody knows
}

// starts shortens the time before each event, by bringing it and all that follows forward.
func (m *shrinker) starts() {
	for i := 0; i < len(m.instants()); {
		whole, all, before := m.best, m.instants(), time.Duration(0)
		if i > 0 {
			before = all[i-1]
		}
		m.shorter(all[i]-before, 0, func(s *sketch, pause time.Duration) {
			*s = *whole.clone()
			s.bringForward(all[i], all[i]-before-pause)
		})
		if len(m.instants()) == len(all) {
			i++ // else it now begins with the one before
		}
	}
}

// instants lists when something begins, in order.
func (m *shrinker) instants() []time.Duration {
	var all []time.Duration
	for _, entry := range m.best.entries {
		for _, event := range entry {
			all = append(all, event.At)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// durations makes faults short. What flaps has its own pass.
func (m *shrinker) durations() {
	if m.best.whole {
		return
	}
	for i := range m.best.entries {
		if len(m.best.entries[i]) > 1 {
			continue
		}
		m.shorter(m.best.entries[i][0].For, m.grain(), func(s *sketch, lasts time.Duration) {
			s.entries[i][0].For = lasts
		})
	}
}

// room gives what was made short a quarter of its length back: the simulator's shortest is the very
// edge, and machines are not so exact.
func (m *shrinker) room(original *sketch) {
	m.pass = "room to spare"
	m.try(func(s *sketch) {
		for i := range s.entries {
			at := slices.IndexFunc(original.entries, func(e timelineEntry) bool {
				return e[0].Kind == s.entries[i][0].Kind && e[0].Stream == s.entries[i][0].Stream
			})
			if at < 0 || len(s.entries[i]) > 1 || len(original.entries[at]) > 1 {
				continue
			}
			e := &s.entries[i][0]
			e.For = min(e.For+e.For/4, original.entries[at][0].For).Round(10 * time.Millisecond)
			s.load = max(s.load, e.At+e.For)
		}
	})
}

// shareOnly tells whether a signature asks only for a share of the time with faults. The shorter
// the faults, the easier is that: a moment without a leader is all of a short time.
func shareOnly(s checker.Signature) bool {
	return s.Unavailable > 0 && s == checker.Signature{Unavailable: s.Unavailable}
}
