// Package campaign plays many seeds and says what that shows: which seeds failed and how, which
// situations were seen, which faults changed something, and how rare a failure must be that was
// not seen. What it finds is a function of the range of seeds, whatever the number of workers, so
// that a range can be spread over machines.
//
// Each seed is judged by the invariants, the witness and the black-box checker. Every failing seed,
// and a sample of the others, is also played a second time in a world of its own, which must be the
// same event by event.
//
//	Run       a campaign, and a directory of evidence for each signature of failure
//	Play      one schedule, with all judges
//	Concrete  a schedule with every operation written out
//	Shrink    the smallest schedule that fails in the same way
package campaign

import (
	"context"
	"time"

	"gauntlet/sim"
	"gauntlet/sim/schedule"
)

// Engine plays schedules, one at a time; *sim.World is one.
type Engine interface {
	Run(s *schedule.Schedule, o sim.Options) *sim.Outcome
}

// NewEngine makes an engine that shares nothing with any other.
type NewEngine func() Engine

// Config is one campaign. Seeds First to Last are played in this order; a campaign that is ended
// early, by its time or by its context, has played the first of them.
type Config struct {
	Engine      NewEngine
	Draw        func(seed uint64) *schedule.Schedule
	First, Last uint64                   // both included
	For         time.Duration            // 0: until Last
	Workers     int                      // 0: one
	StopAfter   int                      // failing seeds; 0: however many fail
	Out         string                   // where evidence is kept: one directory a signature
	Build       string                   // what is simulated; "" unknown
	Command     func(seed uint64) string // the line that plays this seed alone
	Verify      string                   // how lines call this program; "": verify
}

// Run plays the seeds until they are used up or the context ends, and then keeps evidence of each
// signature, which takes a bounded number of replays. Progress may be nil.
func Run(ctx context.Context, c Config, p *Progress) *Tally {
	t := c.sweep(ctx, p)
	c.keep(t, p)
	return t
}

// The exit codes of a campaign, as package checker counts them.
const (
	ExitClean        = 0
	ExitSafety       = 1 // something happened that must never happen
	ExitLiveness     = 2 // a healed cluster did not come back in time, and nothing worse
	ExitInconclusive = 3 // nothing was played, or the checker ran out of its budget
	ExitHarness      = 4 // the simulator contradicts itself, or evidence could not be kept
)
