// Package checker turns a history into a verdict with evidence. It is pure: it reads no clock
// but to keep its own budget, does no network, starts no process, and never knows which target
// or place made the history.
//
// A safety check answers whether the target broke its promise. A gate answers whether the run
// met what its suite requires: a gate that is Invalid was missed, one that is Unknown makes the
// run inconclusive. Durations in JSON are integer nanoseconds, as in the history.
//
//	Partition     a history by key               Linearizable   one key and model, in a budget
//	Combine       the keys to one result         LeaderPerTerm  the claims of all nodes
//	Requirements  every gate of a run            Summarise      what happened, unjudged
//	Decide        of Results: verdict and exit   Visualise      porcupine's drawing of a key
//	Measure       what clients saw in a window   Match          of Signature: an incident, again?
package checker

import (
	"fmt"
	"time"

	"gauntlet/checker/finding"
	"gauntlet/history"
)

// Version is the format of results.json that this package writes.
const Version = 1

// Verdict is the answer of a check. Its zero value is Unknown, and unknown never passes.
type Verdict int

// The three verdicts.
const (
	Unknown Verdict = iota
	Valid
	Invalid
)

// Merge takes the worst of the verdicts: invalid over unknown over valid. Merging nothing is
// Unknown.
func Merge(verdicts ...Verdict) Verdict {
	if len(verdicts) == 0 {
		return Unknown
	}
	merged := Valid
	for _, v := range verdicts {
		switch {
		case v == Invalid:
			return Invalid
		case v != Valid:
			merged = Unknown
		}
	}
	return merged
}

// String returns "valid", "invalid" or "unknown".
func (v Verdict) String() string {
	switch v {
	case Valid:
		return "valid"
	case Invalid:
		return "invalid"
	default:
		return "unknown"
	}
}

// MarshalText writes the verdict as String does.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote, and refuses anything else.
func (v *Verdict) UnmarshalText(text []byte) error {
	switch string(text) {
	case "valid":
		*v = Valid
	case "invalid":
		*v = Invalid
	case "unknown":
		*v = Unknown
	default:
		return fmt.Errorf("verdict %q is none of valid, invalid, unknown", text)
	}
	return nil
}

// The names of the checks and gates, as they stand in a suite, in results.json and in JUnit.
const (
	CheckLinearizable  = "linearizable"
	CheckLeaderPerTerm = "leader-per-term"

	GateHistory            = "history"              // the history keeps its own laws
	GateOKPerKind          = "ok-per-kind"          // enough operations of each kind succeeded
	GateOKPerPhase         = "ok-per-phase"         // something succeeded wherever it should have
	GateFaultsBit          = "faults-bit"           // each fault is proven at its start and its end
	GateMinFaults          = "min-faults"           // enough faults of each kind are proven
	GateFinalReads         = "final-reads"          // every key asked for at the end was answered
	GateAvailableAfterHeal = "available-after-heal" // the target came back in time
	GateGaps               = "gaps"                 // clients never waited for longer than they may
)

// The phases of a run that the gates read. Clients run from the start of warm-up to the end of
// recovery.
const (
	PhaseWarmUp     = "warm-up"
	PhaseLoad       = "load"
	PhaseEvidence   = "evidence" // only of a run that stops on a violation: nobody works any more
	PhaseHeal       = "heal"
	PhaseRecovery   = "recovery"
	PhaseFinalReads = "final-reads"
)

// Result is the answer of one check or one gate.
type Result struct {
	Check     string      `json:"check"`
	Verdict   Verdict     `json:"verdict"`
	Reason    string      `json:"reason"` // one line, also when valid: what was looked at
	Keys      []KeyResult `json:"keys,omitempty"`
	Violation *Violation  `json:"violation,omitempty"` // set if a safety check is Invalid
}

// Key is one object and the operations on it, by ID. Linearizability is local: keys are checked
// apart (Herlihy and Wing 1990, theorem 1).
type Key struct {
	Name       string
	Operations []history.Operation
}

// KeyResult is the answer for one key.
type KeyResult struct {
	Key        string        `json:"key"`
	Operations int           `json:"operations"`
	Verdict    Verdict       `json:"verdict"`
	Reason     string        `json:"reason,omitempty"` // why it is not valid
	Engine     string        `json:"engine"`           // what decided it: "zones", "porcupine"
	Why        string        `json:"why,omitempty"`    // why that engine, and no faster one
	Elapsed    time.Duration `json:"elapsed"`
	Violation  *Violation    `json:"violation,omitempty"`
}

// Violation is the evidence of a broken promise: either operations of one key, or two leaders
// of one term.
type Violation struct {
	Text       string                `json:"text"` // one plain sentence
	Class      finding.Class         `json:"class,omitempty"`
	Key        string                `json:"key,omitempty"`
	Operations []int64               `json:"operations,omitempty"` // IDs of a smallest window
	Evidence   []Witness             `json:"evidence,omitempty"`   // these, unless they are many
	Term       uint64                `json:"term,omitempty"`
	Leaders    []history.Observation `json:"leaders,omitempty"` // a claim of each leader of Term
}

// Require is what a suite demands of a run before "valid" may be said. Zero values demand
// nothing, but a fault that did not bite and a phase in which nothing succeeded are never
// accepted.
type Require struct {
	OKPerKind          int            // acknowledged operations of each kind
	MinFaults          map[string]int // proven faults, by kind
	AvailableAfterHeal time.Duration  // longest time from the last heal to availability
	Gap                time.Duration  // longest time without an acknowledgement; 0: any
	GapLeaderLost      time.Duration  // likewise, where a leader was taken away by force; 0: as Gap
}

// Results is results.json: the run, its verdict and the evidence.
type Results struct {
	Version int      `json:"version"`
	Run     string   `json:"run"`
	Suite   string   `json:"suite"`
	Place   string   `json:"place"`
	Model   string   `json:"model,omitempty"` // what the operations are of; "": the register
	Seed    uint64   `json:"seed"`
	Verdict Verdict  `json:"verdict"`
	Exit    int      `json:"exit"`
	Reasons []string `json:"reasons"` // why the exit code is not 0; otherwise what was shown
	Checks  []Result `json:"checks"`
	Gates   []Result `json:"gates"`
	Summary Summary  `json:"summary"`
	Refused []string `json:"refused,omitempty"` // why a guard held the run back
	Harness []string `json:"harness,omitempty"` // what of the harness or its hosts failed
	// Warnings of the history's reader: a torn last line, operations that never returned.
	Warnings []string `json:"warnings,omitempty"`
	Cleanup  []string `json:"cleanup,omitempty"` // what clean-up left behind
	// Reproduced is whether the run showed the incident that its suite tells of; nil: of none.
	Reproduced *Reproduction `json:"reproduced,omitempty"`
	// Skipped names the capabilities for lack of which there was no run.
	Skipped []string `json:"skipped,omitempty"`
}
