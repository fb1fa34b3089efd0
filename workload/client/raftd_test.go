package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// One request of each kind.
var (
	read  = workload.Invocation{Kind: "read", Key: "r0", Input: json.RawMessage(`{}`)}
	write = workload.Invocation{Kind: "write", Key: "r0", Input: json.RawMessage(`{"value":17}`)}
	cas   = workload.Invocation{Kind: "cas", Key: "r0",
		Input: json.RawMessage(`{"expected":5,"value":9}`)}
	create = workload.Invocation{Kind: "cas", Key: "r0",
		Input: json.RawMessage(`{"expected":null,"value":9}`)}
)

// connect returns a client of the address, for the register model, that is closed with the test.
func connect(t *testing.T, addr string, timeout time.Duration) Client {
	t.Helper()
	return connectModel(t, addr, workload.ModelRegister, timeout)
}

func connectModel(t *testing.T, addr, model string, timeout time.Duration) Client {
	t.Helper()
	c := NewRaftd("n1", addr, find(t, model), nil, timeout)
	t.Cleanup(c.Close)
	return c
}

func find(t *testing.T, model string) workload.Model {
	t.Helper()
	m, err := workload.Find(model)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// serve answers every request with handler until the test ends, and returns its address.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// serveRaw gives each connection to handle until the test ends, and returns its address.
func serveRaw(t *testing.T, handle func(conn *net.TCPConn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				handle(conn.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() { listener.Close(); running.Wait() })
	return listener.Addr().String()
}

// Goal: what goes over the wire is the API's letter, and each ok answer reaches the history in the
// model's form. Method: a server that compares the request and gives a fixed answer.
func TestRaftdSpeaksTheAPI(t *testing.T) {
	for _, c := range []struct {
		inv     workload.Invocation
		request string
		answer  string
		output  string
	}{
		{read, "GET /v1/kv/r0?read=linearizable ", `{"found":true,"value":"17"}`, `{"value":17}`},
		{read, "GET /v1/kv/r0?read=linearizable ", `{"found":false}`, `{"value":null}`},
		{write, `PUT /v1/kv/r0 {"value":"17"}`, `{}`, `{}`},
		{cas, `POST /v1/kv/r0/cas {"value":"9","expected":"5"}`, `{"swapped":true}`,
			`{"swapped":true}`},
		{cas, `POST /v1/kv/r0/cas {"value":"9","expected":"5"}`,
			`{"swapped":false,"found":true,"current":"7"}`, `{"swapped":false,"current":7}`},
		{create, `POST /v1/kv/r0/cas {"value":"9","expected":null}`,
			`{"swapped":false,"found":false}`, `{"swapped":false,"current":null}`},
		{workload.Invocation{Kind: "read", Key: "a/b c?", Input: json.RawMessage("{}")},
			"GET /v1/kv/a%2Fb%20c%3F?read=linearizable ", `{"found":false}`, `{"value":null}`},
	} {
		var got string
		addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || r.TransferEncoding != nil {
				t.Errorf("%s: %v, transfer encoding %v", c.request, err, r.TransferEncoding)
			}
			got = fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, body)
			fmt.Fprint(w, c.answer)
		})
		answer := connect(t, addr, time.Minute).Do(t.Context(), c.inv)
		if got != c.request {
			t.Errorf("got request  %s\nwant %s", got, c.request)
		}
		if answer.Outcome != history.OutcomeOK || string(answer.Output) != c.output {
			t.Errorf("%s: got %+v, want ok with %s", c.request, answer, c.output)
		}
	}
}

// Goal: the same for lists, counters and transactions. Method: as above.
func TestRaftdSpeaksEveryModel(t *testing.T) {
	const steps = `{"steps":[["read","t0.0"],["append","t0.1",7],["write","t0.0",8],["read","t0.1"]]}`
	for _, c := range []struct {
		model, kind, input      string
		request, answer, output string
	}{
		{"append", "read", `{}`, "GET /v1/kv/k0?read=linearizable ",
			`{"found":true,"value":"3,17,"}`, `{"values":[3,17]}`},
		{"append", "read", `{}`, "GET /v1/kv/k0?read=linearizable ",
			`{"found":false}`, `{"values":[]}`},
		{"append", "append", `{"value":17}`, `POST /v1/kv/k0/append {"value":"17,"}`, `{}`, `{}`},
		{"counter", "read", `{}`, "GET /v1/kv/k0?read=linearizable ",
			`{"found":true,"value":"-4"}`, `{"value":-4}`},
		{"counter", "read", `{}`, "GET /v1/kv/k0?read=linearizable ",
			`{"found":false}`, `{"value":0}`},
		{"counter", "add", `{"delta":-3}`, `POST /v1/kv/k0/add {"delta":"-3"}`,
			`{"value":"5"}`, `{"value":5}`},
		{"txn", "txn", steps, `POST /v1/txn {"steps":[{"op":"get","key":"t0.0"},` +
			`{"op":"append","key":"t0.1","value":"7,"},{"op":"put","key":"t0.0","value":"8,"},` +
			`{"op":"get","key":"t0.1"}]}`,
			`{"steps":[{"found":false},{},{},{"found":true,"value":"5,7,"}]}`,
			`{"steps":[[],null,null,[5,7]]}`},
	} {
		var got string
		addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			got = fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, body)
			fmt.Fprint(w, c.answer)
		})
		inv := workload.Invocation{Kind: c.kind, Key: "k0", Input: json.RawMessage(c.input)}
		answer := connectModel(t, addr, c.model, time.Minute).Do(t.Context(), inv)
		if got != c.request {
			t.Errorf("got request  %s\nwant %s", got, c.request)
		}
		if answer.Outcome != history.OutcomeOK || string(answer.Output) != c.output {
			t.Errorf("%s: got %+v, want ok with %s", c.request, answer, c.output)
		}
	}
}

// Goal: of lists, counters and transactions, too, no answer counts that does not say all it has to.
// Method: a server gives each body with 200; the outcomes are compared.
func TestRaftdDoubtsEveryModel(t *testing.T) {
	const ok, fail, info = history.OutcomeOK, history.OutcomeFail, history.OutcomeInfo
	const two = `{"steps":[["read","a"],["write","b",1]]}`
	for _, c := range []struct {
		model, kind, input, body string
		want                     history.Outcome
	}{
		{"append", "read", `{}`, `{}`, fail},
		{"append", "read", `{}`, `{"found":true}`, fail},
		{"append", "read", `{}`, `{"found":true,"value":"3,17"}`, fail},
		{"append", "read", `{}`, `{"found":true,"value":"3,,17,"}`, fail},
		{"append", "read", `{}`, `{"found":true,"value":"3, 17,"}`, fail},
		{"append", "append", `{"value":17}`, `{"swapped":1}`, info},
		{"append", "append", `{}`, `{}`, fail}, // not even asked
		{"append", "cas", `{}`, `{}`, fail},
		{"counter", "read", `{}`, `{"found":true,"value":"3,"}`, fail},
		{"counter", "add", `{"delta":1}`, `{}`, info},
		{"counter", "add", `{"delta":1}`, `{"value":"many"}`, info},
		{"counter", "add", `{"delta":1}`, `{"value":7}`, info},
		{"txn", "txn", two, `{}`, info},
		{"txn", "txn", two, `{"steps":[{"found":false}]}`, info},
		{"txn", "txn", two, `{"steps":[{},{}]}`, info},
		{"txn", "txn", two, `{"steps":[{"found":true},{}]}`, info},
		{"txn", "txn", two, `{"steps":[{"found":true,"value":"x,"},{}]}`, info},
		{"txn", "txn", two, `{"steps":[{"found":true,"value":"1,"},{},{}]}`, info},
		{"txn", "txn", two, `{"steps":[{"found":true,"value":"1,"},{}]}`, ok},
		{"txn", "txn", `{"steps":[]}`, `{"steps":[]}`, fail},
	} {
		addr := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, c.body) })
		inv := workload.Invocation{Kind: c.kind, Key: "k0", Input: json.RawMessage(c.input)}
		got := connectModel(t, addr, c.model, time.Minute).Do(t.Context(), inv)
		if got.Outcome != c.want || (got.Error == "") != (c.want == ok) {
			t.Errorf("%s of %s, %s: got %+v, want %s", c.kind, c.model, c.body, got, c.want)
		}
	}
}

// Goal: the rows of the error table that are answers. Method: a server gives each; the outcome of a
// write, a cas and a read are compared with the table.
func TestRaftdClassifiesAnswers(t *testing.T) {
	const ok, fail, info = history.OutcomeOK, history.OutcomeFail, history.OutcomeInfo
	for _, c := range []struct {
		status           int
		body             string
		write, cas, read history.Outcome
	}{
		{400, `{"error":"key too long","outcome":"fail"}`, fail, fail, fail},
		{503, `{"error":"no leader","outcome":"fail","leader":"n2"}`, fail, fail, fail},
		{503, `{"error":"leadership lost","outcome":"unknown"}`, info, info, fail},
		{503, `{"error":"odd","outcome":"ok"}`, info, info, fail},
		{500, `{"error":"odd"}`, info, info, fail},
		{502, `<html>bad gateway</html>`, info, info, fail},
		{500, ``, info, info, fail},
		{404, `404 page not found`, info, info, fail},
		{201, `{}`, info, info, fail},
		{204, ``, info, info, fail},
		{302, `{"error":"elsewhere","outcome":"fail"}`, info, info, fail},
		{200, ``, info, info, fail},
		{200, `{}`, ok, info, fail},
		{200, `{"found":true}`, ok, info, fail},
		{200, `{"found":true,"value":"x"}`, ok, info, fail},
		{200, `{"value":"17"}`, ok, info, fail},
		{200, `{"swapped":false}`, ok, info, fail},
		{200, `{"swapped":false,"found":true,"current":""}`, ok, info, fail},
		{200, `{"found":true,"value":"17"`, info, info, fail},
		{200, `{"found":true,"value":"17"} trailing`, info, info, fail},
		{200, `{"swapped":"yes"}`, info, info, fail},
		{200, strings.Repeat(" ", maxBody) + `{}`, info, info, fail},
	} {
		addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			if c.status != 204 {
				fmt.Fprint(w, c.body)
			}
		})
		node := connect(t, addr, time.Minute)
		for _, asked := range []struct {
			inv  workload.Invocation
			want history.Outcome
		}{{write, c.write}, {cas, c.cas}, {read, c.read}} {
			got := node.Do(t.Context(), asked.inv)
			if got.Outcome != asked.want {
				t.Errorf("%s, %d %.60s: got %+v, want %s",
					asked.inv.Kind, c.status, c.body, got, asked.want)
			}
			if (got.Error == "") != (got.Outcome == ok) || strings.Contains(got.Error, "\n") {
				t.Errorf("%s, %d %.60s: error %q", asked.inv.Kind, c.status, c.body, got.Error)
			}
		}
	}
}

// expect makes one request of each kind and compares outcomes; reads are always fail.
func expect(t *testing.T, node Client, want history.Outcome, reason string) {
	t.Helper()
	for _, inv := range []workload.Invocation{write, cas, read} {
		if inv.Kind == "read" {
			want = history.OutcomeFail
		}
		got := node.Do(t.Context(), inv)
		if got.Outcome != want || !strings.Contains(got.Error, reason) {
			t.Errorf("%s: got %+v, want %s for %q", inv.Kind, got, want, reason)
		}
	}
}

// Goal: the row "no connection". Method: a port that nobody listens on; dials that end with the
// context, as to a host that answers nothing, and that have to get a deadline.
func TestRaftdWithoutConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	expect(t, connect(t, listener.Addr().String(), time.Minute),
		history.OutcomeFail, "connection refused")

	ended := make(chan error, 3)
	silent := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}
	register := find(t, workload.ModelRegister)
	node := NewRaftd("n3", "198.18.0.13:4400", register, silent, 20*time.Millisecond)
	defer node.Close()
	expect(t, node, history.OutcomeFail, "no connection to n3: no answer within 20ms")
	for range cap(ended) {
		<-ended // hangs if a dial outlives its request for ever
	}

	unreachable := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}
	}
	node = NewRaftd("n3", "198.18.0.13:4400", register, unreachable, 0)
	defer node.Close()
	expect(t, node, history.OutcomeFail, "no route to host")
}

// Goal: the row "could not be built". Method: an unknown kind and a bad input; nothing is dialled.
func TestRaftdRefusesToAsk(t *testing.T) {
	dial := func(context.Context, string, string) (net.Conn, error) {
		t.Error("dialled")
		return nil, io.EOF
	}
	node := NewRaftd("n1", "n1:4400", find(t, workload.ModelRegister), dial, 0)
	defer node.Close()
	for _, inv := range []workload.Invocation{
		{Kind: "append", Key: "r0", Input: json.RawMessage(`{}`)},
		{Kind: "write", Key: "r0", Input: json.RawMessage(`{}`)},
	} {
		if got := node.Do(t.Context(), inv); got.Outcome != history.OutcomeFail {
			t.Errorf("got %+v", got)
		}
	}
}

// Goal: the row "timed out, reset or closed once a connection was had". Method: servers that
// break at each moment: before and after reading the request, in the header, in the body.
func TestRaftdLosesTheAnswer(t *testing.T) {
	request := func(conn net.Conn) {
		if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
		}
	}
	reset := func(conn *net.TCPConn) { _ = conn.SetLinger(0) } // close then sends RST
	const half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"found\":true,"
	for _, c := range []struct {
		name   string
		handle func(conn *net.TCPConn)
		reason string
	}{
		{"closed before the answer", func(conn *net.TCPConn) { request(conn) }, "EOF"},
		{"reset before the answer", func(conn *net.TCPConn) { request(conn); reset(conn) }, "reset"},
		{"reset before the request is read", func(conn *net.TCPConn) {
			_, _ = conn.Read(make([]byte, 1))
			reset(conn)
		}, "reset"},
		{"closed in the header", func(conn *net.TCPConn) {
			request(conn)
			fmt.Fprint(conn, half[:20])
		}, ""},
		{"closed in the body", func(conn *net.TCPConn) {
			request(conn)
			fmt.Fprint(conn, half)
		}, "unexpected EOF"},
		{"not HTTP", func(conn *net.TCPConn) {
			request(conn)
			fmt.Fprint(conn, "220 smtp.example ESMTP\r\n")
		}, "malformed"},
		{"endless header", func(conn *net.TCPConn) {
			request(conn)
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 2*maxBody))
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			expect(t, connect(t, serveRaw(t, c.handle), time.Minute), history.OutcomeInfo, c.reason)
		})
	}
	// A timeout, with no answer at all and in the midst of one; the server waits until it is left.
	for name, start := range map[string]string{"silent": "", "stalls in the body": half} {
		t.Run(name, func(t *testing.T) {
			addr := serveRaw(t, func(conn *net.TCPConn) {
				_, _ = conn.Read(make([]byte, 1)) // an answer before the request is another row
				fmt.Fprint(conn, start)
				_, _ = io.Copy(io.Discard, conn)
			})
			expect(t, connect(t, addr, 100*time.Millisecond),
				history.OutcomeInfo, "no answer within 100ms")
		})
	}
}

// Goal: every request goes out exactly once, also when a kept-alive connection dies under it,
// where http.Transport would by itself send a GET again. Method: a server that answers one
// request on each connection and then, having read a second one, closes or resets it; requests
// seen by the server are counted against requests made. Further, a server that closes each idle
// connection at once, so that requests race with the close: it may see fewer than were made,
// never more.
func TestRaftdNeverRepeats(t *testing.T) {
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n" + `{"found":false,"swapped":true}`
	for _, inv := range []workload.Invocation{read, write, cas} {
		for _, reset := range []bool{false, true} {
			var seen atomic.Int64
			addr := serveRaw(t, func(conn *net.TCPConn) {
				in := bufio.NewReader(conn)
				for n := 0; ; n++ {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					seen.Add(1)
					if n == 1 {
						break
					}
					fmt.Fprint(conn, answer)
				}
				if reset {
					_ = conn.SetLinger(0)
				}
			})
			node := connect(t, addr, time.Minute)
			for i := range 20 {
				got := node.Do(t.Context(), inv)
				if wantOK := i%2 == 0; (got.Outcome == history.OutcomeOK) != wantOK {
					t.Fatalf("%s %d: got %+v, want ok: %t", inv.Kind, i, got, wantOK)
				}
			}
			if n := seen.Load(); n != 20 {
				t.Errorf("%s, reset %t: the server saw %d requests for 20", inv.Kind, reset, n)
			}
		}
		var seen, lost atomic.Int64
		addr := serveRaw(t, func(conn *net.TCPConn) {
			in := bufio.NewReader(conn)
			if r, err := http.ReadRequest(in); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				seen.Add(1)
				fmt.Fprint(conn, answer)
			}
		})
		node := connect(t, addr, time.Minute)
		for range 500 {
			if node.Do(t.Context(), inv).Outcome != history.OutcomeOK {
				lost.Add(1)
			}
		}
		if seen.Load() > 500 || seen.Load()+lost.Load() != 500 {
			t.Errorf("%s: the server saw %d of 500 requests, %d were lost",
				inv.Kind, seen.Load(), lost.Load())
		}
	}
}

// Goal: connections are kept alive, and used in parallel when requests are. Method: count the
// connections of 50 requests one after the other, and of 8 that wait for each other.
func TestRaftdKeepsConnections(t *testing.T) {
	var dials atomic.Int64
	var together sync.WaitGroup
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			together.Done()
			together.Wait()
		}
		fmt.Fprint(w, `{"found":false}`)
	})
	count := func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	node := NewRaftd("n1", addr, find(t, workload.ModelRegister), count, time.Minute)
	defer node.Close()
	for range 50 {
		if got := node.Do(t.Context(), read); got.Outcome != history.OutcomeOK {
			t.Fatal(got)
		}
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections for 50 requests", n)
	}
	together.Add(8)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			if got := node.Do(t.Context(), write); got.Outcome != history.OutcomeOK {
				t.Error(got)
			}
		})
	}
	workers.Wait()
	if n := dials.Load(); n < 8 || n > 9 {
		t.Errorf("%d connections after 8 parallel requests", n)
	}
}

// Goal: a caller's context ends a request early, and that is classified like a timeout. Method:
// cancel while a server is silent.
func TestRaftdFollowsTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := serveRaw(t, func(conn *net.TCPConn) {
		_, _ = conn.Read(make([]byte, 1))
		cancel()
		_, _ = io.Copy(io.Discard, conn)
	})
	got := connect(t, addr, time.Minute).Do(ctx, write)
	if got.Outcome != history.OutcomeInfo {
		t.Errorf("got %+v", got)
	}
}
