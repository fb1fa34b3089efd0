// Package kv is the replicated state machine of raftd: a map from keys to values, changed by
// commands that travel through the log as bytes. It is pure: the same entries in the same order
// give the same state and the same results on every member.
//
// A snapshot of the state is taken in constant time and written while commands go on: snapshot.go.
// A client that repeats a command runs it twice, unless the command belongs to a session:
// sessions.go.
package kv

import (
	"time"

	"github.com/tidwall/btree"

	"gauntlet/raft"
)

// Op says what a command does.
type Op uint8

// The commands, and the read that is a step of a transaction.
const (
	Put    Op = 1
	Delete Op = 2 // of an absent key: does nothing
	CAS    Op = 3 // compare and set: sets Value if the key holds Expected
	Append Op = 4 // puts Value behind what the key holds; absent: behind nothing
	Add    Op = 5 // adds Value to what the key holds, both decimal int64s; absent: to 0
	Txn    Op = 6 // all Steps in order, at once; if one conflicts, none of them
	Get    Op = 7 // only a step

	OpenSession Op = 8 // the session's id is the log index of this command
	KeepAlive   Op = 9 // of a session: keeps it from expiring
)

// MaxValueBytes bounds what Append can make of a value. Whoever takes commands in must bound the
// values in them.
const MaxValueBytes = 512 << 10

// Command is one change of the map.
type Command struct {
	Op       Op
	Key      string // not Txn
	Value    []byte // Put, CAS, Append, Add
	Expected []byte // CAS; nil: the key must be absent
	Steps    []Step // Txn

	// What makes the command one that is carried out once: see sessions.go. No session: 0 in all.
	Session    uint64
	Sequence   uint64        // of the command in its session, from 1 on; 0 in a KeepAlive
	AckedBelow uint64        // the client has the answers to all sequences below this one
	Timeout    time.Duration // OpenSession: the session expires when unused for longer

	// Who waits for the result: a request of one life of one member. They have no effect.
	Origin      raft.NodeID
	Incarnation uint64
	Request     uint64
}

// Step is a part of a transaction: Get, Put, Append, Add or Delete. It sees what the steps before
// it did.
type Step struct {
	Op    Op
	Key   string
	Value []byte // Put, Append, Add
}

// Result is what a command or a read found.
type Result struct {
	Found   bool   // read: the key is there. A CAS that did not swap: likewise. Add: true
	Value   []byte // the value found, or the sum
	Swapped bool   // CAS

	// Conflict: the command contradicts what the map holds, and changed nothing. What an Add found
	// is no int64, the sum would be none, or an Append would exceed MaxValueBytes.
	Conflict bool
	Steps    []Result // Txn: one for each step; nil after a conflict

	Session   uint64    // OpenSession: its id
	Rejection Rejection // why a command of a session was not carried out
	Repeats   uint64    // index of the entry that this command repeats, whose result this is; or 0
}

// Store is the map. It is not safe for concurrent use, but what Freeze returns is independent of
// it.
//
// It is a B-tree that is copied on write, so that a snapshot neither stops the commands nor needs
// the memory of a second map. Keys and values are strings: they are copied out of the entry, whose
// data may be a slice of a whole network frame, and nobody can change them afterwards.
type Store struct {
	values   btree.Map[string, string]
	sessions btree.Map[uint64, *session] // by id
	now      time.Duration               // cluster time of the last entry
	epoch    uint64                      // number of calls of Freeze
}

// New returns an empty store.
func New() *Store {
	return &Store{}
}

// Get returns what a key holds.
func (s *Store) Get(key string) Result {
	value, found := s.values.Get(key)
	if !found {
		return Result{}
	}
	return Result{Found: true, Value: []byte(value)}
}

// Apply carries out one committed entry. It keeps none of the entry's data. An entry that holds no
// command (a no-op) changes nothing and returns false, and so does one that cannot be decoded: all
// members agree on that, too.
func (s *Store) Apply(e raft.Entry) (Command, Result, bool) {
	s.now = max(s.now, e.Time)
	if e.Kind != raft.EntryCommand {
		return Command{}, Result{}, false
	}
	cmd, body, err := decode(e.Data)
	switch {
	case err != nil:
		return Command{}, Result{}, false
	case cmd.Op == OpenSession:
		return cmd, s.open(e.Index, cmd.Timeout), true
	case cmd.Session != 0:
		return cmd, s.once(e.Index, &cmd, digestOf(cmd.Op, body)), true
	}
	return cmd, s.do(&cmd), true
}

func (s *Store) do(cmd *Command) Result {
	switch cmd.Op {
	case CAS:
		return s.compareAndSet(cmd)
	case Txn:
		return s.transact(cmd.Steps)
	}
	return s.step(Step{cmd.Op, cmd.Key, cmd.Value})
}

func (s *Store) compareAndSet(cmd *Command) Result {
	current, found := s.values.Get(cmd.Key)
	expectsAbsent := cmd.Expected == nil
	if found == expectsAbsent || current != string(cmd.Expected) {
		return s.Get(cmd.Key)
	}
	s.values.Set(cmd.Key, string(cmd.Value))
	return Result{Swapped: true}
}
