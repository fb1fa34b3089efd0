// Package sim runs the very replica and write-ahead log of raftd under a simulated network, disk
// and clock: one goroutine, one heap of events, and chance that is drawn from one seed. Virtual
// time jumps from event to event, so hours pass in seconds, and each run can be had again, exactly.
//
//	sim/schedule    what a run depends on, as data: drawn from a seed, or read from a file
//	sim             the world: Run plays a schedule
//	sim/failure     the names of what can break
//	sim/invariant   what must hold after each event, whatever happens
//	sim/witness     linearizability in linear time, with the log as the witness
//	sim/trace       the account of a run, event by event
//	sim/spacetime   the account as a page
//	sim/minimise    the smallest schedule that still fails the same way
//	sim/campaign    many seeds: progress, failures by signature, coverage, statistics
package sim

import (
	"time"

	"gauntlet/history"
	"gauntlet/sim/failure"
	"gauntlet/sim/schedule"
	"gauntlet/sim/trace"
)

// Outcome is how one run ended.
type Outcome struct {
	Seed      uint64
	Failure   *failure.Failure // nil: nothing broke
	TraceHash uint64           // of every event and what it changed
	Events    int64            // messages, disk completions, timers and calls that a replica took in
	Virtual   time.Duration
	Ops       int // operations called; of which:
	OK        int // ... answered with ok
	Coverage  Coverage
	Effects   Effects

	History *history.History     // if asked for, or if it failed
	Issued  []schedule.Operation // likewise: the operations as they were made
	Trace   *trace.Log           // if asked for
}
