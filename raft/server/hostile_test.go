package server

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gauntlet/raft/wal"
	"gauntlet/raft/wire"
)

// undisturbed runs f while a good client works at the only member of a cluster, which must answer
// every request, and none of them late.
func undisturbed(t *testing.T, c *cluster, f func()) {
	t.Helper()
	lag := measureLag(t)
	stop, ended := make(chan struct{}), make(chan struct{})
	var done atomic.Int64
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			http.DefaultClient.CloseIdleConnections() // so that it must get in every time
			start := time.Now()
			body := fmt.Sprintf(`{"value":"%d"}`, i)
			code, answer := c.call(0, "PUT", "/v1/kv/good", body)
			if took := time.Since(start); code != 200 || took > lag.allow(time.Second) {
				t.Errorf("the good client got %d %s after %v", code, answer, took)
				return
			}
			done.Add(1)
		}
	}()
	await(t, "the good client works", func() bool { return done.Load() > 10 })
	f()
	before := done.Load()
	await(t, "the good client still works", func() bool {
		select {
		case <-ended:
			return true
		default:
			return done.Load() > before+10
		}
	})
	close(stop)
	<-ended
}

// dialAll opens n connections and says the same on each, as far as it is let.
func dialAll(t *testing.T, address string, n int, say string) []net.Conn {
	t.Helper()
	var conns []net.Conn
	for range n {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		io.WriteString(conn, say) // a failure shows in what is answered: it may be refused by now
		conns = append(conns, conn)
	}
	return conns
}

// Goal: 1,000 idle connections, 1,000 that never end a head, and 1,000 that never end a body keep
// nobody from being served.
// Method: all of them at once, beside a good client that takes a new connection for each request.
func TestIdleAndSlowClients(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	const request = "PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\n"
	undisturbed(t, c, func() {
		dialAll(t, c.clients[0], 1000, "")
		dialAll(t, c.clients[0], 1000, request+"X-Slow: ")
		dialAll(t, c.clients[0], 1000, request+"Content-Length: 20\r\n\r\n{")
		await(t, "all are taken in", func() bool {
			return c.servers[0].metrics.clientsAccepted.Load() >= 3000
		})
	})
	c.want(0, "GET", "/v1/kv/k", "", `{"found":false}`)
}

// Goal: clients that never take their answers keep nobody out.
// Method: a bound of 8, and so many clients that ask for more than the kernel keeps for them; then
// one more, that takes a new connection each time.
func TestClientsThatDoNotRead(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	long := `{"value":"` + strings.Repeat("v", MaxValueBytes) + `"}`
	c.want(0, "PUT", "/v1/kv/long", long, `{}`)
	s := c.servers[0]
	await(t, "no client is left", func() bool {
		http.DefaultClient.CloseIdleConnections()
		return s.clients.count() == 0
	})
	s.clients.mu.Lock()
	s.clients.limit = 8
	s.clients.mu.Unlock()
	// As many as fit into one read, so that net/http, whose answers have deadlines, sees none.
	ask := strings.Repeat("GET /v1/kv/long HTTP/1.1\r\nHost: x\r\n\r\n", 96)
	dialAll(t, c.clients[0], 8, ask)
	begun, last := uint64(0), make(chan uint64, 1)
	await(t, "all wait for their clients", func() bool {
		time.Sleep(100 * time.Millisecond) // in which none of them has asked for more
		before := begun
		s.loop.questions <- func() { last <- s.loop.lastID }
		begun = <-last
		return begun > 8 && begun == before
	})
	for range 20 {
		http.DefaultClient.CloseIdleConnections()
		c.want(0, "GET", "/v1/kv/none", "", `{"found":false}`)
	}
}

// Goal: beyond the bound the longest idle make room; those being served do not, and then a new one
// is told so.
// Method: a bound of 8; ten idle connections; then eight that are being served, on a loop held up.
func TestClientBound(t *testing.T) {
	c := newCluster(t, 1, func(cfg *Config) { cfg.RequestTimeout = patience })
	c.leader()
	s := c.servers[0]
	await(t, "no client is left", func() bool {
		http.DefaultClient.CloseIdleConnections() // which takes those that are idle by now
		return s.clients.count() == 0
	})
	s.clients.mu.Lock()
	s.clients.limit = 8
	s.clients.mu.Unlock()

	idle := dialAll(t, c.clients[0], 10, "")
	for i, conn := range idle[:2] {
		conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("idle connection %d: %v", i, err)
		}
	}
	c.want(0, "GET", "/v1/kv/k", "", `{"found":false}`)
	if n := s.metrics.clientsEvicted.Load(); n < 2 || n > 4 {
		t.Errorf("%d evicted", n)
	}
	await(t, "the server is done with what was answered", func() bool { return served(s) == 0 })

	release := make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	defer free() // so that a test that fails can end
	s.loop.questions <- func() { <-release }
	busy := dialAll(t, c.clients[0], 8, "GET /v1/kv/k HTTP/1.1\r\nHost: x\r\n\r\n")
	await(t, "eight are being served", func() bool { return served(s) == 8 })
	one := dialAll(t, c.clients[0], 1, "GET /v1/kv/k HTTP/1.1\r\nHost: x\r\n\r\n")[0]
	if code, body := answerOn(t, one); code != 503 || !strings.Contains(body, "too many conn") {
		t.Errorf("one too many got %d %s", code, body)
	}
	free()
	for _, conn := range busy {
		if code, body := answerOn(t, conn); code != 200 {
			t.Errorf("one being served got %d %s", code, body)
		}
	}
	if !strings.Contains(c.logs[0].String(), "8 client connections, all busy") {
		t.Error("no line in the log")
	}
}

// served returns how many client connections are being served.
func served(s *Server) int {
	s.clients.mu.Lock()
	defer s.clients.mu.Unlock()
	n := 0
	for conn := range s.clients.open {
		if conn.waits.Load() == 0 {
			n++
		}
	}
	return n
}

// answerOn reads one answer off a connection; code 0: it was closed without one.
func answerOn(t *testing.T, conn net.Conn) (code int, body string) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(patience))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(b)
}

// Goal: what is no honest HTTP gets a clear 4xx, or a closed connection, and no effect; and what is
// smuggled behind one request in another's eyes is not carried out.
// Method: raw bytes. Every request would put a key if it were taken; none may exist in the end.
func TestBadHTTP(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	const put = "PUT /v1/kv/bad HTTP/1.1\r\nHost: x\r\n"
	const body, length = `{"value":"1"}`, "Content-Length: 13\r\n"
	const hidden = "PUT /v1/kv/bad HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n" + body
	const rest = " HTTP/1.1\r\nHost: x\r\n" + length + "\r\n" + body
	chunks := "0\r\n\r\n" + hidden
	undisturbed(t, c, func() {
		for name, bad := range map[string]struct {
			raw  string
			code int // 0: closed
		}{
			"a header too large": {put + "A: " + strings.Repeat("a", 17<<10) + "\r\n", 431},
			"too many headers":   {put + headers(65) + length + "\r\n" + body, 431},
			"many small headers": {put + headers(5000) + length + "\r\n" + body, 431},
			"a long path":        {"PUT /v1/kv/" + strings.Repeat("k", 20<<10) + " HTTP/1.1\r\n", 431},
			"no host":            {"PUT /v1/kv/bad HTTP/1.1\r\n" + length + "\r\n" + body, 400},
			"two lengths":        {put + length + "Content-Length: 12\r\n\r\n" + body, 400},
			"a signed length":    {put + "Content-Length: +13\r\n\r\n" + body, 400},
			"a negative length":  {put + "Content-Length: -1\r\n\r\n" + body, 400},
			"a huge length":      {put + "Content-Length: 99999999999999999999\r\n\r\n", 400},
			"a length too large": {put + "Content-Length: 4194305\r\n\r\n" +
				strings.Repeat(" ", 4<<20+1), 413},
			"a blank in a header":   {put + "Content-Length : 13\r\n\r\n" + body, 400},
			"a folded header":       {put + "A: b\r\n c\r\n" + "B\r\n\r\n", 400},
			"unknown coding":        {put + "Transfer-Encoding: rot13\r\n\r\n" + body, 501},
			"bad chunks":            {put + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + body, 400},
			"chunks and a length":   {put + length + "Transfer-Encoding: chunked\r\n\r\n" + chunks, 400},
			"a length that is less": {put + "Content-Length: 2\r\n\r\n{}", 400},
			"unknown method":        {"BREW /v1/kv/bad HTTP/1.1\r\nHost: x\r\n\r\n", 405},
			"unknown version":       {"PUT /v1/kv/bad HTTP/3.0\r\nHost: x\r\n\r\n", 505},
			"HTTP/2":                {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
			"a path with dots":      {"PUT /v1/kv/x/../bad" + rest, 404},
			"a doubled slash":       {"PUT //v1/kv/bad" + rest, 404},
			"an unknown parameter":  {"PUT /v1/kv/bad?raed=1" + rest, 400},
			"a parameter twice":     {"GET /v1/kv/bad?read=stale&read=x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
			"a bad query":           {"GET /v1/kv/bad?read=%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
			"a field twice": {put + "Content-Length: 25\r\n\r\n" +
				`{"value":"1","value":"2"}`, 400},
			"a field in capitals": {put + length + "\r\n" + `{"VALUE":"1"}`, 400},
			"no HTTP":             {"hello\r\n\r\n", 400},
			"TLS":                 {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", 400},
		} {
			conn := dialAll(t, c.clients[0], 1, bad.raw)[0]
			if code, answer := answerOn(t, conn); code != bad.code {
				t.Errorf("%s: got %d %s, want %d", name, code, answer, bad.code)
			}
			conn.Close()
		}
		half := dialAll(t, c.clients[0], 1, put+length+"\r\n{")[0] // and then nothing more
		half.(*net.TCPConn).CloseWrite()
		if code, answer := answerOn(t, half); code != 400 {
			t.Errorf("half a body: %d %s", code, answer)
		}
	})
	c.want(0, "GET", "/v1/kv/bad", "", `{"found":false}`)
}

func headers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "A%d: b\r\n", i)
	}
	return b.String()
}

// Goal: whatever comes to the peer port that is no peer is closed, is told of in one line a kind,
// and disturbs nobody.
// Method: each kind of stranger a few hundred times at a member that serves a good client.
func TestStrangersOnThePeerPort(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	hello := wire.AppendHello(nil, wire.Hello{Cluster: 7, From: 2, To: 1, Stream: wire.Control})
	big := bytes.Repeat([]byte{0xff, 0xff, 0x0f, 0}, 1000) // a first frame of a megabyte
	address := c.members[0].Address
	undisturbed(t, c, func() {
		for i := range 200 {
			noise := make([]byte, 1+i)
			rand.Read(noise)
			for _, say := range [][]byte{noise, hello, big, hello[:len(hello)-1], {}} {
				conn := dialAll(t, address, 1, string(say))[0]
				if i < 100 {
					conn.Close() // gone at once; the others stay until they are closed
				}
			}
		}
		secure, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", address,
			&tls.Config{InsecureSkipVerify: true})
		if err == nil {
			secure.Close()
			t.Error("TLS on a port without")
		}
	})
	await(t, "all are closed", func() bool {
		p := c.servers[0].peers
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.conns) == 0 && len(p.strangers) == 0
	})
	if n := c.servers[0].metrics.peersRefused.Load(); n != 1001 {
		t.Errorf("%d refused, want 1001", n)
	}
	lines := 0
	for _, e := range c.logs[0].events() {
		if e.Event == "refused" {
			lines++
		}
	}
	if lines == 0 || lines > 10 { // two kinds, perhaps over several periods on a loaded machine
		t.Errorf("%d lines in the log", lines)
	}
}

// Goal: a flood of strangers keeps no peer out.
// Method: more silent connections than may be strangers; then a peer dials once, and is heard.
func TestPeerAmongStrangers(t *testing.T) {
	p := newScripted(t, wal.NewMemory())
	dialAll(t, p.server.cfg.Peers.Addr().String(), 3*maxStrangers, "")
	p.elect()
}

// Goal: one line a kind in a period, which counts those left out.
func TestLineLimit(t *testing.T) {
	var l lineLimit
	now := time.Now()
	for i, want := range []struct {
		kind string
		at   time.Duration
		left uint64
		due  bool
	}{
		{"a", 0, 0, true}, {"a", 1, 0, false}, {"b", 1, 0, true}, {"a", linePeriod - 1, 0, false},
		{"a", linePeriod, 2, true}, {"a", linePeriod + 1, 0, false}, {"b", linePeriod + 1, 0, true},
	} {
		left, due := l.allow(want.kind, now.Add(want.at))
		if left != want.left || due != want.due {
			t.Errorf("%d: %d, %v", i, left, due)
		}
	}
}
