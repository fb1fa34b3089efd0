// Package schedule describes everything that a simulated run depends on: a seed, options, faults
// and client operations, as plain data that fits in a file. Two runs of one schedule by one build
// are the same, event by event.
package schedule

import (
	"encoding/json"
	"time"

	"gauntlet/nemesis"
)

// Version is the format of schedule files that this package writes.
const Version = 1

// Schedule is one simulated run as data. Durations in JSON are integer nanoseconds.
//
// Invariants, which Valid checks:
//  1. Options are in bounds; faults rise with At, and each can be on that many nodes.
//  2. Changes rise with At.
//  3. Operations of one worker rise with At; each can be decoded by the workload's model.
type Schedule struct {
	Version    int          `json:"version"`
	Seed       uint64       `json:"seed"` // of every draw that the rest leaves open
	Options    Options      `json:"options"`
	Faults     nemesis.Plan `json:"faults"`
	Cast       nemesis.Cast `json:"cast,omitempty"`    // whom the faults speak of by name
	Changes    []Change     `json:"changes,omitempty"` // of the members
	Operations []Operation  `json:"operations"`        // nil: drawn while running, from the seed
	Expect     *Expect      `json:"expect,omitempty"`
}

// Options are the cluster and the world it lives in.
type Options struct {
	Nodes    int      `json:"nodes"`            // the voters at first
	Spares   int      `json:"spares,omitempty"` // servers that wait to be added
	Raft     Raft     `json:"raft"`
	Network  Network  `json:"network"`
	Disk     Disk     `json:"disk"`
	Clock    Clock    `json:"clock"`
	Workload Workload `json:"workload"`

	Snapshots Snapshots `json:"snapshots,omitzero"`

	// Turn is how long at most a member gathers inputs before it carries out what follows from them,
	// as a busy process does; 0: it never waits.
	Turn     time.Duration `json:"turn"`
	Load     time.Duration `json:"load"`           // clients work and faults strike
	Heal     time.Duration `json:"heal,omitempty"` // no fault begins or lasts from then on; 0: Load
	Liveness Liveness      `json:"liveness"`
}

// Raft is how every member is configured.
type Raft struct {
	ElectionTimeoutMin  time.Duration `json:"electionTimeoutMin"` // "ET"
	ElectionTimeoutMax  time.Duration `json:"electionTimeoutMax"`
	HeartbeatInterval   time.Duration `json:"heartbeatInterval"`
	PreVote             bool          `json:"preVote"`
	CheckQuorum         bool          `json:"checkQuorum"`
	MaxAppendBytes      int           `json:"maxAppendBytes"`
	MaxInflightBytes    int           `json:"maxInflightBytes"`
	MaxUncommittedBytes int           `json:"maxUncommittedBytes"`
	MaxLearnerLag       int           `json:"maxLearnerLag,omitempty"` // 0: the default
	LeaseReads          bool          `json:"leaseReads,omitempty"`    // members serve them
	DiskPatience        int           `json:"diskPatience,omitempty"`  // see raft.Config; 0: for ever
}

// Network is what every directed link between two members does when no fault strikes it. Rates
// are in parts per million of messages.
type Network struct {
	DelayMin     time.Duration `json:"delayMin"`
	DelayMax     time.Duration `json:"delayMax"` // even between the two, but for the tail
	TailPPM      int           `json:"tailPPM"`  // messages that take up to TailMax
	TailMax      time.Duration `json:"tailMax"`
	LossPPM      int           `json:"lossPPM"`
	DuplicatePPM int           `json:"duplicatePPM"`
	InOrder      bool          `json:"inOrder"` // on a link none overtakes another, as on TCP
}

// Disk is what every disk does when no fault strikes it.
type Disk struct {
	SyncMin      time.Duration `json:"syncMin"` // of one write with its sync
	SyncMax      time.Duration `json:"syncMax"`
	TailPPM      int           `json:"tailPPM"`
	TailMax      time.Duration `json:"tailMax"`
	SegmentBytes int           `json:"segmentBytes"`
}

// Snapshots is how members compact their logs; zeros: they do not.
type Snapshots struct {
	Entries    int           `json:"entries"`    // applied before the next snapshot is taken
	Keep       int           `json:"keep"`       // of the log behind a snapshot's last one
	ChunkBytes int           `json:"chunkBytes"` // sent at a time; 0: the default of raftd
	TakesMax   time.Duration `json:"takesMax"`   // to take a snapshot, or to read or write a chunk
}

// Clock bounds how the members' monotonic clocks differ.
type Clock struct {
	DriftPPM int           `json:"driftPPM"` // each clock's rate is even within ± this
	Offset   time.Duration `json:"offset"`   // each clock starts even within [0, this]
}

// Workload is what clients do. Worker i asks member i modulo Nodes, or once that one is stopped for
// good the next one that is there.
type Workload struct {
	Kind      string        `json:"kind"` // of the generator: see package workload
	Clients   int           `json:"clients"`
	Keys      int           `json:"keys"`
	OpsPerKey int           `json:"opsPerKey"`
	PerGroup  int           `json:"keysPerGroup,omitempty"` // of transactions; 0: the default
	ThinkMin  time.Duration `json:"thinkMin"`               // between an answer and the next request
	ThinkMax  time.Duration `json:"thinkMax"`
	Timeout   time.Duration `json:"timeout"`
	DelayMax  time.Duration `json:"delayMax"`           // of request and answer each: in [0, this]
	LeasePPM  int           `json:"leasePPM,omitempty"` // of the drawn reads, asked as lease reads

	Sessions Sessions `json:"sessions,omitzero"`
}

// Sessions is how each client uses a session of its own (thesis 6.3), a new one whenever it finds
// the old one gone; zeros: it uses none. It asks again, with the next member, if a member refuses a
// write or does not answer for its part of Workload.Timeout.
type Sessions struct {
	Timeout  time.Duration `json:"timeout"`  // cluster time unused, after which a session expires
	Tries    int           `json:"tries"`    // of one request at most
	AckEvery int           `json:"ackEvery"` // sequences that are acknowledged together
	RestPPM  int           `json:"restPPM"`  // requests before which a client rests about Timeout
}

// Liveness is the phase after the load: a core that holds a quorum is healed, and must come back.
type Liveness struct {
	Within int    `json:"within"` // election timeouts (ElectionTimeoutMax); 0: no such phase
	Core   []int  `json:"core"`   // the members that are healed, from 0; empty: all
	Others string `json:"others"` // what becomes of the rest: OthersDead, OthersDeaf, OthersMute
}

// What becomes of the members outside the core in the liveness phase.
const (
	OthersDead = "dead"
	OthersDeaf = "deaf" // they send, but hear nothing
	OthersMute = "mute" // they hear, but nothing they send arrives
)

// Operation is one request of a client: made at At, or when its worker is free if that is later.
type Operation struct {
	Worker int             `json:"worker"`
	At     time.Duration   `json:"at"`
	Kind   string          `json:"kind"`
	Key    string          `json:"key"`
	Input  json.RawMessage `json:"input"`
	Lease  bool            `json:"lease,omitempty"` // a read, which may rest on a lease
}

// Expect is how the run ended from which a schedule was written.
type Expect struct {
	Signature string `json:"signature"`       // of the failure; "": it was clean
	TraceHash string `json:"traceHash"`       // 16 hexadecimal digits
	Build     string `json:"build,omitempty"` // the build it was seen with
}
