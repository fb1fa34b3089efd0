package target

import (
	"errors"
	"fmt"
	"strings"

	"gauntlet/redact"
)

// The kinds of failure that a caller may need to tell apart: ask with errors.Is.
var (
	ErrUnreachable    = errors.New("unreachable")
	ErrHostKey        = errors.New("host key refused")
	ErrAuthentication = errors.New("authentication failed")
	ErrThrottled      = errors.New("too many connections at once") // also ErrUnreachable
	ErrSessions       = errors.New("too few sessions")             // sshd's MaxSessions
	ErrBecome         = errors.New("cannot become root")
	ErrConnectionLost = errors.New("connection lost") // a command may or may not have run
	ErrNotRunning     = errors.New("not running")
	ErrTooLarge       = errors.New("too large")
	ErrClosed         = errors.New("host is closed")
)

// HostError is what went wrong on or with one host, in one line; Hint is what to do about it,
// or empty.
type HostError struct {
	Host string
	Op   string // "connect", "run", "put data/x", ...
	Hint string
	Err  error
}

// Error holds no secrets, whatever a host or a tool wrote.
func (e *HostError) Error() string {
	return redact.String(fmt.Sprintf("%s: %s: %v", e.Host, e.Op, e.Err))
}

// Unwrap gives access to the kind of the failure.
func (e *HostError) Unwrap() error { return e.Err }

// ExitError is a command that ended with a status other than zero where zero was demanded.
type ExitError struct {
	Exit   int
	Stderr string // its last line that is not blank
}

func (e *ExitError) Error() string {
	if e.Stderr == "" {
		return fmt.Sprintf("exit status %d", e.Exit)
	}
	return redact.String(fmt.Sprintf("exit status %d: %s", e.Exit, e.Stderr))
}

// Hints collects the hints of every HostError inside err, each once, in order, without secrets.
func Hints(err error) []string {
	var hints []string
	seen := map[string]bool{}
	var walk func(error)
	walk = func(err error) {
		if h, ok := err.(*HostError); ok && h.Hint != "" && !seen[h.Hint] {
			seen[h.Hint] = true
			hints = append(hints, redact.String(h.Hint))
		}
		switch wrapped := err.(type) {
		case interface{ Unwrap() error }:
			walk(wrapped.Unwrap())
		case interface{ Unwrap() []error }:
			for _, inner := range wrapped.Unwrap() {
				walk(inner)
			}
		}
	}
	walk(err)
	return hints
}

// lastLine is the last line of text that is not blank: where shell tools say what went wrong.
func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
