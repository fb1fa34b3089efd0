package checker

import (
	"cmp"
	"slices"
	"time"

	"gauntlet/history"
)

// Summary counts what happened in a run. It judges nothing.
type Summary struct {
	Duration   time.Duration `json:"duration"` // the last stamp of the history
	Operations int           `json:"operations"`
	OK         int           `json:"ok"`
	Kinds      []KindCount   `json:"kinds"`
	Keys       int           `json:"keys"`
	LongestGap Gap           `json:"longestGap"`
	Load       Measures      `json:"load,omitzero"` // of the load phase; none before it was reached
	Faults     []FaultCount  `json:"faults"`
	Heals      []Heal        `json:"heals"`
	Leaders    []Leadership  `json:"leaders"` // each (term, node) that was claimed
	Versions   []NodeVersion `json:"versions,omitempty"`
}

// KindCount counts the operations of one kind by outcome. Never-returned operations count as
// info.
type KindCount struct {
	Kind string `json:"kind"`
	OK   int    `json:"ok"`
	Fail int    `json:"fail"`
	Info int    `json:"info"`
}

// Gap is the longest unavailability: the longest time without an acknowledged return, anywhere
// from the start of warm-up to the end of recovery. Both ends of that window count as returns.
type Gap struct {
	From   time.Duration `json:"from"`
	To     time.Duration `json:"to"`
	Faults []int         `json:"faults,omitempty"` // IDs of the faults that overlap it
}

// Length is how long the gap lasted.
func (g Gap) Length() time.Duration { return g.To - g.From }

// FaultCount counts the faults of one kind. Proven faults have evidence at their start and at
// their end.
type FaultCount struct {
	Kind     string `json:"kind"`
	Injected int    `json:"injected"`
	Proven   int    `json:"proven"`
}

// Heal is one healed fault and how long after it the target was available: the first of five
// consecutive acknowledgements, not all reads, from three clients, of operations called after
// the heal.
type Heal struct {
	Fault       int           `json:"fault"`
	At          time.Duration `json:"at"`
	Available   bool          `json:"available"`
	After       time.Duration `json:"after,omitempty"`
	Interrupted bool          `json:"interrupted,omitempty"` // meanwhile another fault was in force

	// Transport is how long after the heal nodes heard again what the fault had held back, and
	// Protocol the rest of After: 0 if the target had not waited for it. Both mean something if Heard.
	Heard     bool          `json:"heard,omitempty"`
	Transport time.Duration `json:"transport,omitempty"`
	Protocol  time.Duration `json:"protocol,omitempty"`
}

// Leadership is one node leading in one term, as first claimed.
type Leadership struct {
	Term uint64        `json:"term"`
	Node string        `json:"node"`
	At   time.Duration `json:"at"`
}

// Summarise counts what a history holds, of a target whose election timeout is not known.
func Summarise(h *history.History) Summary { return SummariseSliced(h, 0) }

// SummariseSliced counts what a history holds. Availability during the load is told in slices of
// one election timeout: see Measure.
func SummariseSliced(h *history.History, slice time.Duration) Summary {
	returns := returned(h)
	s := Summary{
		Duration:   end(h),
		Operations: len(h.Operations),
		Kinds:      kindCounts(h.Operations),
		Keys:       len(Partition(h)),
		LongestGap: longestGap(h, returns),
		Faults:     faultCounts(h.Faults),
		Heals:      heals(h, returns),
		Leaders:    leaderships(h),
		Versions:   versions(h),
	}
	for _, kind := range s.Kinds {
		s.OK += kind.OK
	}
	if load, reached := phase(h, PhaseLoad); reached {
		s.Load = Measure(h, load.from, load.to, slice)
	}
	return s
}

func kindCounts(ops []history.Operation) []KindCount {
	var counts []KindCount
	for _, op := range ops {
		i := slices.IndexFunc(counts, func(c KindCount) bool { return c.Kind == op.Kind })
		if i < 0 {
			i = len(counts)
			counts = append(counts, KindCount{Kind: op.Kind})
		}
		switch op.Outcome {
		case history.OutcomeOK:
			counts[i].OK++
		case history.OutcomeFail:
			counts[i].Fail++
		default:
			counts[i].Info++
		}
	}
	slices.SortFunc(counts, func(a, b KindCount) int { return cmp.Compare(a.Kind, b.Kind) })
	return counts
}

func faultCounts(faults []history.Fault) []FaultCount {
	var counts []FaultCount
	for _, f := range faults {
		i := slices.IndexFunc(counts, func(c FaultCount) bool { return c.Kind == f.Kind })
		if i < 0 {
			i = len(counts)
			counts = append(counts, FaultCount{Kind: f.Kind})
		}
		if f.Start > 0 || f.Stage != history.StageFailed {
			counts[i].Injected++
		}
		if f.Bit() {
			counts[i].Proven++
		}
	}
	slices.SortFunc(counts, func(a, b FaultCount) int { return cmp.Compare(a.Kind, b.Kind) })
	return counts
}

// heals lists what followed each heal, in the order of the heals.
func heals(h *history.History, returns []history.Operation) []Heal {
	var list []Heal
	count := clients(h)
	for _, f := range h.Faults {
		if f.Stop == 0 {
			continue
		}
		heal := Heal{Fault: f.ID, At: f.Stop}
		heal.After, heal.Available = availableAfter(returns, f.Stop, count)
		if heal.Heard = f.Heard >= f.Stop; heal.Heard {
			heal.Transport = f.Heard - f.Stop
			heal.Protocol = max(heal.After-heal.Transport, 0)
		}
		wait := span{f.Stop, end(h)}
		if heal.Available {
			wait.to = f.Stop + heal.After
		}
		for _, other := range h.Faults {
			force, was := inForce(h, other)
			if was && other.ID != f.ID && wait.intersect(force).length() > 0 {
				heal.Interrupted = true
			}
		}
		list = append(list, heal)
	}
	slices.SortStableFunc(list, func(a, b Heal) int { return cmp.Compare(a.At, b.At) })
	return list
}

func leaderships(h *history.History) []Leadership {
	var list []Leadership
	seen := make(map[Leadership]bool)
	for _, claim := range claims(h) {
		id := Leadership{Term: claim.Term, Node: claim.Node}
		if !seen[id] {
			seen[id] = true
			list = append(list, Leadership{Term: claim.Term, Node: claim.Node, At: claim.At})
		}
	}
	slices.SortStableFunc(list, func(a, b Leadership) int { return cmp.Compare(a.Term, b.Term) })
	return list
}
