package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/suite"
)

// What only a simulated run can judge: it sees the inside of every node.
const (
	CheckInvariants = "invariants" // what the protocol promises held after each event
	GateLiveness    = "liveness"   // healed, the cluster worked again in time
)

// Recorded is a run that happened elsewhere, in no time of its own, and is known as a whole.
type Recorded struct {
	Suite   *suite.Suite // resolved: its seed is set
	History *history.History
	Checks  []checker.Result // that only the run itself could make
	Gates   []checker.Result // likewise
	Harness []string         // what was wrong with the place where it ran
}

// Judge makes a run directory of a recorded run and judges it as Check does.
func Judge(
	ctx context.Context, dir Directory, r Recorded, verify string,
) (*checker.Results, error) {
	resolved, err := r.Suite.Redacted().Resolved()
	if err != nil {
		return nil, err
	}
	var lines bytes.Buffer
	if err := r.History.Write(&lines); err != nil {
		return nil, fmt.Errorf("cannot keep the history: %w", err)
	}
	own := checker.Results{
		Version: checker.Version, Checks: r.Checks, Harness: r.Harness, Warnings: r.Suite.Warnings,
		Gates: append(r.Gates, checker.Result{
			Check: gateFinished, Verdict: checker.Valid, Reason: "to its end",
		}),
	}
	results, err := json.Marshal(own)
	if err != nil {
		return nil, err
	}
	for _, file := range []struct {
		name string
		data []byte
	}{{suiteFile, resolved}, {historyFile, lines.Bytes()}, {resultsFile, results}} {
		if err := dir.write(file.name, file.data); err != nil {
			return nil, err
		}
	}
	return Check(ctx, dir, verify)
}
