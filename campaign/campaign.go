// Package campaign makes many runs and says what they show together: how often an incident can be
// seen again, what a build can be trusted with, what a night has found.
package campaign

import (
	"context"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/suite"
)

// Job is one run to be made.
type Job struct {
	Name     string
	Suite    *suite.Suite
	Seed     uint64
	Binaries []string // to be put under test instead of the suite's own
	Out      string   // parent of the run directory
}

// Played is one run as a campaign sees it.
type Played struct {
	Results   *checker.Results // nil: there are none, see Err
	History   *history.History // nil: it was not kept
	Directory string           // of the run; "": none was kept
	Took      time.Duration
	Err       error // of the harness, if it could not even give results
}

// Player makes runs, one at a time or several at once.
type Player interface {
	Play(ctx context.Context, j Job) Played
}
