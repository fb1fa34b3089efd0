package server

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gauntlet/raft"
	"gauntlet/raft/wal"
	"gauntlet/raft/wire"
)

// scripted is a real server, member 1, whose peers 2 and 3 are played by the test.
type scripted struct {
	t      *testing.T
	server *Server
	log    *lineLog
	heard  chan raft.Message // everything the server says to them
	hook   atomic.Pointer[func(raft.Message)]

	mu  sync.Mutex
	out map[linkKey]net.Conn // from the played peers to the server
}

func newScripted(t *testing.T, fs wal.FS, deaf ...raft.NodeID) *scripted {
	p := &scripted{
		t: t, log: &lineLog{}, out: map[linkKey]net.Conn{}, heard: make(chan raft.Message, 10000),
	}
	self := listen(t, "127.0.0.1:0")
	members := []Member{{1, "n1", self.Addr().String()}}
	for id := raft.NodeID(2); id <= 3; id++ {
		l := listen(t, "127.0.0.1:0")
		t.Cleanup(func() { l.Close() })
		members = append(members, Member{id, "n" + string(rune('0'+id)), l.Addr().String()})
		isDeaf := len(deaf) > 0 && deaf[0] == id
		go p.accept(l, isDeaf)
	}
	s, err := Start(Config{
		ID: 1, Members: members, Cluster: 42, Dir: "/data", FS: fs, Incarnation: 1, Seed: 1,
		Clients: listen(t, "127.0.0.1:0"), Peers: self, Events: p.log,
		ElectionTimeout: testET, Heartbeat: testET / 6, PreVote: true, CheckQuorum: false,
		RequestTimeout: 2 * time.Second, Build: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	p.server = s
	over := make(chan struct{})
	go p.ping(over)
	t.Cleanup(func() {
		close(over)
		s.Kill()
		if t.Failed() {
			t.Log(p.log.String())
		}
	})
	return p
}

// accept plays the incoming half of a peer. A deaf one takes connections and never reads.
func (p *scripted) accept(l net.Listener, deaf bool) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if deaf {
			defer conn.Close()
			continue
		}
		go func() {
			defer conn.Close()
			frames := wire.NewReader(conn)
			for {
				f, err := frames.Next()
				if err != nil {
					return
				}
				if f.Message == nil {
					continue
				}
				if hook := p.hook.Load(); hook != nil {
					(*hook)(*f.Message)
				}
				p.heard <- *f.Message
			}
		}()
	}
}

// ping keeps the played peers' connections alive, as peers do: else a test that is slow to speak
// loses them to the server's patience.
func (p *scripted) ping(over <-chan struct{}) {
	idle := time.NewTicker(testET / 3)
	defer idle.Stop()
	for {
		select {
		case <-over:
			return
		case <-idle.C:
		}
		p.mu.Lock()
		for _, conn := range p.out {
			conn.Write(wire.AppendPing(nil))
		}
		p.mu.Unlock()
	}
}

// say sends a message as a played peer. It dials if it has to, and again if the connection broke.
func (p *scripted) say(m raft.Message) {
	p.t.Helper()
	m.To = 1
	frame, err := wire.AppendMessage(nil, &m)
	if err != nil {
		p.t.Fatal(err)
	}
	key := linkKey{m.From, wire.StreamOf(m.Kind)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if conn := p.out[key]; conn != nil {
		if _, err = conn.Write(frame); err == nil {
			return
		}
	}
	p.out[key] = p.dial(wire.Hello{Cluster: 42, From: m.From, To: 1, Stream: key.stream})
	if _, err := p.out[key].Write(frame); err != nil {
		p.t.Fatal(err)
	}
}

func (p *scripted) dial(h wire.Hello) net.Conn {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.server.cfg.Peers.Addr().String())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write(wire.AppendHello(nil, h)); err != nil {
		p.t.Fatal(err)
	}
	return conn
}

// hear awaits a message that the condition accepts, and passes over the others.
func (p *scripted) hear(what string, accept func(raft.Message) bool) raft.Message {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case m := <-p.heard:
			if accept(m) {
				return m
			}
		case <-timeout:
			p.t.Fatalf("in vain awaited: %s", what)
		}
	}
}

func kind(k raft.MessageKind) func(raft.Message) bool {
	return func(m raft.Message) bool { return m.Kind == k }
}

// elect makes the server leader by the votes of played peer 2.
func (p *scripted) elect() (term uint64) {
	p.t.Helper()
	pre := p.hear("a pre-vote", kind(raft.PreVote))
	p.say(raft.Message{Kind: raft.PreVoteAnswer, From: 2, Term: pre.Term})
	vote := p.hear("a vote request", kind(raft.Vote))
	p.say(raft.Message{Kind: raft.VoteAnswer, From: 2, Term: vote.Term})
	return vote.Term
}

// slowDisk holds up every sync while it is closed.
type slowDisk struct {
	*wal.Memory
	gate sync.RWMutex
}

func newSlowDisk() *slowDisk {
	d := &slowDisk{Memory: wal.NewMemory()}
	d.Fault = func(operation, _ string) error {
		if operation == "sync" {
			d.gate.RLock()
			defer d.gate.RUnlock()
		}
		return nil
	}
	return d
}

// Goal: rule 1. Nobody can hear of a leadership that is not in the leader's own log.
// Method: look at the log at the instant the first frame of the new leadership arrives.
func TestClaimIsLoggedBeforeItIsHeard(t *testing.T) {
	p := newScripted(t, wal.NewMemory())
	var missing atomic.Bool
	hook := func(m raft.Message) {
		claim := m.Kind == raft.Append || m.Kind == raft.Heartbeat
		if claim && !p.log.claims(m.Term) {
			missing.Store(true)
		}
	}
	p.hook.Store(&hook)
	p.log.mu.Lock()
	p.log.hook = func(e event) error { // gives a message that is sent too early time to arrive
		if e.Event == "role" && e.Role == "leader" {
			time.Sleep(testET / 2)
		}
		return nil
	}
	p.log.mu.Unlock()
	term := p.elect()
	p.hear("a word of the leader", func(m raft.Message) bool {
		return m.Term == term && (m.Kind == raft.Append || m.Kind == raft.Heartbeat)
	})
	if missing.Load() {
		t.Error("heard of a leadership before it was logged")
	}
}

// Goal: rule 2, for a follower: entries are acknowledged only once they are durable, while
// heartbeats are answered whatever the disk does.
// Method: a disk whose sync hangs; a leader played by the test.
func TestAnswersWaitForTheDisk(t *testing.T) {
	disk := newSlowDisk()
	p := newScripted(t, disk)
	p.say(raft.Message{Kind: raft.Heartbeat, From: 2, Term: 5, Round: 1})
	p.hear("the first answer", kind(raft.HeartbeatAnswer))

	disk.gate.Lock()
	p.say(raft.Message{Kind: raft.Append, From: 2, Term: 5, Entries: []raft.Entry{
		{Index: 1, Term: 5, Kind: raft.EntryNoop},
	}})
	early := false
	for round := uint64(2); round < 8; round++ {
		p.say(raft.Message{Kind: raft.Heartbeat, From: 2, Term: 5, Round: round})
		p.hear("an answer in spite of the disk", func(m raft.Message) bool {
			early = early || m.Kind == raft.AppendAnswer && !m.Reject
			return m.Kind == raft.HeartbeatAnswer && m.Round == round
		})
	}
	if early {
		t.Error("entries were acknowledged before they were durable")
	}
	disk.gate.Unlock()
	m := p.hear("the acknowledgement", kind(raft.AppendAnswer))
	if m.Reject || m.Index != 1 || m.LogTerm != 5 {
		t.Errorf("acknowledged %+v", m)
	}
}

// Goal: rules 2 and 3, for a leader: neither its own hung disk nor a peer that reads nothing delays
// a heartbeat or an append to another peer.
// Method: elect the server with peer 3 deaf; hang its disk; propose more than any buffer holds.
func TestHeartbeatsWaitForNobody(t *testing.T) {
	disk := newSlowDisk()
	p := newScripted(t, disk, 3)
	term := p.elect()
	p.hear("the no-op", kind(raft.Append))

	disk.gate.Lock()
	defer disk.gate.Unlock()
	c := &cluster{t: t, clients: []string{p.server.cfg.Clients.Addr().String()}}
	value := `{"value":"` + strings.Repeat("x", MaxValueBytes/2) + `"}`
	for range 20 {
		go c.call(0, "PUT", "/v1/kv/k", value)
	}
	lag := measureLag(t)
	worst, last := time.Duration(0), time.Now()
	for range 30 {
		m := p.hear("a heartbeat", kind(raft.Heartbeat))
		worst, last = max(worst, time.Since(last)), time.Now()
		if m.Term != term {
			t.Fatalf("term %d became %d", term, m.Term)
		}
		p.say(raft.Message{Kind: raft.HeartbeatAnswer, From: 2, Term: term, Round: m.Round})
	}
	if worst > lag.allow(testET) { // a heartbeat is due every ET/6
		t.Errorf("%v between two heartbeats, more than %v", worst, lag.allow(testET))
	}
}

// Goal: rule 4, for a leader that does not resign: who waits in vain is told in time, and a write
// may have happened.
// Method: elect the server, and let the played peers fall silent; check quorum is off.
func TestTimeoutSaysWhatIsKnown(t *testing.T) {
	p := newScripted(t, wal.NewMemory())
	p.elect()
	p.hear("the no-op", kind(raft.Append))
	c := &cluster{t: t, clients: []string{p.server.cfg.Clients.Addr().String()}}
	code, body := c.call(0, "PUT", "/v1/kv/k", `{"value":"1"}`)
	if code != 504 || !strings.Contains(body, `"outcome":"unknown"`) {
		t.Errorf("write: %d %s", code, body)
	}
	code, body = c.call(0, "GET", "/v1/kv/k", "")
	if code != 504 || !strings.Contains(body, `"outcome":"fail"`) {
		t.Errorf("read: %d %s", code, body)
	}
}

// Goal: only peers are let in, and only with what belongs on their stream.
func TestStrangersAreRefused(t *testing.T) {
	p := newScripted(t, wal.NewMemory())
	good := wire.Hello{Cluster: 42, From: 2, To: 1, Stream: wire.Control}
	hello := func(change func(*wire.Hello)) wire.Hello {
		h := good
		change(&h)
		return h
	}
	vote := raft.Message{Kind: raft.Vote, From: 2, To: 1, Term: 9}
	for name, bad := range map[string]struct {
		hello   wire.Hello
		message *raft.Message
		reason  string
	}{
		"cluster":  {hello(func(h *wire.Hello) { h.Cluster = 43 }), nil, "cluster 2b"},
		"founders": {hello(func(h *wire.Hello) { h.Founders = 5 }), nil, "founding list 5, this"},
		"to":       {hello(func(h *wire.Hello) { h.To = 3 }), nil, "looks for"},
		"self":     {hello(func(h *wire.Hello) { h.From = 1 }), nil, "no peer"},
		"nobody":   {hello(func(h *wire.Hello) { h.From = 0 }), nil, "no peer"},
		"stream":   {hello(func(h *wire.Hello) { h.Stream = 0 }), nil, "unknown stream"},
		"forged":   {hello(func(h *wire.Hello) { h.From = 3 }), &vote, "message from 2"},
		"mismatch": {hello(func(h *wire.Hello) { h.Stream = wire.Bulk }), &vote, "Vote on the"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := p.dial(bad.hello)
			if bad.message != nil {
				frame, _ := wire.AppendMessage(nil, bad.message)
				conn.Write(frame)
			}
			conn.SetReadDeadline(time.Now().Add(patience))
			if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil {
				t.Errorf("the server sent data")
			}
			await(t, "a line in the log", func() bool {
				return strings.Contains(p.log.String(), bad.reason)
			})
		})
	}
}

// Goal: a link that has lost its peer is there again within about one election timeout, and a
// second connection of the same peer replaces the first.
// Method: break the server's outgoing connections by closing them under it; count fresh hellos.
func TestRedial(t *testing.T) {
	p := newScripted(t, wal.NewMemory())
	l := listen(t, "127.0.0.1:0")
	defer l.Close()
	link := newLink(p.server, Member{ID: 2, Name: "n2", Address: l.Addr().String()}, wire.Control)
	p.server.goroutine(link.run)
	var broken time.Time
	for range 4 {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(broken); !broken.IsZero() && took > 3*testET {
			t.Errorf("redialled after %v", took)
		}
		frames := wire.NewReader(conn)
		if f, err := frames.Next(); err != nil || f.Hello == nil || f.Hello.From != 1 {
			t.Fatalf("%+v, %v", f, err)
		}
		if f, err := frames.Next(); err != nil || f.Message != nil || f.Hello != nil {
			t.Fatalf("not a ping: %+v, %v", f, err)
		}
		conn.Close()
		broken = time.Now()
	}

	first := p.dial(wire.Hello{Cluster: 42, From: 2, To: 1, Stream: wire.Bulk})
	await(t, "the first connection is taken in", func() bool {
		p.server.peers.mu.Lock()
		defer p.server.peers.mu.Unlock()
		return p.server.peers.latest[linkKey{2, wire.Bulk}] != nil
	})
	p.dial(wire.Hello{Cluster: 42, From: 2, To: 1, Stream: wire.Bulk})
	start := time.Now()
	first.SetReadDeadline(start.Add(patience))
	first.Read(make([]byte, 1))
	if took := time.Since(start); took > 3*testET {
		t.Errorf("the superseded connection lived on for %v", took)
	}
}

// Goal: the kernel gives up on unacknowledged bytes after one election timeout.
func TestUserTimeout(t *testing.T) {
	p := newScripted(t, wal.NewMemory())
	link := newLink(p.server, p.server.cfg.Members[1], wire.Control)
	conn, err := link.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	raw.Control(func(fd uintptr) {
		got, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
	})
	if err != nil || got != int(testET.Milliseconds()) {
		t.Errorf("TCP_USER_TIMEOUT %d ms, %v; want %v", got, err, testET)
	}
}

// Goal: a server that becomes a member just as the link to it as a guest breaks gets a new link.
// Method: a link that has ended by itself, and a configuration that names the peer.
func TestGuestBecomesMember(t *testing.T) {
	s := &Server{cfg: Config{ID: 1}, directory: newDirectory(nil), metrics: &metrics{},
		events: &eventLog{w: io.Discard}}
	s.stop = make(chan struct{})
	close(s.stop) // no link is to dial
	defer s.running.Wait()
	l := &loop{s: s, links: map[linkKey]*link{}}
	key := linkKey{2, wire.Control}
	guest := Member{ID: 2, Address: "127.0.0.1:1"}
	l.connect(guest, isGuest)
	ended := l.links[key]
	if !ended.standing.CompareAndSwap(isGuest, isOver) { // as run does
		t.Fatal("no guest")
	}
	l.relink(raft.NewConfiguration(raft.Member{ID: 1}, raft.Member(guest)))
	if link := l.links[key]; link == ended || link.standing.Load() != isMember {
		t.Errorf("the member has the link that has ended")
	}
}

// Goal: a peer that lets every link in and closes it at once, as one of another cluster does, fills
// no log, and no such link counts as up; one that stands is told of.
// Method: a member of two finds such a peer in the place of the other one, and then the real one.
func TestLinksThatDoNotStand(t *testing.T) {
	c := newCluster(t, 2)
	c.leader()
	up := func() int64 { return c.servers[0].metrics.linksUp.Load() }
	await(t, "the links stand", func() bool { return up() == 3 })
	lines := func(state string) (n int) {
		for _, e := range c.logs[0].events() {
			if e.Event == "link" && e.State == state {
				n++
			}
		}
		return n
	}
	c.kill(1)
	await(t, "the links are down", func() bool { return up() == 0 && lines("down") >= 3 })
	ups, downs, begun := lines("up"), lines("down"), time.Now()
	stranger := listen(t, c.members[1].Address)
	for range 100 {
		conn, err := stranger.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.Read(make([]byte, 1024))
		conn.Close()
	}
	due := 1 + int(time.Since(begun)/linePeriod)
	if n := lines("down") - downs; n > due || lines("up") > ups || up() != 0 {
		t.Errorf("%d lines of links down, want at most %d; %d links are up", n, due, up())
	}
	stranger.Close()
	c.restart(1)
	await(t, "the links stand again", func() bool { return up() == 3 && lines("up") == ups+3 })
}

// Goal: strangers cannot fill the memory with names.
func TestDirectoryIsBounded(t *testing.T) {
	d := newDirectory(nil)
	for id := range raft.NodeID(maxKnown + 10) {
		d.meet(Member{ID: id + 1, Name: "n", Address: "h:1"})
	}
	if len(d.members) != maxKnown || d.name(1) != "n" {
		t.Errorf("%d strangers are known", len(d.members))
	}
}
