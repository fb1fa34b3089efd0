package server

import (
	"context"
	"strings"
	"testing"

	"gauntlet/raft"
)

// Goal: a client has the leadership handed over, asks again without harm, and is told what is wrong
// with what it asks for; the log tells of the transfer. Method: one to a follower by name, the same
// once more of the new leader and of the old one, and requests that make no sense.
func TestTransfer(t *testing.T) {
	c := newCluster(t, 3)
	old := c.leader()
	successor := (old + 1) % 3
	name := c.members[successor].Name
	body, answer := `{"to":"`+name+`"}`, `{"leader":"`+name+`"}`
	c.want(old, "POST", "/v1/transfer", body, answer)
	c.want(old, "POST", "/v1/transfer", body, answer)
	c.want(successor, "POST", "/v1/transfer", body, answer)
	status, _ := c.servers[successor].status(context.Background())
	if status.Role != raft.Leader {
		t.Errorf("the successor is %+v", status)
	}
	if code, got := c.call(old, "POST", "/v1/transfer", `{}`); code != 503 ||
		got != `{"error":"not the leader","outcome":"fail","leader":"`+name+`"}` {
		t.Errorf("asked of a follower: %d %s", code, got)
	}
	for _, bad := range []string{`{"to":"n9"}`, `{"to":3}`, ``, `{"too":"n1"}`} {
		if code, got := c.call(old, "POST", "/v1/transfer", bad); code != 400 {
			t.Errorf("%s: %d %s", bad, code, got)
		}
	}
	begun := false
	for _, e := range c.logs[old].events() {
		begun = begun || e.Event == "transfer" && e.Peer == name && e.State == "begun"
	}
	if !begun {
		t.Error("the log does not tell of the transfer")
	}
}

// Goal: a transfer to a member that is down is given up after about an election timeout, and the
// leader serves again. Method: one of three is killed and then named.
func TestTransferToTheDead(t *testing.T) {
	c := newCluster(t, 3)
	leader := c.leader()
	dead := (leader + 1) % 3
	c.kill(dead)
	c.want(leader, "PUT", "/v1/kv/k", `{"value":"1"}`, `{}`)
	code, got := c.call(leader, "POST", "/v1/transfer", `{"to":"`+c.members[dead].Name+`"}`)
	if code != 503 || !strings.Contains(got, `"outcome":"fail"`) ||
		!strings.Contains(got, "given up") {
		t.Errorf("%d %s", code, got)
	}
	c.want(leader, "PUT", "/v1/kv/k", `{"value":"2"}`, `{}`)
	events := c.logs[leader].events()
	if last := events[len(events)-1]; last.Event != "transfer" || last.State != "given up" {
		t.Errorf("last event %+v", last)
	}
}

// Goal: a leader that is told to stop hands over first. Method: stop it, and look whether its log
// tells of a transfer, and the successor's of an election without a pre-vote.
func TestStopHandsOver(t *testing.T) {
	c := newCluster(t, 3)
	old := c.leader()
	c.want(old, "PUT", "/v1/kv/k", `{"value":"1"}`, `{}`)
	before, _ := c.servers[old].status(context.Background())
	s := c.servers[old]
	c.servers[old] = nil
	if err := s.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	begun := ""
	for _, e := range c.logs[old].events() {
		if e.Event == "transfer" && e.State == "begun" {
			begun = e.Peer
		}
	}
	leader := c.leader()
	status, _ := c.servers[leader].status(context.Background())
	if c.members[leader].Name != begun || status.Term != before.Term+1 {
		t.Errorf("handed over to %q; n%d leads term %d after term %d", begun, leader+1, status.Term,
			before.Term)
	}
	c.want(leader, "GET", "/v1/kv/k", "", `{"found":true,"value":"1"}`)
}
