package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// The control protocol: one request a connection, one answer. A connection that is held open holds
// what was asked for, so that whatever a dead client had is given back.
const (
	opDial    = "dial"    // the answer carries the connected socket; hanging up cancels
	opAcquire = "acquire" // reserved until the connection ends
	opStatus  = "status"
	opDown    = "down" // the answer is the end of the connection
)

// request is what a client asks of lab init.
type request struct {
	Op      string `json:"op"`
	Network string `json:"network,omitempty"` // dial
	Address string `json:"address,omitempty"` // dial
	Run     string `json:"run,omitempty"`     // acquire
}

// valid refuses what a client of another version, or none of ours, may send.
func (r request) valid() error {
	switch r.Op {
	case opDial:
		if r.Network != "tcp" && r.Network != "tcp4" {
			return net.UnknownNetworkError(r.Network)
		}
	case opAcquire:
		if r.Run == "" {
			return errors.New("acquire: a run without a name")
		}
	case opStatus, opDown:
	default:
		return fmt.Errorf("unknown request %q", r.Op)
	}
	return nil
}

// answer is what lab init says. Errno is there for callers that tell errors apart by it.
type answer struct {
	Error   string        `json:"error,omitempty"`
	Errno   syscall.Errno `json:"errno,omitempty"`
	Timeout bool          `json:"timeout,omitempty"`
	Status  *Status       `json:"status,omitempty"`
}

var errGone = errors.New("the lab is gone")

// ask sends one request on a new connection. The caller closes the connection and the files.
func (l *Lab) ask(ctx context.Context, r request) (*link, answer, []*os.File, error) {
	c, err := l.connect()
	if err != nil {
		return nil, answer{}, nil, fmt.Errorf("%w: %v", errGone, err)
	}
	var a answer
	var files []*os.File
	stop := context.AfterFunc(ctx, c.close)
	if err = c.send(r); err == nil {
		files, err = c.receive(&a)
	}
	if !stop() {
		closeAll(files)
		return nil, answer{}, nil, ctx.Err()
	}
	if err != nil {
		c.close()
		return nil, answer{}, nil, fmt.Errorf("%w: %v", errGone, err)
	}
	return c, a, files, nil
}

func (l *Lab) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := l.dialSocket(ctx, network, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: textAddr{network, address}, Err: err}
	}
	return c, nil
}

func (l *Lab) dialSocket(ctx context.Context, network, address string) (net.Conn, error) {
	c, a, files, err := l.ask(ctx, request{Op: opDial, Network: network, Address: address})
	if err != nil {
		return nil, err
	}
	defer c.close()
	defer closeAll(files)
	switch {
	case a.Errno != 0:
		return nil, os.NewSyscallError("connect", a.Errno)
	case a.Timeout:
		return nil, os.ErrDeadlineExceeded
	case a.Error != "":
		return nil, errors.New(a.Error)
	case len(files) != 1:
		return nil, fmt.Errorf("answer with %d sockets, want 1", len(files))
	}
	return net.FileConn(files[0])
}

// textAddr is an address that was never resolved.
type textAddr struct{ network, address string }

func (a textAddr) Network() string { return a.network }
func (a textAddr) String() string  { return a.address }

func (l *Lab) acquire(run string) (func(), error) {
	c, a, _, err := l.ask(context.Background(), request{Op: opAcquire, Run: run})
	if err != nil {
		return nil, err
	}
	if a.Error != "" {
		c.close()
		return nil, &Error{Problem: a.Error, Hint: "wait for that run to end"}
	}
	return func() {
		// The lab answers the end of our half by closing its own: released when this returns.
		c.conn.CloseWrite()
		c.receive(&a)
		c.close()
	}, nil
}

func (l *Lab) status() (Status, error) {
	c, a, _, err := l.ask(context.Background(), request{Op: opStatus})
	if err != nil {
		return Status{}, err
	}
	defer c.close()
	if a.Status == nil {
		return Status{}, fmt.Errorf("lab status: %s", a.Error)
	}
	return *a.Status, nil
}

func (l *Lab) down() error {
	c, err := l.connect()
	if err != nil {
		return fmt.Errorf("%w: %v", errGone, err)
	}
	defer c.close()
	var a answer
	if err := c.send(request{Op: opDown}); err != nil {
		return err
	}
	if _, err := c.receive(&a); err == nil || !errors.Is(err, io.EOF) {
		return fmt.Errorf("lab down: %s, %v", a.Error, err)
	}
	return awaitRelease()
}
