package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/wal"
)

const (
	testET   = 200 * time.Millisecond
	patience = 30 * time.Second // for what is awaited: only a failing test takes so long
)

// cluster is a few servers on loopback, each with its own directory, which a restart finds again.
type cluster struct {
	t       *testing.T
	members []Member
	first   int      // so many of them began together; the others joined
	clients []string // addresses
	servers []*Server
	logs    []*lineLog
	dirs    string
	adapt   []func(*Config)
}

func newCluster(t *testing.T, size int, adapt ...func(*Config)) *cluster {
	c := &cluster{t: t, dirs: t.TempDir(), adapt: adapt, first: size}
	var peers, clients []net.Listener
	for i := range size {
		peers = append(peers, listen(t, "127.0.0.1:0"))
		clients = append(clients, listen(t, "127.0.0.1:0"))
		c.members = append(c.members, Member{
			ID: raft.NodeID(i + 1), Name: fmt.Sprintf("n%d", i+1),
			Address: peers[i].Addr().String(),
		})
		c.clients = append(c.clients, clients[i].Addr().String())
		c.logs = append(c.logs, &lineLog{})
	}
	c.servers = make([]*Server, size)
	for i := range size {
		c.start(i, peers[i], clients[i])
	}
	t.Cleanup(func() {
		for i := range c.servers {
			c.kill(i)
		}
		if t.Failed() {
			for i, log := range c.logs {
				t.Logf("n%d:\n%s", i+1, log.String())
			}
		}
	})
	return c
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	var l net.Listener
	await(t, "listen on "+address, func() bool {
		var err error
		l, err = net.Listen("tcp", address)
		return err == nil
	})
	return l
}

func (c *cluster) config(i int) Config {
	first := c.members[:c.first]
	if i >= c.first {
		first = nil
	}
	return Config{
		ID: c.members[i].ID, Name: c.members[i].Name, Members: first, Cluster: 42,
		Dir:         filepath.Join(c.dirs, c.members[i].Name),
		Incarnation: uint32(time.Now().UnixNano()), Seed: 1,
		Events: c.logs[i], ElectionTimeout: testET, Heartbeat: testET / 6,
		PreVote: true, CheckQuorum: true, RequestTimeout: 2 * time.Second, Build: "test",
	}
}

func (c *cluster) start(i int, peers, clients net.Listener) {
	cfg := c.config(i)
	cfg.Peers, cfg.Clients = peers, clients
	for _, adapt := range c.adapt {
		adapt(&cfg)
	}
	s, err := Start(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.servers[i] = s
}

func (c *cluster) restart(i int) {
	c.start(i, listen(c.t, c.members[i].Address), listen(c.t, c.clients[i]))
}

func (c *cluster) kill(i int) {
	if c.servers[i] != nil {
		c.servers[i].Kill()
		c.servers[i] = nil
	}
}

// leader awaits that one running member leads and all running ones know it. It returns its place.
func (c *cluster) leader() int {
	c.t.Helper()
	leader := -1
	await(c.t, "a leader that all know", func() bool {
		leader = -1
		var known string
		for i, s := range c.servers {
			if s == nil {
				continue
			}
			status, ok := s.status(context.Background())
			name := s.directory.name(status.Leader)
			if !ok || name == "" || known != "" && name != known {
				return false
			}
			known = name
			if status.Role == raft.Leader {
				leader = i
			}
		}
		return leader >= 0
	})
	return leader
}

// call sends one request and returns the status and the body, without the newline; or 0 and why
// there is none.
func (c *cluster) call(i int, method, path, body string) (int, string) {
	request, err := http.NewRequest(method, "http://"+c.clients[i]+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, strings.TrimSuffix(string(b), "\n")
}

func (c *cluster) want(i int, method, path, body, answer string) {
	c.t.Helper()
	if code, got := c.call(i, method, path, body); code != 200 || got != answer {
		c.t.Fatalf("n%d: %s %s %.200s: %d %.200s, want %s", i+1, method, path, body, code, got, answer)
	}
}

func await(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain awaited: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// lag is how late a goroutine of this process came to run at worst, when all it had to do was to
// wake up: the machine's part in any delay that a test measures.
type lag struct{ worst atomic.Int64 }

// measureLag watches until the test ends.
func measureLag(t *testing.T) *lag {
	const sleep = testET / 20
	l, over := &lag{}, make(chan struct{})
	t.Cleanup(func() { close(over) })
	go func() {
		for {
			began := time.Now()
			select {
			case <-over:
				return
			case <-time.After(sleep):
				l.worst.Store(max(l.worst.Load(), int64(time.Since(began)-sleep)))
			}
		}
	}()
	return l
}

// allow returns how long may be taken by what on an idle machine takes no more than limit: about
// ten goroutines have their turn in a request, and each of them may come late.
func (l *lag) allow(limit time.Duration) time.Duration {
	return limit + 10*time.Duration(l.worst.Load())
}

// lineLog is an event log in memory.
type lineLog struct {
	mu   sync.Mutex
	text bytes.Buffer
	hook func(event) error // before a line is taken
}

func (l *lineLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	hook := l.hook
	l.mu.Unlock()
	if hook != nil {
		var e event
		json.Unmarshal(b, &e)
		if err := hook(e); err != nil {
			return 0, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lineLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lineLog) events() []event {
	var all []event
	for line := range strings.Lines(l.String()) {
		var e event
		if json.Unmarshal([]byte(line), &e) == nil {
			all = append(all, e)
		}
	}
	return all
}

// claims reports whether the log claims the leadership of a term.
func (l *lineLog) claims(term uint64) bool {
	for _, e := range l.events() {
		if e.Event == "role" && e.Role == "leader" && e.Term == term {
			return true
		}
	}
	return false
}

// Goal: the main job of the process, end to end: three members elect a leader, any of them takes
// reads and writes, the cluster survives the kill of its leader, and what was acknowledged is there
// after every member has been killed and restarted from its disk.
// Method: real servers, sockets and files on loopback; conditions are awaited, nothing is timed.
func TestThreeMembers(t *testing.T) {
	c := newCluster(t, 3)
	c.leader()
	for i := range 3 {
		key := fmt.Sprintf("/v1/kv/key-%d", i)
		c.want(i, "PUT", key, `{"value":"1"}`, `{}`)
		for j := range 3 {
			c.want(j, "GET", key, "", `{"found":true,"value":"1"}`)
		}
		c.want(i, "POST", key+"/cas", `{"value":"2","expected":"1"}`,
			`{"swapped":true,"found":false}`)
		c.want(i, "POST", key+"/cas", `{"value":"3","expected":"1"}`,
			`{"swapped":false,"found":true,"current":"2"}`)
		c.want(i, "POST", key+"/cas", `{"value":"3","expected":null}`,
			`{"swapped":false,"found":true,"current":"2"}`)
		c.want(i, "DELETE", key, "", `{}`)
		c.want(i, "GET", key, "", `{"found":false}`)
		c.want(i, "POST", key+"/cas", `{"value":"4","expected":""}`,
			`{"swapped":false,"found":false}`)
		c.want(i, "POST", key+"/cas", `{"value":"4","expected":null}`,
			`{"swapped":true,"found":false}`)
	}

	old := c.leader()
	c.kill(old)
	survivor := c.leader()
	c.want(survivor, "PUT", "/v1/kv/after", `{"value":"kill"}`, `{}`)
	c.restart(old)
	c.leader()
	c.want(old, "GET", "/v1/kv/after", "", `{"found":true,"value":"kill"}`)

	for i := range 3 {
		c.kill(i)
	}
	for i := range 3 {
		c.restart(i)
	}
	c.leader()
	for i := range 3 {
		c.want(i, "GET", "/v1/kv/key-1", "", `{"found":true,"value":"4"}`)
		c.want(i, "GET", "/v1/kv/after", "", `{"found":true,"value":"kill"}`)
	}
	await(t, "stale reads catch up", func() bool {
		_, got := c.call(survivor, "GET", "/v1/kv/after?read=stale", "")
		return got == `{"found":true,"value":"kill"}`
	})
}

// Goal: rule 4. Without a quorum nobody waits for ever, and what the effect is known to be is said.
// Method: kill two of three; write and read at the third, before and after it gave up leading.
func TestNoQuorum(t *testing.T) {
	c := newCluster(t, 3)
	left := c.leader()
	for i := range 3 {
		if i != left {
			c.kill(i)
		}
	}
	start := time.Now()
	code, body := c.call(left, "PUT", "/v1/kv/k", `{"value":"1"}`)
	if code < 500 || !strings.Contains(body, `"outcome":"unknown"`) {
		t.Errorf("write by a leader without followers: %d %s", code, body)
	}
	if took := time.Since(start); took > c.servers[left].cfg.RequestTimeout+patience/3 {
		t.Errorf("took %v", took)
	}
	await(t, "the leader resigns", func() bool {
		status, _ := c.servers[left].status(context.Background())
		return status.Role != raft.Leader
	})
	code, body = c.call(left, "PUT", "/v1/kv/k", `{"value":"2"}`)
	if code != 503 || !strings.Contains(body, `"outcome":"fail"`) {
		t.Errorf("write without a leader: %d %s", code, body)
	}
	code, body = c.call(left, "GET", "/v1/kv/k", "")
	if code < 500 || !strings.Contains(body, `"outcome":"fail"`) {
		t.Errorf("read without a leader: %d %s", code, body)
	}
	c.want(left, "GET", "/v1/kv/k?read=stale", "", `{"found":false}`)
}

// Goal: a client that hangs up leaves nothing behind in the server.
// Method: a leader without followers, so that a write stays open; cancel it; look at the loop after
// the server has ended.
func TestClientGone(t *testing.T) {
	c := newCluster(t, 3)
	left := c.leader()
	s := c.servers[left]
	for i := range 3 {
		if i != left {
			c.kill(i)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	request, _ := http.NewRequestWithContext(ctx, "PUT",
		"http://"+c.clients[left]+"/v1/kv/k", strings.NewReader(`{"value":"1"}`))
	before, _ := s.status(ctx)
	ended := make(chan error)
	go func() {
		_, err := http.DefaultClient.Do(request)
		ended <- err
	}()
	await(t, "the write is in the log", func() bool {
		now, _ := s.status(context.Background())
		return now.LastIndex > before.LastIndex || now.Role != raft.Leader
	})
	cancel()
	<-ended
	await(t, "the loop forgets the request", func() bool {
		n := -1
		looked := make(chan struct{})
		s.loop.questions <- func() { n = len(s.loop.open); close(looked) }
		<-looked
		return n == 0
	})
}

// Goal: a stop in good order answers those who wait and says so in the log.
func TestStop(t *testing.T) {
	c := newCluster(t, 3)
	left := c.leader()
	for i := range 3 {
		if i != left {
			c.kill(i)
		}
	}
	s := c.servers[left]
	before, _ := s.status(context.Background())
	type result struct {
		code int
		body string
	}
	got := make(chan result, 1)
	go func() {
		code, body := c.call(left, "PUT", "/v1/kv/k", `{"value":"1"}`)
		got <- result{code, body}
	}()
	await(t, "the write is in the log", func() bool {
		now, _ := s.status(context.Background())
		return now.LastIndex > before.LastIndex || now.Role != raft.Leader
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
	if r := <-got; r.code != 503 {
		t.Errorf("the waiting client was told %d %s", r.code, r.body)
	}
	events := c.logs[left].events()
	if last := events[len(events)-1]; last.Event != "stop" {
		t.Errorf("last event %+v", last)
	}
}

// syncBreaker fails every sync from the moment it is on.
type syncBreaker struct{ on atomic.Bool }

func (b *syncBreaker) fault(operation, _ string) error {
	if operation == "sync" && b.on.Load() {
		return errors.New("input/output error")
	}
	return nil
}

// Goal: rule 5 and rule 1: a disk or an event log that fails ends the process, with the reason.
func TestFailuresEndTheServer(t *testing.T) {
	t.Run("disk", func(t *testing.T) {
		c := newCluster(t, 1)
		c.leader()
		c.kill(0)
		disk := wal.NewMemory()
		cfg := c.config(0)
		cfg.FS = disk
		cfg.Peers, cfg.Clients = listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
		var broken syncBreaker
		disk.Fault = broken.fault
		s, err := Start(cfg)
		if err != nil {
			t.Fatal(err)
		}
		broken.on.Store(true)
		<-s.Done()
		if err := s.Err(); err == nil || !strings.Contains(err.Error(), "input/output error") {
			t.Errorf("ended with %v", err)
		}
	})
	t.Run("event log", func(t *testing.T) {
		c := newCluster(t, 3)
		c.leader()
		c.kill(0)
		c.logs[0].mu.Lock()
		c.logs[0].hook = func(e event) error {
			if e.Event != "start" && e.Event != "recovery" {
				return io.ErrShortWrite
			}
			return nil
		}
		c.logs[0].mu.Unlock()
		c.restart(0)
		<-c.servers[0].Done()
		if err := c.servers[0].Err(); err == nil {
			t.Error("ended without a reason")
		}
	})
}
