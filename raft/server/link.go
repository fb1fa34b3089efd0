package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gauntlet/raft"
	"gauntlet/raft/wire"
)

// batchBytes is how much is encoded before it is written.
const batchBytes = 256 << 10

type linkKey struct {
	to     raft.NodeID
	stream wire.Stream
}

// link is one outgoing connection to a peer, dialled again whenever it breaks.
//
// Data flows one way only, so a one-way fault of the network stays one-way; even the greeting needs
// no reply. How long a dead connection can go unnoticed decides how soon a healed cut is over, so
// everything here is measured in election timeouts (ET): a ping after ET/3 of silence makes sure
// that there is something to acknowledge, unacknowledged bytes end the connection after one ET
// (TCP_USER_TIMEOUT; without it TCP backs off for many seconds), and a dial gets half an ET.
type link struct {
	s      *Server
	to     Member
	stream wire.Stream
	queue  *queue
	up     bool // it has stood for a moment: see stands

	standing atomic.Int32  // of the peer: see keep
	gone     chan struct{} // closed: the link is to end
}

// The standings of a peer. A link to a guest ends when it breaks, and then is over for good: so
// nobody can become a member on a link that is just ending.
const (
	isMember int32 = iota
	isGuest
	isOver
)

func newLink(s *Server, to Member, stream wire.Stream) *link {
	queue := newQueue(&s.metrics.droppedFull, &s.metrics.droppedStale)
	return &link{s: s, to: to, stream: stream, queue: queue, gone: make(chan struct{})}
}

// end has the link end soon. It is called at most once.
func (l *link) end() { close(l.gone) }

// broken tells whether the link has ended by itself.
func (l *link) broken() bool { return l.standing.Load() == isOver }

// keep sets whether the peer is a member, which only the loop does. It returns false if the link
// has ended by itself.
func (l *link) keep(standing int32) bool {
	return l.standing.CompareAndSwap(isMember, standing) ||
		l.standing.CompareAndSwap(isGuest, standing)
}

func (l *link) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-l.s.stop:
			cancel()
		case <-l.gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	for ctx.Err() == nil {
		conn, err := l.dial(ctx)
		var hello []byte
		if err == nil {
			conn, hello, err = l.greet(conn)
		}
		if err == nil {
			err = l.serve(ctx, conn, hello)
			conn.Close()
		}
		l.broke(ctx, err)
		if l.standing.CompareAndSwap(isGuest, isOver) {
			return
		}
		l.pause(ctx)
	}
}

func (l *link) dial(ctx context.Context) (net.Conn, error) {
	et := l.s.cfg.ElectionTimeout
	dialer := net.Dialer{
		Timeout:   et / 2,
		KeepAlive: -1, // pings do better: the kernel's probes start after a second at the earliest
		Control: func(_, _ string, raw syscall.RawConn) error {
			var err error
			outer := raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT,
					int(max(et.Milliseconds(), 1)))
			})
			if outer != nil {
				return outer
			}
			return err
		},
	}
	return dialer.DialContext(ctx, "tcp", l.to.Address)
}

// pause waits between two dials: long enough not to flood, short against an election timeout, and
// never in step with the other links.
func (l *link) pause(ctx context.Context) {
	base := l.s.cfg.ElectionTimeout / 16
	timer := time.NewTimer(base + rand.N(base+1))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// greet makes the connection secure and proves the token, where there are such, and returns the
// hello that is to be sent first. If it fails the connection is closed.
func (l *link) greet(raw net.Conn) (conn net.Conn, hello []byte, err error) {
	defer func() {
		if err != nil {
			raw.Close()
		}
	}()
	conn = raw
	conn.SetDeadline(l.s.untilGreeted())
	if l.s.identity != nil {
		if conn, err = l.s.identity.dial(raw, l.to.Address); err != nil {
			return nil, nil, err
		}
	}
	h := wire.Hello{
		Cluster: l.s.cfg.Cluster, From: l.s.cfg.ID, To: l.to.ID, Stream: l.stream,
		Founders: l.s.founders(), Name: l.s.name(), Address: l.s.directory.member(l.s.cfg.ID).Address,
	}
	if l.s.cfg.Token != "" {
		if err = answerChallenge(conn, l.s.cfg.Token, &h); err != nil {
			return nil, nil, err
		}
	}
	return conn, wire.AppendHello(nil, h), conn.SetDeadline(time.Time{})
}

// serve sends the hello, then writes what is queued until the connection breaks.
func (l *link) serve(ctx context.Context, conn net.Conn, hello []byte) error {
	gone := make(chan error, 1)
	go func() {
		_, err := conn.Read(make([]byte, 1)) // the peer never sends: this returns when it is gone
		if err == nil {
			err = fmt.Errorf("peer sent data on a one-way stream")
		}
		gone <- err
	}()
	et, begun := l.s.cfg.ElectionTimeout, time.Now()
	idle := time.NewTicker(et / 3)
	defer idle.Stop()
	buffer := hello
	for {
		if len(buffer) > 0 {
			conn.SetWriteDeadline(time.Now().Add(2 * et)) // a stopped peer's kernel still answers
			if _, err := conn.Write(buffer); err != nil {
				return err
			}
			idle.Reset(et / 3)
		}
		if !l.up && time.Since(begun) >= et/3 {
			l.stands()
		}
		buffer = l.encode(buffer[:0])
		if len(buffer) > 0 {
			continue
		}
		select {
		case <-l.queue.wake:
			runtime.Gosched() // the loop may have more to say: one write for all of it
		case <-idle.C:
			buffer = wire.AppendPing(buffer)
		case err := <-gone:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// encode appends the frames of a batch of queued messages.
func (l *link) encode(buffer []byte) []byte {
	for len(buffer) < batchBytes {
		m, ok := l.queue.take(l.s.cfg.ElectionTimeout)
		if !ok {
			break
		}
		longer, err := wire.AppendMessage(buffer, &m)
		if err != nil {
			continue // sizes are limited where requests come in; this one is lost like any other
		}
		l.s.metrics.sent.count(m.Kind, len(longer)-len(buffer))
		buffer = longer
	}
	return buffer
}

// stands tells that the link is up, once it has been for a moment: a peer that does not want it
// lets it in, too, and closes it when it has read the hello.
func (l *link) stands() {
	l.up = true
	l.s.metrics.linksUp.Add(1)
	l.tell(event{State: "up"})
}

// broke tells that the link went down, or why it does not come up: of that a line in a while is
// enough, for it is tried several times a second.
func (l *link) broke(ctx context.Context, err error) {
	wasUp := l.up
	if l.up = false; wasUp {
		l.s.metrics.linksUp.Add(-1)
	}
	if ctx.Err() != nil || err == nil {
		return
	}
	e := event{State: "down", Error: err.Error()}
	if !wasUp {
		var due bool
		if e.LeftOut, due = l.s.lines.allow("link", time.Now()); !due {
			return
		}
	}
	l.tell(e)
}

func (l *link) tell(e event) {
	e.Event, e.Peer, e.Stream = "link", l.to.Name, l.stream.String()
	if err := l.s.events.write(e); err != nil {
		l.s.fail(err)
	}
}
