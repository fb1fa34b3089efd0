package nemesis

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gauntlet/history"
)

// needs is the fewest nodes on which each shape means something, written down once more.
var needs = map[Shape]int{
	ShapeIsolateOne: 2, ShapeIsolateLeader: 2, ShapeIsolateFollower: 2, ShapeMajorityMinority: 3,
	ShapeHalves: 2, ShapeSite: 2, ShapeLeaderSite: 2, ShapeMajoritiesRing: 4, ShapeBridge: 3,
	ShapeChain: 3, ShapeStar: 3, ShapeAll: 2, ShapeOneWayIn: 2, ShapeOneWayInLeader: 2,
	ShapeOneWayOut: 2, ShapeOneWayOutLeader: 2, ShapeOneWayPair: 2, ShapeLeaderMinority: 3,
	ShapeCut: 2, ShapeOnly: 2,
}

// sitesOf puts n nodes on three sites, or on two if there are no more nodes.
func sitesOf(n int) [][]int {
	sites := make([][]int, min(3, n))
	for node := 1; node <= n; node++ {
		sites[node%len(sites)] = append(sites[node%len(sites)], node)
	}
	return sites
}

// Goal: every shape strikes what its name says, on every size of cluster that it needs, whoever
// leads. Method: all of them, over a few seeds, against a statement of each shape as a graph that
// shares no code with the table.
func TestShapes(t *testing.T) {
	if len(shapes) != len(needs) {
		t.Errorf("%d shapes, of which the test knows %d", len(shapes), len(needs))
	}
	for size := 1; size <= 9; size++ {
		for _, row := range shapes {
			odd := row.shape == ShapeHalves && size%2 != 0
			err := row.shape.Valid(size, sitesOf(size))
			if possible := size >= needs[row.shape] && !odd; possible != (err == nil) {
				t.Errorf("%s of %d: possible %v, error %v", row.shape, size, possible, err)
			}
			if err != nil || row.named { // those have a test of their own
				continue
			}
			for _, leader := range hosts(size) {
				for seed := range uint64(5) {
					view := View{Nodes: hosts(size), Leader: leader}
					e := Event{ID: 3, Kind: KindPartition, Shape: row.shape, Stream: seed,
						Sites: sitesOf(size)}
					a, err := Bind(e, view, seed)
					if err != nil {
						t.Fatalf("%s of %d: %v", row.shape, size, err)
					}
					checkShape(t, a, view)
				}
			}
		}
	}
}

// graph is who still hears whom under a fault.
type graph struct {
	Action
	nodes []string
	cut   map[[2]string]bool // from, to
}

func (g graph) inside(h string) bool { return slices.Contains(g.Hosts, h) }

// hears reports whether what from sends arrives at to.
func (g graph) hears(from, to string) bool { return !g.cut[[2]string{from, to}] }

// seen lists the hosts that h sees: all that it exchanges messages with both ways, and itself.
func (g graph) seen(h string) []string {
	var seen []string
	for _, other := range g.nodes {
		if g.hears(h, other) && g.hears(other, h) {
			seen = append(seen, other)
		}
	}
	return seen
}

// sizes counts how many hosts see so many.
func (g graph) sizes() map[int]int {
	sizes := map[int]int{}
	for _, h := range g.nodes {
		sizes[len(g.seen(h))]++
	}
	return sizes
}

// connected reports whether every host is reached over others.
func (g graph) connected() bool {
	reached := []string{g.nodes[0]}
	for i := 0; i < len(reached); i++ {
		for _, next := range g.seen(reached[i]) {
			if !slices.Contains(reached, next) {
				reached = append(reached, next)
			}
		}
	}
	return len(reached) == len(g.nodes)
}

// apart reports whether exactly the links between the hosts inside and the others are struck: into
// them, out of them, or both.
func (g graph) apart(into, outOf bool) bool {
	for _, from := range g.nodes {
		for _, to := range g.nodes {
			want := into && !g.inside(from) && g.inside(to) ||
				outOf && g.inside(from) && !g.inside(to)
			if g.hears(from, to) == want {
				return false
			}
		}
	}
	return true
}

func checkShape(t *testing.T, a Action, v View) {
	t.Helper()
	g := graph{a, v.Nodes, map[[2]string]bool{}}
	mode := history.CutPackets
	if strings.HasPrefix(string(a.Event.Shape), "one-way") {
		mode = history.CutPayload
	}
	ok := len(a.Cuts) > 0 && len(a.Hosts) > 0 && a.Leader == v.Leader
	for _, c := range a.Cuts {
		link := [2]string{c.From, c.To}
		ok = ok && c.From != c.To && !g.cut[link] && c.Mode == mode &&
			slices.Contains(v.Nodes, c.From) && slices.Contains(v.Nodes, c.To)
		g.cut[link] = true
	}
	for _, c := range a.Cuts { // both ways, but for the shapes that are one-way
		ok = ok && (mode == history.CutPackets) == g.cut[[2]string{c.To, c.From}]
	}
	if !ok || !definitions[a.Event.Shape](g, len(v.Nodes)) {
		t.Errorf("%s of %v: hosts %v, cuts %v", a.Event.Shape, v, a.Hosts, a.Cuts)
	}
}

// definitions says what each shape is, of a cluster of n.
var definitions = map[Shape]func(g graph, n int) bool{
	ShapeIsolateOne: func(g graph, n int) bool { return len(g.Hosts) == 1 && g.apart(true, true) },
	ShapeIsolateLeader: func(g graph, n int) bool {
		return len(g.Hosts) == 1 && g.inside(g.Leader) && g.apart(true, true)
	},
	ShapeIsolateFollower: func(g graph, n int) bool {
		return len(g.Hosts) == 1 && !g.inside(g.Leader) && g.apart(true, true)
	},
	ShapeMajorityMinority: func(g graph, n int) bool {
		rest := n - len(g.Hosts)
		return 2*rest > n && 2*(rest-1) <= n && g.apart(true, true)
	},
	ShapeLeaderMinority: func(g graph, n int) bool {
		rest := n - len(g.Hosts)
		return 2*rest > n && 2*(rest-1) <= n && g.inside(g.Leader) && g.apart(true, true)
	},
	ShapeHalves: func(g graph, n int) bool { return 2*len(g.Hosts) == n && g.apart(true, true) },
	ShapeSite:   aSite,
	ShapeLeaderSite: func(g graph, n int) bool {
		return g.inside(g.Leader) && aSite(g, n)
	},
	ShapeMajoritiesRing: func(g graph, n int) bool {
		views := map[string]bool{}
		for _, h := range g.nodes {
			views[strings.Join(g.seen(h), " ")] = true
			if 2*len(g.seen(h)) <= n {
				return false
			}
		}
		return len(views) == n && len(g.Hosts) == n
	},
	ShapeBridge: func(g graph, n int) bool {
		low, high := (n-1)/2, n/2
		want := map[int]int{n: 1}
		want[low+1] += low
		want[high+1] += high
		return len(g.Hosts) == 1 && len(g.seen(g.Hosts[0])) == n && same(g.sizes(), want)
	},
	ShapeChain: func(g graph, n int) bool {
		ends := len(g.seen(g.Hosts[0])) == 2 && len(g.seen(g.Hosts[n-1])) == 2
		return ends && g.connected() && same(g.sizes(), map[int]int{2: 2, 3: n - 2})
	},
	ShapeStar: func(g graph, n int) bool {
		hub := len(g.Hosts) == 1 && len(g.seen(g.Hosts[0])) == n
		return hub && same(g.sizes(), map[int]int{n: 1, 2: n - 1})
	},
	ShapeAll:      func(g graph, n int) bool { return same(g.sizes(), map[int]int{1: n}) },
	ShapeOneWayIn: func(g graph, n int) bool { return len(g.Hosts) == 1 && g.apart(true, false) },
	ShapeOneWayInLeader: func(g graph, n int) bool {
		return len(g.Hosts) == 1 && g.inside(g.Leader) && g.apart(true, false)
	},
	ShapeOneWayOut: func(g graph, n int) bool { return len(g.Hosts) == 1 && g.apart(false, true) },
	ShapeOneWayOutLeader: func(g graph, n int) bool {
		return len(g.Hosts) == 1 && g.inside(g.Leader) && g.apart(false, true)
	},
	ShapeOneWayPair: func(g graph, n int) bool {
		return len(g.Cuts) == 1 && g.inside(g.Cuts[0].From) && g.inside(g.Cuts[0].To)
	},
}

func aSite(g graph, n int) bool {
	return g.apart(true, true) && slices.ContainsFunc(sitesOf(n), func(site []int) bool {
		var at []string
		for _, number := range site {
			at = append(at, hosts(n)[number-1])
		}
		return slices.Equal(at, g.Hosts)
	})
}

func same(a, b map[int]int) bool {
	for key, count := range a {
		if b[key] != count {
			return false
		}
	}
	return len(a) == len(b)
}

// Goal: where nodes stand is complete and without contradiction. Method: one broken rule each.
func TestSitesRefused(t *testing.T) {
	for _, c := range []struct {
		sites [][]int
		want  string
	}{
		{nil, "at least 2, not 0"},
		{[][]int{{1, 2, 3}}, "at least 2, not 1"},
		{[][]int{{1, 2, 3}, {}}, "site 2 has no node"},
		{[][]int{{1, 2}, {3, 4}}, "site 2: no node 4 among 1 to 3"},
		{[][]int{{0, 1, 2}, {3}}, "site 1: no node 0 among 1 to 3"},
		{[][]int{{1}, {3}}, "node 2 must stand at 1 site, not 0"},
		{[][]int{{1, 2}, {2, 3}}, "node 2 must stand at 1 site, not 2"},
	} {
		for _, shape := range []Shape{ShapeSite, ShapeLeaderSite} {
			err := shape.Valid(3, c.sites)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s at %v: error %v, want %q", shape, c.sites, err, c.want)
			}
		}
	}
}

// Goal: a one-way cut of a pair never proves nothing: both of them run.
func TestPairRuns(t *testing.T) {
	e := Event{ID: 1, Kind: KindPartition, Shape: ShapeOneWayPair}
	for stream := range uint64(50) {
		e.Stream = stream
		a, err := Bind(e, View{Nodes: hosts(4), Stopped: []string{"n1", "n3"}}, 1)
		if err != nil || slices.Contains(a.Hosts, "n1") || slices.Contains(a.Hosts, "n3") {
			t.Errorf("hosts %v, %v", a.Hosts, err)
		}
	}
	_, err := Bind(e, View{Nodes: hosts(3), Stopped: []string{"n1", "n3"}}, 1)
	if !errors.Is(err, ErrNoHost) {
		t.Errorf("error %v, want ErrNoHost", err)
	}
}
