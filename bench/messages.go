package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// traffic is what raftd's members said to each other under load.
type traffic struct {
	clients int
	puts    float64          // a second
	kinds   map[byte]float64 // messages a second, by raft.MessageKind
}

// The kinds of raft.MessageKind that a commit takes.
const (
	kindAppend       = 5
	kindAppendAnswer = 6
	kindHeartbeat    = 7
)

// relay stands before a node's peer port, and counts the frames that pass it.
type relay struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	kinds map[byte]int
}

func newRelay(to string) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: l, to: to, kinds: map[byte]int{}}
	go r.run()
	return r, nil
}

func (r *relay) run() {
	for {
		from, err := r.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer from.Close()
			to, err := net.Dial("tcp", r.to)
			if err != nil {
				return
			}
			defer to.Close()
			r.pass(from, to)
		}()
	}
}

// pass copies frames, as raft/wire defines them, until either end is gone.
func (r *relay) pass(from io.Reader, to io.Writer) {
	const header = 8 // length and checksum
	const message = 2
	reader, writer := bufio.NewReaderSize(from, 64<<10), bufio.NewWriterSize(to, 64<<10)
	for {
		head, err := reader.Peek(header + 1)
		if err != nil {
			return
		}
		length := int64(binary.LittleEndian.Uint32(head))
		if head[header] == message {
			head, err := reader.Peek(header + 2)
			if err != nil {
				return
			}
			r.count(head[header+1])
		}
		if _, err := io.CopyN(writer, reader, header+length); err != nil {
			return
		}
		if reader.Buffered() > 0 {
			continue
		}
		if err := writer.Flush(); err != nil {
			return
		}
	}
}

func (r *relay) count(kind byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kinds[kind]++
}

// relayed starts a cluster whose members speak to each other through relays.
func relayed(ctx context.Context, s system, work string) (*cluster, []*relay, error) {
	place, err := newPlaces(work + "/relayed")
	if err != nil {
		return nil, nil, err
	}
	var relays []*relay
	for i := range nodes {
		r, err := newRelay(place.peers[i])
		if err != nil {
			return nil, relays, err
		}
		relays = append(relays, r)
		place.dialled[i] = r.listener.Addr().String()
	}
	c, err := startAt(ctx, s, place)
	return c, relays, err
}

// messageClients are the loads under which messages are counted.
var messageClients = []int{1, 64, 256}

// measureMessages counts, with all clients at the leader: so nothing is forwarded.
func (r *results) measureMessages(ctx context.Context, s settings, work string) error {
	c, relays, err := relayed(ctx, raftdSystem(s.raftd), work)
	defer func() {
		if c != nil {
			c.stop()
		}
		for _, relay := range relays {
			relay.listener.Close()
		}
	}()
	if err != nil {
		return err
	}
	for _, n := range messageClients {
		counted, err := c.countMessages(ctx, relays, n, s.window)
		if err != nil {
			return err
		}
		r.traffic = append(r.traffic, counted)
		fmt.Fprintf(os.Stderr, "messages at %d clients: %v\n", n, counted)
	}
	return nil
}

func (c *cluster) countMessages(
	ctx context.Context, relays []*relay, n int, window time.Duration,
) (traffic, error) {
	leader, err := c.awaitLeader(ctx)
	if err != nil {
		return traffic{}, err
	}
	g := &group{cluster: c}
	defer g.close()
	for range n {
		client, err := c.dial(ctx, c.places.clients[leader])
		if err != nil {
			return traffic{}, err
		}
		g.clients = append(g.clients, client)
	}
	for _, relay := range relays {
		relay.take()
	}
	began := time.Now()
	s, err := g.closedLoop(ctx, loads[0], window)
	took := time.Since(began).Seconds()
	counted := traffic{clients: n, puts: s.perSecond, kinds: map[byte]float64{}}
	for _, relay := range relays {
		for kind, n := range relay.take() {
			counted.kinds[kind] += float64(n) / took
		}
	}
	return counted, err
}

// take returns the counts, and begins anew.
func (r *relay) take() map[byte]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	counted := r.kinds
	r.kinds = map[byte]int{}
	return counted
}
