package checker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gauntlet/history"
)

// Goal: every node's builds are told in order, each once; silence and repetition add nothing.
// Method: a history in which one node changes there and back, one never does, and one never says.
func TestVersionsOfNodes(t *testing.T) {
	at := func(node, version string, seconds int) history.Observation {
		return history.Observation{Node: node, Version: version, Source: "status",
			At: time.Duration(seconds) * time.Second}
	}
	h := &history.History{
		Header: history.Header{Nodes: []string{"n1", "n2", "n3"}},
		Observations: []history.Observation{
			at("n2", "old", 1), at("n1", "old", 2), at("n1", "", 3), at("n1", "old", 4),
			at("n1", "new", 5), at("n3", "", 6), at("n2", "old", 7), at("n1", "old", 8),
		},
	}
	want := []NodeVersion{
		{"n1", "old", 2 * time.Second}, {"n1", "new", 5 * time.Second}, {"n1", "old", 8 * time.Second},
		{"n2", "old", time.Second},
	}
	if diff := cmp.Diff(want, Summarise(h).Versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
}
