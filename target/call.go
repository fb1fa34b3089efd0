package target

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// abortGrace is how long a cancelled call waits for its command to die. It then leaves it: a
// command may be stuck in a disk that a fault has frozen, and the others on the connection are
// not to suffer.
const abortGrace = 2 * time.Second

// Both mean that the command was not sent, so it may be tried again.
var (
	errBroken  = errors.New("connection was dead already")
	errRefused = errors.New("server refuses another command")
)

// streams are the ends of a command. Any may be nil. The writers must never fail: nobody would
// empty the channel, and the command would block.
type streams struct {
	in        io.Reader
	out, errs io.Writer
}

// job is one command line for the server's shell, and how to end it.
type job struct {
	line string
	streams
	kill func(group int) string // the command line that ends its process group; nil: cannot be
}

// call is one job in a channel of its own, and what it shares with a caller who may leave early.
//
// OpenSSH neither ends a command when its channel closes nor, for root, on a signal request. So
// a command first names its process group on its standard error, and is killed by another
// command.
type call struct {
	job
	named chan struct{} // closed when group is known
	done  chan struct{} // closed when the conversation is over: exit and err are final
	exit  int
	err   error

	mu      sync.Mutex
	left    bool   // the caller has gone: its streams are no longer ours
	group   int    // process group; 0: not known yet
	partial []byte // of the line of standard error that may name it
}

// groupMark begins the line that names the process group.
const groupMark = "gauntlet-group "

// run runs a job and returns its exit status. release is called when the channel is
// free, which may be later than the return if ctx ends first and the command does not die.
func (c *connection) run(ctx context.Context, j job, release func()) (int, error) {
	call := &call{job: j, named: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(call.done)
		call.exit, call.err = c.converse(call, release)
	}()
	select {
	case <-call.done:
		return call.exit, call.err
	case <-ctx.Done():
	}
	go c.kill(call)
	grace := time.NewTimer(abortGrace)
	defer grace.Stop()
	select {
	case <-call.done:
	case <-grace.C:
	}
	call.leave()
	return 0, context.Cause(ctx)
}

// converse runs a command from the opening of its channel to the end.
func (c *connection) converse(call *call, release func()) (int, error) {
	release = sync.OnceFunc(release)
	defer release()
	session, err := c.client.NewSession()
	switch {
	case err != nil && c.broke(err):
		return 0, fmt.Errorf("%w: %w", errBroken, err)
	case err != nil:
		return 0, fmt.Errorf("%w: %w", errRefused, err)
	}
	defer session.Close()
	session.Stdout, session.Stderr = writerFunc(call.output), writerFunc(call.errors)
	source := &source{from: call.in}
	copied := make(chan struct{})
	if call.in == nil {
		close(copied)
	} else {
		pipe, err := session.StdinPipe()
		if err != nil {
			return 0, err
		}
		// Not by session.Stdin: Wait would then wait for a reader that has nothing to say.
		go func() { defer close(copied); _, _ = io.Copy(pipe, source); pipe.Close() }()
	}
	if err = session.Start(call.line); err == nil {
		err = session.Wait()
	}
	call.flush()
	session.Close() // ends the copying, at the next byte that the caller's reader gives
	release()
	<-copied
	if source.err != nil {
		return 0, source.err
	}
	exit, err := exitStatus(err)
	if err == nil && exit != 0 && !call.begun() {
		err = errNotBegun
	}
	return exit, err
}

// begun reports whether the command named its process group.
func (c *call) begun() bool {
	select {
	case <-c.named:
		return true
	default:
		return false
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

// kill ends a command and all of its process group.
func (c *connection) kill(call *call) {
	select {
	case <-call.named: // or else it has not begun; soon it will
	case <-call.done:
		return
	case <-c.ended:
		return
	}
	if call.kill == nil {
		return
	}
	c.killing.Lock() // one channel is kept for this
	defer c.killing.Unlock()
	session, err := c.client.NewSession()
	if err != nil {
		return
	}
	defer session.Close()
	call.mu.Lock()
	group := call.group
	call.mu.Unlock()
	_ = session.Run(call.kill(group))
}

// leave takes the streams back from the call.
func (c *call) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
}

// output passes on standard output.
func (c *call) output(p []byte) { c.mu.Lock(); defer c.mu.Unlock(); c.pass(c.out, p) }

// errors passes on standard error, but for the line that names the process group. It need not
// be the first: the user's shell may have had something to say before.
func (c *call) errors(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.group != 0 {
		c.pass(c.errs, p)
		return
	}
	c.partial = append(c.partial, p...)
	for c.group == 0 {
		line, rest, whole := bytes.Cut(c.partial, []byte("\n"))
		if !whole {
			return
		}
		digits, marked := bytes.CutPrefix(line, []byte(groupMark))
		if group, err := strconv.Atoi(string(digits)); marked && err == nil && group > 1 {
			c.group = group
			close(c.named)
		} else {
			c.pass(c.errs, c.partial[:len(line)+1])
		}
		c.partial = rest
	}
	c.pass(c.errs, c.partial)
	c.partial = nil
}

// flush passes on what a command wrote that never named itself.
func (c *call) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pass(c.errs, c.partial)
	c.partial = nil
}

func (c *call) pass(to io.Writer, p []byte) {
	if !c.left && to != nil && len(p) > 0 {
		_, _ = to.Write(p)
	}
}

// writerFunc is a writer that never fails.
type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }
