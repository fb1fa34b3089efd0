package mutants

// Elusive are bugs that take the simulator longer than the score allows: they are hunted only when
// they are named. An hour without such a find says little about them.
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
}
