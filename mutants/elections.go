package mutants

// elections breaks who is elected, and when.
var elections = []Mutant{
	{
		ID:   "vote-despite-log",
		Rule: "a vote goes only to a log that is at least as up-to-date (paper 5.4.1)",
		Seen: "openraft alpha.2",
		Edits: []Edit{{"raft/election.go",
			"free && c.log.upToDate(m.Index, m.LogTerm)",
			"free"}},
	},
	{
		ID:   "longer-log-wins",
		Rule: "of two logs, the one with the later last term is more up-to-date (paper 5.4.1)",
		Edits: []Edit{{"raft/log.go",
			"	own := l.term(l.last())\n	return term > own || term == own && index >= l.last()",
			"	return index >= l.last()"}},
	},
	{
		ID:   "late-vote-counted",
		Rule: "a vote counts only in the term that it was given in (paper 5.2)",
		Seen: "little-raft #44",
		Edits: []Edit{{"raft/step.go",
			"case m.Term < c.hard.Term:",
			"case m.Term < c.hard.Term && m.Kind != VoteAnswer:"}},
	},
	{
		ID:   "second-vote",
		Rule: "a member votes for at most one candidate a term (paper 5.2)",
		Seen: "DaosRaft PR #70",
		Edits: []Edit{{"raft/election.go",
			"free := c.hard.Vote == 0 || c.hard.Vote == m.From",
			"free := c.role == Follower"}},
	},
	{
		ID:   "own-vote-unrecorded",
		Rule: "a candidate votes for itself, and records it as any vote (paper 5.2)",
		Seen: "nebula #3415",
		Edits: []Edit{{"raft/election.go",
			"HardState{Term: c.hard.Term + 1, Vote: c.cfg.ID}",
			"HardState{Term: c.hard.Term + 1}"}},
	},
	{
		ID:   "stepping-down-frees-vote",
		Rule: "a vote is given up only with its term (paper, figure 2)",
		Edits: []Edit{
			{"raft/election.go", "if term > c.hard.Term {", "if term >= c.hard.Term {"},
			{"raft/leadership.go", "	c.become(Follower, leader)\n",
				"	c.becomeFollower(c.hard.Term, leader)\n"},
		},
	},
	{
		ID:   "vote-outlives-term",
		Rule: "a new term frees the vote (paper, figure 2)",
		Edits: []Edit{{"raft/election.go",
			"c.hard = HardState{Term: term}",
			"c.hard.Term = term"}},
	},
	{
		ID:   "stale-leader-restarts-timer",
		Rule: "a leader of an earlier term does not restart the election timer (paper, figure 2)",
		Seen: "butane oracles #32",
		Edits: []Edit{{"raft/step.go",
			"	case Heartbeat:\n		c.send(Message{Kind: HeartbeatAnswer,",
			"	case Heartbeat:\n		c.restartElectionTimer()\n		c.send(Message{Kind: HeartbeatAnswer,"}},
	},
	{
		ID:   "equal-timeouts",
		Rule: "election timeouts are drawn at random, apart for each member (paper 5.2)",
		Seen: "hashicorp/raft cda1ee8",
		Edits: []Edit{{"raft/election.go",
			"c.chance.Duration(c.cfg.ElectionTimeoutMin, c.cfg.ElectionTimeoutMax-1)",
			"c.cfg.ElectionTimeoutMin"}},
	},
	{
		ID:   "deaf-leader-stays",
		Rule: "a leader that hears no majority for an election timeout resigns (thesis 6.2)",
		Seen: "openraft #2080",
		Edits: []Edit{{"raft/leadership.go",
			"	p.told = max(p.told, min(p.match, c.commit))\n",
			"	p.told = max(p.told, min(p.match, c.commit))\n	p.heard = c.now\n"}},
	},
	{
		ID:   "pre-vote-hides-term",
		Rule: "whoever is behind learns the term from pre-votes and their refusals (paper, figure 2)",
		Seen: "openraft #1796",
		Edits: []Edit{deafToPreVote,
			{"raft/step.go", "case m.Kind == PreVoteAnswer && !m.Reject:", "case m.Kind == PreVoteAnswer:"},
			{"raft/election.go", "c.count(c.place(m.From), true)",
				"c.count(c.place(m.From), !m.Reject)"},
		},
	},
}

// deafToPreVote has a member not adopt the term that the sender of a pre-vote is in.
var deafToPreVote = Edit{"raft/election.go", "		c.becomeFollower(entered, 0)\n", ""}
