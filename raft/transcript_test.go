package raft

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// Goal: what the core does in the situations that the papers discuss can be read, and stays so.
// Method: transcripts in testdata, rewritten with `go test ./raft -rewrite` and then reviewed.
// A transcript knows these commands; messages stay on the network until delivered or dropped.
//
//	cluster members=N [prevote=false] [check-quorum=false] [append=BYTES] [inflight=BYTES]
//	        [uncommitted=BYTES] [lease=true] [patience=TIMEOUTS]
//	                        a fresh one, on the ids 1 to N
//	log N T... [term=T]     a member's log on disk, by the terms of its entries, and its term;
//	                        restarts it
//	elect N                 member N's clock fires first; runs until nothing moves
//	campaign N              member N's clock fires early; the others' stand still
//	timeout N               the clock goes on to member N's deadline, and N is told
//	pass MS                 the clock goes on; nobody is told
//	run MS                  the clock goes on, with timers, and messages that take a millisecond;
//	                        only what comes of it is shown
//	cut FROM TO             run loses what goes this way
//	split N...              run loses what goes between these members and the rest
//	mend                    run loses nothing any more
//	tick N                  member N is told the time
//	deliver|drop [from=N] [to=N] [kind=K]
//	                        what is on the network now and fits
//	stabilize [MEMBERS...]  deliver among these members, or all, until nothing moves
//	propose N | forward N | read N | lease N (a lease read)
//	transfer N TO           member N is to hand its leadership to TO, 0: to anybody
//	snapshot N              member N has a durable snapshot of what it has applied
//	disk N hold|hold-snapshots|write|store|free
//	                        hold back disk completions, or only those of chunks received; complete
//	                        the oldest write, or chunk; complete all
//	keep N entries=K        compaction leaves so many of the entries that a snapshot stands for
//	crash N | restart N
//	join                    a node with the next id and an empty disk, which waits to be added
//	change N [add=I] [promote=I] [remove=I]
//	                        member N is asked to reconfigure; I may be several: (4,5)
//	status [N...]
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var s *script
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "cluster" {
				s = newScript(t, d)
				return ""
			}
			s.out.Reset()
			s.run(t, d)
			return s.out.String()
		})
	})
}

// script is a cluster under the commands of a transcript.
type script struct {
	*cluster
	held  map[NodeID]string  // disks held back: "hold", or "hold-snapshots"
	cut   map[[2]NodeID]bool // directed links
	quiet bool               // no details
	out   strings.Builder
}

func newScript(t *testing.T, d *datadriven.TestData) *script {
	members := 3
	options := Config{PreVote: true, CheckQuorum: true}
	d.ScanArgs(t, "members", &members)
	d.MaybeScanArgs(t, "prevote", &options.PreVote)
	d.MaybeScanArgs(t, "check-quorum", &options.CheckQuorum)
	d.MaybeScanArgs(t, "append", &options.MaxAppendBytes)
	d.MaybeScanArgs(t, "inflight", &options.MaxInflightBytes)
	d.MaybeScanArgs(t, "uncommitted", &options.MaxUncommittedBytes)
	d.MaybeScanArgs(t, "lease", &options.LeaseReads)
	d.MaybeScanArgs(t, "patience", &options.DiskPatience)
	s := &script{held: make(map[NodeID]string), cut: make(map[[2]NodeID]bool)}
	s.cluster = newCluster(members, func(cfg *Config) {
		cfg.PreVote, cfg.CheckQuorum = options.PreVote, options.CheckQuorum
		cfg.MaxAppendBytes, cfg.MaxInflightBytes = options.MaxAppendBytes, options.MaxInflightBytes
		cfg.MaxUncommittedBytes = options.MaxUncommittedBytes
		cfg.LeaseReads, cfg.DiskPatience = options.LeaseReads, options.DiskPatience
	})
	s.trace = func(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }
	s.detail = func(format string, args ...any) {
		if !s.quiet {
			s.trace(format, args...)
		}
	}
	return s
}

// run carries out one command. Arguments without a value are members and words, in order.
func (s *script) run(t *testing.T, d *datadriven.TestData) {
	var words []string
	var members []*node
	for _, a := range d.CmdArgs {
		if n, err := strconv.Atoi(a.Key); err == nil && n >= 1 && n <= len(s.nodes) {
			members = append(members, s.nodes[n-1])
		} else if len(a.Vals) == 0 {
			words = append(words, a.Key)
		}
	}
	switch d.Cmd {
	case "join":
		s.join()
		return
	case "deliver", "drop":
		s.move(d.Cmd == "deliver", filter(t, d))
		return
	case "stabilize":
		s.stabilize(members)
		return
	case "pass", "run":
		ms, err := strconv.Atoi(d.CmdArgs[0].Key)
		if err != nil {
			t.Fatalf("%s: %v", d.Pos, err)
		}
		if d.Cmd == "pass" {
			s.now += time.Duration(ms) * time.Millisecond
			return
		}
		for range ms {
			s.millisecond()
		}
		return
	case "cut":
		s.cut[[2]NodeID{members[0].cfg.ID, members[1].cfg.ID}] = true
		return
	case "split":
		for _, a := range members {
			for _, b := range s.nodes {
				if !slices.Contains(members, b) {
					s.cut[[2]NodeID{a.cfg.ID, b.cfg.ID}] = true
					s.cut[[2]NodeID{b.cfg.ID, a.cfg.ID}] = true
				}
			}
		}
		return
	case "mend":
		clear(s.cut)
		return
	case "status":
		s.status(members)
		return
	}
	if len(members) == 0 || len(members) > 1 && d.Cmd != "log" && d.Cmd != "transfer" {
		t.Fatalf("%s: %s needs one member", d.Pos, d.Cmd)
	}
	s.one(t, d, members[0], words)
}

// one carries out a command on one member.
func (s *script) one(t *testing.T, d *datadriven.TestData, n *node, words []string) {
	var err error
	switch d.Cmd {
	case "keep":
		d.ScanArgs(t, "entries", &n.core.cfg.KeepEntries)
		return
	case "log":
		s.entries(t, d, n)
		return
	case "timeout":
		s.now = max(s.now, n.core.Deadline())
		n.core.Tick(s.now)
	case "tick":
		n.core.Tick(s.now)
	case "campaign":
		n.core.electionDue = n.core.now
		n.core.tickElection()
	case "elect":
		s.quiet = true
		s.now = max(s.now, n.core.Deadline())
		n.core.Tick(s.now)
		s.take(n)
		s.stabilize(nil)
		s.quiet = false
	case "propose":
		err = s.propose(n)
	case "forward":
		err = s.forward(n)
	case "read":
		err = s.read(n)
	case "lease":
		err = s.leaseRead(n)
	case "change":
		_, err = n.core.Reconfigure(s.now, changesOf(t, d))
	case "transfer":
		var to int
		if to, err = strconv.Atoi(d.CmdArgs[1].Key); err != nil {
			t.Fatalf("%s: %v", d.Pos, err)
		}
		err = n.core.Transfer(s.now, NodeID(to))
	case "snapshot":
		s.snapshot(n)
	case "crash":
		s.crash(n)
		return
	case "restart":
		s.start(n)
	case "disk":
		switch words[0] {
		case "write":
			s.persist(n)
		case "store":
			s.store(n)
		default:
			s.held[n.cfg.ID] = words[0]
		}
	default:
		t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
	}
	if err != nil {
		s.trace("%v", err)
	}
	s.take(n)
}

// take drains a member, and completes its writes unless its disk is held back.
func (s *script) take(n *node) {
	if n.core == nil {
		return
	}
	switch s.held[n.cfg.ID] {
	case "hold":
		s.drain(n)
	case "hold-snapshots":
		s.drain(n)
		for len(n.writes) > 0 {
			s.persist(n)
		}
	default:
		s.settle(n)
	}
}

// entries gives a member a log on disk with entries of these terms.
func (s *script) entries(t *testing.T, d *datadriven.TestData, n *node) {
	var entries []Entry
	for _, a := range d.CmdArgs[1:] {
		if a.Key == "term" {
			continue
		}
		term, err := strconv.ParseUint(a.Key, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", d.Pos, err)
		}
		index := uint64(len(entries)) + 1
		data := fmt.Appendf(nil, "%d.%d", index, term)
		entries = append(entries, Entry{Index: index, Term: term, Kind: EntryCommand, Data: data})
	}
	term := entries[len(entries)-1].Term
	d.MaybeScanArgs(t, "term", &term)
	n.disk = Restored{HardState: HardState{Term: term}, Entries: entries}
	n.first, n.files = Position{}, nil
	s.start(n)
}

// filter returns which messages a command means.
func filter(t *testing.T, d *datadriven.TestData) func(Message) bool {
	var from, to int
	var kind string
	d.MaybeScanArgs(t, "from", &from)
	d.MaybeScanArgs(t, "to", &to)
	d.MaybeScanArgs(t, "kind", &kind)
	return func(m Message) bool {
		return (from == 0 || m.From == NodeID(from)) && (to == 0 || m.To == NodeID(to)) &&
			(kind == "" || m.Kind.String() == kind)
	}
}

// move delivers or drops the messages that are on the network now and fit, in order.
func (s *script) move(deliver bool, fits func(Message) bool) (moved bool) {
	var chosen []Message
	s.network = slices.DeleteFunc(s.network, func(m Message) bool {
		if fits(m) {
			chosen = append(chosen, m)
		}
		return fits(m)
	})
	for _, m := range chosen {
		n := s.nodes[m.To-1]
		if !deliver || n.core == nil {
			continue
		}
		n.core.Step(s.now, m)
		s.take(n)
	}
	return len(chosen) > 0
}

// millisecond delivers what is on the network and not cut, and then fires the timers due.
func (s *script) millisecond() {
	s.quiet = true
	s.move(false, func(m Message) bool { return s.cut[[2]NodeID{m.From, m.To}] })
	s.move(true, func(Message) bool { return true })
	s.now += time.Millisecond
	for _, n := range s.nodes {
		if n.core != nil && n.core.Deadline() <= s.now {
			n.core.Tick(s.now)
			s.take(n)
		}
	}
	s.quiet = false
}

func (s *script) stabilize(members []*node) {
	among := func(id NodeID) bool {
		return len(members) == 0 || slices.Contains(members, s.nodes[id-1])
	}
	for s.move(true, func(m Message) bool { return among(m.From) && among(m.To) }) {
	}
}

func (s *script) status(members []*node) {
	if len(members) == 0 {
		members = s.nodes
	}
	for _, n := range members {
		if n.core == nil {
			s.trace("%d is down", n.cfg.ID)
			continue
		}
		is := n.core.Status()
		after := ""
		if base := n.core.log.base; base.Index > 0 {
			after = fmt.Sprintf("after=%d/%d ", base.Index, base.Term)
		}
		s.trace("%d %v term=%d vote=%d leader=%d commit=%d %s%s", is.ID, is.Role, is.Term, is.Vote,
			is.Leader, is.Commit, after, describeEntries(n.core.log.entries))
		if is.Transferee != 0 {
			s.trace("  hands over to %d", is.Transferee)
		}
		for _, p := range n.core.Progress() {
			if p.ID != is.ID {
				left := ""
				if p.SnapshotLeft > 0 {
					left = fmt.Sprintf(" left=%d", p.SnapshotLeft)
				}
				s.trace("  %d %s match=%d next=%d%s", p.ID, p.State, p.Match, p.Next, left)
			}
		}
	}
}

// describe prints a message on one line.
func describe(m Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d>%d %v term=%d", m.From, m.To, m.Kind, m.Term)
	switch m.Kind {
	case PreVote, Vote, Append:
		fmt.Fprintf(&b, " after=%d/%d", m.Index, m.LogTerm)
	case AppendAnswer:
		if !m.Reject {
			fmt.Fprintf(&b, " holds=%d/%d", m.Index, m.LogTerm)
		} else if m.Index > 0 {
			fmt.Fprintf(&b, " lacks=%d/%d hint=%d/%d", m.Index, m.LogTerm, m.HintIndex, m.HintTerm)
		}
	case Heartbeat, HeartbeatAnswer:
		fmt.Fprintf(&b, " round=%d", m.Round)
	case SnapshotChunk, SnapshotAnswer:
		if part := m.Chunk; part != nil {
			fmt.Fprintf(&b, " snapshot=%d/%d", part.Snapshot.Index, part.Snapshot.Term)
			fmt.Fprintf(&b, " offset=%d bytes=%d", part.Offset, len(part.Data))
		}
	case ReadIndex:
		fmt.Fprintf(&b, " id=%d.%d", m.ID>>32, uint32(m.ID))
	case ReadIndexAnswer:
		fmt.Fprintf(&b, " id=%d.%d index=%d", m.ID>>32, uint32(m.ID), m.Index)
	case Forward, ForwardRefused:
		fmt.Fprintf(&b, " id=%d.%d %s", m.ID>>32, uint32(m.ID), m.Data)
	}
	if len(m.Entries) > 0 {
		fmt.Fprintf(&b, " %s", describeEntries(m.Entries))
	}
	if m.Commit > 0 {
		fmt.Fprintf(&b, " commit=%d", m.Commit)
	}
	if m.Transfer {
		b.WriteString(" transfer")
	}
	if m.Reject {
		b.WriteString(" refused")
	}
	return strings.TrimRight(b.String(), " ")
}

// describeEntries prints entries as index/term:data.
func describeEntries(entries []Entry) string {
	var all []string
	for _, e := range entries {
		data := string(e.Data)
		if e.Kind == EntryNoop {
			data = "noop"
		}
		if c, err := DecodeConfiguration(e.Data); e.Kind == EntryConfiguration && err == nil {
			data = describeConfiguration(c)
		}
		all = append(all, fmt.Sprintf("%d/%d:%s", e.Index, e.Term, data))
	}
	return "[" + strings.Join(all, " ") + "]"
}
