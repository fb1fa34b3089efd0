package suite

import (
	"errors"
	"time"

	"gauntlet/checker"
	"gauntlet/nemesis"
)

// Incident is what happened in production, and what of it must be seen again.
type Incident struct {
	Title     string   // of the source
	Facts     string   // what is publicly known, in a paragraph
	Evidence  []string // where it can be read
	Signature checker.Signature
	Expect    []Expectation
}

// Expectation is what an incident's file promises for one set of the target's options.
type Expectation struct {
	Options  string        // as they are written, on one line: "check-quorum: false"
	Suite    *Suite        // under these options, without expectations or a seed of its own
	Answer   string        // AnswerReproduced or AnswerNot
	AtLeast  int           // permille of the runs that reproduce it
	AtMost   int           // likewise
	Recovery time.Duration // after the last heal, within which each run is available again; 0: any
}

// What an incident's file can promise of it.
const (
	AnswerReproduced = "reproduced"
	AnswerNot        = "not-reproduced"
)

// Plan is every fault of the run: the series', laid out by the seed, and the timeline's.
func (s *Suite) Plan() (nemesis.Plan, error) {
	if s.Seed == nil {
		return nil, errors.New("a plan hangs on a seed, and the suite has none yet")
	}
	plan, err := nemesis.NewPlan(s.Faults, s.Phases.Load, *s.Seed)
	if err != nil {
		return nil, err
	}
	return nemesis.Merge(plan, s.Timeline), nil
}
