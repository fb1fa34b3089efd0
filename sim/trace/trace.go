// Package trace is the account of one simulated run, event by event, in virtual time: what the
// space-time page draws and what `--trace` prints. A run of a campaign keeps none; it is taken in
// a second run of the same schedule, which is the same run.
package trace

import "time"

// Kind says what happened.
type Kind uint8

// The kinds of record. Node is where it happened.
const (
	Send       Kind = 1  // of a message, to Peer
	Deliver    Kind = 2  // of a message, from Peer; Cause is its Send
	Drop       Kind = 3  // of a message from Peer on its way; Label says why; Cause: Send
	Duplicate  Kind = 4  // a second copy of a message was put on its way; Cause is the first Send
	Timer      Kind = 5  // time passed that meant something to the replica
	Write      Kind = 6  // a write with its sync began
	Synced     Kind = 7  // ... and is durable; Cause is its Write
	DiskError  Kind = 8  // ... or failed; Label says how
	Crash      Kind = 9  // the process ended; Label says how: "kill", "power", "disk", "panic"
	Start      Kind = 10 // a process began; Label says what it recovered
	Refused    Kind = 11 // a process found a log that it must not serve
	Pause      Kind = 12
	Resume     Kind = 13
	Role       Kind = 14 // the node took Role in Term; Cause is the event it followed from
	Commit     Kind = 15 // the node's commit index rose to Index
	Call       Kind = 16 // a client's request reached the node; Operation is its ID
	Return     Kind = 17 // a client had its answer from the node; Label is the outcome
	FaultStart Kind = 18 // Fault is its ID; Label says what and whom; Node is -1 unless it has one
	FaultStop  Kind = 19
	Violation  Kind = 20 // an invariant broke; Label says which and how
	Phase      Kind = 21 // Label is the phase that begins; Node is -1
	Order      Kind = 22 // an operator asked the node for a change of the members: Label
	Snapshot   Kind = 23 // the node has a snapshot up to Index, durable; Label says how it came to it
)

// Record is one line of the account.
type Record struct {
	At        time.Duration
	Kind      Kind
	Node      int // from 0; -1: none
	Peer      int // of messages; -1: none
	Cause     int // index of the record that this one followed from; -1: none
	Term      uint64
	Index     uint64 // of Commit, Write, Synced, Snapshot: the last index
	Role      string // of Role
	Label     string // a message in short: "append 3@2 +2 commit 1"
	Operation int64  // of Call and Return; else 0
	Fault     int    // of faults, and of drops that one caused; else 0
}

// Log is a whole account, in order of time. A nil *Log takes nothing.
type Log struct {
	Nodes   []string // names of the lanes
	Records []Record
}

// Add appends a record and returns its index; -1 if the log is nil.
func (l *Log) Add(r Record) int {
	if l == nil {
		return -1
	}
	l.Records = append(l.Records, r)
	return len(l.Records) - 1
}
