package nemesis

import (
	"fmt"
	"slices"
	"strings"

	"gauntlet/chance"
	"gauntlet/history"
)

// shapeRow is what one shape needs and whom it puts on the smaller side of the cut.
type shapeRow struct {
	shape  Shape
	nodes  int  // the fewest hosts on which it means anything
	even   bool // needs an even number of hosts
	leader bool // needs to know the leader
	oneWay bool // severs payloads from the rest into the side only, else packets both ways
	side   func(v View, s *chance.Stream) ([]string, error)
}

// shapes is the one list of what a partition can look like.
var shapes = []shapeRow{
	{shape: ShapeIsolateLeader, nodes: 2, leader: true, side: leaderAlone},
	{shape: ShapeIsolateFollower, nodes: 2, side: followerAlone},
	{shape: ShapeMajorityMinority, nodes: 3, side: minority},
	{shape: ShapeHalves, nodes: 2, even: true, side: half},
	{shape: ShapeOneWayInLeader, nodes: 2, leader: true, oneWay: true, side: leaderAlone},
}

// Valid says why the shape is unknown, or impossible on that many nodes.
func (s Shape) Valid(nodes int) error {
	row, ok := s.row()
	switch {
	case !ok:
		return fmt.Errorf("unknown shape %q (one of %s)", string(s), shapeNames())
	case nodes < row.nodes:
		return fmt.Errorf("shape %s needs at least %d nodes, not %d", s, row.nodes, nodes)
	case row.even && nodes%2 != 0:
		return fmt.Errorf("shape %s needs an even number of nodes, not %d", s, nodes)
	}
	return nil
}

// NeedsLeader reports whether the shape can be bound only while a leader is known.
func (s Shape) NeedsLeader() bool {
	row, _ := s.row()
	return row.leader
}

func (s Shape) row() (shapeRow, bool) {
	for _, row := range shapes {
		if row.shape == s {
			return row, true
		}
	}
	return shapeRow{}, false
}

func shapeNames() string {
	names := make([]string, len(shapes))
	for i, row := range shapes {
		names[i] = string(row.shape)
	}
	return strings.Join(names, ", ")
}

func leaderAlone(v View, _ *chance.Stream) ([]string, error) {
	return []string{v.Leader}, nil
}

// followerAlone avoids stopped hosts: cutting off a silent one would prove nothing.
func followerAlone(v View, s *chance.Stream) ([]string, error) {
	return pick(RoleFollower, v, s)
}

// minority is as many hosts as can be lost while a quorum remains, the leader among them or not.
func minority(v View, s *chance.Stream) ([]string, error) {
	return sample(v.Nodes, (len(v.Nodes)-1)/2, s), nil
}

func half(v View, s *chance.Stream) ([]string, error) {
	return sample(v.Nodes, len(v.Nodes)/2, s), nil
}

// sample returns n of the hosts, in the hosts' order.
func sample(hosts []string, n int, s *chance.Stream) []string {
	order := slices.Clone(hosts)
	s.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	chosen := order[:n]
	return without(hosts, without(hosts, chosen))
}

// sever lists the links cut between the side and the rest.
func sever(nodes, side []string, oneWay bool) []history.Cut {
	var cuts []history.Cut
	for _, in := range side {
		for _, out := range without(nodes, side) {
			if oneWay {
				cuts = append(cuts, history.Cut{From: out, To: in, Mode: history.CutPayload})
				continue
			}
			cuts = append(cuts,
				history.Cut{From: out, To: in, Mode: history.CutPackets},
				history.Cut{From: in, To: out, Mode: history.CutPackets})
		}
	}
	return cuts
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
