package raft

import "time"

// NodeID names a member for ever; 0 is nobody.
type NodeID uint64

// EntryKind tells what an entry carries.
type EntryKind uint8

// The kinds of entry. A leader appends a no-op at the start of its term (thesis 6.4).
const (
	EntryNoop          EntryKind = 1
	EntryCommand       EntryKind = 2
	EntryConfiguration EntryKind = 3 // Data is Configuration.Encode()
)

// Entry is one slot of the replicated log. Indexes start at 1. An entry is never changed, its
// data included: cores, messages and the disk's writer share it.
type Entry struct {
	Index uint64
	Term  uint64
	Kind  EntryKind
	Time  time.Duration // cluster time, never falling along the log: see clock.go
	Data  []byte
}

// Position names an entry: no two different entries ever share one (paper, log matching property).
type Position struct {
	Index uint64
	Term  uint64
}

// MessageKind says what a message is.
type MessageKind uint8

// The messages of the core.
const (
	PreVote         MessageKind = 1  // thesis 9.6
	PreVoteAnswer   MessageKind = 2  //
	Vote            MessageKind = 3  // paper 5.2
	VoteAnswer      MessageKind = 4  //
	Append          MessageKind = 5  // paper 5.3
	AppendAnswer    MessageKind = 6  //
	Heartbeat       MessageKind = 7  // carries Round and Commit; never entries
	HeartbeatAnswer MessageKind = 8  // echoes Round, which confirms leadership for reads
	ReadIndex       MessageKind = 9  // a follower asks for a read index (thesis 6.4)
	ReadIndexAnswer MessageKind = 10 //
	Forward         MessageKind = 11 // a follower hands a proposal to its leader
	ForwardRefused  MessageKind = 12 // ... which certainly did not and will not propose it
	TimeoutNow      MessageKind = 13 // a leader has its successor campaign (thesis 3.10)
	SnapshotChunk   MessageKind = 14 // InstallSnapshot (paper, figure 13), a part at a time
	SnapshotAnswer  MessageKind = 15 // how much of it the receiver has
)

// String returns the name of a kind.
func (k MessageKind) String() string {
	names := [...]string{
		"none", "PreVote", "PreVoteAnswer", "Vote", "VoteAnswer", "Append", "AppendAnswer",
		"Heartbeat", "HeartbeatAnswer", "ReadIndex", "ReadIndexAnswer", "Forward", "ForwardRefused",
		"TimeoutNow", "SnapshotChunk", "SnapshotAnswer",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Message is one message between two members. Fields that a kind does not use are zero.
type Message struct {
	Kind MessageKind
	From NodeID
	To   NodeID
	Term uint64 // sender's; in a PreVote, and where it is granted, the term to campaign in

	Index   uint64 // Vote, PreVote: last index. Append: previous index. AppendAnswer: see LogTerm
	LogTerm uint64 // of the entry at Index; an AppendAnswer names its last durable entry, or the
	// refused Append's previous one
	Commit  uint64 // leader's; bounded by what the follower is known to hold, except in an Append
	Entries []Entry

	Transfer  bool // Vote: the leader asked for it, so that hearing one is no reason to refuse
	Reject    bool
	HintIndex uint64 // refused Append: where the leader should look next ...
	HintTerm  uint64 // ... and the term there, so that whole terms are skipped

	Round uint64 // Heartbeat and its answer: rises with every round of a leader; 0: do not answer
	ID    uint64 // ReadIndex, Forward and their answers: the asker's incarnation << 32, plus a count
	Data  []byte // Forward: the proposal. ForwardRefused: why, in words
	Chunk *Chunk // SnapshotChunk and its answer
}

// Role is what a member is at the moment (paper 5.1).
type Role uint8

// The roles. A pre-candidate asks whether it could win before it raises its term (thesis 9.6).
const (
	Follower Role = iota
	PreCandidate
	Candidate
	Leader
)

// String returns the field's standard term, as the status endpoint and the event log print it.
func (r Role) String() string {
	return [...]string{"follower", "pre-candidate", "candidate", "leader"}[r&3]
}

// Status is one consistent view of a core.
type Status struct {
	ID        NodeID
	Term      uint64
	Role      Role
	Leader    NodeID // 0: unknown
	Vote      NodeID
	Commit    uint64
	Applied   uint64
	LastIndex uint64
	LastTerm  uint64

	FirstIndex    uint64 // of the log that is left; LastIndex + 1: none is
	SnapshotIndex uint64 // of the last entry the newest snapshot stands for; 0: there is none

	Transferee   NodeID // of a leader: to whom it hands its leadership over; 0: no transfer
	TransferTold bool   // ... and in this term somebody was told to campaign, which may yet obey
	DiskHangs    bool   // a write has not been completed for Config.DiskPatience

	Configuration Position // of the latest in the log; 0: the one that the log began with
}

// Progress is what a leader knows of one member.
type Progress struct {
	ID    NodeID
	Match uint64
	Next  uint64
	State string // "probe", "replicate" or "snapshot"

	SnapshotLeft uint64 // bytes that the member has yet to get of a snapshot on its way; else 0
}
