package mutants

// membership breaks changes of the members.
var membership = []Mutant{
	{
		ID:   "union-quorum",
		Rule: "while joint it takes a majority of the old and of the new voters (paper, section 6)",
		Edits: []Edit{
			{"raft/quorum.go",
				"	reached := c.majorityOf(of, func(s *seat) bool { return s.voter })\n" +
					"	if c.latest().Joint() {",
				"	reached := c.majorityOf(of, func(s *seat) bool { return s.voter || s.outgoing })\n" +
					"	if false {"},
			{"raft/quorum.go",
				"	return c.grantedBy(func(s *seat) bool { return s.voter }) &&\n" +
					"		(!c.latest().Joint() || c.grantedBy(func(s *seat) bool { return s.outgoing }))",
				"	return c.grantedBy(func(s *seat) bool { return s.voter || s.outgoing })"},
		},
	},
	{
		ID:   "old-voters-unasked",
		Rule: "while joint the old voters decide, too (paper, section 6)",
		Seen: "the change of members that Raft replaced by this one",
		Edits: []Edit{{"raft/quorum.go",
			"	if c.latest().Joint() {",
			"	if c.latest().Joint() && c.role != Leader {"}},
	},
	{
		ID:   "learner-counted",
		Rule: "a learner's acknowledgement never counts (thesis 4.2.1)",
		Edits: []Edit{{"raft/quorum.go",
			"	reached := c.majorityOf(of, func(s *seat) bool { return s.voter })",
			"	reached := c.majorityOf(of, func(s *seat) bool { return s.voter || !s.outgoing })"}},
	},
	{
		ID:   "configured-at-commit",
		Rule: "a configuration is in effect once it is in the log, not once it is committed (section 6)",
		Edits: []Edit{{"raft/membership.go",
			"	return &c.configs[len(c.configs)-1]\n",
			"	for i := len(c.configs) - 1; i > 0; i-- {\n" +
				"		if c.configs[i].at.Index <= c.commit {\n" +
				"			return &c.configs[i]\n" +
				"		}\n" +
				"	}\n" +
				"	return &c.configs[0]\n"}},
	},
	{
		ID:   "configuration-outlives-entry",
		Rule: "a configuration goes with its entry when that is dropped (paper, section 6)",
		Edits: []Edit{{"raft/ready.go",
			"	if c.forgetConfigurations(index) {\n		c.takeSeats()\n	}\n",
			""}},
	},
	{
		ID:   "removed-leader-stays",
		Rule: "a leader that the committed configuration does not name steps down (paper, section 6)",
		Edits: []Edit{{"raft/reconfigure.go",
			"	case !has(latest.Voters, c.cfg.ID):\n",
			"	case !has(latest.Voters, c.cfg.ID) && c.commit == 0:\n"}},
	},
	{
		ID:   "two-changes-at-once",
		Rule: "a change begins when the one before is committed (thesis 4.1)",
		Edits: []Edit{{"raft/reconfigure.go",
			"	case latest.Joint() || latest.at.Index > c.commit:\n",
			"	case latest.Joint() && latest.at.Index > c.commit:\n"}},
	},
	{
		ID:   "change-before-own-entry",
		Rule: "a leader changes the members when an entry of its term is committed",
		Seen: "the thesis itself: raft-dev, 2015, \"bug in single-server membership changes\"",
		Edits: []Edit{{"raft/reconfigure.go",
			"	case !c.knowsCommitted():\n",
			"	case c.commit == 0:\n"}},
	},
	{
		ID:   "learner-campaigns",
		Rule: "only voters campaign (thesis 4.2.1)",
		Edits: []Edit{{"raft/membership.go",
			"		if c.configs[i].votes(c.cfg.ID) {\n",
			"		if _, ok := c.configs[i].Find(c.cfg.ID); ok {\n"}},
	},
	{
		ID:   "promoted-behind",
		Rule: "a learner is promoted when it has caught up (thesis 4.2.1)",
		Edits: []Edit{{"raft/reconfigure.go",
			"c.log.last()-p.match <= c.cfg.MaxLearnerLag &&",
			"p.match > 0 &&"}},
	},
	{
		ID:   "change-answered-while-joint",
		Rule: "a change is complete once the new configuration is committed (paper, section 6)",
		Edits: []Edit{{"raft/replica/reconfigure.go",
			"	if err != nil || config.Joint() {\n",
			"	if err != nil || len(config.Voters) == 0 {\n"}},
	},
	{
		ID:   "joint-left-by-heir",
		Rule: "whoever leads completes a change, also one that an earlier leader began (section 6)",
		Edits: []Edit{{"raft/reconfigure.go",
			"	case latest.at.Index > c.commit:\n",
			"	case latest.at.Index > c.commit || latest.at.Term < c.hard.Term:\n"}},
	},
}
