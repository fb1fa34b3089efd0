package mutants

// commitment breaks what counts as committed, and what of it is applied.
var commitment = []Mutant{
	{
		ID:   "figure-8",
		Rule: "a leader commits by counting only entries of its own term (paper 5.4.2)",
		Seen: "LogCabin #44, PySyncObj #169",
		Edits: []Edit{{"raft/replication.go",
			"if n <= c.commit || c.log.term(n) != c.hard.Term {",
			"if n <= c.commit {"}},
	},
	{
		ID:   "sent-is-held",
		Rule: "matchIndex moves when a member acknowledges, not when something is sent (paper, figure 2)",
		Edits: []Edit{{"raft/progress.go",
			"	p.next = b.last + 1\n",
			"	p.next = b.last + 1\n	p.match = b.last\n"}},
	},
	{
		ID:   "commit-beyond-append",
		Rule: "a follower commits at most up to the last new entry (paper, figure 2)",
		Seen: "dragonboat #256",
		Edits: []Edit{lowHint,
			{"raft/replication.go", "c.commitTo(min(m.Commit, last))", "c.commitTo(m.Commit)"}},
	},
	{
		ID:   "heartbeat-commits-unmatched",
		Rule: "a heartbeat, which checks no log, commits only what the follower is known to hold",
		Seen: "the rule is etcd's",
		Edits: []Edit{{"raft/leadership.go",
			"Round: round, Commit: min(p.match, c.commit),",
			"Round: round, Commit: c.commit,"}},
	},
	{
		ID:   "commit-falls",
		Rule: "the commit index never falls (paper, figure 2)",
		Seen: "PySyncObj #166",
		Edits: []Edit{{"raft/replication.go",
			"c.commit = max(c.commit, min(index, c.log.last()))",
			"c.commit = min(index, c.log.last())"}},
	},
	{
		// The page is smaller, too, which alone is right: short runs fill no page of thousands.
		ID:   "page-forgotten",
		Rule: "committed entries beyond one page are applied with the next one",
		Seen: "etcd 8ecce32",
		Edits: []Edit{
			{"raft/ready.go", "const maxCommitted = 4096", "const maxCommitted = 16"},
			{"raft/ready.go", "	c.applied = upTo\n", "	c.applied = c.commit\n"},
		},
	},
}
