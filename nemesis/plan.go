package nemesis

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gauntlet/chance"
)

// mostEvents bounds one series: more are a slip of the unit, and would only fill the memory.
const mostEvents = 100_000

// NewPlan lays out the events of all series over the load phase. Each full period of a series holds
// one event, at a place in the middle half of the period's slack that the seed decides. A series
// deals its shapes or roles like a shuffled deck: each occurs before one repeats.
//
// It returns every broken relation at once, but does not know the number of nodes: see Spec.Valid.
func NewPlan(specs []Spec, load time.Duration, seed uint64) (Plan, error) {
	var plan Plan
	var errs []error
	ordinals := map[Kind]uint64{}
	for i, spec := range specs {
		s, err := spec.series()
		if err == nil {
			s.ordinal = ordinals[s.kind]
			ordinals[s.kind]++
			err = s.fits(load)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("faults[%d]: %w", i, err))
			continue
		}
		plan = append(plan, s.events(load, seed)...)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	slices.SortStableFunc(plan, func(a, b Event) int { return int(a.At - b.At) })
	for i := range plan {
		plan[i].ID = i + 1
	}
	return plan, nil
}

// Valid returns every reason why the faults cannot be had on that many nodes, joined.
func (s Spec) Valid(nodes int) error {
	sr, err := s.series()
	if err != nil {
		return err
	}
	var errs []error
	for _, shape := range sr.shapes {
		errs = append(errs, shape.Valid(nodes))
	}
	for _, role := range sr.roles {
		errs = append(errs, role.Valid())
	}
	if sr.version != nil {
		errs = append(errs, sr.version.valid())
	}
	return errors.Join(append(errs, sr.times())...)
}

// NeedsLeader reports whether some of the faults can be bound only while a leader is known.
func (s Spec) NeedsLeader() bool {
	sr, err := s.series()
	return err == nil && (slices.ContainsFunc(sr.shapes, Shape.NeedsLeader) ||
		slices.Contains(sr.roles, RoleLeader))
}

// Valid says why the role is unknown.
func (r Role) Valid() error {
	switch r {
	case RoleLeader, RoleFollower, RoleAny:
		return nil
	}
	return fmt.Errorf("unknown role %q (one of leader, follower, any)", string(r))
}

// series is one Spec, whatever its kind. Only one of shapes, roles and version is there.
type series struct {
	kind         Kind
	ordinal      uint64 // among the series of this kind: other kinds do not shift its chance
	shapes       []Shape
	roles        []Role
	version      *VersionSpec
	every, lasts time.Duration
	fromStart    bool
}

func (s Spec) series() (series, error) {
	var all []series
	if p := s.Partition; p != nil {
		all = append(all, series{kind: KindPartition, shapes: p.Shapes, every: p.Every,
			lasts: p.For, fromStart: p.FromStart})
	}
	if p := s.Pause; p != nil {
		all = append(all, series{kind: KindPause, roles: p.On, every: p.Every, lasts: p.For})
	}
	if p := s.Kill; p != nil {
		all = append(all, series{kind: KindKill, roles: p.On, every: p.Every, lasts: p.For})
	}
	if v := s.Version; v != nil {
		all = append(all, series{kind: KindVersion, version: v, every: v.Every, lasts: v.For})
	}
	if len(all) != 1 {
		return series{}, fmt.Errorf("needs exactly one of partition, pause, kill, version; has %d",
			len(all))
	}
	return all[0], nil
}

// times checks what does not depend on the length of the load phase.
func (s series) times() error {
	choices := len(s.shapes) + len(s.roles)
	switch {
	case s.fromStart && (s.every != 0 || s.lasts != 0):
		return errors.New("from-start lasts until the end of the load: leave out every and for")
	case s.fromStart && choices != 1:
		return fmt.Errorf("from-start takes exactly one shape, not %d", choices)
	case s.fromStart && s.shapes[0].NeedsLeader():
		return fmt.Errorf("shape %s cannot be from-start: nobody leads yet", s.shapes[0])
	case s.fromStart:
		return nil
	case choices == 0 && s.version == nil:
		return fmt.Errorf("%s names no shape or role", s.kind)
	case s.lasts <= 0:
		return fmt.Errorf("for %v must be above 0", s.lasts)
	case s.every <= s.lasts:
		return fmt.Errorf("every %v must be above for %v", s.every, s.lasts)
	}
	return nil
}

// fits checks that at least one event takes place.
func (s series) fits(load time.Duration) error {
	if err := s.times(); err != nil {
		return err
	}
	if load <= 0 || load < s.every {
		return fmt.Errorf("every %v must fit into the load phase of %v", s.every, load)
	}
	if s.every > 0 && load/s.every > mostEvents {
		return fmt.Errorf("every %v makes over %d faults in %v", s.every, mostEvents, load)
	}
	return nil
}

func (s series) events(load time.Duration, seed uint64) []Event {
	base := Event{Kind: s.kind, Stream: s.ordinal << 32}
	if s.fromStart {
		base.For, base.FromStart, base.Shape = load, true, s.shapes[0]
		return []Event{base}
	}
	choose, count := s.choices(int(load/s.every), seed)
	events := make([]Event, 0, count)
	for k := range count {
		e := base
		e.Stream |= uint64(k)
		slack := s.every - s.lasts
		place := chance.New(seed, "nemesis.place."+string(s.kind), e.Stream)
		e.At = time.Duration(k)*s.every + place.Duration(slack/4, slack-slack/4)
		e.For = s.lasts
		choose(k, &e)
		events = append(events, e)
	}
	return events
}

// choices returns what chooses the shape or role of the k-th event, and how many of at most so many
// events there are.
func (s series) choices(most int, seed uint64) (choose func(k int, e *Event), count int) {
	if s.version == nil {
		return s.deal(seed), most
	}
	moves := s.version.moves(most)
	return func(k int, e *Event) { e.Shape = moves[k] }, len(moves)
}

// deal chooses round after round from a freshly shuffled deck.
func (s series) deal(seed uint64) func(k int, e *Event) {
	n := len(s.shapes) + len(s.roles)
	return func(k int, e *Event) {
		round := s.ordinal<<32 | uint64(k/n)
		deck := make([]int, n)
		for i := range deck {
			deck[i] = i
		}
		chance.New(seed, "nemesis.deck."+string(s.kind), round).Shuffle(n,
			func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		if len(s.shapes) > 0 {
			e.Shape = s.shapes[deck[k%n]]
		} else {
			e.Role = s.roles[deck[k%n]]
		}
	}
}
