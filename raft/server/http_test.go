package server

import (
	"context"
	"strings"
	"testing"
	"time"

	"gauntlet/raft/kv"
)

// bad is a request that must be refused, with a status and a reason.
type bad struct {
	method, path, body string
	code               int
	reason             string
}

func (c *cluster) refuses(requests []bad) {
	c.t.Helper()
	for _, r := range requests {
		code, body := c.call(0, r.method, r.path, r.body)
		if code != r.code || !strings.Contains(body, r.reason) ||
			!strings.Contains(body, `"outcome":"fail"`) {
			c.t.Errorf("%s %.30s %.40s:\n  got %d %s\n  want %d ... %s",
				r.method, r.path, r.body, code, body, r.code, r.reason)
		}
	}
}

// Goal: whatever is malformed or too large is refused with a reason, in JSON, with outcome "fail",
// and has no effect.
func TestBadRequests(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	long := strings.Repeat("k", MaxKeyBytes+1)
	value := func(n int) string { return `{"value":"` + strings.Repeat("v", n) + `"}` }
	c.refuses([]bad{
		{"PUT", "/v1/kv/k", ``, 400, "empty"},
		{"PUT", "/v1/kv/k", `{`, 400, "unexpected EOF"},
		{"PUT", "/v1/kv/k", `[]`, 400, "json: array, want an object"},
		{"PUT", "/v1/kv/k", `{}`, 400, `\"value\" is missing`},
		{"PUT", "/v1/kv/k", `{"value":null}`, 400, `\"value\" is missing`},
		{"PUT", "/v1/kv/k", `{"value":5}`, 400, `field \"value\": number, want a string`},
		{"PUT", "/v1/kv/k", `{"value":"\ud83d\u0041"}`, 400, `\\ud83d is half a character`},
		{"PUT", "/v1/kv/k", `{"value":"1","valeu":"2"}`, 400, "unknown field"},
		{"PUT", "/v1/kv/k", `{"value":"1"}{"value":"2"}`, 400, "more than one"},
		{"PUT", "/v1/kv/k", "{\"value\":\"\xff\"}", 400, "not valid UTF-8"},
		{"PUT", "/v1/kv/k", value(MaxValueBytes + 1), 413, "at most 524288"},
		{"PUT", "/v1/kv/k", value(maxBodyBytes), 413, "at most 4194304"},
		{"PUT", "/v1/kv/" + long, value(1), 413, "at most 1024"},
		{"GET", "/v1/kv/" + long, "", 413, "at most 1024"},
		{"GET", "/v1/kv/%ff", "", 400, "not valid UTF-8"},
		{"GET", "/v1/kv/k?read=dirty", "", 400, `read=\"dirty\"`},
		{"POST", "/v1/kv/k/cas", `{"value":"1"}`, 400, `\"expected\" must be`},
		{"POST", "/v1/kv/k/cas", `{"value":"1","expected":5}`, 400, `\"expected\" must be`},
		{"POST", "/v1/kv/k/cas", `{"expected":null}`, 400, `\"value\" is missing`},
		{"POST", "/v1/kv/k", `{"value":"1"}`, 405, "want GET, PUT, DELETE"},
		{"POST", "/v1/kv/k/append", `{}`, 400, `\"value\" is missing`},
		{"POST", "/v1/kv/k/append", value(MaxValueBytes + 1), 413, "at most 524288"},
		{"POST", "/v1/kv/k/add", `{}`, 400, `\"delta\" is missing`},
		{"POST", "/v1/kv/k/add", `{"delta":3}`, 400, "number, want a string"},
		{"POST", "/v1/kv/k/add", `{"delta":"3.0"}`, 400, "decimal 64-bit integer"},
		{"POST", "/v1/kv/k/add", `{"delta":"9223372036854775808"}`, 400, "decimal 64-bit integer"},
		{"POST", "/v1/kv/" + long + "/add", `{"delta":"3"}`, 413, "at most 1024"},
		{"GET", "/v1/kv/k/cas", "", 405, "want POST"},
		{"GET", "/v1/kv/k/append", "", 405, "want POST"},
		{"PUT", "/v1/kv/k/add", "", 405, "want POST"},
		{"GET", "/v1/txn", "", 405, "want POST"},
		{"PUT", "/v1/status", "", 405, "want GET"},
		{"GET", "/v1/kv/", "", 404, "no such path"},
		{"GET", "/", "", 404, "no such path"},
	})
	c.want(0, "GET", "/v1/kv/k", "", `{"found":false}`)
	c.want(0, "PUT", "/v1/kv/k", value(MaxValueBytes), `{}`)
}

// Goal: the same for transactions, whose reason names the step.
func TestBadTransactions(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	long := strings.Repeat("k", MaxKeyBytes+1)
	put := `{"op":"put","key":"k","value":"1"}`
	steps := func(n int, step string) string {
		return `{"steps":[` + strings.Repeat(step+",", n-1) + step + `]}`
	}
	c.refuses([]bad{
		{"POST", "/v1/txn", ``, 400, "empty"},
		{"POST", "/v1/txn", `{}`, 400, `\"steps\" is missing or empty`},
		{"POST", "/v1/txn", `{"steps":[]}`, 400, `\"steps\" is missing or empty`},
		{"POST", "/v1/txn", steps(MaxSteps+1, put), 413, "at most 64"},
		{"POST", "/v1/txn", steps(maxValues+1, "{}"), 413, "at most 1024 JSON values"},
		{"POST", "/v1/txn", steps(2, `{"op":"cas","key":"k"}`), 400, `step 1: op \"cas\"`},
		{"POST", "/v1/txn", steps(1, `{"key":"k"}`), 400, `op \"\"`},
		{"POST", "/v1/txn", steps(1, `{"op":"get"}`), 400, `step 1: \"key\" is missing`},
		{"POST", "/v1/txn", steps(1, `{"op":"get","key":""}`), 400, "empty key"},
		{"POST", "/v1/txn", steps(1, put+`,{"op":"get","key":"`+long+`"}`), 413, "step 2: key of"},
		{"POST", "/v1/txn", steps(1, `{"op":"get","key":"k","value":"1"}`), 400, "takes no value"},
		{"POST", "/v1/txn", steps(1, `{"op":"put","key":"k","delta":"1"}`), 400, "takes no delta"},
		{"POST", "/v1/txn", steps(1, `{"op":"put","key":"k"}`), 400, `\"value\" is missing`},
		{"POST", "/v1/txn", steps(1, `{"op":"add","key":"k"}`), 400, `\"delta\" is missing`},
		{"POST", "/v1/txn", steps(1, `{"op":"add","key":"k","delta":""}`), 400, "64-bit integer"},
		{"POST", "/v1/txn", steps(1, `{"op":"get","key":"k","x":1}`), 400, "unknown field"},
	})
	c.want(0, "GET", "/v1/kv/k", "", `{"found":false}`)
	if code, body := c.call(0, "POST", "/v1/txn", steps(MaxSteps, put)); code != 200 {
		t.Errorf("the largest transaction: %d %s", code, body)
	}
	commas := strings.Repeat(`\",\\`, 2*maxValues)
	c.want(0, "PUT", "/v1/kv/k", `{"value":"`+commas+`"}`, `{}`)
}

// Goal: a command that contradicts what its keys hold is refused with 409, certainly had no effect,
// and says why. Method: each kind of conflict, alone and within a transaction.
func TestConflicts(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	long := `"` + strings.Repeat("v", MaxValueBytes) + `"`
	c.want(0, "PUT", "/v1/kv/word", `{"value":"red"}`, `{}`)
	c.want(0, "PUT", "/v1/kv/most", `{"value":"9223372036854775807"}`, `{}`)
	c.want(0, "PUT", "/v1/kv/long", `{"value":`+long+`}`, `{}`)
	for _, conflict := range []struct{ path, body string }{
		{"/v1/kv/word/add", `{"delta":"1"}`},
		{"/v1/kv/most/add", `{"delta":"1"}`},
		{"/v1/kv/long/append", `{"value":"v"}`},
		{"/v1/txn", `{"steps":[{"op":"put","key":"new","value":"1"},` +
			`{"op":"add","key":"word","delta":"1"}]}`},
		{"/v1/txn", `{"steps":[{"op":"add","key":"new","delta":"1"},` +
			`{"op":"append","key":"long","value":"v"}]}`},
	} {
		code, body := c.call(0, "POST", conflict.path, conflict.body)
		if code != 409 || !strings.Contains(body, `"outcome":"fail"`) ||
			!strings.Contains(body, "nothing was changed") {
			t.Errorf("%s %s: %d %s", conflict.path, conflict.body, code, body)
		}
	}
	c.want(0, "GET", "/v1/kv/new", "", `{"found":false}`)
	c.want(0, "GET", "/v1/kv/word", "", `{"found":true,"value":"red"}`)
	c.want(0, "POST", "/v1/kv/most/add", `{"delta":"-7"}`, `{"value":"9223372036854775800"}`)
}

// Goal: keys and values are any text; what is put is what is got.
func TestAnyText(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	for _, key := range []string{"a%2Fb", "%25", "k%20ey", "%C3%A4", "%00"} {
		for _, value := range []string{`""`, `"<&>"`, `"\"\\"`, `"ä𝄞"`, `"line\nbreak"`} {
			c.want(0, "PUT", "/v1/kv/"+key, `{"value":`+value+`}`, `{}`)
			c.want(0, "GET", "/v1/kv/"+key, "", `{"found":true,"value":`+value+`}`)
		}
	}
}

// Goal: status is one consistent view with every field that the README and the harness rely on.
func TestStatus(t *testing.T) {
	c := newCluster(t, 3)
	leader := c.leader()
	c.want(leader, "PUT", "/v1/kv/k", `{"value":"1"}`, `{}`)
	for i := range 3 {
		code, body := c.call(i, "GET", "/v1/status", "")
		var status statusBody
		if err := strict([]byte(body), &status); code != 200 || err != nil {
			t.Fatalf("%d %s: %v", code, body, err)
		}
		role := "follower"
		if i == leader {
			role = "leader"
		}
		if status.Name != c.members[i].Name || status.Role != role || status.Term == 0 ||
			status.Leader != c.members[leader].Name || status.LastIndex < status.Commit ||
			status.Commit < status.Applied || status.Build != "test" || !status.Options.PreVote ||
			len(status.Members) != 3 {
			t.Errorf("n%d: %s", i+1, body)
		}
	}
	c.want(leader, "GET", "/healthz", "", `{"ok":true}`)
}

// Goal: a request that the loop has not taken can be withdrawn, and then is known to have failed,
// and what it carried is given back.
// Method: a server whose loop is held up, so that the request stays queued.
func TestWithdrawn(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	s := c.servers[0]
	release := make(chan struct{})
	s.loop.questions <- func() { <-release }
	defer close(release)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	r := &request{write: &kv.Command{Op: kv.Put, Key: "k", Value: []byte("v")}}
	if a := s.do(ctx, r); a.Refusal == nil || a.Refusal.Unknown || r.state.Load() != withdrawn {
		t.Errorf("got %+v in state %d", a, r.state.Load())
	}
	if r.write.Value != nil {
		t.Errorf("what was withdrawn still carries %q", r.write.Value)
	}
}
