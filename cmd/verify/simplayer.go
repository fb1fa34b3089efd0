package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gauntlet/campaign"
	"gauntlet/suite"
)

// simPlayer plays suites of place sim in this process. It has no child that could die in its stead,
// so that a panic is caught here: it is the harness's failure of that run, and of no other. Whoever
// plays the suite by itself, with verify run, sees where it came from.
type simPlayer struct{}

// Play makes one run, without a run directory: see keep. It takes a moment, so that ctx is asked
// before it only.
func (simPlayer) Play(ctx context.Context, j campaign.Job) (p campaign.Played) {
	if err := ctx.Err(); err != nil {
		return campaign.Played{Err: err}
	}
	began := time.Now()
	defer func() { p.Took = time.Since(began) }()
	defer caught(&p.Err)
	return playedSim(j.Suite, j.Seed)
}

// keep plays a run again, which is the same, and leaves its directory below parent.
func (simPlayer) keep(s *suite.Suite, seed uint64, parent string) (dir string, err error) {
	defer caught(&err)
	seeded := *s
	seeded.Seed = &seed
	var said bytes.Buffer
	err = playSuite(context.Background(), &said, io.Discard, &seeded, parent)
	var exit *exitError
	if err != nil && (!errors.As(err, &exit) || exit.err != nil) {
		return "", err // not only the verdict's exit code
	}
	if dir := ranIn(said.String()); dir != "" {
		return dir, nil
	}
	return "", errors.New("the run has left no directory")
}

// caught turns a panic of the simulator, or of the target within it, into an error.
func caught(err *error) {
	if broken := recover(); broken != nil {
		*err = fmt.Errorf("the simulated run panicked: %v", broken)
	}
}
