package mutants

// Elusive are bugs that take the simulator longer than the score allows: it hunts them only when
// they are named. The first is found once in some 8,000 seeds, the others not once in 7,000.
var Elusive = []Mutant{
	{
		ID:   "pre-vote-restarts-timer",
		Rule: "a pre-vote changes nothing at the voter, its election timer included (thesis 9.6)",
		Seen: "hashicorp/raft #605",
		Edits: []Edit{{"raft/election.go",
			"	answer := Message{Kind: PreVoteAnswer,",
			"	c.restartElectionTimer()\n	answer := Message{Kind: PreVoteAnswer,"}},
	},
	{
		ID:   "dropped-write-vouches",
		Rule: "a write that ends does not vouch for entries that were dropped since",
		Edits: []Edit{{"raft/ready.go",
			"c.out.writes[i].last = min(c.out.writes[i].last, index-1)",
			"c.out.writes[i].last = max(c.out.writes[i].last, index-1)"}},
	},
	{
		ID:   "late-forward-refused",
		Rule: "only who knows that a forward was never taken says so",
		Edits: []Edit{{"raft/step.go",
			"	case ReadIndex:\n		c.send(Message{Kind: ReadIndexAnswer,",
			"	case Forward:\n		c.send(Message{Kind: ForwardRefused, To: m.From, ID: m.ID})\n" +
				"	case ReadIndex:\n		c.send(Message{Kind: ReadIndexAnswer,"}},
	},
}
