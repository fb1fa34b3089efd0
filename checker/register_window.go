package checker

import (
	"cmp"
	"slices"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// states implements enumerable: what it begins with, and whatever may have been written by then.
// Unanswered writes are part of every window. What they wrote before it, they may as well have
// written at its beginning.
func (m registerModel) states(effects []effect) []sighting {
	from := map[value]time.Duration{m.first: -1}
	for _, e := range registerEffects(effects) {
		earliest, known := from[e.after]
		if e.writes && !e.pending && (!known || e.call < earliest) {
			from[e.after] = e.call
		}
	}
	states := make([]sighting, 0, len(from))
	for v, at := range from {
		states = append(states, sighting{v, at})
	}
	slices.SortFunc(states, func(a, b sighting) int {
		return cmp.Or(cmp.Compare(a.from, b.from),
			cmp.Compare(a.state.(value).number, b.state.(value).number))
	})
	return states
}

// sources implements enumerable: of each value that the window saw but did not write, the last
// write that had ended before, or else the first that was called later.
func (m registerModel) sources(
	effects, window []effect, began, ended time.Duration,
) []effect {
	written := map[value]bool{m.first: true}
	for _, e := range registerEffects(window) {
		written[e.after] = written[e.after] || e.writes
	}
	last, first := make(map[value]*effect), make(map[value]*effect)
	for _, e := range registerEffects(effects) {
		switch before, after := last[e.after], first[e.after]; {
		case !e.writes:
		case e.ret < began && (before == nil || before.ret < e.ret):
			last[e.after] = e.effect
		case e.call > ended && (after == nil || e.call < after.call):
			first[e.after] = e.effect
		}
	}
	var sources []effect
	for _, e := range registerEffects(window) {
		if !e.observes || written[e.before] {
			continue
		}
		written[e.before] = true
		if source := cmp.Or(last[e.before], first[e.before]); source != nil {
			sources = append(sources, *source)
		}
	}
	return sources
}

// suppose implements supposing.
func (m registerModel) suppose(window []effect) []effect {
	written := map[value]bool{m.first: true}
	for _, e := range registerEffects(window) {
		written[e.after] = written[e.after] || e.writes
	}
	var supposed []effect
	for _, e := range registerEffects(window) {
		if !e.observes || written[e.before] {
			continue
		}
		written[e.before] = true
		write := &registerAction{kind: workload.KindWrite, writes: true, after: e.before, doubtful: true}
		supposed = append(supposed, effect{op: history.Operation{ID: supposedID}, call: -1,
			ret: forever, pending: true, action: write})
	}
	return supposed
}
