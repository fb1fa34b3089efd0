package client

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// forward is a port on loopback that leads to a node, for one program. The program needs no way
// into the network of the hosts, and we see whether it sent the node anything.
type forward struct {
	to      string
	dial    DialFunc
	timeout time.Duration // of a dial

	listener net.Listener
	life     context.Context
	end      context.CancelFunc
	running  sync.WaitGroup

	mu   sync.Mutex
	sent int64 // bytes that were handed on to the node, or are about to be
	over bool  // nothing more goes out
}

func newForward(to string, dial DialFunc, timeout time.Duration) (*forward, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &forward{to: to, dial: dial, timeout: timeout, listener: listener}
	f.life, f.end = context.WithCancel(context.Background())
	f.running.Go(f.accept)
	return f, nil
}

// address is what the program is told.
func (f *forward) address() string { return f.listener.Addr().String() }

// close ends every connection, also those that were not accepted yet. It may be called again.
func (f *forward) close() {
	f.end()
	f.listener.Close()
}

func (f *forward) accept() {
	for {
		local, err := f.listener.Accept()
		if err != nil {
			return // closed
		}
		f.running.Go(func() { f.serve(local) })
	}
}

// serve connects to the node and carries bytes both ways until one side ends. A program whose node
// cannot be reached finds its connection reset.
func (f *forward) serve(local net.Conn) {
	dialling, done := context.WithTimeout(f.life, f.timeout)
	node, err := f.dial(dialling, "tcp", f.to)
	done()
	if err != nil {
		if tcp, ok := local.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		local.Close()
		return
	}
	defer context.AfterFunc(f.life, func() {
		local.Close()
		node.Close()
	})()
	var answers sync.WaitGroup
	answers.Go(func() {
		_, err := io.Copy(local, node)
		hangUp(local, err)
	})
	_, err = io.Copy(&gate{f, node}, local)
	hangUp(node, err)
	answers.Wait()
	local.Close()
	node.Close()
}

// hangUp tells one side that the other has said its last, or is gone.
func hangUp(conn net.Conn, err error) {
	half, ok := conn.(interface{ CloseWrite() error })
	if err != nil || !ok || half.CloseWrite() != nil {
		conn.Close()
	}
}

// gate is where bytes go out to the node, and are counted.
type gate struct {
	f    *forward
	node net.Conn
}

func (g *gate) Write(bytes []byte) (int, error) {
	g.f.mu.Lock()
	over := g.f.over
	if !over {
		g.f.sent += int64(len(bytes))
	}
	g.f.mu.Unlock()
	if over {
		return 0, net.ErrClosed
	}
	return g.node.Write(bytes)
}

// mark is how much has gone out by now.
func (f *forward) mark() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent
}

// endedWithout reports that no byte went out to the node since the mark. If so it has ended the
// forward: nothing that the program wrote meanwhile will ever arrive.
func (f *forward) endedWithout(mark int64) bool {
	f.mu.Lock()
	f.over = f.over || f.sent == mark
	over := f.over
	f.mu.Unlock()
	if over {
		f.close()
	}
	return over
}
