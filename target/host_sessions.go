package target

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/crypto/ssh"
)

// A run on a host holds at least a lease being renewed, a fault and an observation; and one channel
// is kept for killing.
const minSessions = 4

const sessionsHint = "set MaxSessions 10, which is the default, in sshd_config there, " +
	"and reload sshd"

// sessions opens as many sessions as a host is ever asked for, without running anything in them,
// and returns how many the server allowed.
func (c *connection) sessions(ctx context.Context, most int) (int, error) {
	type answer struct {
		session *ssh.Session
		err     error
	}
	answers := make(chan answer, most)
	var asking sync.WaitGroup
	for range most {
		asking.Go(func() {
			session, err := c.client.NewSession()
			answers <- answer{session, err}
		})
	}
	go func() { asking.Wait(); close(answers) }()
	defer context.AfterFunc(ctx, func() { c.client.Close() })()
	var open []*ssh.Session // all stay open until the last has been asked for
	var failure error
	for a := range answers {
		switch {
		case a.err == nil:
			open = append(open, a.session)
		case c.broke(a.err):
			failure = a.err
		}
	}
	for _, session := range open {
		session.Close()
	}
	if ctx.Err() != nil {
		failure = context.Cause(ctx)
	}
	return len(open), failure
}

// countSessions limits the channels of a host to what its server allows.
func (h *Host) countSessions(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, h.config.ConnectTimeout,
		fmt.Errorf("no answer within %v: %w", h.config.ConnectTimeout, context.DeadlineExceeded))
	defer cancel()
	c, err := h.connection(ctx)
	if err != nil {
		return err
	}
	allowed, err := c.sessions(ctx, maxChannels+1)
	switch {
	case err != nil:
		return unreachable(ctx, h.config, err)
	case allowed < minSessions:
		return &HostError{h.Name(), "connect", sessionsHint, &kindError{ErrSessions,
			fmt.Sprintf("sshd allows only %d sessions on a connection (MaxSessions), %d are needed",
				allowed, minSessions)}}
	}
	h.channels = make(chan struct{}, allowed-1)
	return nil
}

// kindError is an error of a kind that its text need not repeat.
type kindError struct {
	kind error
	text string
}

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return e.kind }
