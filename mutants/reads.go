package mutants

// reads breaks what a linearizable read may see (thesis 6.4).
var reads = []Mutant{
	{
		ID:   "read-before-own-commit",
		Rule: "a leader knows what is committed only after an entry of its own term (thesis 6.4)",
		Seen: "etcd #7331, TiKV #6340, RedisRaft #19",
		Edits: []Edit{{"raft/reads.go",
			"return c.log.term(c.commit) == c.hard.Term",
			"return true"}},
	},
	{
		ID:   "stale-round-counted",
		Rule: "only an answer to a round begun after a read confirms it (thesis 6.4)",
		Seen: "etcd #20418",
		Edits: []Edit{{"raft/leadership.go",
			"p.round = max(p.round, m.Round)",
			"p.round = c.round"}},
	},
	{
		ID:   "stale-answer-serves",
		Rule: "an answer to a question serves only the reads that began before it was asked",
		Seen: "etcd/raft #397",
		Edits: []Edit{{"raft/reads.go",
			"for c.underWay() && c.reads[0].round <= question {",
			"for len(c.reads) > 0 && question > 0 {"}},
	},
	{
		ID:   "read-before-apply",
		Rule: "a read waits until its index is applied (thesis 6.4)",
		Edits: []Edit{{"raft/replica/requests.go",
			"		case c.Index > r.applied.Index:\n			later = append(later, c)\n",
			""}},
	},
	{
		ID:   "reads-outlive-leader",
		Rule: "reads under way fail with the leadership that they were asked under",
		Edits: []Edit{{"raft/election.go",
			"if role != c.role || leader != c.leader {",
			"if role != c.role && role == PreCandidate {"}},
	},
}
