package sshd

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// TestMain gives commands the signal actions that a shell starts with, even under nohup.
func TestMain(m *testing.M) {
	DefaultSignals()
	os.Exit(m.Run())
}

// server is one that listens on loopback, as this user, for the test's time.
type server struct {
	address string
	home    string
	hostKey ssh.PublicKey
	client  ssh.Signer
}

func newSigner(t testing.TB) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func newServer(t *testing.T) server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hostKey := newSigner(t)
	s := server{listener.Addr().String(), t.TempDir(), hostKey.PublicKey(), newSigner(t)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		Serve(listener, Config{hostKey, s.client.PublicKey(), "root", s.home})
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return s
}

func (s server) dial(user string, key ssh.Signer) (*ssh.Client, error) {
	return ssh.Dial("tcp", s.address, &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: ssh.FixedHostKey(s.hostKey), Timeout: 5 * time.Second,
	})
}

// connect logs in to a server of the test's own.
func connect(t *testing.T) (*ssh.Client, server) {
	t.Helper()
	s := newServer(t)
	c, err := s.dial("root", s.client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, s
}

func newSession(t *testing.T, c *ssh.Client) *ssh.Session {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// within fails the test if f takes long: a hang is the typical failure of a session.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal(what, "hangs")
	}
}

// awaitFile waits until a command on the host has written want to the file.
func awaitFile(t *testing.T, path, want string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got, _ := os.ReadFile(path)
		if strings.TrimSpace(string(got)) == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s holds %q, want %q", filepath.Base(path), got, want)
		}
	}
}

// Goal: only the one user with the one key enters.
func TestAuthentication(t *testing.T) {
	s := newServer(t)
	if _, err := s.dial("root", newSigner(t)); err == nil {
		t.Error("a foreign key was accepted")
	}
	if _, err := s.dial("daemon", s.client); err == nil {
		t.Error("a foreign user was accepted")
	}
	if c, err := net.Dial("tcp", s.address); err == nil {
		fmt.Fprint(c, "SSH-2.0-none\r\n\x00\x00\x00\x0cgarbage\n")
		c.Close()
	}
	c, err := s.dial("root", s.client)
	if err != nil {
		t.Fatalf("after the others: %v", err)
	}
	c.Close()
}

// Goal: a command's input, outputs and end arrive as they are. Method: commands that differ in one
// of these each.
func TestExec(t *testing.T) {
	c, at := connect(t)
	for _, test := range []struct {
		command, stdin, stdout, stderr string
		exit                           int
		signal                         string
	}{
		{command: "echo a; echo b >&2", stdout: "a\n", stderr: "b\n"},
		{command: "pwd", stdout: at.home + "\n"},
		{command: "exit 7", exit: 7},
		{command: "exit 255", exit: 255},
		{command: "no-such-command 2>/dev/null", exit: 127},
		{command: "cat", stdin: "text", stdout: "text"},
		{command: "cat >&2", stdin: "text", stderr: "text"},
		{command: "true", stdin: strings.Repeat("unread", 1<<18)},
		{command: "kill -KILL $$", signal: "KILL"},
		{command: "kill -TERM $$", signal: "TERM"},
		{command: "printf %s \"$HOME $USER $SHELL\"", stdout: at.home + " root /bin/sh"},
		{command: "ps -o pgid= -p $$ | xargs test $$ -eq"},
	} {
		s := newSession(t, c)
		var stdout, stderr bytes.Buffer
		s.Stdin, s.Stdout, s.Stderr = strings.NewReader(test.stdin), &stdout, &stderr
		var err error
		within(t, test.command, func() { err = s.Run(test.command) })
		var exit *ssh.ExitError
		errors.As(err, &exit)
		switch {
		case test.signal != "" && (exit == nil || exit.Signal() != test.signal):
			t.Errorf("%s: %v, want signal %s", test.command, err, test.signal)
		case test.signal == "" && test.exit != 0 && (exit == nil || exit.ExitStatus() != test.exit):
			t.Errorf("%s: %v, want exit status %d", test.command, err, test.exit)
		case test.signal == "" && test.exit == 0 && exit != nil:
			t.Errorf("%s: %v", test.command, err)
		}
		if stdout.String() != test.stdout || stderr.String() != test.stderr {
			t.Errorf("%s: stdout %q, stderr %q", test.command, stdout.String(), stderr.String())
		}
	}
}

// Goal: a large output loses nothing, although its command has ended before it is read.
func TestLargeOutput(t *testing.T) {
	c, _ := connect(t)
	const size = 20 << 20
	out, err := newSession(t, c).Output(fmt.Sprintf("head -c %d /dev/zero", size))
	if err != nil || len(out) != size {
		t.Errorf("%d bytes, %v", len(out), err)
	}
}

// Goal: a signal reaches the command and its children, and a second one does no harm.
func TestSignal(t *testing.T) {
	c, _ := connect(t)
	s := newSession(t, c)
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("sleep 1000 & echo ready; wait"); err != nil {
		t.Fatal(err)
	}
	io.ReadFull(out, make([]byte, len("ready\n")))
	s.Signal(ssh.SIGKILL)
	s.Signal(ssh.SIGKILL)
	var exit *ssh.ExitError
	within(t, "a killed command", func() { err = s.Wait() })
	if !errors.As(err, &exit) || exit.Signal() != "KILL" {
		t.Errorf("ended with %v", err)
	}
}

// Goal: a client that vanishes takes its command along, but nothing that was detached.
// Method: a command starts a detached job and waits; its connection is cut; the job writes on.
func TestClientVanishes(t *testing.T) {
	c, at := connect(t)
	s := newSession(t, c)
	err := s.Start(`exec >/dev/null 2>&1 # or the shell's word about the signal is its last
		trap 'echo hup > hup; exit' HUP
		setsid sh -c 'echo up > up
			for i in $(seq 200); do
				test -e hup && sleep 0.1 && exec echo on > on
				sleep 0.02
			done' </dev/null &
		while :; do sleep 0.02; done`)
	if err != nil {
		t.Fatal(err)
	}
	awaitFile(t, filepath.Join(at.home, "up"), "up")
	c.Close()
	awaitFile(t, filepath.Join(at.home, "hup"), "hup")
	awaitFile(t, filepath.Join(at.home, "on"), "on")
}

// Goal: as with OpenSSH, a background job that holds the output keeps the channel open, and one
// that does not, does not.
func TestBackgroundJobs(t *testing.T) {
	c, _ := connect(t)
	within(t, "a command with a detached job", func() {
		command := "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!"
		pid, err := newSession(t, c).Output(command)
		if err != nil {
			t.Error(err)
		}
		newSession(t, c).Run("kill " + string(pid))
	})
	out, err := newSession(t, c).Output("(while ! test -e go; do sleep 0.02; done; echo late) & " +
		"setsid sh -c 'sleep 0.1; echo > go' >/dev/null 2>&1 &")
	if err != nil || string(out) != "late\n" {
		t.Errorf("output %q, %v", out, err)
	}
}

// Goal: a terminal is one: named, sized, resized, and it turns Ctrl-C into a signal.
func TestTerminal(t *testing.T) {
	c, _ := connect(t)
	s := newSession(t, c)
	if err := s.RequestPty("vt100", 33, 77, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	var seen string
	expect := func(want string) { // and forget all up to it
		t.Helper()
		buffer := make([]byte, 1024)
		within(t, "waiting for "+want, func() {
			for !strings.Contains(seen, want) {
				n, err := out.Read(buffer)
				seen += string(buffer[:n])
				if err != nil {
					t.Errorf("waiting for %s: %v; seen %q", want, err, seen)
					return
				}
			}
			_, seen, _ = strings.Cut(seen, want)
		})
	}
	fmt.Fprintln(in, "PS1=rea''dy; echo [$TERM-$(stty size)]") // what is typed is echoed, too
	expect("[vt100-33 77]")
	expect("ready")
	if err := s.WindowChange(44, 88); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in, `until test "$(stty size)" = "44 88"; do sleep 0.02; done; echo re""sized`)
	expect("resized")
	fmt.Fprintln(in, "sh -c 'echo sle\"\"eping; exec sleep 1000'")
	expect("sleeping")
	fmt.Fprint(in, "\x03")
	expect("ready")
	fmt.Fprintln(in, "exit 3")
	var err error
	within(t, "exit", func() { err = s.Wait() })
	var exit *ssh.ExitError
	if !errors.As(err, &exit) || exit.ExitStatus() != 3 {
		t.Errorf("shell ended with %v", err)
	}
}

// Goal: forwarding carries each direction to its own end. Method: a peer that answers only after
// the end of the request.
func TestForward(t *testing.T) {
	c, _ := connect(t)
	peer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	go func() {
		conn, err := peer.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		request, _ := io.ReadAll(conn)
		fmt.Fprintf(conn, "got %d bytes", len(request))
	}()
	conn, err := c.Dial("tcp", peer.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write(make([]byte, 1<<20))
	conn.(interface{ CloseWrite() error }).CloseWrite()
	within(t, "forwarding", func() {
		answer, err := io.ReadAll(conn)
		if err != nil || string(answer) != "got 1048576 bytes" {
			t.Errorf("answer %q, %v", answer, err)
		}
	})
	if _, err := c.Dial("tcp", "127.0.0.1:1"); err == nil {
		t.Error("forwarding to a closed port succeeded")
	}
}

// Goal: OpenSSH's limits and refusals are ours.
func TestRefusals(t *testing.T) {
	c, _ := connect(t)
	var sessions []*ssh.Session
	for range maxSessions {
		sessions = append(sessions, newSession(t, c))
	}
	var open *ssh.OpenChannelError
	if _, err := c.NewSession(); !errors.As(err, &open) || open.Reason != ssh.ResourceShortage {
		t.Errorf("session %d: %v", maxSessions+1, err)
	}
	s := sessions[0]
	if err := s.RequestSubsystem("sftp"); err == nil {
		t.Error("a subsystem was accepted")
	}
	if err := s.Setenv("LD_PRELOAD", "x"); err == nil {
		t.Error("any environment was accepted")
	}
	if err := s.Setenv("LC_ALL", "C"); err != nil {
		t.Error(err)
	}
	if out, err := s.Output("echo $LC_ALL"); err != nil || string(out) != "C\n" {
		t.Errorf("%q, %v", out, err)
	}
	if ok, err := sessions[1].SendRequest("exec", true, []byte{0, 0}); ok || err != nil {
		t.Errorf("a torn request: %v, %v", ok, err)
	}
	if _, _, err := c.OpenChannel("x11", nil); err == nil {
		t.Error("an x11 channel was accepted")
	}
	if _, _, err := c.OpenChannel("direct-tcpip", []byte{1}); err == nil {
		t.Error("a torn address was accepted")
	}
	if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		t.Errorf("keep-alive goes unanswered: %v", err)
	}
}

// Goal: no payload stops the server. Method: requests that start nothing, filled with anything.
func FuzzRequest(f *testing.F) {
	f.Add("pty-req", ssh.Marshal(ptyRequest{Term: "xterm", Columns: 80}))
	f.Add("window-change", ssh.Marshal(windowRequest{Columns: 80}))
	f.Add("signal", ssh.Marshal(signalRequest{"TERM"}))
	f.Add("env", ssh.Marshal(envRequest{"LANG", "C"}))
	f.Add("subsystem", []byte("\x00\x00\x00\x04sftp"))
	f.Fuzz(func(t *testing.T, kind string, payload []byte) {
		if kind == "exec" || kind == "shell" {
			return
		}
		s := new(session)
		s.handle(kind, payload)
		s.handle("window-change", payload)
	})
}
