package nemesis

import (
	"cmp"
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
// deals its shapes or roles like a shuffled deck: each occurs before one repeats. An event that
// flaps becomes several.
//
// It returns every broken relation at once, but does not know the number of nodes: see Spec.Valid.
func NewPlan(specs []Spec, load time.Duration, seed uint64) (Plan, error) {
	var plan Plan
	var errs []error
	ordinals := map[Kind]uint64{} // among the series of a kind: other kinds do not shift its chance
	for i, spec := range specs {
		ordinal := ordinals[spec.Kind]
		ordinals[spec.Kind]++
		if err := spec.fits(load); err != nil {
			errs = append(errs, fmt.Errorf("faults[%d]: %w", i, err))
			continue
		}
		plan = append(plan, spec.events(ordinal, load, seed)...)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return Merge(plan, nil), nil
}

// Merge puts the events of a timeline among those of a plan, in the order of their start, and
// numbers all of them anew. Events of a timeline draw from streams that no series has.
func Merge(plan Plan, timeline []Event) Plan {
	merged := slices.Clone(plan)
	for _, e := range timeline {
		e.Stream |= timelineStream
		merged = append(merged, e)
	}
	slices.SortStableFunc(merged, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	for i := range merged {
		merged[i].ID = i + 1
	}
	return merged
}

// timelineStream is beyond the streams of any series.
const timelineStream = 1 << 62

func (s Spec) events(ordinal uint64, load time.Duration, seed uint64) []Event {
	base := Event{Kind: s.Kind, For: s.For, Rate: s.Rate, Amount: s.Amount, Size: s.Size,
		Entries: s.Entries,
		Mode:    s.Mode, Stream: ordinal << 32}
	if s.FromStart {
		base.For, base.FromStart, base.Shape = load, true, s.Shapes[0]
		base.Sites = s.sites(base.Shape)
		return []Event{base}
	}
	choose, count := s.choices(ordinal, int(load/s.Every), seed)
	events := make([]Event, 0, count)
	for k := range count {
		e := base
		e.Stream |= uint64(k)
		slack := s.Every - s.For
		place := chance.New(seed, "nemesis.place."+string(s.Kind), e.Stream)
		e.At = time.Duration(k)*s.Every + place.Duration(slack/4, slack-slack/4)
		choose(k, &e)
		e.Sites = s.sites(e.Shape)
		events = append(events, e.Flaps(s.Flap)...)
	}
	return events
}

// sites says where nodes stand, if the shape needs to know.
func (s Spec) sites(shape Shape) [][]int {
	if row, _ := shape.row(); row.sites {
		return s.Sites
	}
	return nil
}

// Flaps takes an event apart into the cuts of one that flaps: in force for so long, then healed for
// as long, until its time is over. 0: it does not flap.
func (e Event) Flaps(flap time.Duration) []Event {
	if flap == 0 {
		return []Event{e}
	}
	var cuts []Event
	for off := time.Duration(0); off < e.For; off += 2 * flap {
		cut := e
		cut.At, cut.For = e.At+off, min(flap, e.For-off)
		cuts = append(cuts, cut)
	}
	return cuts
}

// choices returns what chooses the shape or role of the k-th event, and how many of at most so many
// events there are.
func (s Spec) choices(ordinal uint64, most int, seed uint64) (choose func(int, *Event), count int) {
	if s.Kind != KindVersion {
		return s.deal(ordinal, seed), most
	}
	moves := s.moves(most)
	return func(k int, e *Event) { e.Shape = moves[k] }, len(moves)
}

// deal chooses round after round from a freshly shuffled deck.
func (s Spec) deal(ordinal, seed uint64) func(k int, e *Event) {
	n := len(s.Shapes) + len(s.On)
	return func(k int, e *Event) {
		round := ordinal<<32 | uint64(k/n)
		deck := make([]int, n)
		for i := range deck {
			deck[i] = i
		}
		chance.New(seed, "nemesis.deck."+string(s.Kind), round).Shuffle(n,
			func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		if len(s.Shapes) > 0 {
			e.Shape = s.Shapes[deck[k%n]]
		} else {
			e.Role = s.On[deck[k%n]]
		}
	}
}
