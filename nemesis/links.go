package nemesis

import (
	"slices"

	"gauntlet/chance"
	"gauntlet/history"
)

// A side is the hosts on one side of a cut.
type side func(v View, e Event, s *chance.Stream) ([]string, error)

func leader(v View, _ Event, _ *chance.Stream) ([]string, error) {
	return []string{v.Leader}, nil
}

// one avoids stopped hosts: cutting off a silent one would prove nothing.
func one(role Role) side {
	return func(v View, _ Event, s *chance.Stream) ([]string, error) { return pick(role, v, s) }
}

func minority(v View, _ Event, s *chance.Stream) ([]string, error) {
	return sample(v.Nodes, spare(len(v.Nodes)), s), nil
}

func leaderMinority(v View, _ Event, s *chance.Stream) ([]string, error) {
	others := without(v.Nodes, []string{v.Leader})
	return append(sample(others, spare(len(v.Nodes))-1, s), v.Leader), nil
}

func half(v View, _ Event, s *chance.Stream) ([]string, error) {
	return sample(v.Nodes, len(v.Nodes)/2, s), nil
}

func anySite(v View, e Event, s *chance.Stream) ([]string, error) {
	return hostsAt(v, e.Sites[s.Intn(len(e.Sites))]), nil
}

func leaderSite(v View, e Event, _ *chance.Stream) ([]string, error) {
	number := slices.Index(v.Nodes, v.Leader) + 1
	at := slices.IndexFunc(e.Sites, func(site []int) bool { return slices.Contains(site, number) })
	return hostsAt(v, e.Sites[at]), nil
}

func hostsAt(v View, site []int) []string {
	hosts := make([]string, len(site))
	for i, number := range site {
		hosts[i] = v.Nodes[number-1]
	}
	return hosts
}

// A way is which directions of the links between a host inside and one outside are struck.
type way func(in, out string) []history.Cut

func bothWays(in, out string) []history.Cut {
	return []history.Cut{
		{From: out, To: in, Mode: history.CutPackets},
		{From: in, To: out, Mode: history.CutPackets},
	}
}

func inward(in, out string) []history.Cut {
	return []history.Cut{{From: out, To: in, Mode: history.CutPayload}}
}

func outward(in, out string) []history.Cut { return inward(out, in) }

// sever strikes the links between a side and the rest.
func sever(side side, way way) links {
	return func(v View, e Event, s *chance.Stream) ([]string, []history.Cut, error) {
		inside, err := side(v, e, s)
		if err != nil {
			return nil, nil, err
		}
		var cuts []history.Cut
		for _, in := range inside {
			for _, out := range without(v.Nodes, inside) {
				cuts = append(cuts, way(in, out)...)
			}
		}
		return inside, cuts, nil
	}
}

// onePair strikes the link from one running host to another.
func onePair(v View, _ Event, s *chance.Stream) ([]string, []history.Cut, error) {
	running := without(v.Nodes, v.Stopped)
	if len(running) < 2 {
		return nil, nil, ErrNoHost
	}
	pair := shuffled(running, s)[:2]
	return pair, inward(pair[0], pair[1]), nil
}

// arrange puts all hosts into an order that chance decides, and strikes the links between two
// places, i < j, that do not see each other. about says whom of the order the shape is about.
func arrange(about func(order []string) []string, sees func(i, j, n int) bool) links {
	return func(v View, _ Event, s *chance.Stream) ([]string, []history.Cut, error) {
		order := shuffled(v.Nodes, s)
		var cuts []history.Cut
		for i, in := range order {
			for j := i + 1; j < len(order); j++ {
				if !sees(i, j, len(order)) {
					cuts = append(cuts, bothWays(in, order[j])...)
				}
			}
		}
		return about(order), cuts, nil
	}
}

func everyone(order []string) []string { return order }

func first(order []string) []string { return order[:1] }

// inRing lets each host see the fewest nearest ones on either side that make a majority with it.
func inRing(i, j, n int) bool {
	reach := (n/2 + 1) / 2
	return j-i <= reach || n-(j-i) <= reach
}

// overBridge puts the hosts after the first on two sides, the larger one last.
func overBridge(i, j, n int) bool {
	last := (n - 1) / 2 // of the smaller side
	return i == 0 || (i <= last) == (j <= last)
}

func inChain(i, j, _ int) bool { return j-i == 1 }

func toHub(i, _, _ int) bool { return i == 0 }

func never(_, _, _ int) bool { return false }

// sample returns n of the hosts, in the hosts' order.
func sample(hosts []string, n int, s *chance.Stream) []string {
	chosen := shuffled(hosts, s)[:n]
	return without(hosts, without(hosts, chosen))
}

func shuffled(hosts []string, s *chance.Stream) []string {
	order := slices.Clone(hosts)
	s.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}

// without returns the hosts that are not among those, in order.
func without(hosts, those []string) []string {
	var rest []string
	for _, h := range hosts {
		if !slices.Contains(those, h) {
			rest = append(rest, h)
		}
	}
	return rest
}
