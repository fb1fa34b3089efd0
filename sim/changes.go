package sim

import (
	"slices"

	"gauntlet/raft"
)

// noticeCommitted follows the configurations that are committed, by whomever first.
func (w *World) noticeCommitted(e *raft.Entry) {
	if e.Kind != raft.EntryConfiguration {
		return
	}
	next, err := raft.DecodeConfiguration(e.Data)
	if err != nil {
		return // the watch says so
	}
	before := w.current
	w.current = next
	if next.Joint() {
		w.saw(jointCommitted)
	}
	if next.Joint() && len(lacks(next.Voters, next.Outgoing)) > 0 &&
		len(lacks(next.Outgoing, next.Voters)) > 0 {
		w.saw(nodeReplaced)
	}
	if !next.Joint() && len(lacks(next.Voters, before.Outgoing)) > 0 && before.Joint() {
		w.saw(learnerPromoted)
	}
}

// lacks returns whom of some members others lack.
func lacks(some, others []raft.Member) []raft.Member {
	return slices.DeleteFunc(slices.Clone(some), func(m raft.Member) bool {
		return slices.Contains(others, m)
	})
}

// noticeConfiguration looks at how a member's configuration changed, and under which one it leads
// or no longer does.
func (w *World) noticeConfiguration(m *member, was, is *raft.Status) {
	elected := is.Role == raft.Leader && was.Role != raft.Leader
	left := is.Role != raft.Leader && was.Role == raft.Leader && is.Term == was.Term
	changed := is.Configuration != was.Configuration
	if !elected && !left && !changed {
		return
	}
	config := m.replica.Configuration()
	_, named := config.Find(raft.NodeID(m.index + 1))
	switch {
	case elected && config.Joint():
		w.saw(electedWhileJoint)
	case left && !named && !config.Joint() && is.Configuration.Index <= is.Commit:
		w.saw(leaderRemoved)
	}
	if changed && is.Configuration.Index < was.Configuration.Index && m.joint {
		w.saw(jointRolledBack)
	}
	if changed && is.Role == raft.Leader && w.linksCut() {
		w.saw(changeWhileCut)
	}
	m.joint = config.Joint()
}

func (w *World) linksCut() bool {
	return slices.ContainsFunc(w.links, func(l link) bool { return l.cuts > 0 })
}
