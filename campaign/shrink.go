package campaign

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"gauntlet/chance"
	"gauntlet/shrink"
)

// Shrinking is the search for the smallest timeline that shows an incident still.
//
// The rule. The incident is played with so many seeds, and seen in some of the runs. A candidate is
// played with the same seeds, those first that showed it, and is kept if it is seen in at least
// three quarters as many runs; it is given up as soon as too few seeds are left for that. All
// candidates are measured by the first play, so that what is lost does not add up. With the options
// under which its file promises that the incident is not seen, a candidate must not be seen more
// often than the incident was: what shows itself there too is another one.
type Shrinking struct {
	Set      Set   // what is to be made small
	Against  []Set // with these options it must not be seen
	Other    []Set // at these places what is left must still make sense; nobody plays them
	Player   Player
	Seeds    int // runs of a candidate
	Replays  int // runs in all
	Progress func(ShrinkProgress)
}

// ShrinkProgress is how far a search is.
type ShrinkProgress struct {
	Pass    string // at work
	Replays int    // so far
	Size    Size   // of the smallest so far
}

// Shrunk is what was found.
type Shrunk struct {
	Suites  []Set // Set and Other, with the smallest timeline that was found
	Was, Is Size
	Before  Tally    // of the incident
	After   Tally    // of what is left, with the same seeds
	Fresh   Tally    // of what is left, with seeds that had no say
	Ignored []string // options that were not held against it, since the incident is seen there
	// Unproven: in most of the runs some fault that is left did not bite, so that they count for
	// little.
	Unproven bool
	Replays  int           // runs made
	Spent    bool          // they were all there are to make: more may be possible
	Stopped  bool          // ctx ended before: likewise
	Took     time.Duration // for all of it
}

// Tally is in how many runs the incident was seen.
type Tally struct{ Seen, Runs int }

func (t Tally) String() string { return fmt.Sprintf("%d of %d", t.Seen, t.Runs) }

// NotSeenError says that there is nothing to shrink.
type NotSeenError struct {
	Runs int
	Why  string // what one of the runs showed instead
}

func (e *NotSeenError) Error() string {
	return fmt.Sprintf("the incident is not seen in any of %d runs: %s", e.Runs, e.Why)
}

// Find plays and returns the smallest that it finds. When ctx ends, that is the smallest so far.
//
// Errors: NotSeenError, or the harness's own if runs cannot be made.
func (s *Shrinking) Find(ctx context.Context) (*Shrunk, error) {
	started, own := time.Now(), *s
	original := sketchOf(s.Set.Suite)
	original.whole = shareOnly(s.Set.Signature) && len(s.Against) == 0
	m := &shrinker{Shrinking: &own, ctx: ctx, best: original}
	m.budget.Left = s.Replays
	if err := m.measure(); err != nil {
		return nil, err
	}
	m.harden()
	for i, idle := 0, 0; idle < len(shrinkPasses) && m.more(); i++ {
		pass, found := shrinkPasses[i%len(shrinkPasses)], m.found
		m.pass = pass.name
		pass.run(m)
		if idle++; m.found > found {
			idle = 0
			m.harden()
		}
	}
	m.room(original)
	suites, err := m.made(m.best)
	if err != nil {
		return nil, err
	}
	out := &Shrunk{Suites: suites[:1+len(s.Other)], Was: original.size(), Is: m.best.size(),
		Before: m.before, Ignored: m.ignored, Unproven: !m.strict, Spent: m.budget.Left <= 0,
		Stopped: ctx.Err() != nil}
	m.ctx, m.strict = context.WithoutCancel(ctx), true // what is left is looked at once more
	out.After, out.Fresh = m.tally(suites[0], m.seeds), m.tally(suites[0], freshSeeds(m.seeds))
	out.Replays, out.Took = m.replays, time.Since(started)
	return out, nil
}

// more tells whether candidates may still be played.
func (m *shrinker) more() bool { return m.budget.Left > 0 && m.ctx.Err() == nil }

// shrinker is a search under way.
type shrinker struct {
	*Shrinking
	ctx     context.Context
	best    *sketch
	budget  shrink.Budget
	pass    string
	seeds   []uint64 // those that showed the incident first
	before  Tally
	allowed []int // of Against: in how many runs each may be seen
	ignored []string
	strict  bool // a run in which some fault did not bite does not count
	replays int
	found   int // smaller ones so far
}

// shrinkSeeds are the seeds of the first play.
func shrinkSeeds(from uint64, count int) []uint64 {
	all := make([]uint64, count)
	for i := range all {
		all[i] = from + uint64(i)
	}
	return all
}

// freshSeeds are as many others.
func freshSeeds(seeds []uint64) []uint64 {
	all := make([]uint64, len(seeds))
	for i := range all {
		all[i] = chance.Key(seeds[0], "campaign/shrink", uint64(i), 0)
	}
	return all
}

// measure plays the incident, and with the options under which it is not to be seen.
func (m *shrinker) measure() error {
	m.pass = "as it is"
	first := uint64(1)
	if seed := m.Set.Suite.Seed; seed != nil {
		first = *seed
	}
	suites, err := m.made(m.best)
	if err != nil {
		return err
	}
	var showed, others []uint64
	var last Trial
	for _, seed := range shrinkSeeds(first, m.Seeds) {
		seen, trial := m.play(suites[0], seed)
		switch {
		case m.ctx.Err() != nil:
			return m.ctx.Err()
		case seen:
			showed = append(showed, seed)
		default:
			others, last = append(others, seed), trial
		}
	}
	m.before = Tally{len(showed), m.Seeds}
	if m.seeds = append(showed, others...); m.before.Seen == 0 {
		return &NotSeenError{m.Seeds, fmt.Sprintf("%s: %s", last.Outcome, last.Why)}
	}
	against := m.Against
	m.Against = nil
	for i, set := range against {
		seen := m.tally(suites[1+len(m.Other)+i], m.seeds)
		if seen.Seen > m.before.Seen/2 {
			m.ignored = append(m.ignored, fmt.Sprintf("%s: it is seen there in %v runs", set.Options, seen))
			continue
		}
		m.Against = append(m.Against, set)
		m.allowed = append(m.allowed, seen.Seen)
	}
	return nil
}

// play makes one run, and tells whether the incident is seen in it. Until the search is strict, it
// may be seen in a run in which other faults did not bite: those will be left out.
func (m *shrinker) play(set Set, seed uint64) (seen bool, t Trial) {
	m.replays++
	m.budget.Left--
	suite := *set.Suite
	suite.Seed = &seed
	set.Suite = &suite
	played := m.Player.Play(m.ctx, Job{Name: suite.Name, Suite: &suite, Seed: seed})
	t = set.Judge(played)
	if t.Outcome == FaultNotEffective && !m.strict {
		seen, _ = set.Signature.Match(played.History, played.Results, slice(&suite))
	}
	return seen || t.Outcome == Reproduced, t
}

func (m *shrinker) tally(set Set, seeds []uint64) Tally {
	t := Tally{Runs: len(seeds)}
	for _, seed := range seeds {
		if seen, _ := m.play(set, seed); seen {
			t.Seen++
		}
	}
	return t
}

// harden makes the search strict, if what is left is seen often enough in runs whose faults all
// bite.
func (m *shrinker) harden() {
	if m.strict {
		return
	}
	m.strict = true
	suites, err := m.made(m.best)
	m.strict = err == nil && m.seen(suites[0])
}

// needed is in how many of its runs a candidate must be seen.
func (m *shrinker) needed() int { return m.before.Seen - m.before.Seen/4 }

// seen tells whether a candidate shows the incident as often as it must.
func (m *shrinker) seen(set Set) bool {
	seen, needed := 0, m.needed()
	for i, seed := range m.seeds {
		if seen >= needed {
			break
		}
		if seen+len(m.seeds)-i < needed || !m.more() {
			return false
		}
		if shown, _ := m.play(set, seed); shown {
			seen++
		}
	}
	return seen >= needed
}

// hidden tells whether a candidate is seen no more often than it may, with options that keep the
// incident from happening.
func (m *shrinker) hidden(set Set, allowed int) bool {
	seen := 0
	for i, seed := range m.seeds {
		if seen+len(m.seeds)-i <= allowed {
			return true
		}
		if !m.more() {
			return false
		}
		if shown, _ := m.play(set, seed); shown {
			seen++
		}
		if seen > allowed {
			return false
		}
	}
	return true
}

// shows tells whether a sketch is the incident still. What makes no suite is not played.
func (m *shrinker) shows(candidate *sketch) bool {
	suites, err := m.made(candidate)
	if err != nil || !m.seen(suites[0]) {
		return false
	}
	for i, allowed := range m.allowed {
		if !m.hidden(suites[1+len(m.Other)+i], allowed) {
			return false
		}
	}
	return true
}

// edit makes one sketch into another.
type edit func(*sketch)

// changed is the best sketch with a change; nil if it changes nothing.
func (m *shrinker) changed(edit edit) *sketch {
	candidate := m.best.clone()
	edit(candidate)
	if reflect.DeepEqual(candidate, m.best) {
		return nil
	}
	return candidate
}

// holds makes the change, and keeps it if the incident is seen still. The budget is of runs, and
// each run takes its own part of it.
func (m *shrinker) holds(edit edit) bool {
	m.budget.Left++ // what package shrink took for the candidate
	candidate := m.changed(edit)
	if candidate == nil || !m.shows(candidate) {
		return false
	}
	m.keep(candidate)
	return true
}

func (m *shrinker) keep(candidate *sketch) {
	m.best = candidate
	m.found++
	if m.Progress != nil {
		m.Progress(ShrinkProgress{Pass: m.pass, Replays: m.replays, Size: candidate.size()})
	}
}

// try is holds for a change of its own, within the budget.
func (m *shrinker) try(edit edit) bool {
	return m.budget.Try(func() bool { return m.holds(edit) })
}

// subset leaves out what of n parts can be left out.
func (m *shrinker) subset(n int, least int, without func(s *sketch, kept []int)) {
	shrink.Subset(n, &m.budget, func(kept []int) bool {
		if len(kept) < least {
			m.budget.Left++
			return false
		}
		return m.holds(func(s *sketch) { without(s, kept) })
	})
}

// chosen returns the parts that are kept.
func chosen[T any](parts []T, kept []int) []T {
	some := make([]T, 0, len(kept))
	for _, k := range kept {
		some = append(some, parts[k])
	}
	return slices.Clip(some)
}
