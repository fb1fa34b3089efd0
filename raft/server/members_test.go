package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"gauntlet/raft"
)

// join starts a server with an empty disk, which waits to be added under this name and a new id. It
// returns its place.
func (c *cluster) join(name string) int {
	i := len(c.members)
	peers, clients := listen(c.t, "127.0.0.1:0"), listen(c.t, "127.0.0.1:0")
	c.members = append(c.members, Member{
		ID: raft.NodeID(i + 1), Name: name, Address: peers.Addr().String(),
	})
	c.clients = append(c.clients, clients.Addr().String())
	c.logs = append(c.logs, &lineLog{})
	c.servers = append(c.servers, nil)
	c.start(i, peers, clients)
	return i
}

// change asks for a change of the members at whoever leads, until it is made.
func (c *cluster) change(method, path, body string) {
	c.t.Helper()
	last := ""
	defer func() {
		if c.t.Failed() {
			c.t.Logf("last answer: %s", last)
		}
	}()
	await(c.t, method+" "+path+" "+body, func() bool {
		for i, s := range c.servers {
			if s == nil {
				continue
			}
			if status, _ := s.status(context.Background()); status.Role != raft.Leader {
				continue
			}
			var code int
			code, last = c.call(i, method, path, body)
			if code == http.StatusOK {
				return true
			}
		}
		return false
	})
}

// add adds a server that waits as a learner, and promotes it with what the path says besides.
func (c *cluster) add(i int, replaces string) {
	c.t.Helper()
	m := c.members[i]
	c.change("POST", "/v1/members", fmt.Sprintf(`{"id":%d,"name":%q,"address":%q}`,
		m.ID, m.Name, m.Address))
	body := ""
	if replaces != "" {
		body = fmt.Sprintf(`{"replaces":%q}`, replaces)
	}
	c.change("POST", "/v1/members/"+m.Name+"/promote", body)
}

// voters awaits that a server knows these voters, and that no change is under way.
func (c *cluster) voters(i int, want ...string) {
	c.t.Helper()
	last := ""
	await(c.t, fmt.Sprintf("the voters %v at %s", want, c.members[i].Name), func() bool {
		var body membersBody
		_, last = c.call(i, "GET", "/v1/members", "")
		if json.Unmarshal([]byte(last), &body) != nil || body.Joint {
			return false
		}
		var names []string
		for _, m := range body.Members {
			if m.Role != "voter" {
				return false
			}
			names = append(names, m.Name)
		}
		return strings.Join(names, " ") == strings.Join(want, " ")
	})
}

// writers write one key after the other, each at a server of its own, until told to stop. They
// return the keys that were acknowledged.
func (c *cluster) writers(servers ...int) (stop func() []string) {
	var mu sync.Mutex
	var written []string
	var group sync.WaitGroup
	end := make(chan struct{})
	for _, i := range servers {
		group.Go(func() {
			for n := len(c.members) * 1e6; ; n++ { // no key is written twice
				select {
				case <-end:
					return
				default:
				}
				key := fmt.Sprintf("/v1/kv/w%d-%d", i, n)
				if code, _ := c.call(i, "PUT", key, `{"value":"kept"}`); code == http.StatusOK {
					mu.Lock()
					written = append(written, key)
					mu.Unlock()
				}
			}
		})
	}
	return func() []string {
		close(end)
		group.Wait()
		return written
	}
}

// Goal: members are added, the leader is removed and a lost disk is replaced while clients write,
// and no acknowledged write is lost; in the end the first leader is not needed for anything.
// Method: real servers; three grow to five; the leader removes itself; one dies with its disk and
// its successor takes its place in one change; all that was acknowledged is read in the end.
func TestMembersChangeUnderLoad(t *testing.T) {
	c := newCluster(t, 3)
	old := c.leader()
	four, five := c.join("n4"), c.join("n5")
	stop := c.writers(0, 1, 2)
	c.add(four, "")
	c.add(five, "")
	c.voters(five, "n1", "n2", "n3", "n4", "n5")

	c.change("DELETE", "/v1/members/"+c.members[old].Name, "")
	written := stop()
	c.kill(old)
	var left []string
	for _, m := range c.members {
		if m.Name != c.members[old].Name {
			left = append(left, m.Name)
		}
	}
	c.voters(four, left...)

	lost := (old + 1) % 3
	c.kill(lost)
	six := c.join("n6")
	stop = c.writers(four, five)
	c.add(six, c.members[lost].Name)
	written = append(written, stop()...)
	var want []string
	for _, name := range append(left, "n6") {
		if name != c.members[lost].Name {
			want = append(want, name)
		}
	}
	c.voters(six, want...)
	if len(written) < 20 {
		t.Errorf("only %d writes were acknowledged", len(written))
	}
	for _, key := range written {
		c.want(six, "GET", key, "", `{"found":true,"value":"kept"}`)
	}

	// A restart finds the members in the log, whatever the settings say.
	c.kill(four)
	c.restart(four)
	c.voters(four, want...)
	await(t, "a write at the restarted member", func() bool {
		code, _ := c.call(four, "PUT", "/v1/kv/last", `{"value":"1"}`)
		return code == http.StatusOK
	})
}

// Goal: what cannot be done is refused in words, with an outcome; a member that does not lead names
// the one that does; a server that waits takes no requests, and never campaigns.
func TestRefusedChangesOfMembers(t *testing.T) {
	c := newCluster(t, 3)
	waiting := c.join("n4")
	leader := -1
	await(t, "a leader", func() bool {
		for i := range 3 {
			if status, _ := c.servers[i].status(t.Context()); status.Role == raft.Leader {
				leader = i
			}
		}
		return leader >= 0
	})
	c.want(leader, "PUT", "/v1/kv/k", `{"value":"1"}`, `{}`)
	name := c.members[leader].Name
	for _, bad := range []struct {
		server             int
		method, path, body string
		code               int
		words              string
	}{
		{leader, "POST", "/v1/members", `{"id":0,"name":"n9","address":"h:1"}`, 400, "above 0"},
		{leader, "POST", "/v1/members", `{"id":9007199254740992,"name":"n9","address":"h:1"}`, 400,
			"at most 2^53 - 1"},
		{leader, "POST", "/v1/members", `{"id":9,"address":"h:1"}`, 400, "name"},
		{leader, "POST", "/v1/members", `{"id":9,"name":"n9","address":"h"}`, 400, "HOST:PORT"},
		{leader, "POST", "/v1/members", `{"id":9,"name":"n9","address":"h:0"}`, 400, "65535"},
		{leader, "POST", "/v1/members", `{"id":9,"name":"n9","address":"h:65536"}`, 400, "65535"},
		{leader, "POST", "/v1/members", `{"id":3,"name":"n9","address":"h:1"}`, 409, "not above 3"},
		{leader, "POST", "/v1/members", `{"id":9,"name":"n1","address":"h:1"}`, 409, "called"},
		{leader, "POST", "/v1/members/n2/promote", `{}`, 409, "no learner"},
		{leader, "POST", "/v1/members/n9/promote", `{}`, 404, "n9"},
		{leader, "DELETE", "/v1/members/n9", ``, 404, "n9"},
		{leader, "PUT", "/v1/members", ``, 405, "GET, POST"},
		{(leader + 1) % 3, "DELETE", "/v1/members/n1", ``, 503, `"leader":"` + name + `"`},
		{waiting, "PUT", "/v1/kv/k", `{"value":"1"}`, 503, "no known leader"},
	} {
		code, body := c.call(bad.server, bad.method, bad.path, bad.body)
		if code != bad.code || !strings.Contains(body, bad.words) ||
			!strings.Contains(body, `"outcome":"fail"`) {
			t.Errorf("%s %s %s: %d %s, want %d and %q", bad.method, bad.path, bad.body, code, body,
				bad.code, bad.words)
		}
	}
	// A learner that cannot be reached is never promoted.
	c.want(leader, "POST", "/v1/members", `{"id":9,"name":"n9","address":"127.0.0.1:1"}`,
		`{"index":3}`)
	code, body := c.call(leader, "POST", "/v1/members/n9/promote", "{}")
	if code != 409 || !strings.Contains(body, "not caught up") {
		t.Errorf("promotion of the absent: %d %s", code, body)
	}
	for _, e := range c.logs[waiting].events() {
		if e.Event == "vote" || e.Event == "role" {
			t.Errorf("a server that waits: %+v", e)
		}
	}
}

// Goal: a member that was founded alone, and so chose entries by itself, is not taken up by those
// of the same cluster's name that were founded with it: they would hold its log for part of theirs.
// Method: start both, write to the one, and await that it refuses the other.
func TestFoundingSetsDoNotMix(t *testing.T) {
	c := newCluster(t, 2, func(cfg *Config) {
		if cfg.ID == 1 {
			cfg.Members = cfg.Members[:1]
		}
	})
	await(t, "its own leadership, and a refusal", func() bool {
		status, _ := c.servers[0].status(context.Background())
		return status.Role == raft.Leader &&
			strings.Contains(c.logs[0].String(), `"error":"founding list `)
	})
	c.want(0, "PUT", "/v1/kv/k", `{"value":"mine"}`, "{}")
	c.want(0, "GET", "/v1/kv/k", "", `{"found":true,"value":"mine"}`)
	if status, _ := c.servers[1].status(context.Background()); status.Leader != 0 ||
		status.Commit != 0 {
		t.Errorf("the other one follows %d and committed %d", status.Leader, status.Commit)
	}
}
