package checker

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"gauntlet/history"
)

// Goal: the model of leadership and the direct pass agree. Method: random claims of few terms
// and nodes.
func TestLeadersAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h history.History
		for range rapid.IntRange(1, 8).Draw(t, "n") {
			h.Observations = append(h.Observations, history.Observation{
				Term: rapid.Uint64Range(1, 4).Draw(t, "term"), Role: history.RoleLeader,
				Node: rapid.SampledFrom([]string{"n1", "n2"}).Draw(t, "node"),
				At:   time.Duration(rapid.IntRange(0, 9).Draw(t, "at")),
			})
		}
		leaders := make(map[uint64]string)
		want := Valid
		for _, o := range h.Observations {
			if known, led := leaders[o.Term]; led && known != o.Node {
				want = Invalid
			}
			leaders[o.Term] = o.Node
		}
		if got := LeaderPerTerm(&h); got.Verdict != want {
			t.Fatalf("%s, want %s: %s", got.Verdict, want, got.Reason)
		}
	})
}
