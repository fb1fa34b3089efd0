package checker

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"gauntlet/history"
)

// Measures is what clients saw of a target in a stretch of time.
type Measures struct {
	Window     time.Duration `json:"window"`
	LongestGap time.Duration `json:"longestGap"` // without an acknowledged return
	OK         int           `json:"ok"`
	Throughput float64       `json:"throughput"` // acknowledged operations a second
	Available  int           `json:"available"`  // permille of the slices with an acknowledged return
	Latency    []Latency     `json:"latency"`    // of each kind that was acknowledged, by name
	Terms      int           `json:"terms"`      // begun within the window
	Leaders    int           `json:"leaders"`    // nodes that led within it
}

// Latency is how long the acknowledged operations of one kind took. Percentiles are operations
// that were made, of nearest rank: half of all took P50 or less.
type Latency struct {
	Kind string        `json:"kind"`
	OK   int           `json:"ok"`
	P50  time.Duration `json:"p50"`
	P99  time.Duration `json:"p99"`
	Max  time.Duration `json:"max"`
}

// defaultSlice is how finely time is cut where the target has no election timeout that is known.
const defaultSlice = time.Second

// Measure takes what returned in [from, to), whenever it was called. Both ends count as returns for
// the longest gap. Slices are whole: what is left over belongs to the last one. A slice of 0 is
// defaultSlice.
//
// Terms are counted by how far their numbers rose beyond the highest heard of before the window, or
// beyond the first within it: a term that came and went between two looks at the nodes counts too.
func Measure(h *history.History, from, to, slice time.Duration) Measures {
	s := span{from, max(from, to)}
	replies := repliesIn(h, s)
	m := Measures{Window: s.length(), OK: len(replies), Latency: latencies(replies)}
	last := s.from
	for _, a := range replies {
		m.LongestGap, last = max(m.LongestGap, a.at-last), a.at
	}
	m.LongestGap = max(m.LongestGap, s.to-last)
	if m.Window > 0 {
		m.Throughput = float64(m.OK) / m.Window.Seconds()
	}
	if served, all := slicesServed(replies, s, slice); all > 0 {
		m.Available = 1000 * served / all
	}
	m.Terms, m.Leaders = termsIn(h, s), leadersIn(h, s)
	return m
}

// reply is one acknowledged return.
type reply struct {
	at, took time.Duration
	kind     string
}

// repliesIn lists what was acknowledged within s, in order.
func repliesIn(h *history.History, s span) []reply {
	var replies []reply
	for i := range h.Operations {
		op := &h.Operations[i]
		if op.Outcome == history.OutcomeOK && op.Return >= s.from && op.Return < s.to {
			replies = append(replies, reply{op.Return, op.Return - op.Call, op.Kind})
		}
	}
	slices.SortFunc(replies, func(a, b reply) int { return cmp.Compare(a.at, b.at) })
	return replies
}

// slicesServed counts the slices of s in which there is an answer, and all of them.
func slicesServed(replies []reply, s span, slice time.Duration) (served, all int) {
	if slice <= 0 {
		slice = defaultSlice
	}
	if s.length() == 0 {
		return 0, 0
	}
	all = max(int(s.length()/slice), 1)
	last := -1
	for _, a := range replies {
		if at := min(int((a.at-s.from)/slice), all-1); at != last {
			served, last = served+1, at
		}
	}
	return served, all
}

func latencies(replies []reply) []Latency {
	took := make(map[string][]time.Duration)
	for _, a := range replies {
		took[a.kind] = append(took[a.kind], a.took)
	}
	var list []Latency
	for _, kind := range slices.Sorted(maps.Keys(took)) {
		all := took[kind]
		slices.Sort(all)
		list = append(list, Latency{Kind: kind, OK: len(all), P50: nearestRank(all, 50),
			P99: nearestRank(all, 99), Max: all[len(all)-1]})
	}
	return list
}

// nearestRank is the least of sorted lengths that so many per cent of them do not exceed.
func nearestRank(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}

// termsIn counts the terms that began within s.
func termsIn(h *history.History, s span) int {
	var before, least, most uint64
	for _, o := range h.Observations {
		switch {
		case o.At < s.from:
			before = max(before, o.Term)
		case o.At < s.to && o.Term > 0:
			most = max(most, o.Term)
			if least == 0 || o.Term < least {
				least = o.Term
			}
		}
	}
	if before == 0 {
		before = least
	}
	return int(max(most, before) - before)
}

// leadersIn counts the nodes that led within s: those that said so then, and the one that led when
// it began.
func leadersIn(h *history.History, s span) int {
	led := make(map[string]bool)
	var reigning history.Observation // the latest claim of the highest term before s
	for _, o := range h.Observations {
		switch {
		case o.Role != history.RoleLeader || o.At >= s.to:
		case o.At >= s.from:
			led[o.Node] = true
		case reigning.Node == "" || o.Term > reigning.Term ||
			o.Term == reigning.Term && o.At > reigning.At:
			reigning = o
		}
	}
	resigned := slices.ContainsFunc(h.Observations, func(o history.Observation) bool {
		return o.Node == reigning.Node && o.Role != history.RoleLeader && o.At > reigning.At &&
			o.At < s.from
	})
	if reigning.Node != "" && !resigned && s.length() > 0 {
		led[reigning.Node] = true
	}
	return len(led)
}

// FaultWindow is from the start of the first proven fault to the end of the last one; false if none
// is proven.
func FaultWindow(h *history.History) (from, to time.Duration, ok bool) {
	for _, f := range h.Faults {
		if !f.Bit() {
			continue
		}
		if !ok || f.Start < from {
			from = f.Start
		}
		to, ok = max(to, f.Start, f.Stop), true
	}
	return from, to, ok
}
