package checker

import (
	"slices"
	"time"

	"gauntlet/history"
)

// NodeVersion is a build that a node said it is, from then on until its next one.
type NodeVersion struct {
	Node    string        `json:"node"`
	Version string        `json:"version"`
	At      time.Duration `json:"at"` // when it was first heard
}

// versions lists what each node said it is, in the history's order of nodes, then of time. Nodes
// that never said it are left out.
func versions(h *history.History) []NodeVersion {
	nodes := slices.Clone(h.Header.Nodes)
	said := make(map[string][]NodeVersion)
	for _, o := range h.Observations {
		list := said[o.Node]
		if o.Version == "" || len(list) > 0 && list[len(list)-1].Version == o.Version {
			continue
		}
		if !slices.Contains(nodes, o.Node) {
			nodes = append(nodes, o.Node)
		}
		said[o.Node] = append(list, NodeVersion{Node: o.Node, Version: o.Version, At: o.At})
	}
	var all []NodeVersion
	for _, node := range nodes {
		all = append(all, said[node]...)
	}
	return all
}
