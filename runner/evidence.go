package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gauntlet/history"
	"gauntlet/target"
)

// evidenceWithin bounds the look at the nodes: faults should not last because one does not answer.
const evidenceWithin = 20 * time.Second

// nodeState is what a node was found in: state.json.
type nodeState struct {
	At          time.Duration        `json:"at"`  // on the run's clock
	PID         int                  `json:"pid"` // 0: it was not running
	Observation *history.Observation `json:"observation,omitempty"`
	Unanswered  string               `json:"unanswered,omitempty"` // why there is no observation
}

// evidence fetches every node's log and state as they are right after the violation. What a node
// does not give is a warning: a fault may well be why.
func (r *run) evidence(ctx context.Context) (string, error) {
	r.clients.cancel() // also where the answer came after the load
	ctx, cancel := context.WithTimeout(ctx, evidenceWithin)
	defer cancel()
	if err := target.Each(ctx, r.hosts, r.look); err != nil {
		for _, part := range parts(err) {
			r.warn("evidence: " + part.Error())
		}
	}
	return fmt.Sprintf("logs and states of %d nodes, %d faults in force", len(r.hosts),
		len(r.injector.InForce())), nil
}

// look keeps a node's state, and then its log.
func (r *run) look(ctx context.Context, h *target.Host) error {
	dir := r.Directory.path(nodesDir, h.Name(), evidenceDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	found := nodeState{At: r.recorder.Now()}
	if process, err := r.target.Process(ctx, h); err == nil {
		found.PID = process.PID
	}
	if seen, err := r.target.Observe(ctx, h); err == nil {
		seen.At = r.recorder.Now()
		found.Observation = &seen
	} else {
		found.Unanswered = err.Error()
	}
	text, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, stateFile), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return r.target.Logs(ctx, h, dir)
}
