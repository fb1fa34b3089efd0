package minimise

import (
	"slices"
	"time"

	"gauntlet/chance"
	"gauntlet/nemesis"
	"gauntlet/sim/schedule"
)

// Most failures hang on chance: what is left out shifts what messages meet, and the failure may be
// gone for no better reason. So large steps are tried several times, with other seeds. What they
// cost is little against what they save the passes that go through everything one by one.

// How often a step is tried: as it is worth to halve a schedule, to lose a member, and to lose one
// fault or operation.
const (
	triesOfHalf   = 24
	triesOfMember = 8
	triesOfPart   = 4
)

// leap tries a change with the schedule's seed, then with other ones.
func (m *minimiser) leap(tries uint64, change change) bool {
	if m.try(change) {
		return true
	}
	for i := range tries - 1 {
		if m.try(func(s *schedule.Schedule) {
			was := clone(s)
			if change(s); !equal(s, was) {
				s.Seed = chance.Key(s.Seed, "minimise/seed", i, 0)
			}
		}) {
			return true
		}
	}
	return false
}

// small tells that there is little left to leave out.
func (m *minimiser) small() bool { return len(m.best.Faults)+len(m.best.Operations) <= 12 }

// start lets the cluster start shortly before the failure: what began earlier never did.
func (m *minimiser) start() {
	for _, part := range []time.Duration{15, 14, 12, 8} {
		if m.small() {
			return
		}
		begun := instants(m.best)
		from := begun[len(begun)-1] * part / 16
		if m.leap(triesOfHalf, func(s *schedule.Schedule) { startAt(s, from) }) {
			return
		}
	}
}

// startAt leaves out what began before an instant, and begins there.
func startAt(s *schedule.Schedule, from time.Duration) {
	s.Faults = slices.DeleteFunc(s.Faults, func(e nemesis.Event) bool { return e.At < from })
	s.Operations = slices.DeleteFunc(s.Operations,
		func(op schedule.Operation) bool { return op.At < from })
	dropChanges(s, func(at time.Duration) bool { return at < from })
	bringForward(s, from, from)
}

// halves keeps a random half of the operations, of the faults, or of both, again and again.
func (m *minimiser) halves() {
	for attempt, failed := uint64(0), 0; failed < 3*triesOfHalf; attempt++ {
		if m.small() || m.budget.Left == 0 {
			return
		}
		failed++
		if m.try(func(s *schedule.Schedule) { halve(s, attempt) }) {
			failed = 0
		}
	}
}

// halve changes nothing, the seed included, if all happens to be kept.
func halve(s *schedule.Schedule, attempt uint64) {
	draw := chance.New(s.Seed, "minimise/halves", attempt)
	before := len(s.Faults) + len(s.Operations)
	if attempt%3 != 0 {
		s.Faults = sample(draw, s.Faults)
	}
	if attempt%3 != 1 {
		s.Operations = sample(draw, s.Operations)
	}
	if len(s.Faults)+len(s.Operations) < before {
		s.Seed = draw.Uint64()
	}
}

// sample keeps each part with even chances. Nil stays nil, and nothing else becomes nil.
func sample[T any](draw *chance.Stream, parts []T) []T {
	kept := parts[:0:0]
	for _, part := range parts {
		if draw.Intn(2) == 0 {
			kept = append(kept, part)
		}
	}
	return kept
}
