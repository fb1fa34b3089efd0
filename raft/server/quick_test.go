package server

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// plainPut is a request that is served without net/http, unless something is put into extra.
func plainPut(key, value, extra string) string {
	body := `{"value":"` + value + `"}`
	return fmt.Sprintf("PUT /v1/kv/%s HTTP/1.1\r\nHost: raftd\r\n%sContent-Length: %d\r\n\r\n%s",
		key, extra, len(body), body)
}

func plainGet(key, extra string) string {
	return "GET /v1/kv/" + key + " HTTP/1.1\r\nHost: raftd\r\n" + extra + "\r\n"
}

// Goal: no request means something else because it is served without net/http.
// Method: whatever parsePlain accepts, net/http and the handlers' own parsers must read as the same
// request of the same length. What they do not read that way it must have left to them.
func FuzzPlain(f *testing.F) {
	for _, seed := range []string{
		plainPut("key", "value", ""), plainGet("key", ""), plainPut("k", "", "Accept: */*\r\n"),
		plainGet("key", "User-Agent: curl/8\r\n") + plainGet("other", ""),
		plainPut("k", "v", "Session: 1\r\n"), plainPut("k", "v", "content-length: 13\r\n"),
		plainPut("k", `\u0041`, ""), plainPut("k", "\xff", ""), plainPut("a/cas", "v", ""),
		plainGet("k?read=stale", ""), plainGet("%41", ""), plainGet("..", ""),
		plainGet("k", "Host: b\r\n"),
		plainGet("k", "Transfer-Encoding: chunked\r\n"), plainGet("k", "Content-Length: 0\r\n"),
		plainGet("k", "Accept:a\r\n"), plainGet("k", " Accept: a\r\n"), plainGet("k", "Accept: a\n"),
		plainGet(strings.Repeat("k", MaxKeyBytes+1), ""), "GET /v1/kv/k HTTP/1.1\r\n\r\n",
		"PUT /v1/kv/k HTTP/1.1\r\nHost: h\r\nContent-Length: +013\r\n\r\n{\"value\":\"v\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		plain, ok := parsePlain(input)
		if !ok {
			return
		}
		reader := bufio.NewReader(bytes.NewReader(input))
		r, err := http.ReadRequest(reader)
		if err != nil {
			t.Fatalf("net/http refuses what is plain: %v", err)
		}
		if r.Host == "" || r.Close || len(r.TransferEncoding) > 0 || r.ProtoMinor != 1 ||
			r.URL.Path != "/v1/kv/"+plain.key || r.RequestURI != r.URL.Path {
			t.Fatalf("net/http reads %+v, plain is %+v", r, plain)
		}
		r.SetPathValue("key", plain.key)
		key, err := keyOf(r)
		want, value := http.MethodGet, []byte(nil)
		if plain.put {
			want = http.MethodPut
			key, value, err = keyAndValueOf(r)
		}
		if err != nil || r.Method != want || key != plain.key || !bytes.Equal(value, plain.value) {
			t.Fatalf("%s of %q to %q (%v), plain is %+v", r.Method, key, value, err, plain)
		}
		io.Copy(io.Discard, r.Body)
		if rest, _ := io.ReadAll(reader); len(input)-len(rest) != plain.bytes {
			t.Fatalf("net/http takes %d bytes, plain %d", len(input)-len(rest), plain.bytes)
		}
	})
}

// Goal: the requests that clients send are plain, and those that ask for more than a plain read or
// put are not: the path without net/http is taken, and taken for nothing else.
// Method: a table of what must be on either side.
func TestPlain(t *testing.T) {
	curl := "User-Agent: curl/8.5\r\nAccept: */*\r\n" +
		"Content-Type: application/x-www-form-urlencoded\r\n"
	for _, request := range []string{
		plainPut("key-1", "a b{}:,", curl), plainGet("K_~-9", "accept-encoding: gzip\r\n"),
	} {
		if r, ok := parsePlain([]byte(request + "GET")); !ok || r.bytes != len(request) {
			t.Errorf("not plain, or of wrong length: %q", request)
		}
	}
	for _, request := range []string{
		plainPut("k", "v", "Session: 4\r\n"), plainPut("k", "v", "Sequence: 1\r\n"),
		plainGet("k", "Authorization: Bearer x\r\n"), plainGet("k", "Connection: close\r\n"),
		plainPut("k", "v", "Expect: 100-continue\r\n"), plainGet("k?read=stale", ""),
		plainPut("k", "v", "Transfer-Encoding: chunked\r\n"), plainGet("a/b", ""), plainGet("", ""),
		plainPut("k", `"`, ""), plainPut("k", `\n`, ""), plainPut("k", "é", ""), plainGet("a.b", ""),
		plainPut("k", "v", "")[:60], strings.Replace(plainGet("k", ""), "1.1", "1.0", 1),
		strings.ReplaceAll(plainGet("k", ""), "\r", ""),
		strings.Replace(plainGet("k", ""), "Host", "Hose", 1),
	} {
		if _, ok := parsePlain([]byte(request)); ok {
			t.Errorf("plain: %q", request)
		}
	}
}

// Goal: whoever answers, the answer is the same.
// Method: each request once plain, and once with a header of no meaning that makes it net/http's,
// each time on a connection of its own; status, headers and body must be equal.
func TestQuickAnswersAsNetHTTP(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	c.want(0, "PUT", "/v1/kv/text", `{"value":"a\"\\\u00e9<"}`, "{}")
	for _, ask := range []func(extra string) string{
		func(extra string) string { return plainPut("k", "v", extra) },
		func(extra string) string { return plainGet("k", extra) },
		func(extra string) string { return plainGet("text", extra) },
		func(extra string) string { return plainGet("absent", extra) },
	} {
		quick, slow := c.answerTo(ask("")), c.answerTo(ask("X-Odd: 1\r\n"))
		if quick != slow {
			t.Errorf("%q is answered\n%s\nand by net/http\n%s", ask(""), quick, slow)
		}
	}
}

// answerTo sends a request on a fresh connection, and returns the answer but for its date.
func (c *cluster) answerTo(request string) string {
	c.t.Helper()
	conn := dialAll(c.t, c.clients[0], 1, request)[0]
	defer conn.Close()
	return nextAnswer(c.t, bufio.NewReader(conn))
}

func nextAnswer(t *testing.T, from *bufio.Reader) string {
	t.Helper()
	answer, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if date, err := http.ParseTime(answer.Header.Get("Date")); err != nil ||
		time.Since(date) > time.Minute {
		t.Errorf("date %q", answer.Header.Get("Date"))
	}
	answer.Header.Del("Date")
	return fmt.Sprint(answer.Status, answer.Proto, answer.Header, answer.ContentLength, string(body))
}

// Goal: a connection may send its requests as it likes; answers come in order, and none is lost
// when net/http takes over.
// Method: one connection: two requests at once, one in two parts, an odd one, plain ones again.
func TestOneConnectionManyShapes(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	conn := dialAll(t, c.clients[0], 1, plainPut("k", "1", "")+plainGet("k", ""))[0]
	defer conn.Close()
	answers := bufio.NewReader(conn)
	wantAnswers := func(want ...string) {
		t.Helper()
		for _, w := range want {
			if got := nextAnswer(t, answers); !strings.HasSuffix(got, w+"\n") {
				t.Errorf("%q, want %q", got, w)
			}
		}
	}
	wantAnswers("{}", `{"found":true,"value":"1"}`)
	half := plainPut("k", "2", "")
	say(t, conn, half[:70])
	time.Sleep(20 * time.Millisecond) // so that the parts do not arrive as one
	say(t, conn, half[70:])
	wantAnswers("{}")
	say(t, conn, plainGet("k", "")+plainGet("k?read=stale", "")+plainGet("other", ""))
	wantAnswers(`{"found":true,"value":"2"}`, `{"found":true,"value":"2"}`, `{"found":false}`)
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// Goal: a stop in good order waits for no idle client, and what was asked before it is answered.
// Method: an idle connection and one without a leader's answer; a stop with a short deadline.
func TestStopEndsQuickConnections(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	conn := dialAll(t, c.clients[0], 1, plainPut("k", "1", ""))[0]
	defer conn.Close()
	nextAnswer(t, bufio.NewReader(conn))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.servers[0].Stop(ctx); err != nil || ctx.Err() != nil {
		t.Fatalf("stop: %v, %v", err, ctx.Err())
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("an idle connection outlives the stop: %d, %v", n, err)
	}
}

// Goal: who never takes an answer holds no connection for ever, from the first answer on.
// Method: a connection that notes whether it had a deadline when it was written to.
func TestFirstAnswerHasADeadline(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	near, far := net.Pipe()
	conn := &deadlineConn{Conn: far}
	quick := c.servers[0].quick
	if !quick.add(conn) {
		t.Fatal("the listener is closing")
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		quick.serve(conn)
	}()
	say(t, near, plainGet("k", ""))
	nextAnswer(t, bufio.NewReader(near))
	near.Close()
	<-ended
	if conn.unbounded {
		t.Error("an answer was written without a deadline")
	}
}

// deadlineConn notes whether anything was written without a deadline.
type deadlineConn struct {
	net.Conn
	bounded, unbounded bool
}

func (c *deadlineConn) SetWriteDeadline(at time.Time) error {
	c.bounded = !at.IsZero()
	return c.Conn.SetWriteDeadline(at)
}

func (c *deadlineConn) Write(b []byte) (int, error) {
	c.unbounded = c.unbounded || !c.bounded
	return c.Conn.Write(b)
}
