package checker

import (
	"cmp"
	"math"
	"slices"
	"time"

	"gauntlet/checker/finding"
	"gauntlet/checker/frontier"
	"gauntlet/history"
	"gauntlet/shrink"
)

// supposedID is the ID of what nobody recorded.
const supposedID = -1

// shrinkBudget bounds the search for a smaller window: the verdict must not be lost over it.
const shrinkBudget = 4 * time.Second

// How many operations the search for a window begins with.
const (
	firstBeginning = 64 // the next one has four times as many
	firstWindow    = 16 // the next one has twice as many
	largeWindow    = 1024
)

// enumerable is a model whose object is in one of a few states at any instant. Of its histories a
// part in the middle can be judged alone.
type enumerable interface {
	// states are all that the object may ever be in; nil if that is hard to tell.
	states(effects []effect) []sighting
	// sources tell a reader where it comes from what a window saw and did not make: effects that had
	// ended before the window began, or else ones that were called after it had ended.
	sources(effects, window []effect, began, ended time.Duration) []effect
}

// sighting is a state, and the earliest instant at which an object may be in it.
type sighting struct {
	state any
	from  time.Duration
}

// supposing is a model that can suppose what made something be seen.
type supposing interface {
	// suppose returns unanswered effects, of operations without an ID, that were called before all
	// others: by them everything that the window saw may have been made.
	suppose(window []effect) []effect
}

// smaller reduces a violation to a part of it. Whatever it gives up, it gives up in such a way that
// what is left of a linearizable history is linearizable. So what is left of a violation, if no
// order explains it, is evidence by itself:
//
//  1. An operation may be removed the model's own way: see model.without.
//  2. An answer may be forgotten. The operation possibly never happened then, and its end is
//     open; a read says nothing then, and goes.
//  3. An unanswered operation on which no answer hangs goes: see model.relevant.
//  4. What was called after the last answer goes. Where the model alone can remove effects it
//     stays, if an answer hangs on it: that shows something seen too early.
//  5. If the states of the object can be told, the window may begin in any that may be in force
//     when the first of the answered operations is called. Whatever had ended by then goes.
type smaller struct {
	model  model
	window []effect   // by call
	states []sighting // in which the window may begin; nil: where the model does
	own    bool       // the model has a way of its own to remove effects
	late   bool       // what was called after the last answer stays
	until  time.Time  // the end of the budget
}

// minimise returns a part of effects that is a violation by itself. Within the budget it is
// 1-minimal: it is no violation any more if any one of its answers is left out. Effects that
// are a violation only together with what they do not hold are returned as they are. Certain is the
// return at which a search saw the violation; 0 if that is not known. Anyhow says that it is a
// violation in whatever state it begins.
func minimise(
	m model, effects []effect, certain, budget time.Duration,
) (window []effect, anyhow bool) {
	if budget <= 0 {
		budget = shrinkBudget
	}
	s := newSmaller(m, effects, time.Now().Add(budget))
	s.run(certain)
	free, ok := m.(enumerable)
	if !ok {
		return s.window, false
	}
	began, ended := extent(s.window, make([]bool, len(s.window)))
	if s.states == nil {
		began = -1 // nothing was left out before
	}
	sources := free.sources(effects, s.window, began, ended)
	return byCall(slices.Concat(sources, s.window)), s.states != nil && len(sources) == 0
}

// minimiseCulprits is minimise for what an engine named: a violation, though whatever was seen and
// not made may have been made at any time. Who made it is supposed.
func minimiseCulprits(m model, culprits []effect) []effect {
	made, ok := m.(supposing)
	if !ok {
		return culprits
	}
	window := slices.Concat(made.suppose(culprits), culprits)
	s := newSmaller(m, window, time.Now().Add(shrinkBudget))
	if s.late = true; s.fails(s.window) {
		s.reduce()
	}
	return s.window
}

func newSmaller(m model, effects []effect, until time.Time) *smaller {
	window := byCall(slices.Clone(m.relevant(effects)))
	own := len(m.without(window, everything(window))) < len(window)
	_, free := m.(enumerable)
	return &smaller{model: m, window: window, own: own, late: own && !free, until: until}
}

func byCall(effects []effect) []effect {
	slices.SortStableFunc(effects, func(a, b effect) int { return cmp.Compare(a.call, b.call) })
	return effects
}

func (s *smaller) run(certain time.Duration) {
	if certain == 0 {
		certain = s.begin()
	}
	whole := s.window
	if certain > 0 {
		s.window = s.ending(certain)
	}
	// Where it was certain it need not be, without what was told later.
	if !s.narrow() && certain > 0 && !s.fails(s.window) {
		s.window = whole
	}
	s.reduce()
}

// reduce leaves out whatever it can.
func (s *smaller) reduce() {
	if s.states != nil && len(s.window) > largeWindow {
		s.loosen() // with a value of few goes nearly everything, so that thinning leaves much
	}
	for size := 0; len(s.window) != size && time.Now().Before(s.until); {
		size = len(s.window)
		s.thin()
		s.loosen()
	}
}

// fails asks whether a candidate is a violation for certain.
func (s *smaller) fails(candidate []effect) bool {
	_, violation := s.judge(candidate)
	return violation
}

// judge also tells the return at which that is certain, or 0 if it is not known.
func (s *smaller) judge(candidate []effect) (certain time.Duration, violation bool) {
	left := time.Until(s.until)
	if left <= 0 {
		return 0, false
	}
	answer, certain := settle(s.model, candidate, s.starts(candidate), left)
	return certain, answer == finding.Violation
}

// starts are the states in which a candidate may begin.
func (s *smaller) starts(candidate []effect) []any {
	if s.states == nil {
		return []any{s.model.initial()}
	}
	began, _ := extent(candidate, make([]bool, len(candidate)))
	var starts []any
	for _, seen := range s.states {
		if seen.from <= began {
			starts = append(starts, seen.state)
		}
	}
	return starts
}

// begin keeps a beginning of the window that is a violation, and returns when it is certain, or 0.
// Beginnings grow until there is one: its causes may be far from what follows, which may be much.
func (s *smaller) begin() (certain time.Duration) {
	var returns []time.Duration
	for _, e := range s.window {
		if !e.pending {
			returns = append(returns, e.ret)
		}
	}
	slices.Sort(returns)
	for size := firstBeginning; len(returns) > 0; size *= 4 {
		beginning := s.ending(returns[min(size, len(returns))-1])
		if certain, violation := s.judge(beginning); violation {
			s.window = beginning
			return certain
		}
		if size >= len(returns) {
			break
		}
	}
	return 0
}

// ending is the window without what had not been told at an instant.
func (s *smaller) ending(at time.Duration) []effect {
	gone := make([]bool, len(s.window))
	for i, e := range s.window {
		gone[i] = e.ret > at
	}
	return s.loose(gone)
}

// narrow lets the window begin late, if there is such a violation: in any state, or without what
// came before. It grows backwards from the end, so that one whose causes are near is found soon.
func (s *smaller) narrow() bool {
	candidate := s.without
	if m, ok := s.model.(enumerable); ok {
		if s.states = m.states(s.window); s.states != nil {
			candidate = s.loose
		}
	}
	if s.states == nil && !s.own {
		return false
	}
	for size := firstWindow; size < 2*max(len(s.window), firstWindow); size *= 2 {
		gone := make([]bool, len(s.window))
		for i := range max(0, len(s.window)-size) {
			gone[i] = !s.window[i].pending // others may have happened in the window
		}
		late := candidate(gone)
		if s.fails(late) {
			s.window = late
			return true
		}
	}
	s.states = nil
	return false
}

// without removes the marked effects the model's own way.
func (s *smaller) without(gone []bool) []effect {
	return s.model.relevant(s.model.without(s.window, gone))
}

// thin removes effects the model's own way.
func (s *smaller) thin() {
	if !s.own {
		return
	}
	all := everything(s.window)
	without := func(kept []int) []effect {
		gone := slices.Clone(all)
		for _, i := range kept {
			gone[i] = false
		}
		return s.without(gone)
	}
	s.window = without(s.subset(len(s.window), without))
}

// loosen gives up whatever answer is not needed.
func (s *smaller) loosen() {
	var answered []int
	for i, e := range s.window {
		if !e.pending {
			answered = append(answered, i)
		}
	}
	loose := func(kept []int) []effect {
		gone := make([]bool, len(s.window))
		for _, i := range answered {
			gone[i] = true
		}
		for _, k := range kept {
			gone[answered[k]] = false
		}
		return s.loose(gone)
	}
	s.window = loose(s.subset(len(answered), loose))
}

// subset returns which parts to keep; all of them if candidates made of them do not fail.
func (s *smaller) subset(parts int, candidate func(kept []int) []effect) []int {
	budget := &shrink.Budget{Left: math.MaxInt} // until the time is up
	return shrink.Subset(parts, budget, func(kept []int) bool {
		if time.Now().After(s.until) { // a candidate is as long as the window
			budget.Left = 0
			return false
		}
		return s.fails(candidate(kept))
	})
}

// loose makes the marked effects ones that possibly never happened.
func (s *smaller) loose(gone []bool) []effect {
	began, ended := extent(s.window, gone)
	kept := make([]effect, 0, len(s.window))
	for i, e := range s.window {
		answered := e.op.Outcome == history.OutcomeOK
		switch {
		case !e.pending && !gone[i]:
		case e.call > ended && !s.late, s.states != nil && answered && e.op.Return < began:
			continue
		case !e.pending && !s.doubt(&e):
			continue
		}
		kept = append(kept, e)
	}
	return s.model.relevant(kept)
}

func everything(window []effect) []bool {
	all := make([]bool, len(window))
	for i := range all {
		all[i] = true
	}
	return all
}

// extent is from the first call to the last return of the answers that are not marked.
func extent(window []effect, gone []bool) (began, ended time.Duration) {
	began, ended = forever, -1
	for i, e := range window {
		if !e.pending && !gone[i] {
			began, ended = min(began, e.call), max(ended, e.ret)
		}
	}
	return began, ended
}

// doubt makes an effect one that was not answered; it is false if it says nothing then.
func (s *smaller) doubt(e *effect) bool {
	if shapeOf(e.action) == frontier.Reads {
		return false // it surely changes nothing
	}
	action, err := s.model.decode(e.op, true)
	if err != nil || action == nil {
		return false
	}
	e.action, e.pending, e.ret = action, true, forever
	return true
}
