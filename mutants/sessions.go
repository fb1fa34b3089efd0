package mutants

// sessions breaks what makes a command of a client session run once (thesis 6.3).
var sessions = []Mutant{
	{
		ID:   "repeat-runs-again",
		Rule: "a command that comes again is not carried out again (thesis 6.3)",
		Edits: []Edit{{"raft/kv/sessions.go",
			"	case again:\n",
			"	case again && index == 0:\n"}},
	},
	{
		ID:   "repeat-answered-by-another",
		Rule: "a command that comes again gets its own first answer, not another sequence's",
		Edits: []Edit{{"raft/kv/sessions.go",
			"		result := x.answers[at].result\n",
			"		at = 0\n		result := x.answers[at].result\n"}},
	},
	{
		ID:   "answer-forgotten-early",
		Rule: "an answer is kept until its client has acknowledged it (thesis 6.3)",
		Edits: []Edit{{"raft/kv/sessions.go",
			"x.answers[n].sequence < x.acked {",
			"x.answers[n].sequence <= x.acked {"}},
	},
	{
		ID:   "acknowledged-runs-again",
		Rule: "a command whose answer was acknowledged is not carried out again (thesis 6.3)",
		Edits: []Edit{{"raft/kv/sessions.go",
			"	if cmd.Sequence < x.acked {\n",
			"	if cmd.Sequence == 0 {\n"}},
	},
	{
		ID:   "expired-session-serves",
		Rule: "a command of a session that has expired is not carried out (thesis 6.3)",
		Edits: []Edit{{"raft/kv/sessions.go",
			"	if !found || s.expired(x) {\n",
			"	if !found {\n"}},
	},
	{
		ID:   "session-expires-by-local-clock",
		Rule: "sessions expire by the time that the leader put into the log (thesis 6.3)",
		Edits: []Edit{
			{"raft/replica/replica.go",
				"	core    *raft.Core\n",
				"	core    *raft.Core\n	local   time.Duration\n"},
			{"raft/replica/replica.go",
				"	r.core.Tick(now)\n",
				"	r.local = now\n	r.core.Tick(now)\n"},
			{"raft/replica/replica.go",
				"	r.core.Step(now, m)\n",
				"	r.local = now\n	r.core.Step(now, m)\n"},
			{"raft/replica/requests.go",
				"r.store.Apply(e)",
				"r.store.Apply(raft.Entry{Index: e.Index, Term: e.Term, Kind: e.Kind, " +
					"Data: e.Data, Time: r.local})"},
		},
	},
	{
		ID:   "session-kept-on-one-member",
		Rule: "what one member knows of sessions, all know: it comes from the log alone",
		Edits: []Edit{{"raft/replica/requests.go",
			"		cmd, result, ok := r.store.Apply(e)\n",
			"		if c, _ := kv.Decode(e.Data); c.Op == kv.OpenSession && c.Origin != r.cfg.Raft.ID {\n" +
				"			e.Kind = raft.EntryNoop\n		}\n" +
				"		cmd, result, ok := r.store.Apply(e)\n"}},
	},
	{
		ID:   "sessions-not-saved",
		Rule: "the sessions are part of a snapshot, or writes happen twice after it (thesis 6.3)",
		Edits: []Edit{
			{"raft/kv/snapshot.go", "	e.uint(uint64(v.sessions.Len()))\n	v.sessions.Scan(",
				"	e.uint(0)\n	(&btree.Map[uint64, *session]{}).Scan("},
		},
	},
}
