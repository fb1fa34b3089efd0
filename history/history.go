// Package history is the noun that every other room shares: what clients asked and were told, what
// the nemesis did, and what the nodes said of themselves, as one append-only sequence of records.
//
// The package imports nothing else of this module, does no network and starts no process.
package history

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Version is the format that this package writes. A reader refuses a newer one by name.
const Version = 1

// Outcome says what the client knows of an operation's effect.
// The zero value marks an operation that has not returned.
type Outcome string

// The three outcomes. Reads that did not answer carry no information and are OutcomeFail.
const (
	OutcomeOK   Outcome = "ok"   // answered; it took effect between call and return
	OutcomeFail Outcome = "fail" // certainly did not happen and never will
	OutcomeInfo Outcome = "info" // may have happened, now or later
)

// Operation is one request of one client process.
//
// Invariants, checked by Valid:
//  1. Call >= 0, and Return >= Call once it has returned.
//  2. Process >= 0, and Kind is not empty.
//  3. Outcome is ok, fail, info, or empty (not returned: taken as info).
type Operation struct {
	ID      int64           // unique in a history, rising in the order of the calls
	Process int             // a logical single-threaded client; retired after info
	Node    string          // the node the request was sent to
	Kind    string          // "read", "write", "cas": see the workload's models
	Key     string          // the object, checked apart from all other keys
	Input   json.RawMessage // the workload's input, canonical JSON
	Output  json.RawMessage // the workload's output, canonical JSON; nil unless ok
	Call    time.Duration   // controller's monotonic clock since the run's start
	Return  time.Duration   // same clock; meaningless while Outcome is empty
	Outcome Outcome
	Error   string // why it is fail or info, in one line
}

// Cut is one directed severed link: what From sends to To no longer arrives.
type Cut struct {
	From string  `json:"from"`
	To   string  `json:"to"`
	Mode CutMode `json:"mode"`

	Rate int `json:"rate,omitempty"` // permille of the packets; 0: all of them
	Size int `json:"size,omitempty"` // packets of so many bytes or more; 0: of any size
}

// CutMode says which packets of a severed direction are lost.
type CutMode string

// The cut modes. Payload drops only segments that carry data: acknowledgements pass, and TCP stays
// one-way.
const (
	CutPackets CutMode = "packets"
	CutPayload CutMode = "payload"
	CutReject  CutMode = "reject" // each packet is answered by a TCP reset: connections die at once
)

// Clients is the end of a cut where the clients are.
const Clients = "clients"

// Evidence is one read-back from a host that a fault bit, or that it did not.
type Evidence struct {
	Host   string        `json:"host"`
	At     time.Duration `json:"at"`
	Moment string        `json:"moment"` // "start" or "end"
	What   string        `json:"what"`   // "dropped packets", "process state", ...
	Value  string        `json:"value"`  // as read: "37", "T", "pid 812 absent"
	Bit    bool          `json:"bit"`    // the value proves the effect
}

// Stage is how far a fault has come.
type Stage string

// The stages of a fault. A later record of the same fault supersedes an earlier one.
const (
	StageInjected Stage = "injected" // in force
	StageHealed   Stage = "healed"   // undone; the target may still be recovering
	StageResumed  Stage = "resumed"  // the affected nodes have caught up again
	StageFailed   Stage = "failed"   // could not be injected, or could not be undone: see Error
)

// Fault is one injected fault, planned and executed. Its stamps are on the controller's clock.
type Fault struct {
	ID           int           `json:"id"`
	Kind         string        `json:"kind"`            // "partition", "pause", "kill", "version"
	Shape        string        `json:"shape,omitempty"` // "isolate-leader", "upgrade", ...
	Role         string        `json:"role,omitempty"`  // "leader", "follower", "any"
	Leader       string        `json:"leader,omitempty"`
	Hosts        []string      `json:"hosts"` // the hosts that the late-bound role became
	Cuts         []Cut         `json:"cuts,omitempty"`
	Stage        Stage         `json:"stage"`
	PlannedStart time.Duration `json:"plannedStart"`
	PlannedStop  time.Duration `json:"plannedStop"`
	Start        time.Duration `json:"start"`             // injection confirmed
	Stop         time.Duration `json:"stop,omitempty"`    // healed_at
	Heard        time.Duration `json:"heard,omitempty"`   // transport_resumed_at; 0: not seen
	Resumed      time.Duration `json:"resumed,omitempty"` // the nodes have caught up; 0: not seen
	Evidence     []Evidence    `json:"evidence,omitempty"`
	Error        string        `json:"error,omitempty"`

	// Of an operation: who took part when it was asked for, and when it was over.
	Before *Membership `json:"before,omitempty"`
	After  *Membership `json:"after,omitempty"`

	Cast map[string]string `json:"cast,omitempty"` // whom the names mean that its event speaks of
}

// Bit reports whether the fault is proven: some evidence of its start and some of its end, and none
// to the contrary.
func (f Fault) Bit() bool {
	var start, end bool
	for _, e := range f.Evidence {
		if !e.Bit {
			return false
		}
		start = start || e.Moment == "start"
		end = end || e.Moment == "end"
	}
	return start && end && f.Error == ""
}

// Membership is who takes part in a cluster, by name, as one node has it.
type Membership struct {
	Voters   []string `json:"voters"`
	Leaving  []string `json:"leaving,omitempty"`  // voters until the change is done that is under way
	Joint    bool     `json:"joint,omitempty"`    // a change of the voters is under way
	Learners []string `json:"learners,omitempty"` // who has no vote yet
}

// Has tells whether a node takes part, and whether it has a vote.
func (m Membership) Has(node string) (member, votes bool) {
	votes = slices.Contains(m.Voters, node)
	return votes || slices.Contains(m.Leaving, node) || slices.Contains(m.Learners, node), votes
}

// String is the membership for a person.
func (m Membership) String() string {
	text := "voters " + strings.Join(m.Voters, " ")
	if m.Joint {
		text += ", joint"
	}
	if len(m.Leaving) > 0 {
		text += ", leaving " + strings.Join(m.Leaving, " ")
	}
	if len(m.Learners) > 0 {
		text += ", learners " + strings.Join(m.Learners, " ")
	}
	return text
}

// Role is what a node says it is.
type Role string

// The roles of Raft (Ongaro & Ousterhout 2014, section 5.1).
const (
	RoleFollower     Role = "follower"
	RolePreCandidate Role = "pre-candidate"
	RoleCandidate    Role = "candidate"
	RoleLeader       Role = "leader"
)

// Observation is one node's own account of itself, from one atomic read of its status or from its
// event log.
type Observation struct {
	Node    string        `json:"node"`
	At      time.Duration `json:"at"` // when the controller learned of it
	Term    uint64        `json:"term"`
	Role    Role          `json:"role"`
	Leader  string        `json:"leader,omitempty"` // whom it believes to lead; "" unknown
	Commit  uint64        `json:"commit,omitempty"`
	Applied uint64        `json:"applied,omitempty"`
	Version string        `json:"version,omitempty"` // which build it says it is; "" unknown
	Source  string        `json:"source"`            // "status" or "log"
}

// Phase marks the instant a phase of the run began.
type Phase struct {
	Name string        `json:"name"`
	At   time.Duration `json:"at"`
}

// Header opens a history and says which run made it.
type Header struct {
	Version int       `json:"version"`
	Run     string    `json:"run"`
	Suite   string    `json:"suite"`
	Seed    uint64    `json:"seed"`
	Nodes   []string  `json:"nodes"`
	Spares  []string  `json:"spares,omitempty"` // those of the nodes that are no members at the start
	Started time.Time `json:"started"`          // wall clock, for people only
}

// History is everything that was recorded of one run, paired and in order.
type History struct {
	Header       Header
	Operations   []Operation // by ID
	Faults       []Fault     // by ID, the latest record of each
	Observations []Observation
	Phases       []Phase
	Warnings     []string // a torn last line, operations that never returned
}
