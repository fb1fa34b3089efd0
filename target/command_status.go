package target

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"gauntlet/history"
)

var errNoObserve = errors.New("the suite gives no observe command")

// statusError is an observe command that answered with what is no CommandStatus.
type statusError struct{ problem string }

func (e *statusError) Error() string { return "the observe command " + e.problem }

// Observe runs the observe command on the host.
func (c *command) Observe(ctx context.Context, h *Host) (history.Observation, error) {
	if c.spec.Observe == "" {
		return history.Observation{}, h.fail("observe", "", errNoObserve)
	}
	plan, err := c.plan(h)
	if err != nil {
		return history.Observation{}, h.fail("observe", "", err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	result, err := h.RunOK(ctx, c.script(h, plan.observe))
	if err != nil {
		return history.Observation{}, h.reword("observe", err)
	}
	status, err := c.parse(result.Stdout)
	if err != nil {
		return history.Observation{}, h.fail("observe", "", err)
	}
	return history.Observation{
		Node: h.Name(), Term: status.Term, Role: status.Role, Leader: status.Leader,
		Commit: status.Commit, Applied: status.Applied, Source: "status",
	}, nil
}

// parse decodes what the observe command printed, strictly: a key that we do not know is a fact
// that we would miss.
func (c *command) parse(text []byte) (CommandStatus, error) {
	var s CommandStatus
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&s); err != nil {
		return s, &statusError{fmt.Sprintf("printed no status: %v: %q", err, firstBytes(text))}
	}
	if _, err := in.Token(); err != io.EOF {
		return s, &statusError{fmt.Sprintf("printed more than one object: %q", firstBytes(text))}
	}
	switch s.Role {
	case history.RoleFollower, history.RolePreCandidate, history.RoleCandidate, history.RoleLeader:
	default:
		return s, &statusError{fmt.Sprintf(
			"printed role %q, want follower, pre-candidate, candidate or leader", s.Role)}
	}
	for _, h := range c.hosts {
		if s.Leader == h.Name() || s.Leader == "" {
			return s, nil
		}
	}
	return s, &statusError{fmt.Sprintf("printed leader %q, which is no node", s.Leader)}
}

func firstBytes(text []byte) []byte { return text[:min(len(text), 80)] }
