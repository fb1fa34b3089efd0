// Package failure names the ways in which a simulated run can fail.
package failure

import "time"

// Failure is the first thing that broke in a run.
type Failure struct {
	Signature Signature
	Text      string // one line, with names and numbers
	At        time.Duration
	Nodes     []int  // whom it is about, from 0
	Term      uint64 // if it is about one
	Index     uint64 // if it is about an entry
	// Operations are the IDs of those that cannot be, if clients could see it.
	Operations []int64
	// InternalOnly: the witness failed, yet a checker of what clients saw finds nothing wrong.
	InternalOnly bool
	Stack        string // of a panic
}

// Signature is the kind of a failure, the same for every seed that fails in this way.
type Signature string

// Safety: what must hold after each event (paper, figure 3, and what an implementation adds).
const (
	TwoLeaders        Signature = "two-leaders"        // election safety: one leader per term
	VotedTwice        Signature = "voted-twice"        // one vote per member and term, over all lives
	LogMismatch       Signature = "log-mismatch"       // same index and term, but other entries
	LeaderIncomplete  Signature = "leader-incomplete"  // a leader lacks a committed entry
	CommitMismatch    Signature = "commit-mismatch"    // two members commit different entries
	CommitLost        Signature = "commit-lost"        // a committed entry was overwritten
	CommitUnsupported Signature = "commit-unsupported" // committed without a durable quorum
	LeaderUnsupported Signature = "leader-unsupported" // leads without durable votes of a quorum
	WentBack          Signature = "went-back"          // a term or commit index fell
	LeaseBroken       Signature = "lease-broken"       // read by lease under a newer leader
	Usurped           Signature = "usurped"            // campaigns unasked as if for a transfer
	TimeFell          Signature = "time-fell"          // cluster time fell along a log
	Promised          Signature = "promised"           // a message promises what is not durable
	Recovered         Signature = "recovered"          // a start found other than what was durable
	IllegalChange     Signature = "illegal-change"     // a configuration that must not follow the last
	Misconfigured     Signature = "misconfigured"      // another configuration in use than the log's
	NoVoter           Signature = "no-voter"           // campaigns, though it is no voter
	Overstayed        Signature = "overstayed"         // a leader that was removed goes on leading
	StateMismatch     Signature = "state-mismatch"     // two members' states differ at one index
	Panicked          Signature = "panicked"           // the replica panicked
	Runaway           Signature = "runaway"            // the run, or one turn of a member, has no end
	WrongSnapshot     Signature = "wrong-snapshot"     // a snapshot that no replay of the log gives
	Refused           Signature = "refused"            // the log refused what it must be able to serve
)

// What clients can see.
const (
	WrongAnswer Signature = "wrong-answer" // an answer that no state of the log gives
	StaleAnswer Signature = "stale-answer" // an answer older than one that was already had
	TwiceDone   Signature = "twice-done"   // one request took effect twice
	UndoneFail  Signature = "undone-fail"  // what was said to have certainly failed took effect
	NotLinear   Signature = "not-linear"   // the checker rejects the history though the witness holds
)

// Liveness: what a healed core with a quorum must achieve in time.
const (
	NoLeader      Signature = "no-leader"
	LeaderChurn   Signature = "leader-churn"   // leaders, but none that stays
	StuckFollower Signature = "stuck-follower" // a member never catches up
	StuckChange   Signature = "stuck-change"   // a change of the members is never completed
	DroppedWrites Signature = "dropped-writes" // fresh writes are never acknowledged
)
