package mutants

// requests breaks what clients are told of their writes, and what becomes of these.
var requests = []Mutant{
	{
		ID:   "forward-taken-twice",
		Rule: "a leader takes each forwarded write at most once",
		Edits: []Edit{{"raft/forward.go",
			"	c.forwards.last[from] = m.ID\n",
			""}},
	},
	{
		ID:   "repeated-forward-refused",
		Rule: "a forward that was taken is not refused when it comes again",
		Edits: []Edit{{"raft/forward.go",
			"	if m.ID <= c.forwards.last[from] {\n",
			"	if m.ID <= c.forwards.last[from] {\n" +
				"		c.send(Message{Kind: ForwardRefused, To: m.From, ID: m.ID})\n"}},
	},
	{
		ID:   "unknown-called-failed",
		Rule: "a write whose leader is lost may yet happen, and its client is told so",
		Edits: []Edit{{"raft/replica/requests.go",
			"\"leader lost before the write was known to be committed\", true",
			"\"leader lost before the write was known to be committed\", false"}},
	},
	{
		ID:   "earlier-life-answered",
		Rule: "a request of an earlier life of the member is not taken for one of this life",
		Edits: []Edit{{"raft/replica/requests.go",
			" || cmd.Incarnation != r.cfg.Incarnation",
			""}},
	},
	{
		ID:   "answered-when-proposed",
		Rule: "a write is answered when it is committed",
		Edits: []Edit{{"raft/replica/requests.go",
			"	r.writes[id] = r.epoch()\n",
			"	r.writes[id] = r.epoch()\n" +
				"	if r.seen.Role == raft.Leader {\n" +
				"		r.answers = append(r.answers, Answer{ID: id})\n" +
				"	}\n"}},
	},
	{
		ID:   "busy-called-done",
		Rule: "a forward that the leader refused, for want of room or time, did not happen",
		Edits: []Edit{{"raft/replica/requests.go",
			"r.refusal(f.ID, \"refused by the leader: \"+f.Reason, false)",
			"r.answers = append(r.answers, Answer{ID: f.ID})"}},
	},
	{
		ID:   "swap-by-prefix",
		Rule: "a compare-and-set changes nothing unless the key holds what is expected",
		Edits: []Edit{{"raft/kv/kv.go",
			"current != string(cmd.Expected)",
			"current[:min(len(current), len(cmd.Expected))] != string(cmd.Expected)"}},
	},
}
