// Package kv is the replicated state machine of raftd: a map from keys to values, changed by
// commands that travel through the log as bytes. It is pure: the same entries in the same order
// give the same state and the same results on every member.
//
// Client sessions (thesis 6.3) and snapshots will live in Store; until then a caller that repeats
// a command runs it twice, so clients must not.
package kv

import (
	"bytes"

	"gauntlet/raft"
)

// Op says what a command does.
type Op uint8

// The commands.
const (
	Put    Op = 1
	Delete Op = 2 // of an absent key: does nothing
	CAS    Op = 3 // compare and set: sets Value if the key holds Expected
)

// Command is one change of the map.
type Command struct {
	Op       Op
	Key      string
	Value    []byte // Put, CAS
	Expected []byte // CAS; nil: the key must be absent

	// Who waits for the result: a request of one life of one member. They have no effect.
	Origin      raft.NodeID
	Incarnation uint64
	Request     uint64
}

// Result is what a command or a read found.
type Result struct {
	Found   bool   // read: the key is there. A CAS that did not swap: likewise
	Value   []byte // the value found; never to be changed
	Swapped bool   // CAS
}

// Store is the map. The zero value is not usable: see New.
type Store struct {
	values map[string][]byte
}

// New returns an empty store.
func New() *Store {
	return &Store{values: make(map[string][]byte)}
}

// Get returns what a key holds.
func (s *Store) Get(key string) Result {
	value, found := s.values[key]
	return Result{Found: found, Value: value}
}

// Apply carries out one committed entry. It takes the entry's data over. An entry that holds no
// command (a no-op) changes nothing and returns false, and so does one that cannot be decoded: all
// members agree on that, too.
func (s *Store) Apply(e raft.Entry) (Command, Result, bool) {
	if e.Kind != raft.EntryCommand {
		return Command{}, Result{}, false
	}
	cmd, err := Decode(e.Data)
	if err != nil {
		return Command{}, Result{}, false
	}
	return cmd, s.do(cmd), true
}

func (s *Store) do(cmd Command) Result {
	switch cmd.Op {
	case Put:
		s.values[cmd.Key] = cmd.Value
	case Delete:
		delete(s.values, cmd.Key)
	case CAS:
		current := s.Get(cmd.Key)
		expectsAbsent := cmd.Expected == nil
		if current.Found == expectsAbsent || !bytes.Equal(current.Value, cmd.Expected) {
			return current
		}
		s.values[cmd.Key] = cmd.Value
		return Result{Swapped: true}
	}
	return Result{}
}
