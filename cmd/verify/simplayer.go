package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"gauntlet/campaign"
	"gauntlet/suite"
)

// simPlayer plays suites of place sim in this process.
type simPlayer struct{}

// Play makes one run, without a run directory: see keep. It takes a moment, so that ctx is asked
// before it only.
func (simPlayer) Play(ctx context.Context, j campaign.Job) campaign.Played {
	if err := ctx.Err(); err != nil {
		return campaign.Played{Err: err}
	}
	return playedSim(j.Suite, j.Seed)
}

// keep plays a run again, which is the same, and leaves its directory below parent.
func (simPlayer) keep(s *suite.Suite, seed uint64, parent string) (string, error) {
	seeded := *s
	seeded.Seed = &seed
	var said bytes.Buffer
	err := playSuite(context.Background(), &said, io.Discard, &seeded, parent)
	var exit *exitError
	if err != nil && (!errors.As(err, &exit) || exit.err != nil) {
		return "", err // not only the verdict's exit code
	}
	for line := range strings.Lines(said.String()) {
		if dir, ok := strings.CutPrefix(line, "run directory"); ok {
			return strings.TrimSpace(dir), nil
		}
	}
	return "", errors.New("the run has left no directory")
}
