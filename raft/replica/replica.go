// Package replica joins a raft core and the key-value state machine: clients' requests, messages,
// time and disk completions go in, effects come out. It is pure; raftd and a simulator carry out
// the effects.
package replica

import (
	"time"

	"gauntlet/raft"
	"gauntlet/raft/kv"
)

// Config is what a replica is made with.
type Config struct {
	Raft        raft.Config
	Incarnation uint64 // random per start: answers of an earlier life are never taken for ours

	// State is what the snapshot restored stands for; nil without one. The replica takes it over.
	State *kv.Store

	// A snapshot is due after so many entries applied, or bytes of them; 0: not for that reason.
	SnapshotEntries uint64
	SnapshotBytes   int
}

// Effects is what the caller must carry out, in this order. Several may be outstanding. HardState
// and Entries stay as they are for ever; the other slices, until the next call of Replica.Effects:
// their memory is then used again. What is in them may be copied and kept.
//
//  1. Write out Events: a claim of leadership must be on record before others hear of it.
//  2. Send Now.
//  3. Write HardState and Entries, sync, call Persisted(Sequence), send AfterPersist: see
//     raft.Ready, rules 1 and 2. Outbox and Writes keep account of it.
//  4. Give Answers to their clients, at any time.
//  5. Send Chunks with their bytes, store Store, take the snapshot Take (if not nil), at any time:
//     see raft.Ready, rules 4 and 5, and Taking.
type Effects struct {
	Sequence     uint64
	HardState    *raft.HardState
	Base         *raft.Position // see raft.Ready, rule 2
	Entries      []raft.Entry
	Now          []raft.Message
	AfterPersist []raft.Message
	Answers      []Answer
	Events       []Event
	Chunks       []raft.Message
	Store        []raft.Chunk
	Take         *Taking
}

// Answer ends the request with this id: a result, or a refusal, whose index is 0. A write that
// repeats an earlier one of its session took effect at that one's entry.
type Answer struct {
	ID      uint64
	Index   uint64 // of the entry that was the write, or whose state the read saw
	Result  kv.Result
	Lease   bool        // a read that rests on its leader's lease
	Leader  raft.NodeID // of a transfer that ended well: who leads now
	Refusal *Refusal
}

// Refusal is why a request has no result.
type Refusal struct {
	Reason   string
	Unknown  bool        // false: it certainly had and will have no effect
	Conflict bool        // it made no sense with the members as they are
	Leader   raft.NodeID // who might know better; 0: nobody
}

// Event is a change worth a line in the log.
type Event struct {
	Kind string // "term"; "vote"; "role", of which "leader" is a claim of leadership; "leader";
	// "transfer", begun or given up; "disk", which hangs or is back; "snapshot", taken or installed
	Term   uint64
	Role   raft.Role   // of a "role" event
	Leader raft.NodeID // of "role" and "leader" events; 0: unknown
	Vote   raft.NodeID // of a "vote" event: whom this member voted for
	Peer   raft.NodeID // of a "transfer" event: the successor
	State  string      // of a "transfer" event: Begun or GivenUp; of a "disk" event: Hangs or Back;
	// of a "snapshot" event: Taken or Installed
	Index uint64 // the entry of a "config" event; the last that a snapshot stands for

	Configuration *raft.Configuration // of a "config" event: what is in effect from now on
}

// The states of events.
const (
	Begun     = "begun"
	GivenUp   = "given up"
	Hangs     = "hangs"
	Back      = "back"
	Taken     = "taken"
	Installed = "installed"
)

// Replica is one member with its copy of the map. It is not safe for concurrent use.
type Replica struct {
	cfg     Config
	core    *raft.Core
	store   *kv.Store
	applied mark
	seen    raft.Status // after the last input

	snapshots snapshots

	writes   map[uint64]epoch  // open requests, and under whom they were proposed
	reads    map[uint64]string // open requests, and their keys
	waiting  []raft.ReadAnswer // confirmed reads whose index is not yet applied
	swept    epoch             // no open write is older
	handed   []transfer        // open requests
	changing []reconfiguration // open requests

	answers []Answer
	events  []Event
	spare   Effects // what Effects returned last: Answers and Events are used again
}

// New returns a replica with an empty map, which committed entries will fill again. Its errors are
// raft.New's.
func New(cfg Config, restored raft.Restored) (*Replica, error) {
	cfg.Raft.Incarnation = uint32(cfg.Incarnation)
	core, err := raft.New(cfg.Raft, restored)
	if err != nil {
		return nil, err
	}
	r := &Replica{
		cfg: cfg, core: core, store: cfg.State, seen: core.Status(),
		writes: make(map[uint64]epoch), reads: make(map[uint64]string),
	}
	if r.store == nil {
		r.store = kv.New()
	}
	s := restored.Snapshot
	r.applied, r.snapshots.last = mark{s.Index, s.Term, s.Time}, s
	return r, nil
}

// mark is the last entry applied.
type mark struct {
	Index uint64
	Term  uint64
	Time  time.Duration
}

// Tick lets time pass. It is needed no earlier than Deadline.
func (r *Replica) Tick(now time.Duration) {
	r.core.Tick(now)
	r.observe()
}

// Step takes a message from another member in.
func (r *Replica) Step(now time.Duration, m raft.Message) {
	r.core.Step(now, m)
	r.observe()
}

// Persisted tells that the writes of these Effects and of all earlier ones are on disk.
func (r *Replica) Persisted(now time.Duration, sequence uint64) {
	r.core.Persisted(now, sequence)
	r.observe()
}

// Deadline returns the clock reading at which Tick is next needed.
func (r *Replica) Deadline() time.Duration {
	return r.core.Deadline()
}

// Status returns one consistent view.
func (r *Replica) Status() raft.Status {
	return r.core.Status()
}

// State returns the last applied index and the state there, so that members can be compared.
func (r *Replica) State() (index uint64, view kv.View) {
	return r.applied.Index, r.store.Freeze()
}

// HasEffects tells whether Effects has anything to say.
func (r *Replica) HasEffects() bool {
	return r.core.HasReady() || len(r.answers) > 0 || len(r.events) > 0 || r.due()
}

// Effects returns what has become due since the last call.
func (r *Replica) Effects() Effects {
	ready := r.core.Ready()
	r.apply(ready.Committed)
	r.refuse(ready.Refused)
	r.confirm(ready.Reads)
	r.sweep()
	r.adoptLate()
	e := Effects{
		Sequence: ready.Sequence, HardState: ready.HardState, Entries: ready.Entries,
		Now: ready.Now, AfterPersist: ready.AfterPersist, Answers: r.answers, Events: r.events,
		Base: ready.Base, Chunks: ready.Chunks, Store: ready.Store, Take: r.take(),
	}
	clear(r.spare.Answers)
	r.answers, r.events = r.spare.Answers[:0], r.spare.Events[:0]
	r.spare = e
	return e
}

// observe records what an input changed. A leadership lasts for at least one input, so none goes
// unrecorded.
func (r *Replica) observe() {
	was, is := r.seen, r.core.Status()
	r.seen = is
	if is.Term != was.Term {
		r.events = append(r.events, Event{Kind: "term", Term: is.Term})
	}
	if is.Vote != 0 && (is.Vote != was.Vote || is.Term != was.Term) {
		r.events = append(r.events, Event{Kind: "vote", Term: is.Term, Vote: is.Vote})
	}
	r.observeDisk(&was, &is)
	switch {
	case is.Role != was.Role || is.Role == raft.Leader && is.Term != was.Term:
		r.events = append(r.events,
			Event{Kind: "role", Term: is.Term, Role: is.Role, Leader: is.Leader})
	case is.Leader != was.Leader:
		r.events = append(r.events, Event{Kind: "leader", Term: is.Term, Leader: is.Leader})
	}
	r.observeTransfer(&was, &is)
	r.observeConfiguration(&was, &is)
}

// observeDisk tells of a disk that hangs, which is why a leader resigns, and of its end.
func (r *Replica) observeDisk(was, is *raft.Status) {
	if is.DiskHangs == was.DiskHangs {
		return
	}
	state := Back
	if is.DiskHangs {
		state = Hangs
	}
	r.events = append(r.events, Event{Kind: "disk", Term: is.Term, State: state})
}
