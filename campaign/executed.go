package campaign

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/suite"
)

// Executed is what a past run did, as a suite that does it again: the same seed, workload and
// phases, and each fault as it was executed, on the nodes that its role or shape became.
type Executed struct {
	Suite  *suite.Suite
	Faults []int    // for each event of its plan, the fault of the past run by its ID
	Notes  []string // what cannot be as it was, a line each
}

// ErrNothing is why a run cannot be executed again: it never came to its load.
var ErrNothing = errors.New("ended before its load: it has nothing to execute again")

// ExecutedBy makes the suite of a past run's execution. Nothing in it is bound late but what has no
// name: the node that a change of the version takes next. Nodes are named by their place in the
// order, n1 the first, so that it can run on other hosts.
//
// The nodes' history and the suite must be of the same run. Errors: ErrNothing, or a history whose
// nodes are not those of the suite.
func ExecutedBy(s *suite.Suite, h *history.History) (*Executed, error) {
	if !slices.ContainsFunc(h.Phases, func(p history.Phase) bool {
		return p.Name == checker.PhaseLoad
	}) {
		return nil, ErrNothing
	}
	if nodes := s.Target.Hosts(); nodes != len(h.Header.Nodes) {
		return nil, fmt.Errorf("the history is of %d nodes, the suite of %d", len(h.Header.Nodes),
			nodes)
	}
	again := *s
	seed := h.Header.Seed
	again.Seed = &seed
	e := &execution{suite: &again, history: h, planned: map[int]nemesis.Event{}}
	e.load, e.ended = loadSpan(h)
	plan, err := again.Plan()
	if err != nil {
		return nil, err
	}
	for _, event := range plan {
		e.planned[event.ID] = event
	}
	e.convert()
	again.Faults, again.Cast, again.Scale = nil, nil, 1
	again.Warnings = nil
	again.Timeline = nil
	for i, one := range e.events {
		one.event.Stream = uint64(i)
		again.Timeline = append(again.Timeline, one.event)
		e.faults = append(e.faults, one.of)
	}
	again.Require.MinFaults = atMost(s.Require.MinFaults, again.Timeline)
	return &Executed{Suite: &again, Faults: e.faults, Notes: e.notes}, nil
}

// execution is a conversion under way.
type execution struct {
	suite   *suite.Suite
	history *history.History
	load    time.Duration // when the load began
	ended   time.Duration // and when it ended, or the history did
	planned map[int]nemesis.Event
	late    time.Duration            // what any injection took
	long    map[string]time.Duration // what it took to undo a fault, by its kind
	events  []executedEvent
	faults  []int
	notes   []string
}

// executedEvent is an event, and the fault that it is taken from.
type executedEvent struct {
	event nemesis.Event
	of    int
}

func (e *execution) note(format string, args ...any) {
	e.notes = append(e.notes, fmt.Sprintf(format, args...))
}

// convert turns all faults into events, in the order of their start.
func (e *execution) convert() {
	if last := e.load + e.suite.Phases.Load; e.ended < last {
		e.note("its load ended after %v of %v: what was planned for later is left out",
			(e.ended - e.load).Round(time.Millisecond), e.suite.Phases.Load)
	}
	e.handling()
	begun := map[int]bool{}
	for _, f := range e.history.Faults {
		begun[f.ID] = true
		if f.Start == 0 && f.Stage == history.StageFailed {
			e.note("fault %d (%s) is left out: it was not injected: %s", f.ID, whatOf(f), f.Error)
			continue
		}
		if f.Stage == history.StageFailed {
			e.note("fault %d (%s) could not be undone: %s", f.ID, whatOf(f), f.Error)
		}
		for _, event := range e.eventsOf(f) {
			e.events = append(e.events, executedEvent{event, f.ID})
		}
	}
	slices.SortStableFunc(e.events, func(a, b executedEvent) int {
		return cmp.Compare(a.event.At, b.event.At)
	})
	for _, id := range slices.Sorted(maps.Keys(e.planned)) {
		if event := e.planned[id]; !begun[id] && event.At <= e.ended-e.load {
			e.note("fault %d (%s) is left out: the history does not say that it began", id, event.Kind)
		}
	}
}

// mostLate bounds what an injection is taken to last: what came later had to wait.
const mostLate = 500 * time.Millisecond

// handling finds out what it took to inject faults and to undo them: the least by which one began
// later than it was due, and lasted longer than it was to. It will take as much again, and is left
// out of the plan.
func (e *execution) handling() {
	e.long = map[string]time.Duration{}
	if e.suite.Place == suite.PlaceSim {
		return // there it takes no time
	}
	e.late = mostLate
	for _, f := range e.history.Faults {
		if f.PlannedStop == 0 || f.Start == 0 {
			continue
		}
		e.late = min(e.late, max(0, f.Start-f.PlannedStart))
		longer := (f.Stop - f.Start) - (f.PlannedStop - f.PlannedStart)
		if least, known := e.long[f.Kind]; longer >= 0 && (!known || longer < least) {
			e.long[f.Kind] = longer
		}
	}
	if e.late == mostLate {
		e.late = 0 // all had to wait, or nothing is known
	}
}

// eventsOf is one fault as events: one, but for links that lost their packets in different ways.
func (e *execution) eventsOf(f history.Fault) []nemesis.Event {
	event := nemesis.Event{Kind: nemesis.Kind(f.Kind)}
	if planned, known := e.planned[f.ID]; known && planned.Kind == event.Kind {
		event.Rate, event.Amount, event.Size = planned.Rate, planned.Amount, planned.Size
		event.Entries = planned.Entries
		if planned.FromStart {
			e.note("fault %d (%s) was in force before the target started, and now from the load on", f.ID,
				whatOf(f))
		}
	}
	if !e.times(f, &event) {
		return nil
	}
	events, err := []nemesis.Event{event}, error(nil)
	switch traits := event.Kind.Traits(); {
	case event.Kind == nemesis.KindVersion:
		events[0].Shape = nemesis.Shape(f.Shape)
		e.note("fault %d (%s) takes the node whose turn it is, as it did", f.ID, whatOf(f))
	case traits.Links:
		events, err = e.linksOf(f, event)
	default:
		if event.Kind == nemesis.KindClientCut && len(f.Cuts) > 0 {
			events[0].Mode = f.Cuts[0].Mode
		}
		events[0].On, err = e.places(f.Hosts)
	}
	for _, event := range events {
		if err == nil {
			err = event.ValidWith(e.suite.Target.Nodes(), e.suite.Target.Spares(), nil)
		}
	}
	if err != nil {
		e.note("fault %d (%s) is left out: %v", f.ID, whatOf(f), err)
		return nil
	}
	return events
}

// times sets when a fault began and how long it was in force, within the load.
func (e *execution) times(f history.Fault, event *nemesis.Event) bool {
	stop := f.Stop
	if stop == 0 {
		stop = e.ended
		e.note("fault %d (%s) was still in force when the history ended, after %v of the load", f.ID,
			whatOf(f), (e.ended - e.load).Round(time.Millisecond))
	}
	from, to := max(0, f.Start-e.load), min(stop-e.load, e.suite.Phases.Load)
	if f.Stop > 0 && from > e.late {
		from, to = from-e.late, to-e.late-e.long[f.Kind]
	}
	if to <= from {
		e.note("fault %d (%s) is left out: it was in force outside the load only", f.ID, whatOf(f))
		return false
	}
	shortest := 100 * time.Millisecond // what a suite may ask of hosts
	if e.suite.Place == suite.PlaceSim {
		shortest = time.Millisecond
	}
	if to-from < shortest {
		e.note("fault %d (%s) was in force for %v, and now for %v", f.ID, whatOf(f), to-from, shortest)
		to = from + shortest
		from -= max(0, to-e.suite.Phases.Load)
	}
	event.At = from.Round(time.Millisecond)
	event.For = max(to-from, shortest).Round(time.Millisecond)
	if event.Kind.Traits().Does { // it was over when it was done: it may take as long as it liked
		event.For = e.suite.Phases.Load - event.At
	}
	return true
}

// places names nodes by their place in the order.
func (e *execution) places(nodes []string) (names []string, err error) {
	for _, node := range nodes {
		place := slices.Index(e.history.Header.Nodes, node)
		if place < 0 {
			return nil, fmt.Errorf("%q is no node of the run", node)
		}
		names = append(names, "n"+strconv.Itoa(place+1))
	}
	return names, nil
}

// linksOf is a fault of links: an event for each way in which packets were lost.
func (e *execution) linksOf(f history.Fault, base nemesis.Event) ([]nemesis.Event, error) {
	if len(f.Cuts) == 0 {
		return nil, errors.New("the history names no link of it")
	}
	base.Shape = nemesis.ShapeCut
	groups := map[history.CutMode][]history.Cut{}
	for _, cut := range f.Cuts {
		mode := cut.Mode
		if base.Kind != nemesis.KindPartition || mixed(f.Cuts) && asNamed(f.Cuts) {
			mode = "" // it follows from which directions are cut
		}
		groups[mode] = append(groups[mode], cut)
	}
	var events []nemesis.Event
	for _, mode := range slices.Sorted(maps.Keys(groups)) {
		event, cuts := base, groups[mode]
		event.Mode = mode
		event.Rate, event.Size = cmp.Or(cuts[0].Rate, base.Rate), cmp.Or(cuts[0].Size, base.Size)
		var err error
		if event.Links, err = e.links(cuts); err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

// links writes cuts as links: both ways where both directions are cut.
func (e *execution) links(cuts []history.Cut) (links []nemesis.Link, err error) {
	for i, cut := range cuts {
		ends, err := e.places([]string{cut.From, cut.To})
		if err != nil {
			return nil, err
		}
		back := opposite(cuts, cut)
		if back < 0 || back > i {
			links = append(links, nemesis.Link{From: ends[0], To: ends[1], OneWay: back < 0})
		}
	}
	return links, nil
}

func opposite(cuts []history.Cut, of history.Cut) int {
	return slices.IndexFunc(cuts, func(c history.Cut) bool {
		return c.From == of.To && c.To == of.From
	})
}

// mixed tells whether the links lost their packets in different ways.
func mixed(cuts []history.Cut) bool {
	return slices.ContainsFunc(cuts, func(c history.Cut) bool { return c.Mode != cuts[0].Mode })
}

// asNamed tells whether the modes are those of links that a timeline names without a mode: packets
// where both directions are cut, payloads where one is.
func asNamed(cuts []history.Cut) bool {
	return !slices.ContainsFunc(cuts, func(c history.Cut) bool {
		return (c.Mode == history.CutPackets) != (opposite(cuts, c) >= 0) ||
			c.Mode == history.CutReject
	})
}

// atMost lowers what a suite requires of each kind of fault to what there is of it.
func atMost(required map[string]int, timeline []nemesis.Event) map[string]int {
	there := map[string]int{}
	for _, event := range timeline {
		there[string(event.Kind)]++
	}
	return fewest(required, there)
}

func fewest(required, there map[string]int) map[string]int {
	least := map[string]int{}
	for kind, count := range required {
		if count = min(count, there[kind]); count > 0 {
			least[kind] = count
		}
	}
	return least
}
