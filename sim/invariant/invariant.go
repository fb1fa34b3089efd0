// Package invariant watches a simulated cluster from outside and says which promise of Raft broke
// first, at the event that broke it. It believes no member: it keeps a mirror of each one's log, in
// memory and on disk, and of every vote, from what the replica hands out and what disks have done.
//
// What is held, and where:
//
//	log-mismatch, commit-lost               logs.go
//	two-leaders, leader-unsupported,
//	leader-incomplete, voted-twice          elections.go
//	commit-mismatch, commit-unsupported     commits.go
//	illegal-change, misconfigured,
//	no-voter, overstayed                    membership.go
//	promised                                promises.go
//	lease-broken, usurped                   leases.go
//	recovered                               disk.go
//	wrong-snapshot                          snapshots.go
//	state-mismatch                          states.go
//	went-back                               here and in disk.go
//
// Source: the paper's figure 3 (D. Ongaro and J. Ousterhout, "In Search of an Understandable
// Consensus Algorithm", 2014), and what raft.Ready promises of the disk. Each rule is the one that
// Raft keeps whatever the network and the disks do: what is merely unusual passes.
package invariant

import (
	"fmt"
	"strconv"

	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/sim/failure"
)

// Watch is one run under watch. It is told everything in the order in which it happens, and keeps
// nothing that it is given. In the long run it allocates nothing. It is not safe for concurrent
// use.
//
// Invariants:
//
//  1. Two logs that hold the same entry hold the same past (see entries.go): so a log
//     is known by its last entry.
//  2. A member's disk is what Durable and Started told; its owed writes lead from there to its log.
//  3. committed grows only, and reigns rise with it.
type Watch struct {
	MaxLearnerLag uint64 // entries that a learner may lack when it is promoted; 0: any number

	members   []member
	entries   entries
	leaders   map[uint64]int // by term, the member that led it
	reign     uint64         // the highest of these terms
	committed []ref          // by index - 1: what some member was first to commit
	reigns    []reign        // in which terms that was
	effective []configured   // room for inEffect to work in
	told      int            // so many of committed were returned
	telling   []raft.Entry   // room for Committed to work in
	states    states
	failed    *failure.Failure
}

// member is what is known of one member over all its lives.
type member struct {
	memory
	hard     raft.HardState // on its disk
	disk     []ref          // on its disk, by index - 1
	furthest int            // the most entries that it ever had there
	owed     []state        // what its disk will hold after each outstanding write, oldest first
	votes    []vote         // at most one a term, in rising terms
	told     []uint64       // the terms in which a leader told it to take over
}

// memory is what a member knows in one life.
type memory struct {
	role   raft.Role
	term   uint64
	vote   raft.NodeID
	commit uint64
	log    []ref  // by index - 1
	base   uint64 // where the snapshot ends with which it began, or that it installed last; 0: none
}

// New returns a watch that must be Reset before its first use.
func New() *Watch {
	return &Watch{leaders: make(map[uint64]int), states: newStates()}
}

// Reset forgets everything but its memory, for a run of a cluster of so many voters at first, and
// so many servers that wait to be added.
func (w *Watch) Reset(voters, spares int) {
	nodes := voters + spares
	for len(w.members) < nodes {
		w.members = append(w.members, member{})
	}
	w.members = w.members[:nodes]
	for i := range w.members {
		w.members[i].reset()
	}
	w.entries.reset()
	w.entries.begin(voters)
	clear(w.leaders)
	w.reign = 0
	w.states.reset()
	w.committed, w.reigns, w.told, w.failed = w.committed[:0], w.reigns[:0], 0, nil
}

func (m *member) reset() {
	m.forget()
	m.hard, m.disk, m.owed, m.votes = raft.HardState{}, m.disk[:0], m.owed[:0], m.votes[:0]
	m.told, m.furthest = m.told[:0], 0
}

// forget ends a life.
func (m *member) forget() { m.memory = memory{log: m.log[:0]} }

// Crashed tells that a life ended. Whether by power or not, any of its outstanding writes may yet
// have reached the disk: Started will tell.
func (w *Watch) Crashed(node int, _ bool) { w.members[node].forget() }

// Changed tells what one or more inputs changed, before anything of it is carried out. What came
// and went in between is known from the events.
func (w *Watch) Changed(node int, e *replica.Effects, s raft.Status) {
	if w.failed != nil {
		return
	}
	m := &w.members[node]
	if s.Term < m.term || s.Commit < m.commit {
		w.wentBack(node, s)
		return
	}
	cut := false
	if w.begunAnew(node, e, s); w.failed != nil {
		return
	}
	if len(e.Entries) > 0 || s.LastIndex != uint64(len(m.log)) {
		cut = w.logged(node, e.Entries, s)
	}
	if e.HardState != nil || len(e.Entries) > 0 || e.Base != nil {
		m.owe(e.HardState, len(e.Entries) > 0 || e.Base != nil)
	}
	for i := range e.Events {
		w.happened(node, &e.Events[i], &s)
	}
	if s.Term != m.term || s.Vote != m.vote {
		w.votes(node, s.Term, s.Vote)
	}
	if s.Role == raft.Leader && (m.role != raft.Leader || s.Term != m.term) {
		w.leads(node, s.Term, w.electedBy(m, s.Term))
	}
	deposed := m.role == raft.Leader && s.Term != m.term
	m.role, m.term, m.vote = s.Role, s.Term, s.Vote
	if s.Commit != m.commit {
		w.commits(node, s.Commit, cut, deposed)
		m.commit = s.Commit
	}
	w.configures(node, s)
}

// happened takes over what a member says of itself. It may say too little, but not too much.
func (w *Watch) happened(node int, e *replica.Event, is *raft.Status) {
	switch {
	case e.Kind == "vote":
		w.votes(node, e.Term, e.Vote)
	case e.Kind == "role" && e.Role == raft.Leader:
		var by []configured // its log was cut meanwhile, and may not tell
		if m := &w.members[node]; is.Role == raft.Leader && is.Term == e.Term {
			by = w.electedBy(m, e.Term)
		}
		w.leads(node, e.Term, by)
	}
}

func (w *Watch) wentBack(node int, s raft.Status) {
	m := &w.members[node]
	f := failure.Failure{
		Signature: failure.WentBack, Nodes: []int{node}, Term: s.Term, Index: s.Commit,
	}
	if s.Term < m.term {
		w.fail(f, "%s goes back from term %d to %d", name(node), m.term, s.Term)
		return
	}
	w.fail(f, "%s takes back its commit index from %d to %d in one life",
		name(node), m.commit, s.Commit)
}

// Failure returns the first thing that broke, nil if nothing did. What comes after it is ignored.
func (w *Watch) Failure() *failure.Failure { return w.failed }

// Committed returns the entries that some member was first to commit since the last call, in
// order. The slice is the caller's until the next call, the data until Reset.
func (w *Watch) Committed() (first uint64, entries []raft.Entry) {
	first = uint64(w.told) + 1
	w.telling = w.telling[:0]
	for ; w.told < len(w.committed); w.told++ {
		w.telling = append(w.telling, w.entries.entry(w.committed[w.told], uint64(w.told)+1))
	}
	return first, w.telling
}

// fail notes the first failure.
func (w *Watch) fail(f failure.Failure, format string, args ...any) {
	if w.failed == nil {
		f.Text = fmt.Sprintf(format, args...)
		w.failed = &f
	}
}

// name returns what people call a member.
func name(node int) string { return "n" + strconv.Itoa(node+1) }

// named does the same for the id that the members use themselves.
func named(id raft.NodeID) string { return name(int(id) - 1) }
