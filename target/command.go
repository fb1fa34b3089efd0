package target

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	defaultMaxOutput = 1 << 20

	// defaultDeadline bounds a call whose context has no deadline: nothing may hang a run.
	defaultDeadline = 2 * time.Minute

	// maxCommandLine is the longest single argument that Linux passes to a program
	// (MAX_ARG_STRLEN): the server hands the whole line to the user's shell as one.
	maxCommandLine = 128<<10 - 1
)

// Run runs a command and waits for it. An exit status other than zero is not an error.
//
// When ctx ends, or after two minutes if it has no deadline, the command is killed with all of
// its process group. An error that is ErrConnectionLost means the command may or may not have
// run.
func (h *Host) Run(ctx context.Context, cmd Command) (Result, error) {
	line, err := commandLine(cmd.Script, cmd.Args)
	if err != nil {
		return Result{}, h.fail("run", "", err)
	}
	limit := int64(cmd.MaxOutput)
	if limit <= 0 {
		limit = defaultMaxOutput
	}
	var stdout, stderr bytes.Buffer
	out, errs := &sink{to: &stdout, left: limit}, &sink{to: &stderr, left: limit}
	exit, err := h.execute(ctx, line, streams{cmd.Stdin, out, errs})
	return Result{
		Stdout:    stdout.Bytes(),
		Stderr:    stderr.Bytes(),
		Exit:      exit,
		Truncated: out.dropped || errs.dropped,
	}, h.fail("run", "", err)
}

// RunOK is Run, with any exit status but zero an error: an *ExitError inside a *HostError.
func (h *Host) RunOK(ctx context.Context, cmd Command) (Result, error) {
	result, err := h.Run(ctx, cmd)
	if err == nil && result.Exit != 0 {
		err = h.fail("run", "", &ExitError{result.Exit, lastLine(result.Stderr)})
	}
	return result, err
}

// execute runs a command line on a live connection, within a deadline and the channel bound.
func (h *Host) execute(ctx context.Context, line string, s streams) (exit int, err error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	if err := h.acquire(ctx); err != nil {
		return 0, err
	}
	defer h.release()
	for attempt := 0; ; attempt++ {
		c, err := h.connection(ctx)
		if err != nil {
			return 0, err
		}
		exit, err := c.run(ctx, line, s)
		// A connection that turns out to be dead before the command was sent is no reason to
		// fail: nothing ran. Once it was sent, only the caller knows whether it may run twice.
		if attempt > 0 || !errors.Is(err, errNotStarted) {
			return exit, err
		}
	}
}

// bound gives ctx a deadline if it has none.
func bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, defaultDeadline,
		fmt.Errorf("took over %v: %w", defaultDeadline, context.DeadlineExceeded))
}

// errNotStarted marks a connection that broke before the server was told the command.
var errNotStarted = errors.New("connection was dead already")

// streams are the ends of a command. Any may be nil.
type streams struct {
	in       io.Reader
	out, err io.Writer // must never fail: nobody would empty the channel, and the command block
}

// run runs a command line in a channel of its own and returns its exit status.
func (c *connection) run(ctx context.Context, line string, s streams) (int, error) {
	var session *ssh.Session
	open := func() (err error) { session, err = c.client.NewSession(); return err }
	err := c.exchange(ctx, open, func() {})
	if session != nil {
		defer session.Close()
	}
	switch {
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case err != nil && c.broke(err):
		return 0, fmt.Errorf("%w: %w", errNotStarted, err)
	case err != nil:
		return 0, err
	}
	session.Stdout, session.Stderr = s.out, s.err
	source := &source{from: s.in}
	copied := make(chan struct{})
	talk := func() error {
		if s.in == nil {
			close(copied)
		} else if pipe, err := session.StdinPipe(); err != nil {
			return err
		} else {
			// Not by session.Stdin: Wait would then wait for a reader that has nothing to say.
			go func() { defer close(copied); _, _ = io.Copy(pipe, source); pipe.Close() }()
		}
		if err := session.Start(line); err != nil {
			return err
		}
		return session.Wait()
	}
	err = c.exchange(ctx, talk, func() { _ = session.Signal(ssh.SIGKILL); session.Close() })
	session.Close()
	select {
	case <-copied: // so that the caller may use its reader again
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case source.err != nil:
		return 0, source.err
	default:
		return exitStatus(err)
	}
}

// exitStatus tells a command that ended from a connection that did.
func exitStatus(err error) (int, error) {
	if err == nil {
		return 0, nil
	}
	if exited, ok := errors.AsType[*ssh.ExitError](err); ok {
		return exited.ExitStatus(), nil
	}
	return 0, fmt.Errorf("%w: %w", ErrConnectionLost, err)
}

// commandLine makes a script and its arguments one line for whatever shell the user has.
func commandLine(script string, args []string) (string, error) {
	var line strings.Builder
	line.WriteString("exec /bin/sh -c " + quote(script) + " sh")
	for _, arg := range args {
		line.WriteString(" " + quote(arg))
	}
	if strings.ContainsRune(line.String(), 0) {
		return "", errors.New("a command cannot hold a zero byte")
	}
	if n := line.Len(); n > maxCommandLine {
		return "", fmt.Errorf("command of %d bytes is over the limit of %d", n, maxCommandLine)
	}
	return line.String(), nil
}

// quote makes s one word of a POSIX shell that means just s.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// source remembers the error of a reader, so that a failed read is not taken for the end of the
// data.
type source struct {
	from io.Reader
	size int64
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	s.size += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// sink keeps the first bytes written to it, drops the rest, and never fails.
type sink struct {
	to      io.Writer
	left    int64
	dropped bool
	err     error // of to
}

func (s *sink) Write(p []byte) (int, error) {
	keep := p[:min(int64(len(p)), s.left)]
	s.dropped = s.dropped || len(keep) < len(p)
	s.left -= int64(len(keep))
	if s.err == nil && len(keep) > 0 {
		_, s.err = s.to.Write(keep)
	}
	return len(p), nil
}
