package server

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Goal: large bodies, together, take no more memory than is set aside for them; small requests go
// on, and what was taken comes back with each answer.
// Method: room for two of the largest; clients that hold back the last byte of one each; then one
// more, and a small one that net/http reads in pieces; then the first ones go, and it asks again.
func TestLargeBodiesAtATime(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	room := &c.servers[0].bodies.room
	const all = 2 * maxBodyBytes
	room.Store(all)
	body := `{"value":"` + strings.Repeat("v", maxBodyBytes-1000)
	ask := fmt.Sprintf("PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s",
		len(body)+1, body)
	slow := dialAll(t, c.clients[0], 2, ask)
	await(t, "the room to be taken", func() bool {
		return room.Load() == int64(all-2*(len(body)-smallBodyBytes))
	})
	full := `{"error":"too many large bodies at a time","outcome":"fail"}`
	if code, got := c.call(0, "PUT", "/v1/kv/large", body); code != 503 || got != full {
		t.Errorf("a third large body: %d %s", code, got)
	}
	room.Add(-all)
	c.want(0, "POST", "/v1/txn", `{"steps":[{"op":"get","key":"k"}]}`, `{"steps":[{"found":false}]}`)
	room.Add(all)
	for _, conn := range slow {
		conn.Close()
	}
	await(t, "the room to come back", func() bool { return room.Load() == all })
	large := `{"value":"` + strings.Repeat("v", MaxValueBytes) + `"}`
	c.want(0, "PUT", "/v1/kv/large", large, `{}`)
}

// Goal: who asks whether to send a body is not waited for where no body is wanted.
// Method: a raw request; its answer must come before the bound on how long a request may take.
func TestUnwantedBodyIsNotAwaited(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	conn := dialAll(t, c.clients[0], 1, "DELETE /v1/kv/k HTTP/1.1\r\nHost: x\r\n"+
		"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n")[0]
	conn.SetReadDeadline(time.Now().Add(c.servers[0].http.ReadTimeout / 2))
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Error(answer.Status)
	}
}
