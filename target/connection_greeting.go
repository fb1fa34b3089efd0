package target

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// maxGreetings is how often a server may close a connection before it has greeted us. OpenSSH
	// does that when too many others have not authenticated yet (MaxStartups).
	maxGreetings  = 8
	greetingPause = 100 * time.Millisecond // doubled each time, up to ...
	longestPause  = time.Second
)

const throttledHint = "raise MaxStartups in sshd_config there, or see what bans us: " +
	"PerSourcePenalties, fail2ban, hosts.deny"

// greetedConn remembers how the server's side of a conversation began.
type greetedConn struct {
	net.Conn
	mu    sync.Mutex
	began []byte
}

func (c *greetedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if room := 255 - len(c.began); room > 0 {
		c.began = append(c.began, p[:min(n, room)]...)
	}
	return n, err
}

// turnedAway reports whether the server ended the conversation before it had greeted us (RFC 4253,
// section 4.2), and what it said instead.
func (c *greetedConn) turnedAway(err error) (string, bool) {
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) &&
		!errors.Is(err, syscall.EPIPE) {
		return "", false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if bytes.HasPrefix(c.began, []byte("SSH-")) || bytes.Contains(c.began, []byte("\nSSH-")) {
		return "", false
	}
	return strings.TrimSpace(string(c.began)), true
}

// turnedAwayError is the last of some connections that were closed before the greeting.
type turnedAwayError struct{ said string }

func (e *turnedAwayError) Error() string {
	if e.said == "" {
		return "closed before the greeting"
	}
	return fmt.Sprintf("closed before the greeting, the last with %q", e.said)
}

// connectPatiently is connectOnce, again when the server turns us away unheard.
func connectPatiently(
	ctx context.Context, cfg HostConfig, once func() (*connection, error),
) (*connection, error) {
	for attempt := 1; ; attempt++ {
		c, err := once()
		away, ok := errors.AsType[*turnedAwayError](err)
		if !ok {
			return c, err
		}
		pause := time.NewTimer(stagger(cfg.Name, attempt))
		if attempt < maxGreetings {
			select {
			case <-pause.C:
				continue
			case <-ctx.Done():
			}
		}
		pause.Stop()
		return nil, throttled(cfg, attempt, away)
	}
}

// stagger is how long to wait before the next attempt. It differs by host, so that hosts behind one
// server do not come back all at once.
func stagger(name string, attempt int) time.Duration {
	pause := min(greetingPause<<(attempt-1), longestPause)
	hash := fnv.New32a()
	fmt.Fprint(hash, name, attempt)
	return pause/2 + pause*time.Duration(hash.Sum32()%1024)/1024
}

func throttled(cfg HostConfig, attempts int, away *turnedAwayError) error {
	return &HostError{cfg.Name, "connect", throttledHint, fmt.Errorf("%w: %w: %s: %d connections %w",
		ErrUnreachable, ErrThrottled, cfg.SSH, attempts, away)}
}
