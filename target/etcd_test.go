package target

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/history"

	"github.com/google/go-cmp/cmp"
)

// fakeEtcd is what this test binary is when a test has deployed it as etcd: it has member id 6,
// leads a new term with each start, and applies nothing, so its status shows term 1 for ever, as
// etcd's does until a leader's first entry is committed. The node n9 dies at once.
func fakeEtcd(args []string) int {
	flags := flag.NewFlagSet("etcd", flag.ContinueOnError)
	value := map[string]*string{}
	for _, name := range []string{
		"name", "data-dir", "listen-client-urls", "advertise-client-urls", "listen-peer-urls",
		"initial-advertise-peer-urls", "initial-cluster", "initial-cluster-state",
		"initial-cluster-token", "election-timeout", "heartbeat-interval", "pre-vote", "logger",
		"log-outputs",
	} {
		value[name] = flags.String(name, "", "")
	}
	if flags.Parse(args) != nil || *value["name"] == "n9" {
		fmt.Fprintln(os.Stderr, `{"level":"fatal","msg":"discovery failed"}`)
		return 1
	}
	if err := os.MkdirAll(*value["data-dir"], 0o700); err != nil {
		return 1
	}
	starts := filepath.Join(*value["data-dir"], "starts")
	past, _ := os.ReadFile(starts)
	term := len(past) + 2
	if err := os.WriteFile(starts, append(past, 'x'), 0o600); err != nil {
		return 1
	}
	for _, line := range []string{
		"6 became candidate at term %d", "6 became leader at term %d",
		"raft.node: 6 elected leader 6 at term %d",
	} {
		fmt.Fprintf(os.Stderr, `{"level":"info","caller":"raft.go:1","msg":"`+line+`"}`+"\n", term)
	}
	fmt.Fprint(os.Stderr, `{"level":"info","msg":"6 became lea`) // killed in the middle of a line
	answer := func(pattern, text string) {
		http.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
	}
	answer("GET /members", fmt.Sprintf(`[{"id":6,"name":"","peerURLs":[%q]}]`,
		*value["listen-peer-urls"]))
	answer("POST /v3/maintenance/status", `{"header":{"member_id":"6"},"version":"3.4.23",`+
		`"leader":"6","raftTerm":"1","raftIndex":"10","raftAppliedIndex":"9"}`)
	answer("GET /debug/vars", fmt.Sprintf(`{"cmdline":[],"raft.status":{"id":"6","term":%d,`+
		`"commit":11,"lead":"6","raftState":"StateLeader","applied":10}}`, term))
	for _, url := range []string{*value["listen-client-urls"], *value["listen-peer-urls"]} {
		listener, err := net.Listen("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		go func() { _ = http.Serve(listener, nil) }()
	}
	select {}
}

// newEtcdSite is a target of one node called name, whose binary is this test's.
func newEtcdSite(t *testing.T, name string) (*etcd, *Host) {
	t.Helper()
	s := newSite(t)
	s.config.Name = name
	// The ports are fixed, the loopback network is wide.
	s.config.Address = net.IPv4(
		127, byte(1+rand.IntN(250)), byte(rand.IntN(250)), byte(1+rand.IntN(250))).String()
	h := s.host(t)
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return NewEtcd(EtcdSpec{Nodes: 1, Binary: binary}, "0123abcd", []*Host{h}).(*etcd), h
}

// Goal: a node's whole life: deployed, started, observed, killed, restarted on its data, its
// claims read back from its log, wiped, removed. Method: a real process over SSH; every step is
// done twice where twice should be as good as once. Its status shows an older term than it leads,
// and the term observed must be the one it leads.
func TestEtcdLife(t *testing.T) {
	t.Parallel()
	target, h := newEtcdSite(t, "n1")
	ctx, dir := t.Context(), filepath.Join(t.TempDir(), "nodes/n1")
	if err := errors.Join(target.Deploy(ctx, h), target.Deploy(ctx, h)); err != nil {
		t.Fatal(err)
	}
	var earlier Process
	for start := range 2 {
		p, err := target.Start(ctx, h)
		if err != nil {
			t.Fatal(err, Hints(err))
		}
		t.Cleanup(func() { _ = stopProcess(p.PID) })
		if again, err := target.Start(ctx, h); err != nil || again != p || p == earlier {
			t.Errorf("started %v, then %v: %v", p, again, err)
		}
		earlier = p
		got, err := target.Observe(ctx, h)
		want := history.Observation{
			Node: "n1", Term: uint64(start) + 2, Role: "leader", Leader: "n1", Commit: 11,
			Applied: 10, Version: "3.4.23", Source: "status",
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v: %s", err, diff)
		}
		if err := errors.Join(target.Kill(ctx, h), target.Kill(ctx, h)); err != nil {
			t.Fatal(err)
		}
		if _, err := target.Process(ctx, h); !errors.Is(err, ErrNotRunning) {
			t.Error("after kill:", err)
		}
	}
	if err := target.Logs(ctx, h, dir); err != nil {
		t.Fatal(err)
	}
	claims, err := target.Claims(dir)
	claim := history.Observation{Node: "n1", Term: 2, Role: "leader", Leader: "n1", Source: "log"}
	later := claim
	later.Term = 3
	if diff := cmp.Diff([]history.Observation{claim, later}, claims); diff != "" || err != nil {
		t.Errorf("claims: %v: %s", err, diff)
	}
	if err := errors.Join(target.Wipe(ctx, h), target.Remove(ctx, h)); err != nil {
		t.Fatal(err)
	}
	if exists(target.root(h)) {
		t.Error("the run root is left")
	}
}

// Goal: what cannot be deployed or started is one line with what to do about it, and reaches no
// further. Method: each mistake, its error and its hint.
func TestEtcdErrors(t *testing.T) {
	t.Parallel()
	h := newSite(t).host(t)
	none := filepath.Join(t.TempDir(), "none")
	for _, c := range []struct {
		run  string
		spec EtcdSpec
		want string
	}{
		{"..", EtcdSpec{Nodes: 1, Binary: none}, `run name ".." is not 8 hexadecimal digits`},
		{"0123abcd", EtcdSpec{Nodes: 3, Binary: none}, "3 nodes of etcd, but 1 hosts"},
		{"0123abcd", EtcdSpec{Nodes: 1, Binary: none}, "etcd binary: open " + none},
		{"0123abcd", EtcdSpec{Nodes: 1, Build: "targets/etcd"},
			"etcd of targets/etcd has not been built"},
	} {
		err := NewEtcd(c.spec, c.run, []*Host{h}).Deploy(t.Context(), h)
		if err == nil || !strings.Contains(err.Error(), c.want) || exists(h.Home()+"/.gauntlet") {
			t.Errorf("run %q, %+v: %v", c.run, c.spec, err)
		}
	}
	target := NewEtcd(EtcdSpec{Nodes: 1}, "0123abcd", []*Host{h}).(*etcd)
	target.packaged = none
	err := target.Deploy(t.Context(), h)
	want := "no " + none
	if err == nil || !strings.Contains(err.Error(), want) || exists(h.Home()+"/.gauntlet") ||
		!strings.Contains(strings.Join(Hints(err), ""), "apt-get install etcd-server") {
		t.Errorf("%v, %q; want %s", err, Hints(err), want)
	}
	dying, h := newEtcdSite(t, "n9")
	if err := dying.Deploy(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	_, err = dying.Start(t.Context(), h)
	if err == nil || !strings.Contains(strings.Join(Hints(err), "\n"), "discovery failed") {
		t.Errorf("%v: %q", err, Hints(err))
	}
}

// Goal: a host's own etcd needs no upload. Method: a program on the host is deployed as if it were
// the package's; it is what the command line starts with, and the cache stays empty.
func TestEtcdOfThePackage(t *testing.T) {
	t.Parallel()
	target, h := newEtcdSite(t, "n1")
	target.packaged, target.spec.Binary = target.spec.Binary, ""
	if err := target.Deploy(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	cached, err := os.ReadDir(h.Home() + "/.gauntlet/cache")
	if path, pathErr := target.path(h); len(cached) > 0 || err != nil || pathErr != nil ||
		path != target.packaged {
		t.Errorf("%d in the cache, %v; runs %s, %v", len(cached), err, path, pathErr)
	}
}

// Goal: the command line is the one etcd documents.
func TestEtcdArguments(t *testing.T) {
	t.Parallel()
	hosts := []*Host{
		{config: HostConfig{Name: "n1", Address: "198.18.0.11"}, home: "/home/x"},
		{config: HostConfig{Name: "n2", Address: "fd00::2"}, home: "/home/x"},
	}
	options := EtcdOptions{ElectionTimeout: 500 * time.Millisecond, Prevote: true}
	target := NewEtcd(EtcdSpec{Nodes: 2, Options: options}, "0123abcd", hosts).(*etcd)
	want := []string{
		"/p", "--name=n2", "--data-dir=/home/x/.gauntlet/0123abcd/data/etcd",
		"--listen-client-urls=http://[fd00::2]:2379",
		"--advertise-client-urls=http://[fd00::2]:2379",
		"--listen-peer-urls=http://[fd00::2]:2380",
		"--initial-advertise-peer-urls=http://[fd00::2]:2380",
		"--initial-cluster=n1=http://198.18.0.11:2380,n2=http://[fd00::2]:2380",
		"--initial-cluster-state=new", "--initial-cluster-token=gauntlet-0123abcd",
		"--election-timeout=500", "--heartbeat-interval=50", "--pre-vote=true",
		"--logger=zap", "--log-outputs=stderr",
	}
	if diff := cmp.Diff(want, target.arguments(hosts[1], "/p")); diff != "" {
		t.Error(diff)
	}
}

// etcdNode answers as the node n1, id 6, of a cluster with n2, id 7.
func etcdNode(t *testing.T, status, vars string) (*etcd, *Host) {
	t.Helper()
	target, h := newEtcdSite(t, "n1")
	target.members = map[uint64]string{6: "n1", 7: "n2"}
	listener, err := net.Listen("tcp", target.ClientAddress(h))
	if err != nil {
		t.Fatal(err)
	}
	answer := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v3/maintenance/status":
			fmt.Fprint(w, status)
		case vars != "":
			fmt.Fprint(w, vars)
		default:
			http.NotFound(w, r)
		}
	}
	server := &http.Server{Handler: http.HandlerFunc(answer)}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close(); <-done })
	return target, h
}

// Goal: every answer of a node is either evidence or refused, and never evidence of another node,
// of another term, or of a leader that nobody is. Method: answers by hand.
func TestEtcdObserve(t *testing.T) {
	t.Parallel()
	status := func(member, leader string) string {
		return `{"header":{"member_id":"` + member + `"},"version":"3.7.3","leader":"` + leader +
			`","raftTerm":"4","raftIndex":"9","raftAppliedIndex":"8"}`
	}
	vars := func(id, lead, state string) string {
		return `{"raft.status":{"id":"` + id + `","term":5,"commit":9,"applied":8,"lead":"` + lead +
			`","raftState":"` + state + `"}}`
	}
	leaderless := strings.Replace(status("6", "0"), `"leader":"0",`, "", 1)
	for _, c := range []struct{ name, status, vars, want string }{
		{"follower", status("6", "7"), "", "n1 follower 4 n2"},
		{"leader", status("6", "6"), vars("6", "6", "StateLeader"), "n1 leader 5 n1"},
		{"just deposed", status("6", "6"), vars("6", "7", "StateFollower"), "n1 follower 5 n2"},
		{"candidate", leaderless, vars("6", "0", "StateCandidate"), "n1 candidate 5 "},
		{"pre-candidate", leaderless, vars("6", "0", "StatePreCandidate"), "n1 pre-candidate 5 "},
		{"waiting", leaderless, vars("6", "0", "StateFollower"), "n1 follower 5 "},
		{"another node", status("7", "7"), "", `status is of node "n2", not "n1"`},
		{"a stranger", status("8", "7"), "", "8 is no member of the cluster"},
		{"a strange leader", status("6", "10"), "", "a is no member of the cluster"},
		{"no status", `{}`, "", "status without a member or a term"},
		{"not JSON", `<html>`, "", "status: invalid character"},
		{"no raft status", status("6", "6"), "", "/debug/vars answers 404"},
		{"empty raft status", status("6", "6"), `{}`, `raft status is of member "", not 6`},
		{"garbled raft status", status("6", "6"), `{`, "raft status: unexpected end"},
		{"another's raft status", status("6", "6"), vars("7", "7", "StateLeader"),
			`raft status is of member "7", not 6`},
		{"no role", status("6", "6"), vars("6", "6", "StateBoss"),
			`raft status has state "StateBoss"`},
		{"no leader's id", status("6", "6"), vars("6", "x", "StateLeader"),
			`raft status has leader "x"`},
		{"leads and follows", status("6", "6"), vars("6", "7", "StateLeader"),
			"raft status has state StateLeader and leader 7"},
		{"follows itself", status("6", "6"), vars("6", "6", "StateFollower"),
			"raft status has state StateFollower and leader 6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			target, h := etcdNode(t, c.status, c.vars)
			o, err := target.Observe(t.Context(), h)
			got := fmt.Sprintf("%s %s %d %s", o.Node, o.Role, o.Term, o.Leader)
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// Goal: a log without the command line beside it, or with a term that no number holds, is an
// error; a node that never started has no claims.
func TestEtcdClaims(t *testing.T) {
	t.Parallel()
	target, dir := &etcd{}, t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if claims, err := target.Claims(dir); len(claims) > 0 || err != nil {
		t.Errorf("no log: %v, %v", claims, err)
	}
	write("etcd.log", `{"msg":"6 became leader at term 99999999999999999999"}`+"\n")
	for _, c := range []struct{ args, want string }{
		{"etcd\n--data-dir=x\n", "etcd.args does not tell the node's name"},
		{"etcd\n--name=n1\n", "value out of range"},
	} {
		write("etcd.args", c.args)
		if _, err := target.Claims(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.args, err)
		}
	}
}

// Goal: no answer of a node, however broken, makes an observation whose role and leader disagree,
// or that is of another member.
func FuzzEtcdRaft(f *testing.F) {
	f.Add([]byte(`{"raft.status":{"id":"6","term":2,"lead":"6","raftState":"StateLeader"}}`))
	f.Add([]byte(`{"raft.status":{"id":"6","lead":"0","raftState":"StatePreCandidate"}}`))
	f.Add([]byte(`{"raft.status":{"id":"7","lead":"7","raftState":"StateLeader"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var o history.Observation
		leader, err := parseEtcdRaft(body, 6, &o)
		switch {
		case err != nil && o != history.Observation{}:
			t.Errorf("%q gave %+v and %v", body, o, err)
		case err == nil && (o.Role == history.RoleLeader) != (leader == 6):
			t.Errorf("%q gave %+v, led by %d", body, o, leader)
		}
	})
}

// Goal: whatever is decoded as a status names a member and a term.
func FuzzEtcdStatus(f *testing.F) {
	f.Add([]byte(`{"header":{"member_id":"6"},"leader":"6","raftTerm":"1","raftIndex":"10"}`))
	f.Add([]byte(`{"header":{"member_id":6}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if s, err := parseEtcdStatus(body); err == nil && (s.Header.Member == 0 || s.Term == 0) {
			t.Errorf("%q gave %+v", body, s)
		}
	})
}

// Goal: claims are read from any log without failing, and nothing but claims.
func FuzzEtcdClaims(f *testing.F) {
	f.Add([]byte(`{"level":"info","msg":"6 became leader at term 3"}` + "\n"))
	f.Add([]byte(`{"level":"info","msg":"6 became follower at term 3"}` + "\n{\n[1]\n"))
	f.Add([]byte(`{"level":"info","msg":"raft.node: 6 elected leader 6 at term 3"}` + "\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		claims, err := readEtcdClaims(bytes.NewReader(log), "n1")
		if err != nil && len(log) < 1<<20 && !strings.Contains(err.Error(), "out of range") {
			t.Error(err)
		}
		if len(claims) > bytes.Count(log, []byte("\n"))+1 {
			t.Errorf("%d claims in %q", len(claims), log)
		}
	})
}

// Goal: what is built runs, the folder stays as it was, and what cannot be built is said in one
// line. Method: modules by hand, without dependencies.
func TestBuild(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	folder := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	const module = "module example\n\ngo 1.26\n"
	good := folder(map[string]string{
		"go.mod": module, "main.go": "package main\n\nfunc main() { println(17) }\n",
	})
	binary, err := Build(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Build(t.Context(), good); err != nil || again != binary {
		t.Errorf("built again: %s, %v", again, err)
	}
	if left, err := os.ReadDir(good); err != nil || len(left) != 2 {
		t.Errorf("%d files in the folder, %v", len(left), err)
	}
	if info, err := os.Stat(binary); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("%v, %v", info, err)
	}
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("called off"))
	for _, c := range []struct {
		ctx    context.Context
		folder string
		want   string
	}{
		{t.Context(), folder(nil), "no go.mod in it"},
		{t.Context(), folder(map[string]string{"go.mod": module}), "no Go files in"},
		{t.Context(), folder(map[string]string{"go.mod": module, "main.go": "package main\nx"}),
			"main.go:2:1: syntax error"},
		{t.Context(), folder(map[string]string{
			"go.mod": module, "main.go": "package main\n\nimport _ \"example.com/no\"\n",
		}), "no required module provides package example.com/no"},
		{ended, good, "called off"},
	} {
		_, err := Build(c.ctx, c.folder)
		if err == nil || !strings.HasPrefix(err.Error(), "build "+c.folder+": ") ||
			!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
