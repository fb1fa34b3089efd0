package checker

import (
	"maps"
	"slices"
	"time"
)

// mostStates is how many states a window may begin in: each is searched from.
const mostStates = 1000

// states implements enumerable: every beginning of what gets returned. What begins in any other
// string gets nothing before the next put, and so could begin in one of these as well.
func (m kvModel) states(effects []effect) []sighting {
	seen := map[string]bool{"": true}
	for _, e := range effects {
		a := e.action.(*kvAction)
		for end := 0; a.kind == kindGet && end <= len(a.text); end++ {
			if seen[a.text[:end]] = true; len(seen) > mostStates {
				return nil
			}
		}
	}
	var states []sighting
	for _, text := range slices.Sorted(maps.Keys(seen)) {
		states = append(states, sighting{text, -1})
	}
	return states
}

// sources implements enumerable: what is got may be the work of many.
func (kvModel) sources(_, _ []effect, _, _ time.Duration) []effect { return nil }

// states implements enumerable: each register may hold what it began with or what was written to
// it, whatever the others hold.
func (m multiModel) states(effects []effect) []sighting {
	values := make(map[string]map[string]bool)
	for key, value := range m.first.unpack() {
		values[key] = map[string]bool{value: true}
	}
	for _, e := range effects {
		for _, s := range e.action.(*multiAction).steps {
			if values[s.key] == nil {
				values[s.key] = map[string]bool{m.rest: true}
			}
			if s.writes {
				values[s.key][s.value] = true
			}
		}
	}
	all := []map[string]string{{}}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if len(all)*len(values[key]) > mostStates {
			return nil
		}
		var more []map[string]string
		for _, held := range all {
			for _, value := range slices.Sorted(maps.Keys(values[key])) {
				next := maps.Clone(held)
				next[key] = value
				more = append(more, next)
			}
		}
		all = more
	}
	states := make([]sighting, len(all))
	for i, held := range all {
		states[i] = sighting{packMulti(held), -1}
	}
	return states
}

// sources implements enumerable: a transaction that wrote one thing needs others in its turn.
func (multiModel) sources(_, _ []effect, _, _ time.Duration) []effect { return nil }
