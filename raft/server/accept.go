package server

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/wire"
)

// maxStrangers bounds the connections that have not yet said who they are.
const maxStrangers = 64

// acceptor takes in the peers' connections. It never sends a byte on them.
type acceptor struct {
	s         *Server
	strangers chan struct{}

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]bool
	latest map[linkKey]net.Conn // linkKey.to is the peer that dialled
}

func newAcceptor(s *Server) *acceptor {
	return &acceptor{
		s:         s,
		strangers: make(chan struct{}, maxStrangers),
		conns:     map[net.Conn]bool{},
		latest:    map[linkKey]net.Conn{},
	}
}

func (a *acceptor) run() {
	for {
		conn, err := a.s.cfg.Peers.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors, for one: this passes
			select {
			case <-time.After(a.s.cfg.ElectionTimeout / 16):
				continue
			case <-a.s.stop:
				return
			}
		}
		a.strangers <- struct{}{} // every stranger leaves within one hello deadline
		if !a.add(conn) {
			return
		}
		a.s.goroutine(func() { a.serve(conn) })
	}
}

func (a *acceptor) serve(conn net.Conn) {
	defer a.remove(conn)
	frames := wire.NewReader(conn)
	hello, err := a.greet(conn, frames)
	<-a.strangers
	if err != nil {
		a.refuse(conn, err)
		return
	}
	a.supersede(linkKey{hello.From, hello.Stream}, conn)
	inbox := a.s.loop.control
	if hello.Stream == wire.Bulk {
		inbox = a.s.loop.bulk
	}
	for {
		// Pings come three times per ET: four ET of silence mean that the other end is gone.
		conn.SetReadDeadline(time.Now().Add(4 * a.s.cfg.ElectionTimeout))
		frame, err := frames.Next()
		if err != nil {
			return
		}
		if frame.Message == nil {
			continue
		}
		if err := a.check(hello, frame.Message); err != nil {
			a.refuse(conn, err)
			return
		}
		select {
		case inbox <- *frame.Message:
		case <-a.s.stop:
			return
		}
	}
}

// greet reads the hello and decides whether this is one of ours.
func (a *acceptor) greet(conn net.Conn, frames *wire.Reader) (wire.Hello, error) {
	conn.SetReadDeadline(time.Now().Add(2 * a.s.cfg.ElectionTimeout))
	frame, err := frames.Next()
	if err != nil {
		return wire.Hello{}, fmt.Errorf("no hello: %w", err)
	}
	h := frame.Hello
	switch {
	case h == nil:
		return wire.Hello{}, errors.New("the first frame is no hello")
	case h.Cluster != a.s.cfg.Cluster:
		return wire.Hello{}, fmt.Errorf("cluster %x, this is %x", h.Cluster, a.s.cfg.Cluster)
	case h.To != a.s.cfg.ID:
		return wire.Hello{}, fmt.Errorf("looks for member %d, this is %d", h.To, a.s.cfg.ID)
	case h.From == a.s.cfg.ID || a.s.names[h.From] == "":
		return wire.Hello{}, fmt.Errorf("member %d is no peer", h.From)
	case h.Stream != wire.Control && h.Stream != wire.Bulk:
		return wire.Hello{}, fmt.Errorf("unknown %v", h.Stream)
	}
	return *h, nil
}

// check refuses what no peer of ours would send on this stream.
func (a *acceptor) check(h wire.Hello, m *raft.Message) error {
	if m.From != h.From || m.To != a.s.cfg.ID {
		return fmt.Errorf("message from %d to %d on a stream from %d", m.From, m.To, h.From)
	}
	if wire.StreamOf(m.Kind) != h.Stream {
		return fmt.Errorf("%v on the %v stream", m.Kind, h.Stream)
	}
	return nil
}

func (a *acceptor) refuse(conn net.Conn, err error) {
	if a.isClosed() {
		return
	}
	line := event{Event: "refused", Peer: conn.RemoteAddr().String(), Error: err.Error()}
	if err := a.s.events.write(line); err != nil {
		a.s.fail(err)
	}
}

// supersede closes the connection that this peer had for the same stream: it has dialled anew, so
// the old one is dead, even if this end cannot know.
func (a *acceptor) supersede(key linkKey, conn net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if old := a.latest[key]; old != nil {
		old.Close()
	}
	a.latest[key] = conn
}

func (a *acceptor) add(conn net.Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		conn.Close()
		return false
	}
	a.conns[conn] = true
	return true
}

func (a *acceptor) remove(conn net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	conn.Close()
	delete(a.conns, conn)
	for key, latest := range a.latest {
		if latest == conn {
			delete(a.latest, key)
		}
	}
}

func (a *acceptor) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
}

// close ends every connection.
func (a *acceptor) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for conn := range a.conns {
		conn.Close()
	}
}
