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

// leases breaks what a read by lease rests on (thesis 6.4.1).
var leases = []Mutant{
	{
		ID:   "lease-from-receipt",
		Rule: "a lease runs from the sending of a round, less a margin for clocks (thesis 6.4.1)",
		Seen: "nebula #5352",
		Edits: []Edit{{"raft/lease.go",
			"l.until = l.rounds[n].at + c.cfg.leaseLength()",
			"l.until = c.now + c.cfg.ElectionTimeoutMin"}},
	},
	{
		ID:   "lease-in-transfer",
		Rule: "a leader that has told another to campaign has no lease any more (thesis 6.4.1)",
		Edits: []Edit{{"raft/lease.go",
			"c.knowsCommitted() &&\n		c.transfer.to == 0 && !c.transfer.told\n",
			"c.knowsCommitted()\n"}},
	},
}

// transfers breaks how a leadership is handed over (thesis 3.10).
var transfers = []Mutant{
	{
		ID:   "old-order-obeyed",
		Rule: "a TimeoutNow is an order of its term's leader, and void in any later term (thesis 3.10)",
		Edits: []Edit{{"raft/step.go",
			"	case ReadIndex:\n		c.send(Message{Kind: ReadIndexAnswer,",
			"	case TimeoutNow:\n		if c.role != Leader && c.mayCampaign() {\n" +
				"			c.becomeCandidate(true)\n		}\n" +
				"	case ReadIndex:\n		c.send(Message{Kind: ReadIndexAnswer,"}},
	},
	{
		ID:   "transfer-without-end",
		Rule: "a transfer that takes an election timeout is given up, and clients are served again",
		Edits: []Edit{{"raft/transfer.go",
			"		c.transfer.to = 0\n	}",
			"		c.transfer.due = c.now + c.cfg.ElectionTimeoutMin\n	}"}},
	},
}
