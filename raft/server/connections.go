package server

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultMaxClients is how many client connections may be open at a time.
const DefaultMaxClients = 4096

// What a refused client gets at most: so many at a time a last word, each so long to hear it.
const (
	maxFarewells = 64
	farewellTime = 200 * time.Millisecond
)

// clientListener bounds the open client connections. When there are too many, a new one takes the
// place of the one that has waited longest for its client, be it for the head of a request or to
// take an answer: idle or slow clients keep nobody out. Only if all are being served, the new one
// is told so and closed.
//
// Invariant: open holds the connections that were given out and are not closed; at most limit.
type clientListener struct {
	net.Listener
	s         *Server
	limit     int
	farewells chan struct{}

	mu   sync.Mutex
	open map[*clientConn]bool
}

// clientConn is a client's connection.
type clientConn struct {
	net.Conn
	from *clientListener
	// waits is the server's clock, in nanoseconds, when it began to wait for a request; 0: it is
	// served.
	waits atomic.Int64
}

func newClientListener(s *Server) *clientListener {
	return &clientListener{
		Listener: s.cfg.Clients, s: s, limit: s.cfg.MaxClients,
		farewells: make(chan struct{}, maxFarewells), open: map[*clientConn]bool{},
	}
}

// Accept returns the next connection that there is room for.
func (l *clientListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.admit(conn); c != nil {
			l.s.metrics.clientsAccepted.Add(1)
			return c, nil
		}
		l.s.metrics.clientsRefused.Add(1)
		l.s.report("client", "%s: %d client connections, all busy", conn.RemoteAddr(), l.limit)
		select {
		case l.farewells <- struct{}{}:
			l.s.goroutine(func() { l.farewell(conn) })
		default:
			conn.Close()
		}
	}
}

func (l *clientListener) admit(conn net.Conn) *clientConn {
	l.mu.Lock()
	var oldest *clientConn
	if len(l.open) >= l.limit {
		if oldest = l.longestWaiting(); oldest == nil {
			l.mu.Unlock()
			return nil
		}
		delete(l.open, oldest)
	}
	c := &clientConn{Conn: conn, from: l}
	c.waits.Store(l.clock())
	l.open[c] = true
	l.mu.Unlock()
	if oldest != nil {
		l.s.metrics.clientsEvicted.Add(1)
		oldest.Conn.Close()
	}
	return c
}

func (l *clientListener) longestWaiting() (oldest *clientConn) {
	var since int64
	for c := range l.open {
		if waits := c.waits.Load(); waits > 0 && (oldest == nil || waits < since) {
			oldest, since = c, waits
		}
	}
	return oldest
}

// farewell tells a client that there is no room. What it has sent is read first: a connection that
// is closed before is reset, and the word is lost.
func (l *clientListener) farewell(conn net.Conn) {
	defer func() { <-l.farewells }()
	defer conn.Close()
	if l.s.identity != nil {
		return // it has yet to shake hands
	}
	const body = `{"error":"too many connections","outcome":"fail"}` + "\n"
	conn.SetDeadline(time.Now().Add(farewellTime))
	fmt.Fprintf(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"+
		"Connection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	conn.Read(make([]byte, 4096))
}

// clock is never 0.
func (l *clientListener) clock() int64 { return int64(l.s.now()) + 1 }

// count returns how many connections are open.
func (l *clientListener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// Close closes the connection and makes room.
func (c *clientConn) Close() error {
	c.from.mu.Lock()
	delete(c.from.open, c)
	c.from.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite lets net/http end an answer before it closes a connection that it has not read to the
// end.
func (c *clientConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// track is told by net/http what becomes of a connection. A request is active once its head has
// been read: a slow head is still a wait.
func (l *clientListener) track(conn net.Conn, state http.ConnState) {
	outer, wrapped := conn.(interface{ NetConn() net.Conn })
	for wrapped { // by TLS, or by what was read of it before
		conn = outer.NetConn()
		outer, wrapped = conn.(interface{ NetConn() net.Conn })
	}
	c, ok := conn.(*clientConn)
	switch {
	case !ok:
	case state == http.StateActive:
		c.waits.Store(0)
	case state == http.StateIdle:
		c.waits.Store(l.clock())
	}
}
