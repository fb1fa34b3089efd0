package campaign

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gauntlet/nemesis"
	"gauntlet/suite"
)

// sketch is what of a suite a search can change.
type sketch struct {
	nodes   int
	cast    nemesis.Cast
	entries []timelineEntry
	series  []nemesis.Spec
	warmUp  time.Duration
	load    time.Duration
	whole   bool // how long faults are in force is not to be changed
}

// timelineEntry is one line of a timeline: one event, or the cuts of one that flaps.
type timelineEntry []nemesis.Event

// sketchOf takes a suite's timeline apart.
func sketchOf(s *suite.Suite) *sketch {
	k := &sketch{nodes: s.Target.Nodes(), cast: s.Cast, series: s.Faults, warmUp: s.Phases.WarmUp,
		load: s.Phases.Load}
	for _, event := range s.Timeline {
		at := slices.IndexFunc(k.entries, func(e timelineEntry) bool { return e.flapsWith(event) })
		if at < 0 {
			k.entries = append(k.entries, timelineEntry{event})
			continue
		}
		k.entries[at] = append(k.entries[at], event)
	}
	return k
}

// flapsWith tells whether an event is another cut of an entry: they share their stream of chance,
// and nothing else does.
func (e timelineEntry) flapsWith(event nemesis.Event) bool {
	return e[0].Kind == event.Kind && e[0].Stream == event.Stream && e[0].Shape == event.Shape &&
		slices.Equal(e[0].Links, event.Links)
}

// begins and ends are when the entry is in force, conditions aside.
func (e timelineEntry) begins() time.Duration { return e[0].At }
func (e timelineEntry) ends() time.Duration   { return e[len(e)-1].At + e[len(e)-1].For }

// each changes all events of an entry.
func (e timelineEntry) each(change func(*nemesis.Event)) {
	for i := range e {
		change(&e[i])
	}
}

func (s *sketch) clone() *sketch {
	c := *s
	c.cast, c.series = slices.Clone(s.cast), slices.Clone(s.series)
	c.entries = make([]timelineEntry, len(s.entries))
	for i, entry := range s.entries {
		c.entries[i] = slices.Clone(entry)
	}
	return &c
}

// made is the sketch as suites that can be kept in a file and read again: of the set, of other
// places, and of the options that it must not be seen with.
func (m *shrinker) made(s *sketch) ([]Set, error) {
	var sets []Set
	for _, set := range slices.Concat([]Set{m.Set}, m.Other, m.Against) {
		made, err := s.suiteOf(set.Suite)
		if err != nil {
			return nil, err
		}
		set.Suite = made
		sets = append(sets, set)
	}
	return sets, nil
}

// suiteOf puts the sketch into a suite, and lowers what the suite requires to what there is.
func (s *sketch) suiteOf(base *suite.Suite) (*suite.Suite, error) {
	of := *base
	if raftd := of.Target.Raftd; raftd != nil {
		resized := *raftd
		resized.Nodes = s.nodes
		of.Target.Raftd = &resized
	}
	of.Cast, of.Faults, of.Timeline, of.Scale = s.cast, s.series, nil, 1
	for _, entry := range s.entries {
		of.Timeline = append(of.Timeline, entry...)
	}
	slices.SortStableFunc(of.Timeline, func(a, b nemesis.Event) int { return cmp.Compare(a.At, b.At) })
	of.Phases.WarmUp, of.Phases.Load = s.warmUp, s.load
	of.Require.OKPerKind = portion(base.Require.OKPerKind, s.load, base.Phases.Load)
	if base.Seed == nil {
		seed := uint64(1) // for the plan only
		of.Seed = &seed
	}
	plan, err := of.Plan()
	if err != nil {
		return nil, err
	}
	of.Seed = base.Seed
	of.Require.MinFaults = atMost(base.Require.MinFaults, plan)
	text, err := of.Resolved()
	if err != nil {
		return nil, err
	}
	return suite.Parse(of.Name, text)
}

// portion is so much of a count as a part of its time is worth, and at least 1 of what is not 0.
func portion(count int, part, whole time.Duration) int {
	if count == 0 || part >= whole {
		return count
	}
	return max(1, int(int64(count)*int64(part/time.Millisecond)/int64(whole/time.Millisecond)))
}

// endLoad ends the load, and what is still in force then.
func (s *sketch) endLoad(load time.Duration) {
	if s.whole {
		load = max(load, s.lastEnd())
	}
	s.load = load
	for i := range s.entries {
		s.entries[i].each(func(e *nemesis.Event) { e.For = min(e.For, load-e.At) })
		s.entries[i] = slices.DeleteFunc(s.entries[i], func(e nemesis.Event) bool { return e.For <= 0 })
	}
	s.entries = slices.DeleteFunc(s.entries, func(e timelineEntry) bool { return len(e) == 0 })
}

func (s *sketch) lastEnd() time.Duration {
	last := time.Duration(0)
	for _, entry := range s.entries {
		last = max(last, entry.ends())
	}
	return last
}

// bringForward lets everything that begins at an instant or later come earlier, the end of the load
// too.
func (s *sketch) bringForward(from, by time.Duration) {
	for i := range s.entries {
		s.entries[i].each(func(e *nemesis.Event) {
			if e.At >= from {
				e.At -= by
			}
		})
	}
	s.endLoad(s.load - by)
}

// resize makes the cluster smaller. Nodes that are named by their place in the order become the
// first ones.
func (s *sketch) resize(nodes int) {
	var used []int
	see := func(name string) string {
		if place := placeOf(name); place > 0 && !slices.Contains(used, place) {
			used = append(used, place)
		}
		return name
	}
	s.rename(see)
	slices.Sort(used)
	s.rename(func(name string) string {
		if place := slices.Index(used, placeOf(name)); place >= 0 {
			return "n" + strconv.Itoa(place+1)
		}
		return name
	})
	s.nodes = nodes
	for i := range s.entries {
		s.entries[i].each(func(e *nemesis.Event) { e.Sites = sitesOf(e.Sites, nodes) })
	}
	for i := range s.series {
		s.series[i].Sites = sitesOf(s.series[i].Sites, nodes)
	}
}

// rename gives whoever a timeline speaks of other names.
func (s *sketch) rename(to func(name string) string) {
	for i := range s.entries {
		s.entries[i].each(func(e *nemesis.Event) {
			e.On, e.Links = slices.Clone(e.On), slices.Clone(e.Links)
			for j := range e.On {
				e.On[j] = to(e.On[j])
			}
			for j := range e.Links {
				e.Links[j].From, e.Links[j].To = to(e.Links[j].From), to(e.Links[j].To)
			}
			if e.When != nil && e.When.Behind != "" {
				when := *e.When
				when.Behind = to(when.Behind)
				e.When = &when
			}
		})
	}
}

// placeOf is which node "n3" means, counted from 1; 0: it is no such name.
func placeOf(name string) int {
	digits, ok := strings.CutPrefix(name, "n")
	place, err := strconv.Atoi(digits)
	if !ok || err != nil || digits != strconv.Itoa(place) {
		return 0
	}
	return max(0, place)
}

// sitesOf leaves nodes that are gone out of their sites.
func sitesOf(sites [][]int, nodes int) [][]int {
	var left [][]int
	for _, site := range sites {
		there := slices.DeleteFunc(slices.Clone(site), func(node int) bool { return node > nodes })
		if len(there) > 0 {
			left = append(left, there)
		}
	}
	return left
}

// Size is how much there is of an incident.
type Size struct {
	Entries int           // of the timeline
	Series  int           // of faults
	Nodes   int           // of the target
	Names   int           // of the cast
	Hosts   int           // and links that the timeline names
	Faults  time.Duration // for which the timeline's faults are in force, each by itself
	Load    time.Duration
	WarmUp  time.Duration
}

func (s *sketch) size() Size {
	size := Size{Entries: len(s.entries), Series: len(s.series), Nodes: s.nodes, Names: len(s.cast),
		Load: s.load, WarmUp: s.warmUp}
	for _, entry := range s.entries {
		size.Hosts += len(entry[0].On) + len(entry[0].Links)
		for _, event := range entry {
			size.Faults += event.For
		}
	}
	return size
}

func (s Size) String() string {
	text := fmt.Sprintf("%d events", s.Entries)
	if s.Entries == 1 {
		text = "1 event"
	}
	if s.Series > 0 {
		text += fmt.Sprintf(" and %d series of faults", s.Series)
	}
	return fmt.Sprintf("%s on %d nodes, %v of faults in %v of load after %v", text, s.Nodes, s.Faults,
		s.Load, s.WarmUp)
}
