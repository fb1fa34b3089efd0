package mutants

import "slices"

// All is the table of planted bugs, by what they break.
var All = slices.Concat(OnLab, elections, replication, commitment, durability, reads, leases,
	transfers, requests, membership, snapshots, sessions)

// OnLab is those that show on real processes, too: each has a suite.
var OnLab = []Mutant{
	{
		ID:   "leader-local-read",
		Rule: "a leader confirms that it still leads before it serves a read (thesis 6.4)",
		Edits: []Edit{{
			File: "raft/reads.go",
			Old:  "	c.reads = append(c.reads, pendingRead{id: id, from: c.cfg.ID})\n",
			New: "	if c.role == Leader {\n" +
				"		c.out.reads = append(c.out.reads, ReadAnswer{ID: id, Index: c.commit})\n" +
				"		return nil\n" +
				"	}\n" +
				"	c.reads = append(c.reads, pendingRead{id: id, from: c.cfg.ID})\n",
		}},
	},
	{
		ID:   "even-quorum",
		Rule: "a quorum is a majority of all members, also of an even number (paper 5.2)",
		Edits: []Edit{{
			File: "raft/quorum.go",
			Old:  "	return n/2 + 1\n",
			New:  "	return (n + 1) / 2\n",
		}},
	},
}
