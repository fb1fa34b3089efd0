package main

import (
	"fmt"
	"strings"

	"gauntlet/checker/synth"
)

// cell is one history of the table.
type cell struct {
	Operations int
	Clients    int
	PerMille   int // of the writes and compare-and-sets are never answered
	Stale      bool
	CAS        bool
	Silent     bool
	Domain     int // 0: no value is written twice
	parse      bool
}

// legend explains the columns of a line.
const legend = `values   no value is written twice, or there are so many
         "failed cas silent": a compare-and-set that fails does not say what it found
history  operations, clients, share of the writes that are never answered, and whether one read
         near the end is stale
ours     seconds of one core, MB at the peak, the history included, and the engine that decided;
         of a violation with its counterexample
theirs   porcupine v1.3.1: the same, or the limit that it ran into

`

// spec is the history of the cell.
func (c cell) spec() synth.Spec {
	return synth.Spec{
		Clients: c.Clients, Operations: c.Operations, Domain: c.Domain, CAS: c.CAS,
		Silent: c.Silent, Pending: float64(c.PerMille) / 1000, Stale: c.Stale, Seed: 1,
	}
}

// String is the cell as the first columns of its line.
func (c cell) String() string {
	values := "unique"
	if c.Domain > 0 {
		values = fmt.Sprintf("%d", c.Domain)
	}
	kinds := "read, write"
	switch {
	case c.Silent:
		kinds = "failed cas silent"
	case c.CAS:
		kinds = "read, write, cas"
	}
	verdict := "valid"
	if c.Stale {
		verdict = "stale"
	}
	return fmt.Sprintf("%-6s  %-17s  %7d by %3d  %3.1f %%  %s",
		values, kinds, c.Operations, c.Clients, float64(c.PerMille)/10, verdict)
}

// implies reports whether who fails on c fails on the other, which is no easier in any way.
func (c cell) implies(other cell) bool {
	return c.CAS == other.CAS && c.Silent == other.Silent && c.Domain == other.Domain &&
		c.Operations <= other.Operations && c.Clients <= other.Clients &&
		c.PerMille <= other.PerMille && (other.Stale || !c.Stale)
}

// The goals, for reads and writes of unique values; compare-and-set may take twice the time.
const (
	goalSeconds100k = 0.1
	goalSeconds1M   = 1.0
	goalBytes       = 500 << 20
	goalSmallDomain = 1.0 // of ten clients
	goalStory       = 5.0 // ... with a counterexample, which has to be searched for
)

// goal is what the cell may take; 0 means that there is no bound.
func (c cell) goal() (seconds float64, bytes int64) {
	switch {
	case c.Silent || c.Domain > 0 && c.Clients > 10:
		return 0, 0
	case c.Domain > 0 && c.Stale:
		return goalStory, 0
	case c.Domain > 0:
		return goalSmallDomain, 0
	case c.Operations > 100_000:
		seconds = goalSeconds1M
	default:
		seconds = goalSeconds100k
	}
	if c.CAS {
		seconds *= 2
	}
	return seconds, goalBytes
}

// missed says which goal of the cell an outcome misses, if any.
func (c cell) missed(o outcome) string {
	var all []string
	seconds, bytes := c.goal()
	if o.Failed != "" {
		all = append(all, "not decided, "+o.Failed)
	} else if o.Valid == c.Stale {
		all = append(all, fmt.Sprintf("valid: %t", o.Valid))
	}
	if seconds > 0 && o.Seconds > seconds {
		all = append(all, fmt.Sprintf("more than %.1f s", seconds))
	}
	if bytes > 0 && o.Bytes > bytes {
		all = append(all, fmt.Sprintf("more than %d MB", bytes>>20))
	}
	return strings.Join(all, ", ")
}

// cells are all cells of up to so many operations, the easier ones before the harder.
func cells(most int) []cell {
	var all []cell
	add := func(lengths, clients, perMille []int, sort cell) {
		for _, c := range clients {
			for _, p := range perMille {
				for _, stale := range []bool{false, true} {
					for _, n := range lengths {
						one := sort
						one.Operations, one.Clients, one.PerMille, one.Stale = n, c, p, stale
						one.parse = c == 10 && p == 1 && !stale && sort.Domain == 0 && n >= 100_000
						if n <= most {
							all = append(all, one)
						}
					}
				}
			}
		}
	}
	long := []int{1_000, 10_000, 100_000, 1_000_000}
	hot, lost := []int{5, 10, 25, 50, 100}, []int{0, 1, 10}
	add(long, hot, lost, cell{})
	add(long, hot, lost, cell{CAS: true})
	add(long[:3], []int{10, 50}, []int{0, 10}, cell{CAS: true, Silent: true})
	add(long[:3], []int{5, 10}, lost, cell{Domain: 5})
	add(long[:3], []int{5, 10}, lost, cell{Domain: 5, CAS: true})
	add(long[:1], []int{25}, []int{0}, cell{Domain: 5, CAS: true})
	return all
}
