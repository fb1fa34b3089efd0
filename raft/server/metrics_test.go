package server

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// figure returns a metric of a member, or -1.
func (c *cluster) figure(i int, name string) float64 {
	c.t.Helper()
	code, body := c.call(i, "GET", "/metrics", "")
	if code != 200 {
		c.t.Fatalf("%d %s", code, body)
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(body)
	if m == nil {
		return -1
	}
	value, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		c.t.Fatal(err)
	}
	return value
}

// Goal: what a person watches is there, under names by the conventions of Prometheus, and moves
// with what happens.
// Method: a cluster of three; count a few requests; compare with the status; lint the names.
func TestMetrics(t *testing.T) {
	c := newCluster(t, 3)
	leader := c.leader()
	for i := range 5 {
		c.want(leader, "PUT", fmt.Sprint("/v1/kv/k", i), `{"value":"red"}`, `{}`)
	}
	c.want(leader, "GET", "/v1/kv/k0", "", `{"found":true,"value":"red"}`)
	c.want(leader, "GET", "/v1/kv/k0?read=stale", "", `{"found":true,"value":"red"}`)
	if code, _ := c.call(leader, "POST", "/v1/kv/k0/add", `{"delta":"1"}`); code != 409 {
		t.Error(code)
	}
	if code, _ := c.call(leader, "POST", "/v1/members/n9/promote", ""); code != 404 {
		t.Error(code)
	}
	change := `{"id":1,"name":"n9","address":"h:1"}`
	if code, _ := c.call(leader, "POST", "/v1/members", change); code != 409 {
		t.Error(code)
	}
	await(t, "links that stand", func() bool { return c.figure(leader, `raftd_peer_links_up`) == 6 })
	c.servers[leader].metrics.received.count(messageKinds, 9) // of builds to come
	c.servers[leader].metrics.received.count(messageKinds+1, 9)
	for name, least := range map[string]float64{
		`raftd_requests_total{kind="write",outcome="ok"}`:         5,
		`raftd_requests_total{kind="write",outcome="conflict"}`:   1,
		`raftd_requests_total{kind="write",outcome="unknown"}`:    0,
		`raftd_requests_total{kind="read",outcome="ok"}`:          1,
		`raftd_requests_total{kind="stale_read",outcome="ok"}`:    1,
		`raftd_request_duration_seconds_count{kind="write"}`:      6,
		`raftd_log_sync_duration_seconds_count`:                   6,
		`raftd_messages_sent_total{kind="Append"}`:                6,
		`raftd_message_sent_bytes_total{kind="Append"}`:           100,
		`raftd_messages_received_total{kind="AppendAnswer"}`:      6,
		`raftd_message_received_bytes_total{kind="AppendAnswer"}`: 100,
		`raftd_messages_dropped_total{reason="full"}`:             0,
		`raftd_role{role="leader"}`:                               1,
		`raftd_term`:                                              1,
		`raftd_has_leader`:                                        1,
		`raftd_applied_index`:                                     7,
		`raftd_last_index`:                                        7,
		`raftd_requests_total{kind="members",outcome="fail"}`:     1,
		`raftd_messages_received_total{kind="none"}`:              2,
		`raftd_leader_changes_total`:                              1,
		`raftd_campaigns_total`:                                   1,
		`raftd_client_connections_open`:                           1,
		`raftd_build_info{build="test"}`:                          1,
		`go_goroutines`:                                           1,
		`process_open_fds`:                                        1,
	} {
		if got := c.figure(leader, name); got < least {
			t.Errorf("%s is %v, want at least %v", name, got, least)
		}
	}
	if n := c.figure(leader, `raftd_requests_total{kind="read",outcome="fail"}`); n != 0 {
		t.Errorf("%v reads failed", n)
	}
	if last := messageKinds - 1; last.String() == messageKinds.String() {
		t.Errorf("messageKinds is %v: the kind before it has no name", messageKinds)
	}
	if messageKinds.String() != (messageKinds + 1).String() {
		t.Errorf("%v is a kind with a name, and not counted", messageKinds)
	}
	_, body := c.call(leader, "GET", "/metrics", "")
	problems, err := promlint.New(strings.NewReader(body + "\n")).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

// Goal: a scrape never hangs with the loop: what the loop knows is left out.
func TestMetricsOfAHungLoop(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	release := make(chan struct{})
	c.servers[0].loop.questions <- func() { <-release }
	defer close(release)
	start := time.Now()
	if n := c.figure(0, "raftd_term"); n != -1 || time.Since(start) > patience {
		t.Errorf("term %v after %v", n, time.Since(start))
	}
	if n := c.figure(0, "raftd_campaigns_total"); n != 1 {
		t.Errorf("%v campaigns", n)
	}
	if _, body := c.call(0, "POST", "/metrics", ""); !strings.Contains(body, "want GET") {
		t.Error(body)
	}
}
