package server

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"gauntlet/raft/kv"
)

// Bounds of what is served without net/http.
const (
	quickBufferBytes = 4 << 10
	quickRefresh     = time.Second // a deadline may be as old as this: setting one has its price
)

// quickListener serves plain requests itself, for which net/http would take more time than all the
// rest of raftd. With the first other byte a connection is handed to net/http, for good and with
// what was read of it: so every judgement on odd, wrong, slow and large requests stays there, and
// on who a client is: where that matters, this listener has no place.
//
// Invariant: open holds the connections that are served here; none is added once closing is set.
type quickListener struct {
	net.Listener // of all connections
	s            *Server
	accepted     chan acceptedConn
	handed       chan net.Conn
	stopped      chan struct{}
	running      sync.WaitGroup

	mu      sync.Mutex
	closing bool
	open    map[net.Conn]bool
}

type acceptedConn struct {
	conn net.Conn
	err  error
}

func newQuickListener(s *Server, inner net.Listener) *quickListener {
	l := &quickListener{
		Listener: inner, s: s, open: map[net.Conn]bool{},
		accepted: make(chan acceptedConn), handed: make(chan net.Conn), stopped: make(chan struct{}),
	}
	s.goroutine(l.pump)
	return l
}

func (l *quickListener) pump() {
	for {
		conn, err := l.Listener.Accept()
		select {
		case l.accepted <- acceptedConn{conn, err}:
		case <-l.stopped:
			if err != nil {
				return
			}
			conn.Close()
		}
	}
}

// Accept returns the next connection that net/http must serve, and what befell the listener.
func (l *quickListener) Accept() (net.Conn, error) {
	for {
		select {
		case conn := <-l.handed:
			return conn, nil
		case a := <-l.accepted:
			if a.err != nil {
				return nil, a.err
			}
			if !l.add(a.conn) {
				a.conn.Close()
				continue
			}
			l.s.goroutine(func() { l.serve(a.conn) })
		case <-l.stopped:
			return nil, net.ErrClosed
		}
	}
}

// add makes the connection one that Close and wait know of.
func (l *quickListener) add(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return false
	}
	l.open[conn] = true
	l.running.Add(1)
	return true
}

func (l *quickListener) remove(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, conn)
	l.running.Done()
}

// Close ends the idle connections at once, and lets the others answer the request under way.
func (l *quickListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return nil
	}
	l.closing = true
	close(l.stopped)
	for conn := range l.open {
		conn.SetReadDeadline(time.Now())
	}
	return l.Listener.Close()
}

// kill ends all connections, whatever they are about.
func (l *quickListener) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		conn.Close()
	}
}

// wait returns nil once no connection is served here any more. Close must have been called.
func (l *quickListener) wait(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		l.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// quickConn is a connection that is served here.
type quickConn struct {
	net.Conn
	l         *quickListener
	read      []byte    // and not yet taken
	room      []byte    // that read lies in
	answer    []byte    // reused
	refreshed time.Time // when the deadlines were last set
	date      []byte    // the Date header of the second below
	second    int64
}

// serve answers plain requests until the connection ends, or brings something else.
func (l *quickListener) serve(conn net.Conn) {
	c := &quickConn{Conn: conn, l: l, room: make([]byte, quickBufferBytes)}
	stays := c.run()
	l.remove(conn)
	if stays {
		conn.Close()
		return
	}
	conn.SetDeadline(time.Time{})
	select {
	case l.handed <- &replayedConn{conn, c.read}:
	case <-l.stopped:
		conn.Close()
	}
}

// run returns false if net/http has to go on.
func (c *quickConn) run() bool {
	now, limits := time.Now(), c.l.s.http
	c.SetReadDeadline(now.Add(limits.ReadHeaderTimeout))
	// Who never takes its first answers must not hold the connection for ever, either.
	c.SetWriteDeadline(now.Add(limits.ReadHeaderTimeout + limits.WriteTimeout))
	for !c.stopped() {
		n, err := c.Conn.Read(c.room)
		if err != nil {
			return true
		}
		c.read = c.room[:n]
		for len(c.read) > 0 {
			c.l.s.clients.track(c.Conn, http.StateActive)
			r, plain := parsePlain(c.read)
			if !plain {
				return false
			}
			c.read = c.read[r.bytes:]
			if c.respond(r) != nil {
				return true
			}
		}
		c.refresh()
	}
	return true
}

// refresh renews the deadlines. Close stops first and then sets a deadline of the past: who looks
// whether it stopped after each refresh overwrites none unseen.
func (c *quickConn) refresh() {
	if now := time.Now(); now.Sub(c.refreshed) >= quickRefresh {
		c.refreshed = now
		c.SetReadDeadline(now.Add(c.l.s.http.IdleTimeout))
		c.SetWriteDeadline(now.Add(c.l.s.http.IdleTimeout + c.l.s.http.WriteTimeout))
	}
}

func (c *quickConn) stopped() bool {
	select {
	case <-c.l.stopped:
		return true
	default:
		return false
	}
}

// respond carries a request out and writes its answer.
func (c *quickConn) respond(p plainRequest) error {
	r := &request{key: p.key}
	if p.put {
		r.write = &kv.Command{Op: kv.Put, Key: p.key, Value: p.value}
	}
	answer := c.l.s.do(context.Background(), r)
	status, body := http.StatusOK, []byte("{}\n")
	switch {
	case answer.Refusal != nil:
		var told errorAnswer
		status, told = c.l.s.refusalAnswer(answer.Refusal)
		body = encode(told)
	case !p.put:
		body = readBody(answer.Result)
	}
	b := append(c.answer[:0], "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(append(b, ' '), http.StatusText(status)...)
	b = append(b, "\r\nContent-Type: application/json\r\nDate: "...)
	b = append(b, c.dateNow()...)
	if c.stopped() {
		b = append(b, "\r\nConnection: close"...)
	}
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(append(b, "\r\n\r\n"...), body...)
	if cap(b) <= quickBufferBytes {
		c.answer = b
	}
	// From here on it waits for the client: who does not take his answers keeps nobody out.
	c.l.s.clients.track(c.Conn, http.StateIdle)
	_, err := c.Write(b)
	return err
}

// dateNow returns the value of the Date header (RFC 9110, section 6.6.1).
func (c *quickConn) dateNow() []byte {
	now := time.Now()
	if second := now.Unix(); second != c.second {
		c.second = second
		c.date = now.UTC().AppendFormat(c.date[:0], http.TimeFormat)
	}
	return c.date
}

// readBody is the JSON of a readAnswer; most values need no escapes.
func readBody(r kv.Result) []byte {
	if !r.Found || !isPlainText(r.Value) {
		return encode(readAnswerOf(r))
	}
	const before, after = `{"found":true,"value":"`, "\"}\n"
	b := make([]byte, 0, len(before)+len(r.Value)+len(after))
	return append(append(append(b, before...), r.Value...), after...)
}

// replayedConn is a connection of which something was read already.
type replayedConn struct {
	net.Conn
	read []byte
}

func (c *replayedConn) Read(b []byte) (int, error) {
	if len(c.read) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.read)
	c.read = c.read[n:]
	return n, nil
}

// NetConn returns the connection as it was accepted.
func (c *replayedConn) NetConn() net.Conn { return c.Conn }

// CloseWrite lets net/http end an answer before it closes a connection that it has not read to the
// end.
func (c *replayedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
