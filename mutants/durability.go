package mutants

// durability breaks what is on disk before something is said, and what is found there again.
var durability = []Mutant{
	{
		ID:   "vote-before-sync",
		Rule: "term and vote are durable before a message reveals them (paper, figure 2)",
		Seen: "willemt/raft #47",
		Edits: []Edit{{"raft/ready.go",
			"if m.Kind == AppendAnswer || c.hard != c.out.durable {",
			"if m.Kind == AppendAnswer {"}},
	},
	{
		ID:   "ack-before-sync",
		Rule: "entries are durable before they are acknowledged (paper, figure 2)",
		Seen: "etcd #14370, NATS 2.12.1",
		Edits: []Edit{{"raft/ready.go",
			"if m.Kind == AppendAnswer || c.hard != c.out.durable {",
			"if c.hard != c.out.durable {"}},
	},
	{
		ID:   "ack-overtakes-write",
		Rule: "a message with nothing to write still waits for the writes before it",
		Edits: []Edit{{"raft/replica/outbox.go",
			"if n := len(o.owed); n > 0 {",
			"if n := len(o.owed); n > 0 && len(e.Now) > 0 {"}},
	},
	{
		ID:   "merge-drops-vote",
		Rule: "writes that become one leave the disk as they would one after the other",
		Edits: []Edit{{"raft/replica/writes.go",
			"if next.HardState != nil {",
			"if merged.HardState == nil {"}},
	},
	{
		ID:   "hard-state-unsynced",
		Rule: "a record without entries is synced as any other",
		Seen: "nodedb #161",
		Edits: []Edit{{"raft/wal/wal.go",
			"	if err := l.live.file.Sync(); err != nil {",
			"	if kind&holdsEntries == 0 {\n		return nil\n	}\n" +
				"	if err := l.live.file.Sync(); err != nil {"}},
	},
	{
		ID:   "failed-sync-repeated",
		Rule: "after a failed sync nothing may be assumed durable (Rebello et al., ATC 2020)",
		Seen: "cockroach #37102",
		Edits: []Edit{{"raft/wal/wal.go",
			"	if err := l.live.file.Sync(); err != nil {",
			"	if err := l.live.file.Sync(); err != nil && l.live.file.Sync() != nil {"}},
	},
	{
		ID:   "name-unsynced",
		Rule: "a file counts only from the moment its directory is synced",
		Edits: []Edit{{"raft/wal/segment.go",
			"	return fs.SyncDir(dir)\n",
			"	return nil\n"}},
	},
	{
		ID:   "torn-tail-kept",
		Rule: "a torn tail is cut before anything is written behind it",
		Seen: "etcd #5230",
		Edits: []Edit{{"raft/wal/recover.go",
			"	l.recovery.TornBytes = live.junk\n",
			"	l.live.offset += padded(live.junk)\n	l.recovery.TornBytes = live.junk\n"}},
	},
	{
		ID:   "damage-cut-as-torn",
		Rule: "a bad record before a good one is damage, not a torn tail (FAST 2018)",
		Seen: "NATS 2.12.1",
		Edits: []Edit{{"raft/wal/recover.go",
			"	if c.after > 0 {",
			"	if c.after > 0 && !isLive {"}},
	},
}
