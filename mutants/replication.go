package mutants

// replication breaks how logs become equal, and how a leader keeps feeding its followers.
var replication = []Mutant{
	{
		ID:   "append-unchecked",
		Rule: "entries are taken only behind one that matches in index and term (paper 5.3)",
		Seen: "openraft #1795",
		Edits: []Edit{{"raft/replication.go",
			"if !c.log.holds(m.Index, m.LogTerm) {",
			"if m.Index > c.log.last() {"}},
	},
	{
		ID:   "append-truncates",
		Rule: "an old append drops nothing that it does not contradict (paper, figure 2)",
		Seen: "hashicorp/raft 0f31a01, CCF #5991",
		Edits: []Edit{{"raft/replication.go",
			"missing := entries[c.log.conflict(entries):]",
			"missing := entries"}},
	},
	{
		ID:   "stale-append-taken",
		Rule: "an append of an earlier term is refused (paper, figure 2)",
		Edits: []Edit{{"raft/step.go",
			"case m.Term < c.hard.Term:",
			"case m.Term < c.hard.Term && m.Kind != Append:"}},
	},
	{
		// The hint is lower, too, which alone is right: the best one skips the very appends that
		// match before a tail that does not.
		ID:   "tail-acknowledged",
		Rule: "an acknowledgement covers what the append showed to match, not the whole log",
		Edits: []Edit{
			lowHint,
			{"raft/replication.go", "Index: last, LogTerm: c.log.term(last)})",
				"Index: c.log.last(), LogTerm: c.log.term(c.log.last())})"},
			{"raft/replication.go", "if c.log.holds(m.Index, m.LogTerm) {",
				"if m.Index <= c.log.last() {"},
		},
	},
	{
		ID:   "hint-acknowledges",
		Rule: "a refusal tells where logs can agree at the latest, not that they do",
		Seen: "RaftOS #25, PySyncObj #167",
		Edits: []Edit{{"raft/progress.go",
			"	p.next = max(min(previous, hint+1), p.match+1)\n",
			"	p.match = max(p.match, hint)\n	p.next = max(min(previous, hint+1), p.match+1)\n"}},
	},
	{
		ID:   "probe-never-resumed",
		Rule: "a probe that was lost is sent again",
		Seen: "etcd #7037",
		Edits: []Edit{{"raft/replication.go",
			"	p.probing = false\n	c.out.unsent = true\n",
			"	c.out.unsent = true\n"}},
	},
	{
		ID:   "window-leaks",
		Rule: "an acknowledgement frees all that it covers of the window",
		Seen: "etcd/raft e419ba5",
		Edits: []Edit{{"raft/progress.go",
			"for len(p.inflight) > 0 && p.inflight[0].last <= p.match {",
			"for len(p.inflight) > 0 && p.inflight[0].last < p.match {"}},
	},
	{
		ID:   "uncommitted-leaks",
		Rule: "what is committed no longer counts as uncommitted",
		Seen: "etcd/raft a370b6f",
		Edits: []Edit{{"raft/replication.go",
			"	c.uncommitted -= sizes(c.log.between(c.commit, n))\n	c.commitTo(n)\n",
			"	c.commitTo(n)\n	c.uncommitted -= sizes(c.log.between(c.commit, n))\n"}},
	},
}

// lowHint has a refusal name the commit index, which surely matches, as some implementations do.
var lowHint = Edit{"raft/replication.go",
	"hint := c.log.lastUpToTerm(m.Index, m.LogTerm)",
	"hint := min(c.commit, m.Index)"}
