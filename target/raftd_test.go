package target

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gauntlet/history"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// TestMain lets the test binary stand in for a raftd or an etcd, so that uploading and running a
// real program is tested. Otherwise it demands that no test leaves a goroutine behind.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && strings.HasPrefix(os.Args[2], "--data-dir=") {
		os.Exit(fakeEtcd(os.Args[1:]))
	}
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "--name=") {
		os.Exit(fakeRaftd(os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// fakeRaftd is what this test binary is when a test has deployed it: it answers the status with
// its own arguments, and claims a term with each start. The node n9 dies at once.
func fakeRaftd(args []string) int {
	flags := flag.NewFlagSet("raftd", flag.ContinueOnError)
	name := flags.String("name", "", "")
	data := flags.String("data", "", "")
	listen := flags.String("listen-client", "", "")
	for _, other := range []string{
		"listen-peer", "peers", "election-timeout", "heartbeat", "prevote", "check-quorum",
	} {
		flags.String(other, "", "")
	}
	if flags.Parse(args) != nil || *name == "n9" {
		fmt.Println(`{"event":"start"}`)
		fmt.Fprintln(os.Stderr, "raftd: the log is corrupt at offset 17")
		return 1
	}
	starts := filepath.Join(*data, "starts")
	past, _ := os.ReadFile(starts)
	term := len(past) + 1
	if err := os.WriteFile(starts, append(past, 'x'), 0o600); err != nil {
		return 1
	}
	fmt.Printf(`{"event":"role","node":%q,"term":%d,"role":"candidate"}`+"\n", *name, term)
	fmt.Printf(`{"event":"role","node":%q,"term":%d,"role":"leader"}`+"\n", *name, term)
	fmt.Print(`{"event":"role","node":`) // killed in the middle of a line
	http.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"name": *name, "term": term, "role": "leader", "leader": *name,
			"commit": 10, "applied": 9, "lastIndex": 12, "build": fakeBuild(),
		})
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(*listen, nil))
	return 1
}

// newRaftdSite is a target of one node called name, whose binary is this test's.
func newRaftdSite(t *testing.T, name string) (*raftd, *Host, *site) {
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
	target := NewRaftd(RaftdSpec{Nodes: 1, Binary: binary}, "0123abcd", []*Host{h}).(*raftd)
	return target, h, s
}

// Goal: a node's whole life: deployed once, started, observed, killed, restarted on its data,
// its claims read back from its log, wiped, removed. Method: a real process over SSH; every
// step is done twice where twice should be as good as once.
func TestRaftdLife(t *testing.T) {
	t.Parallel()
	target, h, s := newRaftdSite(t, "n1")
	ctx, dir := t.Context(), filepath.Join(t.TempDir(), "nodes/n1")
	if err := target.Logs(ctx, h, dir); err == nil || exists(filepath.Join(dir, "raftd.log")) {
		if err != nil {
			t.Error("logs before deploy:", err)
		}
	}
	cached := deployTwice(t, target, h, s)

	first, err := target.Start(ctx, h)
	if err != nil {
		t.Fatal(err, Hints(err))
	}
	t.Cleanup(func() { _ = stopProcess(first.PID) })
	got, err := target.Observe(ctx, h)
	want := history.Observation{
		Node: "n1", Term: 1, Role: "leader", Leader: "n1", Commit: 10, Applied: 9,
		Version: "clean", Source: "status",
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	for range 2 {
		if err := target.Kill(ctx, h); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := target.Process(ctx, h); !errors.Is(err, ErrNotRunning) {
		t.Error("after kill:", err)
	}
	if _, err := target.Observe(ctx, h); err == nil {
		t.Error("a dead node was observed")
	}
	second, err := target.Start(ctx, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stopProcess(second.PID) })
	if found, err := target.Process(ctx, h); err != nil || found != second || found == first {
		t.Errorf("process %v, %v; started %v after %v", found, err, second, first)
	}
	if err := target.Remove(ctx, h); err == nil {
		t.Error("removed under a running node")
	}
	if err := errors.Join(target.Kill(ctx, h), target.Logs(ctx, h, dir)); err != nil {
		t.Fatal(err)
	}
	claims, err := target.Claims(dir)
	claim := history.Observation{Node: "n1", Term: 1, Role: "leader", Leader: "n1", Source: "log"}
	later := claim
	later.Term = 2
	if diff := cmp.Diff([]history.Observation{claim, later}, claims); diff != "" || err != nil {
		t.Errorf("claims: %v: %s", err, diff)
	}
	if err := errors.Join(target.Wipe(ctx, h), target.Remove(ctx, h)); err != nil {
		t.Fatal(err)
	}
	if exists(target.root(h)) || !exists(cached) {
		t.Error("the run root is left, or the cache is not")
	}
}

// deployTwice deploys, and again, which must upload nothing; then once more over a damaged
// cache.
func deployTwice(t *testing.T, target *raftd, h *Host, s *site) string {
	t.Helper()
	if err := target.Deploy(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	program, err := target.program(h)
	if err != nil {
		t.Fatal(err)
	}
	cached := filepath.Join(s.home, program.path)
	before, err := os.Stat(cached)
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Deploy(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(cached); err != nil || !os.SameFile(before, after) {
		t.Errorf("uploaded again: %v", err)
	}
	if err := os.Truncate(cached, 100); err != nil {
		t.Fatal(err)
	}
	if err := target.Deploy(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(cached); err != nil || !bytes.Equal(text, program.bytes) {
		t.Errorf("the damaged copy was kept: %v", err)
	}
	return cached
}

func stopProcess(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}

// Goal: a node that dies at start is an error with its last log lines as the hint.
func TestRaftdDiesAtStart(t *testing.T) {
	t.Parallel()
	target, h, _ := newRaftdSite(t, "n9")
	if err := target.Deploy(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err := target.Start(t.Context(), h)
	hints := strings.Join(Hints(err), "\n")
	if err == nil || !strings.Contains(hints, "the log is corrupt at offset 17") {
		t.Errorf("%v: %q", err, hints)
	}
	if took := time.Since(start); took > startTimeout/2 {
		t.Errorf("noticed only after %v", took)
	}
}

// Goal: a stranger that answers on the node's port is not taken for the node.
// Method: one of another name, and one of the same name that answers only when our node has died of
// the port being taken.
func TestRaftdStranger(t *testing.T) {
	t.Parallel()
	target, h, _ := newRaftdSite(t, "n1")
	if err := target.Deploy(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", target.ClientAddress(h))
	if err != nil {
		t.Fatal(err)
	}
	var name atomic.Value
	name.Store("n2")
	answer := func(w http.ResponseWriter, r *http.Request) {
		for name.Load() == "n1" && r.Context().Err() == nil {
			if _, err := target.Process(r.Context(), h); errors.Is(err, ErrNotRunning) {
				break
			}
		}
		fmt.Fprintf(w, `{"name":%q,"role":"leader"}`, name.Load())
	}
	stranger := &http.Server{Handler: http.HandlerFunc(answer)}
	done := make(chan struct{})
	go func() { defer close(done); _ = stranger.Serve(listener) }()
	defer func() { stranger.Close(); <-done }()
	if _, err := target.Observe(t.Context(), h); err == nil ||
		!strings.Contains(err.Error(), `of node "n2", not "n1"`) {
		t.Error("observe:", err)
	}
	name.Store("n1")
	if _, err := target.Start(t.Context(), h); err == nil ||
		!strings.Contains(strings.Join(Hints(err), ""), "address already in use") {
		t.Errorf("start: %v, %q", err, Hints(err))
	}
}

// Goal: a run's name that could lead out of the run root reaches no host.
func TestRaftdRefused(t *testing.T) {
	t.Parallel()
	h := newSite(t).host(t)
	none := filepath.Join(t.TempDir(), "none")
	for run, spec := range map[string]RaftdSpec{
		"..":       {Nodes: 1, Binary: none},
		"":         {Nodes: 1, Binary: none},
		"0123ABCD": {Nodes: 1, Binary: none},
		"0123abcd": {Nodes: 2, Binary: none},
		"0123abce": {Nodes: 1, Binary: none},
	} {
		target := NewRaftd(spec, run, []*Host{h})
		if err := target.Deploy(t.Context(), h); err == nil || exists(h.Home()+"/.gauntlet") {
			t.Errorf("run %q, %+v: %v", run, spec, err)
		}
	}
	target := NewRaftd(RaftdSpec{Nodes: 1}, "..", []*Host{h})
	err := errors.Join(target.Remove(t.Context(), h), target.Wipe(t.Context(), h))
	if err == nil || strings.Count(err.Error(), "\n") != 1 || !exists(h.Home()) {
		t.Error("the run .. was removed")
	}
}

// Goal: the command line is the one raftd documents.
func TestRaftdArguments(t *testing.T) {
	t.Parallel()
	hosts := []*Host{
		{config: HostConfig{Name: "n1", Address: "198.18.0.11"}, home: "/home/x"},
		{config: HostConfig{Name: "n2", Address: "fd00::2"}, home: "/home/x"},
	}
	target := NewRaftd(RaftdSpec{Nodes: 2, Options: RaftdOptions{Prevote: true}}, "0123abcd", hosts)
	want := []string{
		"env", "RAFTD_INSECURE=true", "/p", "--name=n2", "--data=/home/x/.gauntlet/0123abcd/data",
		"--listen-client=[fd00::2]:4400", "--listen-peer=[fd00::2]:4401",
		"--peers=n1=198.18.0.11:4401,n2=[fd00::2]:4401",
		"--election-timeout=300ms", "--heartbeat=50ms", "--prevote=true", "--check-quorum=false",
	}
	if diff := cmp.Diff(want, target.(*raftd).arguments(hosts[1], "/p")); diff != "" {
		t.Error(diff)
	}
}

// Goal: no answer of a node, however broken, becomes evidence about another node or a role that
// does not exist.
func FuzzStatus(f *testing.F) {
	f.Add([]byte(`{"name":"n1","term":3,"role":"leader","leader":"n1","commit":1,"applied":1}`))
	f.Add([]byte(`{"name":"n2","role":"leader"}`))
	f.Add([]byte(`{"name":"n1","role":"boss"}`))
	f.Add([]byte(`{"name":"n1","role":"leader"} {}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := parseStatus(body, "n1")
		if err != nil {
			return
		}
		known := map[history.Role]bool{"follower": true, "pre-candidate": true, "candidate": true,
			"leader": true}
		if s.Name != "n1" || !known[s.Role] {
			t.Errorf("%q gave %+v", body, s)
		}
	})
}

// Goal: claims are read from any log without failing, and nothing but claims.
func FuzzClaims(f *testing.F) {
	f.Add([]byte("{\"event\":\"role\",\"node\":\"n1\",\"term\":3,\"role\":\"leader\"}\n"))
	f.Add([]byte("panic: x\n\n{\"event\":\"role\",\"role\":\"lea{\"event\":\"start\"}\n[1]\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		claims, err := readClaims(bytes.NewReader(log))
		if err != nil && len(log) < 1<<20 {
			t.Error(err)
		}
		if len(claims) > bytes.Count(log, []byte("leader")) {
			t.Errorf("%d claims in %q", len(claims), log)
		}
	})
}
