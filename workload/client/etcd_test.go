package client

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// connectEtcd returns a client of the address that is closed with the test.
func connectEtcd(t *testing.T, addr string, timeout time.Duration, reads Reads) Client {
	t.Helper()
	c := NewEtcd("n1", addr, nil, timeout, reads)
	t.Cleanup(c.Close)
	return c
}

// What etcd 3.4.23 and 3.7.3 answer, letter by letter.
const (
	etcdHeader  = `"header":{"cluster_id":"78","member_id":"62","revision":"3","raft_term":"2"}`
	etcdDone17  = `{` + etcdHeader + `}`
	etcdFound17 = `"kvs":[{"key":"cjA=","create_revision":"2","mod_revision":"2",` +
		`"version":"1","value":"MTc="}],"count":"1"`
	etcdRead17  = `{` + etcdHeader + `,` + etcdFound17 + `}`
	etcdSwapped = `{` + etcdHeader + `,"succeeded":true,` +
		`"responses":[{"response_put":{"header":{"revision":"3"}}}]}`
	etcdKept17 = `{` + etcdHeader +
		`,"responses":[{"response_range":{"header":{"revision":"3"},` + etcdFound17 + `}}]}`
	etcdKept = `{` + etcdHeader + `,"responses":[{"response_range":{"header":{"revision":"3"}}}]}`
)

// Goal: what goes over the wire is the gateway's letter, in both read modes, and each ok answer
// reaches the history in the model's form, with its revision.
// Method: a server that compares the request and gives an answer recorded from etcd.
func TestEtcdSpeaksTheGateway(t *testing.T) {
	const (
		key    = `"key":"cjA="`
		put9   = `"success":[{"request_put":{` + key + `,"value":"OQ=="}}]`
		ranged = `"failure":[{"request_range":{` + key + `}}]}`
		swap   = `POST /v3/kv/txn {"compare":[{` + key +
			`,"target":"VALUE","result":"EQUAL","value":"NQ=="}],` + put9 + `,` + ranged
		make9 = `POST /v3/kv/txn {"compare":[{` + key +
			`,"target":"CREATE","result":"EQUAL","create_revision":"0"}],` + put9 + `,` + ranged
	)
	for _, c := range []struct {
		inv     workload.Invocation
		reads   Reads
		request string
		answer  string
		output  string
	}{
		{read, "", `POST /v3/kv/range {` + key + `}`, etcdRead17, `{"value":17,"revision":3}`},
		{read, ReadsLinearizable, `POST /v3/kv/range {` + key + `}`, etcdDone17,
			`{"value":null,"revision":3}`},
		{read, ReadsSerializable, `POST /v3/kv/range {` + key + `,"serializable":true}`, etcdRead17,
			`{"value":17,"revision":3}`},
		{write, "", `POST /v3/kv/put {` + key + `,"value":"MTc="}`, etcdDone17, `{"revision":3}`},
		{cas, "", swap, etcdSwapped, `{"swapped":true,"revision":3}`},
		{cas, ReadsSerializable, swap, etcdKept17, `{"swapped":false,"current":17,"revision":3}`},
		{create, "", make9, etcdKept, `{"swapped":false,"current":null,"revision":3}`},
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
		answer := connectEtcd(t, addr, time.Minute, c.reads).Do(t.Context(), c.inv)
		if got != c.request {
			t.Errorf("got request  %s\nwant %s", got, c.request)
		}
		if answer.Outcome != history.OutcomeOK || string(answer.Output) != c.output {
			t.Errorf("%s: got %+v, want ok with %s", c.request, answer, c.output)
		}
		if _, err := workload.DecodeRegisterOutput(c.inv.Kind, answer.Output); err != nil {
			t.Errorf("the model does not take it: %v", err)
		}
	}
}

// etcdErrors is the table of etcd's error messages: for a write and a cas. Reads always fail.
var etcdErrors = []struct {
	status  int
	code    int
	message string
	outcome history.Outcome
}{
	{400, 3, "etcdserver: key is not provided", history.OutcomeFail},
	{400, 3, "etcdserver: too many operations in txn request", history.OutcomeFail},
	{400, 3, "etcdserver: duplicate key given in txn request", history.OutcomeFail},
	{400, 3, "etcdserver: request is too large", history.OutcomeFail},
	{429, 8, "etcdserver: too many requests", history.OutcomeFail},
	{500, 2, "etcdserver: too many requests", history.OutcomeFail},
	{429, 8, "etcdserver: mvcc: database space exceeded", history.OutcomeFail},
	{503, 14, "etcdserver: no leader", history.OutcomeFail},
	{503, 14, "etcdserver: not capable", history.OutcomeFail},
	{503, 14, "etcdserver: rpc not supported for learner", history.OutcomeFail},
	{500, 2, "raft proposal dropped", history.OutcomeFail},

	{503, 14, "etcdserver: request timed out", history.OutcomeInfo},
	{503, 14, "etcdserver: request timed out, possibly due to previous leader failure",
		history.OutcomeInfo},
	{503, 14, "etcdserver: request timed out, possibly due to connection lost",
		history.OutcomeInfo},
	{503, 14, "etcdserver: leader changed", history.OutcomeInfo},
	{503, 14, "etcdserver: server stopped", history.OutcomeInfo},
	{503, 14, "etcdserver: unhealthy cluster", history.OutcomeInfo},
	{500, 15, "etcdserver: corrupt cluster", history.OutcomeInfo},
	{503, 14, "transport is closing", history.OutcomeInfo},
	{408, 1, "context canceled", history.OutcomeInfo},
	{504, 4, "context deadline exceeded", history.OutcomeInfo},
	{400, 3, "unexpected EOF", history.OutcomeInfo},
	{404, 5, "Not Found", history.OutcomeInfo},
	{500, 2, "no leader", history.OutcomeInfo},
	{500, 2, "", history.OutcomeInfo},
}

// Goal: the rows of the error table that are error messages. Method: a server gives each, in the
// form of the gateways up to and since etcd 3.6; every message of etcdRefusals has its row.
func TestEtcdClassifiesErrors(t *testing.T) {
	tested := map[string]bool{}
	for _, c := range etcdErrors {
		tested[c.message] = true
		for _, body := range []string{
			fmt.Sprintf(`{"error":%q,"message":%q,"code":%d}`, c.message, c.message, c.code),
			fmt.Sprintf(`{"code":%d,"message":%q,"details":[]}`, c.code, c.message),
		} {
			addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, body)
			})
			expect(t, connectEtcd(t, addr, time.Minute, ""), c.outcome,
				strings.TrimSpace(fmt.Sprintf("%d: %s", c.status, c.message)))
		}
	}
	for _, message := range etcdRefusals {
		if !tested[message] {
			t.Errorf("no test of %q", message)
		}
	}
}

// Goal: the rows of the error table that are broken answers: none is taken for an acknowledgement,
// and above all none for an absent register. Method: a server gives each.
func TestEtcdClassifiesAnswers(t *testing.T) {
	const ok, fail, info = history.OutcomeOK, history.OutcomeFail, history.OutcomeInfo
	refusal := `{"code":14,"message":"etcdserver: no leader"}`
	for _, c := range []struct {
		status           int
		body             string
		write, cas, read history.Outcome
	}{
		{503, `<html>bad gateway</html>`, info, info, fail},
		{503, ``, info, info, fail},
		{302, refusal, info, info, fail},
		{201, etcdDone17, info, info, fail},
		{204, ``, info, info, fail},
		{200, refusal, info, info, fail},
		{200, ``, info, info, fail},
		{200, `{}`, info, info, fail},
		{200, `{"header":{}}`, info, info, fail},
		{200, `{"header":{"revision":"0"}}`, info, info, fail},
		{200, `{"header":{"revision":"x"}}`, info, info, fail},
		{200, etcdDone17, ok, info, ok},
		{200, etcdDone17[:len(etcdDone17)-1], info, info, fail},
		{200, etcdDone17 + ` trailing`, info, info, fail},
		{200, etcdDone17 + strings.Repeat(" ", maxBody), info, info, fail},
		{200, etcdSwapped, ok, ok, ok},
		{200, etcdKept, ok, ok, ok},
		{200, etcdRead17, ok, info, ok},
		{200, strings.Replace(etcdRead17, `"count":"1"`, `"count":"2"`, 1), ok, info, fail},
		{200, strings.Replace(etcdRead17, `,"count":"1"`, ``, 1), ok, info, fail},
		{200, `{` + etcdHeader + `,"count":"1"}`, ok, info, fail},
		{200, strings.Replace(etcdRead17, "cjA=", "cjE=", 1), ok, info, fail},
		{200, strings.Replace(etcdRead17, "cjA=", "?", 1), ok, info, fail},
		{200, strings.Replace(etcdRead17, "MTc=", "?", 1), ok, info, fail},
		{200, strings.Replace(etcdRead17, "MTc=", "eA==", 1), ok, info, fail},
		{200, strings.Replace(etcdRead17, "MTc=", "MDE3", 1), ok, info, fail}, // 017
		{200, strings.Replace(etcdRead17, `"value":"MTc="`, `"lease":"1"`, 1), ok, info, fail},
		{200, strings.Replace(etcdSwapped, `"succeeded":true,`, ``, 1), ok, info, ok},
		{200, strings.Replace(etcdKept, `"responses"`, `"succeeded":true,"responses"`, 1), ok, info,
			ok},
		{200, strings.Replace(etcdKept17, "cjA=", "cjE=", 1), ok, info, ok},
		{200, `{` + etcdHeader + `,"succeeded":true}`, ok, info, ok},
		{200, `{` + etcdHeader + `,"responses":[{}]}`, ok, info, ok},
	} {
		addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			if c.status != 204 {
				fmt.Fprint(w, c.body)
			}
		})
		node := connectEtcd(t, addr, time.Minute, "")
		for _, asked := range []struct {
			inv  workload.Invocation
			want history.Outcome
		}{{write, c.write}, {cas, c.cas}, {read, c.read}} {
			got := node.Do(t.Context(), asked.inv)
			if got.Outcome != asked.want {
				t.Errorf("%s, %d %.300s: got %+v, want %s",
					asked.inv.Kind, c.status, c.body, got, asked.want)
			}
			if (got.Error == "") != (got.Outcome == ok) || strings.Contains(got.Error, "\n") {
				t.Errorf("%s, %d %.300s: error %q", asked.inv.Kind, c.status, c.body, got.Error)
			}
		}
	}
}

// Goal: the rows without a whole answer. Method: a port that nobody listens on, a host that cannot
// be reached, and servers that close, reset, fall silent, or stall within an answer.
func TestEtcdWithoutAnswer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	expect(t, connectEtcd(t, listener.Addr().String(), time.Minute, ""),
		history.OutcomeFail, "no connection to n1: dial tcp")
	unreachable := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}
	}
	node := NewEtcd("n3", "198.18.0.13:2379", unreachable, 0, "")
	defer node.Close()
	expect(t, node, history.OutcomeFail, "no route to host")

	half := "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + etcdHeader[:20]
	for reason, handle := range map[string]func(*net.TCPConn){
		"EOF": func(conn *net.TCPConn) {
			_, _ = http.ReadRequest(bufio.NewReader(conn))
		},
		"reset": func(conn *net.TCPConn) {
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.SetLinger(0)
		},
		"no answer within 100ms": func(conn *net.TCPConn) {
			_, _ = io.Copy(io.Discard, conn)
		},
		"no answer within": func(conn *net.TCPConn) {
			_, _ = conn.Read(make([]byte, 1))
			fmt.Fprint(conn, half)
			_, _ = io.Copy(io.Discard, conn)
		},
	} {
		addr := serveRaw(t, handle)
		expect(t, connectEtcd(t, addr, 100*time.Millisecond, ""), history.OutcomeInfo, reason)
	}
}

// Goal: the row "could not be built". Method: an unknown kind and a bad input; nothing is dialled.
func TestEtcdRefusesToAsk(t *testing.T) {
	node := NewEtcd("n1", "n1:2379", func(context.Context, string, string) (net.Conn, error) {
		t.Error("dialled")
		return nil, io.EOF
	}, 0, "")
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

// Goal: every request goes out exactly once, also when a kept-alive connection dies under it.
// Method: a server that answers one request on each connection and, having read a second one,
// closes it; requests seen are counted against requests made.
func TestEtcdNeverRepeats(t *testing.T) {
	answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s",
		len(etcdSwapped), etcdSwapped)
	for _, inv := range []workload.Invocation{read, write, cas} {
		var seen atomic.Int64
		addr := serveRaw(t, func(conn *net.TCPConn) {
			in := bufio.NewReader(conn)
			for n := 0; n < 2; n++ {
				r, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				seen.Add(1)
				if n == 0 {
					fmt.Fprint(conn, answer)
				}
			}
		})
		node := connectEtcd(t, addr, time.Minute, "")
		for i := range 20 {
			got := node.Do(t.Context(), inv)
			if wantOK := i%2 == 0; (got.Outcome == history.OutcomeOK) != wantOK {
				t.Fatalf("%s %d: got %+v, want ok: %t", inv.Kind, i, got, wantOK)
			}
		}
		if n := seen.Load(); n != 20 {
			t.Errorf("%s: the server saw %d requests for 20", inv.Kind, n)
		}
	}
}

// Goal: no answer, however broken, becomes an output that the model does not take, nor a value that
// etcd did not state. Method: fuzz the body of a 200; what is ok is read again in a
// dumb way.
func FuzzEtcdAnswer(f *testing.F) {
	for _, body := range []string{etcdDone17, etcdRead17, etcdSwapped, etcdKept17, etcdKept} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, inv := range []workload.Invocation{read, write, cas} {
			answer := interpretEtcd(inv, http.StatusOK, body)
			if answer.Outcome != history.OutcomeOK {
				if answer.Output != nil || answer.Error == "" {
					t.Errorf("%s: %+v", inv.Kind, answer)
				}
				continue
			}
			out, err := workload.DecodeRegisterOutput(inv.Kind, answer.Output)
			if err != nil {
				t.Errorf("%s: %s: %v", inv.Kind, answer.Output, err)
			}
			for _, value := range []*int64{out.Value, out.Current} {
				if value == nil {
					continue
				}
				text := base64.StdEncoding.EncodeToString(decimal(*value))
				if !strings.Contains(string(body), text) && !strings.Contains(string(body), `\`) {
					t.Errorf("%q: %d is not written as %s", body, *value, text)
				}
			}
		}
	})
}
