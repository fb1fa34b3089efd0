package target

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	defaultMaxOutput = 1 << 20

	// defaultDeadline bounds a call whose context has no deadline: nothing may hang a run.
	defaultDeadline = 2 * time.Minute

	// maxCommandLine is the longest single argument that Linux passes to a program
	// (MAX_ARG_STRLEN): the server hands the whole line to the user's shell as one.
	maxCommandLine = 128<<10 - 1

	maxRefusals  = 20
	refusalPause = 50 * time.Millisecond
)

// Run runs a command and waits for it. An exit status other than zero is not an error.
//
// When ctx ends, or after two minutes if it has no deadline, the command is killed with all of
// its process group. An error that is ErrConnectionLost means the command may or may not have
// run.
func (h *Host) Run(ctx context.Context, cmd Command) (Result, error) {
	line, err := h.line(cmd.Script, cmd.Args, cmd.Root)
	if err != nil {
		return Result{}, h.fail("run", "", err)
	}
	limit := int64(cmd.MaxOutput)
	if limit <= 0 {
		limit = defaultMaxOutput
	}
	var stdout, stderr bytes.Buffer
	out, errs := &sink{to: &stdout, left: limit}, &sink{to: &stderr, left: limit}
	exit, err := h.execute(ctx, job{line, streams{cmd.Stdin, out, errs}, h.killer(cmd.Root)})
	if errors.Is(err, errNotBegun) {
		err = h.notBegun(cmd.Root, exit, stderr.Bytes())
	}
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

// execute runs a job on a live connection, within a deadline and the channel bound.
func (h *Host) execute(ctx context.Context, j job) (exit int, err error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	for attempt := 1; ; attempt++ {
		if err := h.acquire(ctx); err != nil {
			return 0, err
		}
		c, err := h.connection(ctx)
		if err != nil {
			h.release()
			return 0, err
		}
		exit, err := c.run(ctx, j, h.release)
		// Nothing ran if the connection turns out to be dead, or if the server still counts a
		// session that has just ended. Once a command was sent, only the caller knows whether it
		// may run twice.
		switch {
		case errors.Is(err, errBroken) && attempt < 3:
		case errors.Is(err, errRefused) && attempt < maxRefusals:
			select {
			case <-time.After(refusalPause):
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			}
		case errors.Is(err, errRefused):
			return 0, &HostError{h.Name(), "run", sessionsHint, fmt.Errorf("%w: %w", ErrSessions, err)}
		default:
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

// commandLine makes a script and its arguments one line for whatever shell the user has.
func commandLine(script string, args []string) (string, error) {
	return shellLine("echo "+groupMark+"$$ >&2\n"+script, args)
}

// shellLine is commandLine without the line that names the process group.
func shellLine(script string, args []string) (string, error) {
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
