package server

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// once sends an add of 1 to a key, as a command of a session.
func (c *cluster) once(i int, session, sequence string, more ...string) (int, string) {
	body := strings.NewReader(`{"delta":"1"}`)
	request, err := http.NewRequest("POST", "http://"+c.clients[i]+"/v1/kv/sum/add", body)
	if err != nil {
		return 0, err.Error()
	}
	headers := append([]string{"Session", session, "Sequence", sequence}, more...)
	for pair := range slices.Chunk(headers, 2) {
		if pair[1] != "" {
			request.Header.Add(pair[0], pair[1])
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, strings.TrimSuffix(string(answer), "\n")
}

func (c *cluster) open(i int) (session string) {
	c.t.Helper()
	code, body := c.call(i, "POST", "/v1/sessions", "")
	if n, err := fmt.Sscanf(body, `{"session":%s`, &session); code != 200 || n != 1 || err != nil {
		c.t.Fatalf("open a session: %d %s", code, body)
	}
	return strings.TrimSuffix(session, "}")
}

// Goal: a write that is sent again, because its first answer never came, happens once, whatever
// became of the first: its leader is lost, all members are. Method: an add without a quorum, whose
// effect is unknown; with another leader the same sequence until there is an answer; then all
// members are killed and started again.
func TestRetryAfterLeaderLossHappensOnce(t *testing.T) {
	c := newCluster(t, 3)
	old := c.leader()
	session := c.open(old)
	others := []int{(old + 1) % 3, (old + 2) % 3}
	for _, i := range others {
		c.kill(i)
	}
	code, body := c.once(old, session, "1")
	if !strings.Contains(body, `"outcome":"unknown"`) {
		t.Fatalf("a write without a quorum: %d %s", code, body)
	}
	c.kill(old)
	for _, i := range others {
		c.restart(i)
	}
	again := func(i int) {
		t.Helper()
		await(t, "the answer to the same sequence", func() bool {
			code, body = c.once(i, session, "1")
			return code == 200
		})
		if body != `{"value":"1"}` {
			t.Fatalf("the same sequence again: %s", body)
		}
	}
	c.leader()
	again(others[0])
	c.restart(old)
	c.leader()
	again(old)
	for i := range 3 {
		c.kill(i)
	}
	for i := range 3 {
		c.restart(i)
	}
	c.leader()
	again(others[1])
	c.want(others[1], "GET", "/v1/kv/sum", "", `{"found":true,"value":"1"}`)
}

// Goal: one command that is open at several members at once has one result, which all get.
// Method: the same sequences through all members at the same time.
func TestSameSequenceAtOnce(t *testing.T) {
	const rounds = 20
	c := newCluster(t, 3)
	session := c.open(c.leader())
	for n := 1; n <= rounds; n++ {
		answers := make(chan string)
		for i := range 3 {
			go func() {
				code, body := c.once(i, session, fmt.Sprint(n))
				answers <- fmt.Sprint(code, body)
			}()
		}
		want := fmt.Sprintf(`200{"value":"%d"}`, n)
		for range 3 {
			if got := <-answers; got != want {
				t.Errorf("sequence %d: %s, want %s", n, got, want)
			}
		}
	}
}

// Goal: what is wrong with a session is said, with a status of its own, and does nothing. Method:
// one request each; the sum afterwards.
func TestSessionErrors(t *testing.T) {
	c := newCluster(t, 1)
	session := c.open(c.leader())
	if code, body := c.once(0, session, "2", "Acked-Below", "2"); code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	for _, bad := range []struct {
		session, sequence string
		more              []string
		code              int
		says              string
	}{
		{"4711", "1", nil, 410, "unknown session"},
		{session, "1", nil, 409, "acknowledged"},
		{session, "", nil, 400, "go together"},
		{"", "1", nil, 400, "go together"},
		{"", "", []string{"Acked-Below", "1"}, 400, "go together"},
		{session, "0", nil, 400, "Sequence"},
		{session, "-1", nil, 400, "Sequence"},
		{session, "x", nil, 400, "Sequence"},
		{session, "18446744073709551616", nil, 400, "Sequence"},
		{session, "3", []string{"Sequence", "4"}, 400, "2 times"},
		{session, "3", []string{"Acked-Below", "4"}, 400, "above sequence 3"},
	} {
		code, body := c.once(0, bad.session, bad.sequence, bad.more...)
		if code != bad.code || !strings.Contains(body, bad.says) ||
			!strings.Contains(body, `"outcome":"fail"`) {
			t.Errorf("%+v: %d %s", bad, code, body)
		}
	}
	for _, bad := range []struct {
		path, body string
		code       int
	}{
		{"sessions", `{"timeout":"1ms"}`, 400}, {"sessions", `{"timeout":"25h"}`, 400},
		{"sessions", `{"timeout":7}`, 400}, {"sessions", `{"colour":"red"}`, 400},
		{"sessions/x/keepalive", "", 400}, {"sessions/0/keepalive", "", 400},
		{"sessions/4711/keepalive", "", 410}, {"sessions/" + session + "/keepalive", "", 200},
	} {
		if code, body := c.call(0, "POST", "/v1/"+bad.path, bad.body); code != bad.code {
			t.Errorf("%+v: %d %s", bad, code, body)
		}
	}
	c.want(0, "GET", "/v1/kv/sum", "", `{"found":true,"value":"1"}`)
}
