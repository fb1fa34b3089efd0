package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gauntlet/raft/wal"
)

// Goal: bad flags end with exit code 64 and one lower-case line that names the flag.
func TestBadFlags(t *testing.T) {
	good := []string{"--name", "n1", "--data", t.TempDir(), "--peers", "n1=h:1,n2=h:2"}
	join := []string{"--name", "n4", "--data", t.TempDir(), "--join"}
	for _, bad := range []struct {
		args []string
		line string
	}{
		{nil, "missing flags: --data=STRING, --name"},
		{good[:4], "--peers missing: the first members, or --join"},
		{append(good, "--id", "4"), "--id is for --join"},
		{append(join, "--cluster", "c"), "--id missing: with --join, a number"},
		{append(join, "--id", "4"), "--cluster missing: with --join, the name"},
		{append(join, "--id", "4", "--cluster", "c", "--peers", "n1=h:1"), "exclude each other"},
		{append(good, "--colour", "red"), "unknown flag --colour"},
		{append(good, "--name", "n3"), `--name "n3" is not among --peers`},
		{append(good, "--peers", "n3"), `"n3" is not NAME=HOST:PORT`},
		{append(good, "--peers", "n3=host"), `"host" is not HOST:PORT`},
		{append(good, "--peers", "n3=h:65536"), `"h:65536": port "65536" is not from 1`},
		{append(good, "--peers", "n3=h:http"), `"h:http": port "http" is not from 1`},
		{append(good, "--peers", strings.Repeat("n", 200)+"=h:3"), "between 1 and 128 bytes"},
		{append(good, "--listen-client", "h:99999"), `"h:99999" is not HOST:PORT`},
		{append(good, "--peers", "n1=h:1"), "listed twice"},
		{append(good, "--election-timeout", "300"), "--election-timeout"},
		{append(good, "--election-timeout", "1ms"), "at least 10ms"},
		{append(good, "--heartbeat", "200ms"), "at most half of --election-timeout 300ms"},
		{append(good, "--request-timeout", "0s"), "above 0"},
		{append(good, "--listen-peer", "4401"), `--listen-peer "4401" is not HOST:PORT`},
		{append(good, "--config", "/nowhere"), "open /nowhere"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(bad.args, &stdout, &stderr)
		line := stderr.String()
		if code != exitUsage || !strings.Contains(line, bad.line) ||
			strings.Count(line, "\n") != 1 || stdout.Len() > 0 {
			t.Errorf("%q: exit %d, %q, want 64 and %q", bad.args, code, line, bad.line)
		}
	}
}

// Goal: who joins has the number it is given, knows no members, and recognises those that were
// given the cluster's name; whoever was given another name, or none, is a stranger.
func TestJoining(t *testing.T) {
	configOf := func(args ...string) (id, cluster uint64, members int) {
		t.Helper()
		f, _, err := parse(append([]string{"--data=d"}, args...), io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		c := f.config()
		if c.Name != f.Name {
			t.Errorf("%q is called %q", f.Name, c.Name)
		}
		return uint64(c.ID), c.Cluster, len(c.Members)
	}
	id, joined, members := configOf("--name=n4", "--join", "--id=9", "--cluster=c")
	if id != 9 || members != 0 {
		t.Errorf("it is %d of %d members", id, members)
	}
	for _, c := range []struct {
		args []string
		same bool
	}{
		{[]string{"--peers=n1=h:1", "--cluster=c"}, true},
		{[]string{"--peers=n1=h:1", "--cluster=d"}, false},
		{[]string{"--peers=n1=h:1"}, false},
	} {
		if _, cluster, _ := configOf(append(c.args, "--name=n1")...); (cluster == joined) != c.same {
			t.Errorf("%q is of the same cluster: %v, want %v", c.args, !c.same, c.same)
		}
	}
}

// Goal: --version prints the build id and nothing else, for a harness to compare.
func TestVersion(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run([]string{"--version"}, &stdout, &stderr)
	if code != 0 || stdout.String() != Build+"\n" {
		t.Errorf("exit %d, %q", code, stdout.String())
	}
}

// Goal: the options that a harness sets reach the server.
func TestFlagsReachTheServer(t *testing.T) {
	f, _, err := parse([]string{"--name=b", "--data=d", "--peers=a=h:1,b=h:2,c=h:3",
		"--election-timeout=600ms", "--no-prevote"}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	c := f.config()
	if c.ID != 2 || len(c.Members) != 3 || c.Heartbeat != 100*time.Millisecond ||
		c.PreVote || !c.CheckQuorum {
		t.Errorf("%+v", c)
	}
	spaced, _, err := parse([]string{"--name=b", "--data=d", "--peers=a=h:1, b=h:2, c=h:3"},
		io.Discard, io.Discard)
	if err != nil || spaced.config().Cluster != c.Cluster || spaced.config().ID != 2 {
		t.Errorf("spaces behind commas make another cluster: %v", err)
	}
	other := *f
	other.Peers = []string{"a=h:1", "c=h:3", "b=h:2"}
	if other.config().Cluster == c.Cluster {
		t.Error("members that disagree on the order of peers would recognise each other")
	}
}

// Goal: the binary survives kill -9 with what it acknowledged, and ends with 0 on SIGTERM.
// Method: build it, run a cluster of one, write, kill, restart, read, stop.
func TestProcess(t *testing.T) {
	dir := t.TempDir()
	binary := build(t)
	client, peer := freeAddress(t), freeAddress(t)
	start := func() *exec.Cmd {
		cmd := exec.Command(binary, "--name=n1", "--data="+filepath.Join(dir, "data"),
			"--peers=n1="+peer, "--listen-client="+client, "--listen-peer="+peer,
			"--log="+filepath.Join(dir, "log"), "--prevote=false", "--check-quorum=false")
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		return cmd
	}
	url := "http://" + client + "/v1/kv/k"

	first := start()
	await(t, "a write", func() bool { return do("PUT", url, `{"value":"kept"}`) == "{}\n" })
	first.Process.Kill()
	first.Wait()

	second := start()
	await(t, "the value after kill -9", func() bool {
		return do("GET", url, "") == `{"found":true,"value":"kept"}`+"\n"
	})
	status := do("GET", "http://"+client+"/v1/status", "")
	if !strings.Contains(status, `"prevote":false,"checkQuorum":false`) {
		t.Errorf("status %s", status)
	}
	second.Process.Signal(syscall.SIGTERM)
	if err := second.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(log)
	if strings.Count(text, `"event":"start"`) != 2 || strings.Count(text, `"event":"stop"`) != 1 ||
		strings.Count(text, `"role":"leader"`) != 2 {
		t.Errorf("log:\n%s", text)
	}
}

// Goal: a member that cannot stop, since it may not go on without its event log, ends with the
// second signal.
// Method: nobody reads the log, which is a pipe; signals until the process is gone.
func TestSecondSignal(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	room, err := unix.FcntlInt(writer.Fd(), unix.F_SETPIPE_SZ, 4096)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(make([]byte, room)); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	cmd := exec.Command(build(t), "--name=n1", "--data="+data, "--peers=n1=127.0.0.1:1",
		"--listen-client=127.0.0.1:0", "--listen-peer=127.0.0.1:0")
	cmd.Stdout, cmd.Stderr = writer, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer cmd.Process.Kill()
	await(t, "it has come to its log", func() bool {
		_, err := os.Stat(filepath.Join(data, "OWNER"))
		return err == nil
	})
	await(t, "its end", func() bool {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v", cmd.ProcessState)
	}
}

// Goal: a member that cannot start says why in one line and exits with 1.
func TestCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	peer, others := freeAddress(t), t.TempDir()
	log, _, err := wal.Open(wal.Disk{}, others, wal.Options{Owner: wal.Owner{Member: 2}})
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct{ flag, line string }{
		{"--data=" + others, "owner: " + others + "/OWNER says member 2, this is 1\n" + ownerHint},
		{"--listen-client=" + taken.Addr().String(), "address already in use"},
		{"--data=/proc/nowhere", "create log directory"},
		{"--log=/proc/nowhere/log", "event log"},
	} {
		var stdout, stderr bytes.Buffer
		code := run([]string{
			"--name=n1", "--peers=n1=" + peer, "--data=" + t.TempDir(),
			"--listen-client=127.0.0.1:0", "--listen-peer=127.0.0.1:0", bad.flag,
		}, &stdout, &stderr)
		line := stderr.String()
		if code != exitFailed || !strings.Contains(line, bad.line) ||
			strings.Count(line, "raftd: ") != 1 ||
			strings.Count(line, "\n") != 1+strings.Count(line, "\n  ") {
			t.Errorf("%s: exit %d, %q", bad.flag, code, line)
		}
	}
}

// build returns the path of a raftd as it is now.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "raftd")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

func do(method, url, body string) string {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// freeAddress returns an address that was free a moment ago.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr())
}

func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for ; !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain awaited: %s", what)
		}
	}
}
