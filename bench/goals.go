package main

import (
	"fmt"
	"strings"
	"time"
)

// goal is one line of what raftd is to reach.
type goal struct {
	figure string
	want   string
	found  string
	met    bool
}

// goals compares what was measured with what is wanted, as far as it was measured.
func (r *results) goals() []goal {
	var goals []goal
	ratio := func(l load, clients int, what string, by func(sample) float64, least, most float64) {
		for _, f := range r.closed {
			if f.load != l || f.clients != clients {
				continue
			}
			found := f.ratio(by)
			g := goal{figure: fmt.Sprintf("%s of %s, %d clients", what, l.name, clients),
				found: found.String() + " ×", want: fmt.Sprintf("≥ %.3g × etcd's", least),
				met: found.middle >= least}
			if most > 0 {
				g.want, g.met = fmt.Sprintf("≤ %.3g × etcd's", most), found.middle <= most
			}
			goals = append(goals, g)
		}
	}
	ratio(loads[0], 1, "rate", perSecond, 2, 0)
	ratio(loads[0], 64, "rate", perSecond, 3, 0)
	ratio(loads[0], 256, "rate", perSecond, 3, 0)
	ratio(loads[1], 64, "rate", perSecond, 2, 0)
	ratio(loads[1], 256, "rate", perSecond, 2, 0)
	ratio(loads[0], 64, "server CPU", serverMicros, 0, 1.0/3)
	ratio(loads[1], 64, "server CPU", serverMicros, 0, 1.0/3)
	for _, f := range r.open {
		found := f.ratio(p99Millis)
		goals = append(goals, goal{
			figure: fmt.Sprintf("p99 of %s at %.0f/s, open loop", f.load.name, f.rate),
			want:   "≤ 1 × etcd's", found: found.String() + " ×", met: found.middle <= 1,
		})
	}
	goals = append(goals, r.failoverGoals()...)
	return append(goals, r.millionGoals()...)
}

func (r *results) failoverGoals() []goal {
	if len(r.failovers) == 0 {
		return nil
	}
	raftd, etcd := &r.failovers[0], &r.failovers[1]
	one := func(name string, found, other []time.Duration, most float64) goal {
		return goal{
			figure: "failover, " + name,
			want:   fmt.Sprintf("median ≤ %.0f ms", most),
			found:  fmt.Sprintf("%v ms; etcd %v ms", millisOf(found), millisOf(other)),
			met:    millisOf(found).middle <= most,
		}
	}
	return []goal{
		one("prober", raftd.prober, etcd.prober, 600),
		one("closed-loop client", raftd.loop, etcd.loop, 700),
	}
}

func (r *results) millionGoals() []goal {
	m := r.million
	if m == nil {
		return nil
	}
	const most, longest, soon = 400e6, 50 * time.Millisecond, 3 * time.Second
	during, without := worst(m.during), worst(m.without)
	return []goal{
		{"memory of a node", "≤ 400 MB", fmt.Sprintf("%d MB", m.memory/1e6), m.memory <= most},
		{"longest wait during a snapshot", "≤ 50 ms",
			fmt.Sprintf("%v; without one %v; the machine itself %v and %v", millis(during.client),
				millis(without.client), millis(during.machine), millis(without.machine)),
			during.client <= longest},
		{"restart to serving", "≤ 3 s", m.restart.Round(time.Millisecond).String(), m.restart <= soon},
	}
}

// worst returns the longest of each kind.
func worst(stalls []stall) (w stall) {
	for _, s := range stalls {
		w.client, w.machine = max(w.client, s.client), max(w.machine, s.machine)
		w.snapshot = max(w.snapshot, s.snapshot)
	}
	return w
}

func millis(d time.Duration) time.Duration { return d.Round(time.Millisecond / 10) }

func (r *results) writeGoals(b *strings.Builder) {
	goals := r.goals()
	if len(goals) == 0 {
		return
	}
	b.WriteString("## Goals\n\n")
	row(b, "figure", "goal", "found", "")
	row(b, "---", "---", "---", "---")
	for _, g := range goals {
		verdict := "**missed**"
		if g.met {
			verdict = "met"
		}
		row(b, g.figure, g.want, g.found, verdict)
	}
	b.WriteByte('\n')
}
