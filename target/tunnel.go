package target

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
)

// Dial connects from the host to an address, through the SSH connection: no partition of the
// data network is in the way of it, and the target may listen on the host's loopback only. The
// tunnel holds one of the host's channels until it is closed. It does not support deadlines.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	op := "dial " + address
	if err := checkAddress(network, address); err != nil {
		return nil, h.fail(op, "", err)
	}
	for attempt := 0; ; attempt++ {
		if err := h.acquire(ctx); err != nil {
			return nil, h.fail(op, "", err)
		}
		c, err := h.connection(ctx)
		if err != nil {
			h.release()
			return nil, h.fail(op, "", err)
		}
		conn, err := c.tunnel(ctx, network, address, h.release)
		if err == nil {
			return conn, nil
		}
		if attempt > 0 || ctx.Err() != nil || !c.broke(err) {
			return nil, h.fail(op, "", err)
		}
	}
}

// checkAddress refuses what no server could be asked for, so that any other failure is the
// server's refusal or the connection's end.
func checkAddress(network, address string) error {
	if network != "tcp" {
		return net.UnknownNetworkError(network)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 || host == "" {
		return fmt.Errorf("%q has no host and port", address)
	}
	return nil
}

// tunnel opens a tunnel and calls release when it has ended or failed. When ctx ends first,
// that is when the server has answered, however long it takes.
func (c *connection) tunnel(
	ctx context.Context, network, address string, release func(),
) (net.Conn, error) {
	type answer struct {
		conn net.Conn
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		conn, err := c.client.Dial(network, address)
		answers <- answer{conn, err}
	}()
	select {
	case a := <-answers:
		if a.err != nil {
			release()
			return nil, a.err
		}
		return &tunnelConn{Conn: a.conn, release: sync.OnceFunc(release)}, nil
	case <-ctx.Done():
		go func() {
			if a := <-answers; a.err == nil {
				a.conn.Close()
			}
			release()
		}()
		return nil, context.Cause(ctx)
	}
}

// tunnelConn gives its channel back when it is closed.
type tunnelConn struct {
	net.Conn
	release func()
}

// Close ends the tunnel.
func (t *tunnelConn) Close() error {
	defer t.release()
	return t.Conn.Close()
}
