package target

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"gauntlet/history"
)

// raftdStatus is what Gauntlet uses of GET /v1/status.
type raftdStatus struct {
	Name    string       `json:"name"`
	Term    uint64       `json:"term"`
	Role    history.Role `json:"role"`
	Leader  string       `json:"leader"`
	Commit  uint64       `json:"commit"`
	Applied uint64       `json:"applied"`
	Build   string       `json:"build"`
}

// raftdEvent is what Gauntlet uses of a line of the event log.
type raftdEvent struct {
	Event string       `json:"event"`
	Node  string       `json:"node"`
	Term  uint64       `json:"term"`
	Role  history.Role `json:"role"`
}

// Observe is one atomic read of one node.
func (r *raftd) Observe(ctx context.Context, h *Host) (history.Observation, error) {
	s, err := r.status(ctx, h)
	if err != nil {
		return history.Observation{}, h.fail("observe", "", err)
	}
	return history.Observation{
		Node: s.Name, Term: s.Term, Role: s.Role, Leader: s.Leader,
		Commit: s.Commit, Applied: s.Applied, Version: s.Build, Source: "status",
	}, nil
}

// status asks a node through its host's SSH connection.
func (r *raftd) status(ctx context.Context, h *Host) (raftdStatus, error) {
	body, err := r.ask(ctx, h, "http://"+r.ClientAddress(h)+"/v1/status", nil)
	if err != nil {
		return raftdStatus{}, err
	}
	return parseStatus(body, h.Name())
}

// parseStatus decodes a status and refuses what cannot be evidence about the node of that name.
func parseStatus(body []byte, name string) (raftdStatus, error) {
	var s raftdStatus
	if err := json.Unmarshal(body, &s); err != nil {
		return raftdStatus{}, fmt.Errorf("status: %w", err)
	}
	if s.Name != name {
		return raftdStatus{}, fmt.Errorf("status is of node %q, not %q", s.Name, name)
	}
	switch s.Role {
	case history.RoleFollower, history.RolePreCandidate, history.RoleCandidate, history.RoleLeader:
		return s, nil
	default:
		return raftdStatus{}, fmt.Errorf("status has role %q", s.Role)
	}
}

// Logs fetches raftd.log, and writes the command line to raftd.args, an argument a line. A node
// that never started has no log, and none is written.
func (r *raftd) Logs(ctx context.Context, h *Host, dir string) error {
	program, err := r.program(h)
	if err != nil {
		return h.fail("logs", "", err)
	}
	return r.logs(ctx, h, dir, r.arguments(h, program.path))
}

// Claims reads each line by which a node said that it now leads a term. A node writes it before
// the first message of that leadership. Lines that are no event, such as a panic's, are passed
// over.
func (r *raftd) Claims(dir string) ([]history.Observation, error) {
	file, err := os.Open(filepath.Join(dir, "raftd.log"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readClaims(file)
}

func readClaims(log io.Reader) ([]history.Observation, error) {
	var claims []history.Observation
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e raftdEvent
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		if e.Event == "role" && e.Role == history.RoleLeader {
			claims = append(claims, history.Observation{
				Node: e.Node, Term: e.Term, Role: e.Role, Leader: e.Node, Source: "log",
			})
		}
	}
	return claims, lines.Err()
}
