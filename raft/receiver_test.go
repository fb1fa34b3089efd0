package raft

import (
	"slices"
	"testing"
)

// lone returns member 1 of three with a log of these terms, to be fed by hand.
func lone(t *testing.T, term uint64, terms ...uint64) *Core {
	t.Helper()
	var entries []Entry
	for i, e := range terms {
		entries = append(entries, Entry{Index: uint64(i) + 1, Term: e, Kind: EntryCommand})
	}
	core, err := New(Config{
		ID: 1, Members: Members(1, 2, 3), ElectionTimeoutMin: testET,
		ElectionTimeoutMax: 2 * testET, HeartbeatInterval: testHeartbeat,
	}, Restored{HardState: HardState{Term: term}, Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	return core
}

// entries makes entries that follow after.
func entries(after uint64, terms ...uint64) []Entry {
	var all []Entry
	for i, term := range terms {
		all = append(all, Entry{Index: after + uint64(i) + 1, Term: term, Kind: EntryCommand})
	}
	return all
}

// Goal: the receiver of AppendEntries follows every rule of figure 2, also where the leader's
// hints would hide a slip. Method: one Append each to a follower in term 4 with the log 1 1 2.
func TestReceiverOfAppend(t *testing.T) {
	for _, c := range []struct {
		name    string
		message Message
		last    uint64
		commit  uint64
		reject  bool
	}{
		{"extends", Message{Index: 3, LogTerm: 2, Entries: entries(3, 4), Commit: 4}, 4, 4, false},
		{"gap", Message{Index: 4, LogTerm: 4, Entries: entries(4, 4), Commit: 5}, 3, 0, true},
		{"wrong previous", Message{Index: 3, LogTerm: 3, Entries: entries(3, 4)}, 3, 0, true},
		{"conflict", Message{Index: 1, LogTerm: 1, Entries: entries(1, 3), Commit: 2}, 2, 2, false},
		{"known prefix keeps the tail",
			Message{Index: 0, Entries: entries(0, 1, 1), Commit: 0}, 3, 0, false},
		{"commit ends with what matched, not with the divergent tail",
			Message{Index: 1, LogTerm: 1, Entries: entries(1, 1), Commit: 3}, 3, 2, false},
		{"empty", Message{Index: 2, LogTerm: 1, Commit: 3}, 3, 2, false},
	} {
		core := lone(t, 4, 1, 1, 2)
		c.message.Kind, c.message.From, c.message.To, c.message.Term = Append, 2, 1, 4
		core.Step(0, c.message)
		s := core.Status()
		answer := core.Ready().AfterPersist[0]
		if s.LastIndex != c.last || s.Commit != c.commit || answer.Reject != c.reject {
			t.Errorf("%s: last %d, commit %d, refused %v", c.name, s.LastIndex, s.Commit, answer.Reject)
		}
		if want := c.message.Index + uint64(len(c.message.Entries)); !c.reject && answer.Index != want {
			t.Errorf("%s: acknowledged %d instead of %d", c.name, answer.Index, want)
		}
	}
}

// Goal: the completion of an old write does not vouch for entries that a later write drops from
// the disk, even if a third brings the very same entries back (the ABA race). Method: three
// writes outstanding at once, completed one by one.
func TestOldWriteDoesNotVouchForRewrittenEntries(t *testing.T) {
	core := lone(t, 1)
	var sequences []uint64
	var written [][]Entry
	for _, step := range []struct {
		from NodeID
		term uint64
		logs []Entry
	}{
		{2, 1, entries(0, 1, 1)}, {3, 2, entries(0, 2)}, {2, 3, entries(0, 1, 1)},
	} {
		core.Step(0, Message{Kind: Append, From: step.from, To: 1, Term: step.term, Entries: step.logs})
		r := core.Ready()
		sequences, written = append(sequences, r.Sequence), append(written, r.Entries)
	}
	if first := written[0]; first[0].Term != 1 || written[1][0].Term != 2 {
		t.Errorf("entries changed under the disk's hands: %v", written)
	}
	for i, want := range []uint64{0, 0, 2} {
		core.Persisted(0, sequences[i])
		if core.log.durable != want {
			t.Errorf("after write %d entries up to %d count as durable, not %d",
				i+1, core.log.durable, want)
		}
	}
}

// Goal: nonsense from outside changes nothing. Method: malformed messages, and the status after.
func TestMalformedMessagesAreIgnored(t *testing.T) {
	core := lone(t, 4, 1, 1, 2)
	core.Tick(0)
	before := core.Status()
	for _, m := range []Message{
		{Kind: Heartbeat, From: 0, To: 1, Term: 9},
		{Kind: Heartbeat, From: 2, To: 3, Term: 9},
		{Kind: Heartbeat, From: 1, To: 1, Term: 9},
		{Kind: Vote, From: 2, To: 1},
		{Kind: Append, From: 2, To: 1, Term: 9, Index: 3, LogTerm: 2, Entries: entries(7, 9)},
		{Kind: Append, From: 2, To: 1, Term: 9, Index: 3, LogTerm: 2, Entries: entries(3, 1)},
		{Kind: Append, From: 2, To: 1, Term: 9, Index: 3, LogTerm: 2, Entries: entries(3, 10)},
		{Kind: Append, From: 2, To: 1, Term: 9, Index: 3, LogTerm: 2, Entries: []Entry{
			{Index: 4, Term: 9, Kind: EntryConfiguration, Data: []byte("nonsense")}}},
		{Kind: VoteAnswer, From: 9, To: 1, Term: 4},
		{Kind: PreVoteAnswer, From: 9, To: 1, Term: 5},
		{Kind: HeartbeatAnswer, From: 9, To: 1, Term: 4, Round: 1},
		{Kind: AppendAnswer, From: 9, To: 1, Term: 4, Index: 3, LogTerm: 2},
	} {
		core.Step(0, m)
		if is := core.Status(); is != before || core.HasReady() {
			t.Errorf("%+v led to %+v", m, is)
		}
	}
}

// Goal: a long catch-up is handed out in parts that leave nothing out. Method: a follower that
// restarts with many entries and learns that all are committed.
func TestCommittedEntriesComeInParts(t *testing.T) {
	const n = 2*maxCommitted + 10
	core := lone(t, 1, slices.Repeat([]uint64{1}, n)...)
	core.Step(0, Message{Kind: Heartbeat, From: 2, To: 1, Term: 1, Commit: n, Round: 1})
	next, parts := uint64(1), 0
	for ; core.HasReady(); parts++ {
		for _, e := range core.Ready().Committed {
			if e.Index != next {
				t.Fatalf("entry %d follows %d", e.Index, next-1)
			}
			next++
		}
	}
	if next != n+1 || parts != 3 {
		t.Errorf("%d entries in %d parts", next-1, parts)
	}
}
