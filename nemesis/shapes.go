package nemesis

import (
	"errors"
	"fmt"
	"slices"

	"gauntlet/chance"
	"gauntlet/history"
)

// The shapes of faults of links. Links that are struck one way lose payloads only: TCP's
// acknowledgements pass, so that the other way stays whole.
const (
	ShapeIsolateOne       Shape = "isolate-one"       // any host, from all others
	ShapeIsolateLeader    Shape = "isolate-leader"    // the leader, from all others
	ShapeIsolateFollower  Shape = "isolate-follower"  // any host but the leader, from all others
	ShapeMajorityMinority Shape = "majority-minority" // as many hosts as a quorum can spare
	ShapeHalves           Shape = "halves"            // neither side is a majority
	ShapeSite             Shape = "site"              // the hosts of one site, from all others
	ShapeLeaderSite       Shape = "leader-site"       // the hosts of the leader's site

	ShapeMajoritiesRing Shape = "majorities-ring" // each host sees a majority, no two see the same
	ShapeBridge         Shape = "bridge"          // two sides that only one host between them can see
	ShapeChain          Shape = "chain"           // each host sees its neighbours in a row
	ShapeStar           Shape = "star"            // one host sees all, and all see only it
	ShapeAll            Shape = "all"             // nobody sees anybody

	ShapeOneWayIn        Shape = "one-way-in"         // nothing arrives at any one host
	ShapeOneWayInLeader  Shape = "one-way-in-leader"  // nothing arrives at the leader
	ShapeOneWayOut       Shape = "one-way-out"        // nothing that any one host sends arrives
	ShapeOneWayOutLeader Shape = "one-way-out-leader" // nothing that the leader sends arrives
	ShapeOneWayPair      Shape = "one-way-pair"       // from one host to one other

	ShapeLeaderMinority Shape = "leader-minority" // the leader, with as many as a quorum can spare
	ShapeCut            Shape = "cut"             // the links that a timeline names
	ShapeOnly           Shape = "only"            // all links but those
)

// shapeRow is what one shape needs, and which links it strikes.
type shapeRow struct {
	shape  Shape
	nodes  int  // the fewest hosts on which it means anything
	even   bool // needs an even number of hosts
	leader bool // needs to know the leader
	sites  bool // needs to know where the hosts stand
	named  bool // needs a timeline's names of links
	links  links
}

// links says whom a shape is about: the smaller or named side, the hub, the bridge, the receiver
// and the sender of a pair; every host, in their order, where none is special. And which links it
// strikes.
type links func(v View, e Event, s *chance.Stream) ([]string, []history.Cut, error)

// shapes is the one list of what a fault of links can look like.
var shapes = []shapeRow{
	{shape: ShapeIsolateOne, nodes: 2, links: sever(one(RoleAny), bothWays)},
	{shape: ShapeIsolateLeader, nodes: 2, leader: true, links: sever(leader, bothWays)},
	{shape: ShapeIsolateFollower, nodes: 2, links: sever(one(RoleFollower), bothWays)},
	{shape: ShapeMajorityMinority, nodes: 3, links: sever(minority, bothWays)},
	{shape: ShapeHalves, nodes: 2, even: true, links: sever(half, bothWays)},
	{shape: ShapeSite, nodes: 2, sites: true, links: sever(anySite, bothWays)},
	{shape: ShapeLeaderSite, nodes: 2, sites: true, leader: true,
		links: sever(leaderSite, bothWays)},
	{shape: ShapeMajoritiesRing, nodes: 4, links: arrange(everyone, inRing)},
	{shape: ShapeBridge, nodes: 3, links: arrange(first, overBridge)},
	{shape: ShapeChain, nodes: 3, links: arrange(everyone, inChain)},
	{shape: ShapeStar, nodes: 3, links: arrange(first, toHub)},
	{shape: ShapeAll, nodes: 2, links: arrange(everyone, never)},
	{shape: ShapeOneWayIn, nodes: 2, links: sever(one(RoleAny), inward)},
	{shape: ShapeOneWayInLeader, nodes: 2, leader: true, links: sever(leader, inward)},
	{shape: ShapeOneWayOut, nodes: 2, links: sever(one(RoleAny), outward)},
	{shape: ShapeOneWayOutLeader, nodes: 2, leader: true, links: sever(leader, outward)},
	{shape: ShapeOneWayPair, nodes: 2, links: onePair},
	{shape: ShapeLeaderMinority, nodes: 3, leader: true, links: sever(leaderMinority, bothWays)},
	{shape: ShapeCut, nodes: 2, named: true, links: cutNamed(false)},
	{shape: ShapeOnly, nodes: 2, named: true, links: cutNamed(true)},
}

// Valid returns every reason why the shape is unknown or impossible on that many nodes that stand
// at those sites, joined.
func (s Shape) Valid(nodes int, sites [][]int) error {
	row, ok := s.row()
	switch {
	case !ok:
		return fmt.Errorf("unknown shape %q (one of %s)", string(s), shapeNames())
	case nodes < row.nodes:
		return fmt.Errorf("shape %s needs at least %d nodes, not %d", s, row.nodes, nodes)
	case row.even && nodes%2 != 0:
		return fmt.Errorf("shape %s needs an even number of nodes, not %d", s, nodes)
	case row.sites:
		return validSites(nodes, sites)
	}
	return nil
}

// validSites checks that each node stands at one of at least two sites.
func validSites(nodes int, sites [][]int) error {
	if len(sites) < 2 {
		return fmt.Errorf("sites must be at least 2, not %d", len(sites))
	}
	var errs []error
	stands := make([]int, nodes+1)
	for i, site := range sites {
		if len(site) == 0 {
			errs = append(errs, fmt.Errorf("site %d has no node", i+1))
		}
		for _, node := range site {
			if node < 1 || node > nodes {
				errs = append(errs, fmt.Errorf("site %d: no node %d among 1 to %d", i+1, node, nodes))
				continue
			}
			stands[node]++
		}
	}
	for node, times := range stands[1:] {
		if times != 1 {
			errs = append(errs, fmt.Errorf("node %d must stand at 1 site, not %d", node+1, times))
		}
	}
	return errors.Join(errs...)
}

// NeedsLeader reports whether the shape can be bound only while a leader is known.
func (s Shape) NeedsLeader() bool {
	row, _ := s.row()
	return row.leader
}

func (s Shape) row() (shapeRow, bool) {
	at := slices.IndexFunc(shapes, func(row shapeRow) bool { return row.shape == s })
	if at < 0 {
		return shapeRow{}, false
	}
	return shapes[at], true
}

func shapeNames() string {
	known := make([]Shape, len(shapes))
	for i, row := range shapes {
		known[i] = row.shape
	}
	return names(known)
}
