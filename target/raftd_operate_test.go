package target

import (
	"slices"
	"strings"
	"testing"

	"gauntlet/history"
)

// Goal: who takes part is read off GET /v1/members, and what is no such answer is refused.
func TestParseMembers(t *testing.T) {
	m, err := parseMembers([]byte(`{"index":7,"joint":true,"leader":"n1","members":[
		{"id":1,"name":"n1","role":"voter","match":7},{"id":2,"name":"n2","role":"leaving"},
		{"id":9,"name":"n3","role":"learner"}]}`))
	want := history.Membership{Voters: []string{"n1"}, Leaving: []string{"n2"},
		Learners: []string{"n3"}, Joint: true}
	if err != nil || m.String() != want.String() {
		t.Errorf("%v, %v; want %v", m, err, want)
	}
	for _, wrong := range []string{`[]`, `{}`, `{"members":[{"name":"n1","role":"learner"}]}`,
		`{"members":[{"name":"n1","role":"boss"}]}`} {
		if m, err := parseMembers([]byte(wrong)); err == nil {
			t.Errorf("%s is read as %v", wrong, m)
		}
	}
}

// Goal: the nodes of the start know each other, those of the spares wait to be added, and each that
// is renewed gets a number above all before it. Method: command lines of three hosts, one a spare.
func TestIdentities(t *testing.T) {
	var hosts []*Host
	for _, name := range []string{"n1", "n2", "n3"} {
		hosts = append(hosts, &Host{config: HostConfig{Name: name, Address: "192.0.2." + name[1:]}})
	}
	spec := RaftdSpec{Nodes: 2, Spares: 1, Options: RaftdOptions{SnapshotEntries: 500}}
	r := NewRaftd(spec, "00c0ffee", hosts).(*raftd)
	line := func(i int) []string { return r.arguments(hosts[i], "raftd") }
	has := func(i int, want ...string) {
		t.Helper()
		for _, argument := range want {
			if !slices.Contains(line(i), argument) {
				t.Errorf("%s: no %s in %q", hosts[i].Name(), argument, line(i))
			}
		}
	}
	const cluster, peers = "--cluster=gauntlet-00c0ffee", "--peers=n1=192.0.2.1:4401,n2=192.0.2.2:4401"
	has(0, cluster, peers, "--snapshot-entries=500")
	for id, i := range []int{2, 0, 2} { // numbered 3, 4 and 5
		r.Renew(hosts[i])
		has(i, cluster, "--join", "--id="+string(rune('3'+id)))
		if slices.ContainsFunc(line(i), func(a string) bool { return strings.HasPrefix(a, "--peers") }) {
			t.Errorf("%s joins, and knows others: %q", hosts[i].Name(), line(i))
		}
	}
	has(1, peers)
	if _, _, body := r.operation(OperationAdd, hosts[2]); body !=
		`{"id":5,"name":"n3","address":"192.0.2.3:4401"}` {
		t.Errorf("to be added: %s", body)
	}
	plain := NewRaftd(RaftdSpec{Nodes: 3}, "00c0ffee", hosts).(*raftd).arguments(hosts[0], "raftd")
	if slices.ContainsFunc(plain, func(a string) bool {
		return strings.HasPrefix(a, "--cluster") || strings.HasPrefix(a, "--snapshot")
	}) {
		t.Errorf("builds that know no members are given flags of theirs: %q", plain)
	}
}
