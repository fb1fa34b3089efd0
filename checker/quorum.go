package checker

import (
	"maps"
	"slices"
	"time"

	"gauntlet/history"
)

// bond is what faults leave of a link in one direction.
type bond int

const (
	whole    bond = iota
	doubtful      // something of it arrives, or arrives late
	severed
)

// bondOf is what a cut of a fault of this kind leaves. Which packets are lost, and whether the
// sender is told by a reset, makes no difference: no message arrives.
//
// Old histories do not say how much was lost: the kind alone says that it was not everything. A
// kind that is not known may do anything.
func bondOf(kind string, c history.Cut) bond {
	switch {
	case kind == "duplicate":
		return whole
	case c.Size > 0, c.Rate > 0 && c.Rate < 1000:
		return doubtful
	case kind == "partition", kind == "client-cut", kind == "clog", c.Rate >= 1000:
		return severed
	}
	return doubtful
}

// standing is what faults leave of the nodes and of the links between them.
type standing struct {
	down  map[string]bool // no process runs
	slow  map[string]bool // one runs, but nobody knows how well
	deaf  map[string]bool // nothing that clients send arrives
	links map[link]bond   // between nodes; the worst of all faults
}

type link struct{ from, to string }

func standingUnder(faults []history.Fault) standing {
	s := standing{down: map[string]bool{}, slow: map[string]bool{}, deaf: map[string]bool{},
		links: map[link]bond{}}
	for _, f := range faults {
		for _, c := range f.Cuts {
			is := bondOf(f.Kind, c)
			if c.From == history.Clients || c.To == history.Clients {
				node := c.To
				if c.To == history.Clients {
					node = c.From
				}
				s.deaf[node] = s.deaf[node] || is == severed
				continue
			}
			at := link{c.From, c.To}
			s.links[at] = max(s.links[at], is)
		}
		if len(f.Cuts) > 0 || f.Kind == "partition" || f.Kind == "snapshot" || f.Kind == "fill" {
			continue
		}
		for _, host := range f.Hosts {
			if f.Kind == "disk-slow" {
				s.slow[host] = true
			} else {
				s.down[host] = true
			}
		}
	}
	return s
}

// between tells whether two nodes see each other; clear is false if that hangs on who needs whom.
func (s standing) between(a, b string) (connected, clear bool) {
	forth, back := s.links[link{a, b}], s.links[link{b, a}]
	return forth == whole, forth == back && forth != doubtful
}

// side lists who of those that are up sees a node, itself included; clear is false if that is in
// doubt, or if some of them do not see each other.
func (s standing) side(of string, up []string) (side []string, clear bool) {
	for _, node := range up {
		if node == of {
			side = append(side, node)
			continue
		}
		connected, clear := s.between(of, node)
		if !clear {
			return nil, false
		}
		if connected {
			side = append(side, node)
		}
	}
	for i, a := range side {
		for _, b := range side[:i] {
			if connected, _ := s.between(a, b); !connected {
				return nil, false
			}
		}
	}
	return side, true
}

// votersIn lists who has a vote in a stretch of the run: whoever had one at the start, or after the
// last change of the members. It is not known while such a change is under way, nor while a leader
// hands over or nodes are restarted in turn.
func votersIn(h *history.History, s span, active []history.Fault) (voters []string, known bool) {
	for _, f := range active {
		switch f.Kind {
		case "add", "promote", "remove", "replace", "transfer", "restart":
			return nil, false
		}
	}
	voters = slices.DeleteFunc(slices.Clone(h.Header.Nodes), func(node string) bool {
		return slices.Contains(h.Header.Spares, node)
	})
	var since time.Duration
	for _, f := range h.Faults {
		if f.After != nil && f.Stop <= s.from && f.Stop >= since {
			voters, since = f.After.Voters, f.Stop
		}
	}
	return voters, true
}

// majority tells whether faults leave a clean majority of the nodes, as quorate describes.
func majority(nodes []string, faults []history.Fault) bool {
	s := standingUnder(faults)
	up := slices.DeleteFunc(slices.Clone(nodes), func(node string) bool { return s.down[node] })
	var found bool
	for _, node := range up {
		side, clear := s.side(node, up)
		if !clear || s.slow[node] {
			return false
		}
		reached := slices.ContainsFunc(side, func(node string) bool { return !s.deaf[node] })
		found = found || reached && len(side) > len(nodes)/2
	}
	return found
}

// quorate lists the stretches of the run in which Raft is expected to be available: the nodes that
// are up fall into sides, everything arrives within a side and nothing between two, and one side is
// a majority that clients reach. With a link that is one-way, or loses some of what it carries, or
// is late, with two nodes that see each other by way of a third alone, or with a slow disk,
// availability depends on options of the target (check quorum, pre-vote) and on figures that a
// checker does not know.
func quorate(h *history.History) []span {
	bounds := map[time.Duration]bool{0: true, end(h): true}
	for _, f := range h.Faults {
		if force, was := inForce(h, f); was {
			bounds[force.from], bounds[force.to] = true, true
		}
	}
	sorted := slices.Sorted(maps.Keys(bounds))
	var spans []span
	for i := range len(sorted) - 1 {
		piece := span{sorted[i], sorted[i+1]}
		var active []history.Fault
		for _, f := range h.Faults {
			force, was := inForce(h, f)
			if was && force.from <= piece.from && force.to >= piece.to {
				active = append(active, f)
			}
		}
		if voters, known := votersIn(h, piece, active); known && majority(voters, active) {
			spans = append(spans, piece)
		}
	}
	return spans
}
