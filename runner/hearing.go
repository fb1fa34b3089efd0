package runner

import (
	"time"

	"gauntlet/history"
)

// hearing is how the struck nodes of a healed fault come to hear of others again. Struck are the
// nodes at the receiving end of a cut link; what clients send does not count.
//
// A node has heard once an answer of its own shows what it cannot have come to by itself since its
// last answer before the heal: a higher commit index, a leader that it did not know in that term,
// or that it follows in a higher term. A candidate that merely counts its own term up has heard
// nothing. An answer that was given while the hosts were still being healed counts as one at the
// heal. A node shows no more than that it hears of somebody: if some of its links were never cut,
// it may have heard along those.
type hearing struct {
	before map[string]history.Observation // of each struck node that has not heard yet
	last   time.Duration                  // when the last of the others had
}

// listen begins with what the nodes said right before the heal.
func listen(healed history.Fault, before map[string]history.Observation) *hearing {
	h := &hearing{before: map[string]history.Observation{}}
	for _, cut := range healed.Cuts {
		if cut.From != history.Clients {
			h.before[cut.To] = before[cut.To]
			h.last = healed.Stop
		}
	}
	return h
}

// note takes in the latest answers.
func (h *hearing) note(latest map[string]history.Observation) {
	for node, was := range h.before {
		if now := latest[node]; hasHeard(was, now) {
			h.last = max(h.last, now.At)
			delete(h.before, node)
		}
	}
}

func hasHeard(was, now history.Observation) bool {
	return now.Commit > was.Commit ||
		now.Leader != "" && (now.Leader != was.Leader || now.Term > was.Term) ||
		now.Role == history.RoleFollower && now.Term > was.Term
}

// heard is when all struck nodes had heard something; 0: that was not seen, or nothing was cut. Who
// has caught up has heard: it is never later than that, where that was seen.
func (h *hearing) heard(resumed time.Duration) time.Duration {
	switch {
	case h.last == 0:
		return 0
	case len(h.before) == 0 && resumed > 0:
		return min(h.last, resumed)
	case len(h.before) == 0:
		return h.last
	}
	return resumed
}
