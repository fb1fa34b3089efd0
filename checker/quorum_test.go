package checker

import (
	"slices"
	"testing"
	"time"

	"gauntlet/history"
)

// cuts lists directed links, written "n1n2", of a fault.
func cuts(mode history.CutMode, rate, size int, links ...string) []history.Cut {
	var list []history.Cut
	for _, l := range links {
		list = append(list, history.Cut{From: l[:2], To: l[2:], Mode: mode, Rate: rate, Size: size})
	}
	return list
}

// deafened is a fault that cuts nodes off from their clients.
func deafened(nodes ...string) history.Fault {
	f := history.Fault{Kind: "client-cut", Hosts: nodes}
	for _, node := range nodes {
		f.Cuts = append(f.Cuts,
			history.Cut{From: history.Clients, To: node, Mode: history.CutPackets})
	}
	return f
}

// remade is a fault of another kind on the same links.
func remade(f history.Fault, kind string, change func(*history.Cut)) history.Fault {
	f.Kind, f.Cuts = kind, slices.Clone(f.Cuts)
	for i := range f.Cuts {
		if change != nil {
			change(&f.Cuts[i])
		}
	}
	return f
}

// Goal: availability is expected exactly where the nodes that are up fall into sides, and a
// majority that clients reach is one of them. What only loses some packets, or is late, or comes
// twice, neither cuts a node off nor stops it. Method: faults on five nodes, alone and together.
func TestMajority(t *testing.T) {
	nodes := []string{"n1", "n2", "n3", "n4", "n5"}
	h := &history.History{Header: history.Header{Nodes: nodes}}
	one, two, three := *isolate(h, 0, 1, "n1"), *isolate(h, 0, 1, "n2", "n3"),
		*isolate(h, 0, 1, "n1", "n2", "n3")
	paused := history.Fault{Kind: "pause", Hosts: []string{"n5"}}
	partition := func(mode history.CutMode, rate, size int, links ...string) history.Fault {
		return history.Fault{Kind: "partition", Hosts: []string{"n1"},
			Cuts: cuts(mode, rate, size, links...)}
	}
	lossy := remade(one, "loss", func(c *history.Cut) { c.Rate = 300 })
	rejected := func(c *history.Cut) { c.Mode = history.CutReject }
	for _, test := range []struct {
		name   string
		faults []history.Fault
		want   bool
	}{
		{"none", nil, true},
		{"one isolated", []history.Fault{one}, true},
		{"one isolated by resets", []history.Fault{remade(one, "partition", rejected)}, true},
		{"two of five", []history.Fault{two}, true},
		{"the majority side of three", []history.Fault{three}, true},
		{"one and another two", []history.Fault{one, two}, false},
		{"one paused", []history.Fault{paused}, true},
		{"two isolated, one paused", []history.Fault{two, paused}, false},
		{"one isolated, one paused", []history.Fault{one, paused}, true},
		{"one way", []history.Fault{partition("", 0, 0, "n2n1", "n3n1")}, false},
		{"one way by resets", []history.Fault{partition(history.CutReject, 0, 0, "n2n1")}, false},
		{"one way to a paused node", []history.Fault{paused, partition("", 0, 0, "n1n5")}, true},
		{"one pair apart", []history.Fault{partition("", 0, 0, "n1n2", "n2n1")}, false},
		{"lossy around one", []history.Fault{lossy}, false},
		{"all is lost around one", []history.Fault{
			remade(one, "loss", func(c *history.Cut) { c.Rate = 1000 })}, true},
		{"an old history's loss", []history.Fault{remade(one, "loss", nil)}, false},
		{"lossy and isolated", []history.Fault{lossy, one}, true},
		{"isolated and lossy", []history.Fault{one, lossy}, true},
		{"large packets one way", []history.Fault{{Kind: "mtu", Hosts: []string{"n1"},
			Cuts: cuts(history.CutPackets, 0, 1400, "n1n2")}}, false},
		{"a partition of large packets", []history.Fault{
			remade(one, "partition", func(c *history.Cut) { c.Size = 1400 })}, false},
		{"a partition of some packets", []history.Fault{
			remade(one, "partition", func(c *history.Cut) { c.Rate = 999 })}, false},
		{"late around one", []history.Fault{remade(one, "delay", nil)}, false},
		{"in disorder around one", []history.Fault{remade(one, "reorder", nil)}, false},
		{"twice between all", []history.Fault{remade(one, "duplicate", nil),
			remade(two, "duplicate", nil)}, true},
		{"clogged around one", []history.Fault{remade(one, "clog", nil)}, true},
		{"clogged around three of five", []history.Fault{remade(one, "clog", nil),
			remade(two, "clog", nil)}, false},
		{"what is not known", []history.Fault{remade(one, "gremlins", nil)}, false},
		{"a slow disk", []history.Fault{{Kind: "disk-slow", Hosts: []string{"n1"}}}, false},
		{"a slow disk of a paused node", []history.Fault{paused,
			{Kind: "disk-slow", Hosts: []string{"n5"}}}, true},
		{"a clock that runs fast", []history.Fault{{Kind: "clock-rate", Hosts: []string{"n1"}}}, true},
		{"one without clients", []history.Fault{deafened("n1")}, true},
		{"three without clients", []history.Fault{deafened("n1", "n2", "n3")}, true},
		{"a majority without clients", []history.Fault{deafened("n1", "n4", "n5"), two}, false},
		{"a majority with one's clients", []history.Fault{deafened("n1", "n4"), two}, true},
		{"all without clients", []history.Fault{deafened(nodes...)}, false},
	} {
		if got := majority(nodes, test.faults); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	if majority(nodes[:4], []history.Fault{two}) {
		t.Error("half of four is no majority")
	}
}

// Goal: a fault that is doubtful for part of the time takes that time away, and no more. Method: a
// lossy second in a run of ten.
func TestQuorateAround(t *testing.T) {
	h := &history.History{Header: history.Header{Nodes: []string{"n1", "n2", "n3"}},
		Phases: []history.Phase{{Name: "end", At: 10 * time.Second}},
		Faults: []history.Fault{{ID: 1, Kind: "loss", Stage: history.StageHealed,
			Start: 4 * time.Second, Stop: 5 * time.Second, Hosts: []string{"n1"},
			Cuts: cuts(history.CutPackets, 300, 0, "n1n2")}}}
	want := []span{{0, 4 * time.Second}, {5 * time.Second, 10 * time.Second}}
	if got := quorate(h); !slices.Equal(got, want) {
		t.Errorf("quorate in %v, want %v", got, want)
	}
}
