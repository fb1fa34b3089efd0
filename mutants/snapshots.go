package mutants

// snapshots breaks what may stand for a log, and when a log may go.
var snapshots = []Mutant{
	{
		ID:   "compacted-matches",
		Rule: "an index whose term is no longer known matches nothing (paper, section 7)",
		Edits: []Edit{
			{"raft/log.go", "return l.knows(index) && l.term(index) == term",
				"return l.term(index) == term || index < l.base.Index"},
			{"raft/replication.go", "	if m.Index < c.log.base.Index {\n",
				"	if m.Index < c.log.base.Index && len(m.Entries) == 0 {\n"},
		},
	},
	{
		ID:   "snapshot-off-by-one",
		Rule: "a snapshot names the last entry whose effect is in it (paper, figure 12)",
		Edits: []Edit{{"raft/replica/snapshots.go",
			"			Index: r.applied.Index, Term: r.applied.Term, Time: r.applied.Time,",
			"			Index: r.applied.Index - 1, Term: r.applied.Term, Time: r.applied.Time,"}},
	},
	{
		ID:   "snapshot-unsynced",
		Rule: "no segment goes before the snapshot that stands for it is durable",
		Edits: []Edit{{"raft/wal/snapshots.go",
			"	if err := f.file.Sync(); err != nil {\n		return err\n	}\n	if err := s.fs.Rename(",
			"	if err := s.fs.Rename("}},
	},
	{
		ID:   "stale-snapshot-installed",
		Rule: "a snapshot never replaces a newer state (paper, figure 13)",
		Edits: []Edit{
			{"raft/install.go", "	if part.Snapshot.Index <= c.commit {\n",
				"	if part.Snapshot.Index < c.snapshot.Index {\n"},
			{"raft/install.go", "	if s.Index <= c.commit || c.role == Leader {\n",
				"	if c.role == Leader {\n"},
		},
	},
	{
		ID:   "chunk-misplaced",
		Rule: "a chunk is stored only where it belongs (paper, figure 13, \"offset\")",
		Edits: []Edit{{"raft/install.go",
			"	case part.Offset < r.accepted: // it came twice",
			"	case false: // it came twice"}},
	},
	{
		ID:   "conflicting-log-kept",
		Rule: "a log is kept behind a snapshot only if it holds its last entry (paper, figure 13)",
		Edits: []Edit{{"raft/install.go",
			"	if !c.log.holds(s.Index, s.Term) {",
			"	if s.Index > c.log.last() {"}},
	},
	{
		ID:   "restart-forgets-base",
		Rule: "a log that begins anew drops what was before, on disk as well",
		Edits: []Edit{{"raft/replica/writes.go",
			"			merged.Base, q.merged = next.Base, q.merged[:0]",
			"			q.merged = q.merged[:0]"}},
	},
	{
		ID:   "snapshot-term-of-member",
		Rule: "a snapshot names the term of its last entry, not that of who takes it (figure 12)",
		Edits: []Edit{{"raft/replica/snapshots.go",
			"			Index: r.applied.Index, Term: r.applied.Term, Time: r.applied.Time,",
			"			Index: r.applied.Index, Term: r.seen.Term, Time: r.applied.Time,"}},
	},
	{
		ID:   "installed-without-members",
		Rule: "a snapshot brings the configuration that its log named (thesis 5.1)",
		Edits: []Edit{{"raft/install.go",
			"		c.configs = append(c.configs[:0], located{s.last(), s.Configuration})\n" +
				"		c.takeSeats()\n",
			""}},
	},
	{
		ID:   "snapshot-name-unsynced",
		Rule: "a snapshot counts only from the moment its directory is synced",
		Edits: []Edit{{"raft/wal/snapshots.go",
			"	if err := s.fs.SyncDir(s.dir); err != nil {\n		return err\n	}\n	return s.prune()",
			"	return s.prune()"}},
	},
}
