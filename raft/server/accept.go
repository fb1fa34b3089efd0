package server

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/wire"
)

// maxStrangers bounds the connections that have not yet said who they are: one more, and the oldest
// goes.
const maxStrangers = 64

// acceptor takes in the peers' connections. It never sends a byte on them.
type acceptor struct {
	s *Server

	mu sync.Mutex
	// strangers have not yet said who they are, the oldest first; at most maxStrangers.
	strangers []net.Conn
	closed    bool
	conns     map[net.Conn]bool
	latest    map[linkKey]net.Conn // linkKey.to is the peer that dialled
}

func newAcceptor(s *Server) *acceptor {
	return &acceptor{
		s:      s,
		conns:  map[net.Conn]bool{},
		latest: map[linkKey]net.Conn{},
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
		if !a.add(conn) {
			return
		}
		a.s.goroutine(func() { a.serve(conn) })
	}
}

func (a *acceptor) serve(conn net.Conn) {
	defer a.remove(conn)
	frames, hello, why := a.greet(conn)
	a.mu.Lock()
	a.strangers = slices.DeleteFunc(a.strangers, func(c net.Conn) bool { return c == conn })
	a.mu.Unlock()
	if why != nil {
		a.refuse(conn, why)
		return
	}
	a.supersede(linkKey{hello.From, hello.Stream}, conn)
	caller := Member{ID: hello.From, Name: hello.Name, Address: hello.Address}
	a.s.directory.meet(caller)
	select {
	case a.s.loop.callers <- caller:
	case <-a.s.stop:
		return
	}
	inbox := a.s.loop.control
	switch hello.Stream {
	case wire.Bulk:
		inbox = a.s.loop.bulk
	case wire.Snapshots:
		inbox = a.s.loop.chunks
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
		a.s.metrics.received.count(frame.Message.Kind, frame.Bytes)
		if why := a.check(hello, frame.Message); why != nil {
			a.refuse(conn, why)
			return
		}
		select {
		case inbox <- *frame.Message:
		case <-a.s.stop:
			return
		}
	}
}

// greet makes the connection secure and asks for the token, where there are such, reads the hello
// and decides whether this is one of ours.
func (a *acceptor) greet(conn net.Conn) (*wire.Reader, wire.Hello, *refusal) {
	conn.SetDeadline(a.s.untilGreeted())
	if a.s.identity != nil {
		secure, err := a.s.identity.accept(conn)
		if err != nil {
			return nil, wire.Hello{}, refused("no TLS of a member: %v", err)
		}
		conn = secure
	}
	var question []byte
	if a.s.cfg.Token != "" {
		var err error
		if question, err = challenge(conn); err != nil {
			return nil, wire.Hello{}, refused("no hello: %v", err)
		}
	}
	frames := wire.NewReader(conn)
	h, err := frames.Hello()
	if err != nil {
		return nil, h, refused("no hello: %v", err)
	}
	return frames, h, a.judge(h, question)
}

// judge refuses a hello that is not for us, or not by a peer.
func (a *acceptor) judge(h wire.Hello, question []byte) *refusal {
	switch {
	case question != nil &&
		!hmac.Equal([]byte(h.Proof), proof(a.s.cfg.Token, question, h)):
		return refused("proof of the token missing or wrong")
	case h.Cluster != a.s.cfg.Cluster:
		return refused("cluster %x, this is %x", h.Cluster, a.s.cfg.Cluster)
	case h.Founders != 0 && a.s.founders() != 0 && h.Founders != a.s.founders():
		return refused("founding list %x, this has %x", h.Founders, a.s.founders())
	case h.To != a.s.cfg.ID:
		return refused("looks for member %d, this is %d", h.To, a.s.cfg.ID)
	case h.From == a.s.cfg.ID || h.From == 0:
		return refused("member %d is no peer", h.From)
	case h.Stream < wire.Control || h.Stream > wire.Snapshots:
		return refused("unknown %v", h.Stream)
	}
	return nil
}

// check refuses what no peer of ours would send on this stream.
func (a *acceptor) check(h wire.Hello, m *raft.Message) *refusal {
	if m.From != h.From || m.To != a.s.cfg.ID {
		return refused("message from %d to %d on a stream from %d", m.From, m.To, h.From)
	}
	if wire.StreamOf(m.Kind) != h.Stream {
		return refused("%v on the %v stream", m.Kind, h.Stream)
	}
	return nil
}

// refusal is why a connection was not let in. Its format is its kind.
type refusal struct {
	format string
	values []any
}

func (r *refusal) Error() string { return fmt.Sprintf(r.format, r.values...) }

func refused(format string, values ...any) *refusal { return &refusal{format, values} }

func (a *acceptor) refuse(conn net.Conn, why *refusal) {
	if a.isClosed() {
		return
	}
	a.s.metrics.peersRefused.Add(1)
	a.s.reportRefusal("refused", conn.RemoteAddr().String(), why)
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
	if len(a.strangers) == maxStrangers { // a peer says who it is at once
		a.strangers[0].Close()
		a.strangers = a.strangers[1:]
	}
	a.strangers = append(a.strangers, conn)
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
