package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"
)

// Goal: each way in which a host cannot be had is one clear line of its own kind, with a hint.
// Method: break one thing at a time on a site that is fine otherwise.
func TestConnectErrors(t *testing.T) {
	t.Parallel()
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never says a word
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deaf.Close() })
	otherKey, _ := writeKey(t, "")
	lockedKey, _ := writeKey(t, "secret")
	for name, test := range map[string]struct {
		change func(*site)
		kind   error
		says   string
	}{
		"changed key": {func(s *site) {
			write(t, s.config.KnownHosts,
				knownhosts.Line([]string{s.config.SSH}, newSigner(t).PublicKey())+"\n")
		}, ErrHostKey, "has changed: it shows SHA256:"},
		"changed kind of key": {func(s *site) {
			write(t, s.config.KnownHosts,
				knownhosts.Line([]string{s.config.SSH}, newRSA(t).PublicKey())+"\n")
		}, ErrHostKey, "only keys of kind ssh-ed25519"},
		"revoked key": {func(s *site) {
			line, _ := os.ReadFile(s.config.KnownHosts)
			_, key, _ := strings.Cut(string(line), " ")
			write(t, s.config.KnownHosts, string(line)+"@revoked * "+key)
		}, ErrHostKey, "is revoked in"},
		"unknown host": {func(s *site) { write(t, s.config.KnownHosts, "") }, ErrHostKey,
			"has no line for [127.0.0.1]:"},
		"no known_hosts": {func(s *site) { s.config.KnownHosts += "-none" }, ErrHostKey,
			"no such file"},
		"broken known_hosts": {func(s *site) { write(t, s.config.KnownHosts, "what\n") },
			ErrHostKey, "known_hosts:1"},
		"wrong key": {func(s *site) { s.config.KeyFile = otherKey }, ErrAuthentication,
			`refuses user "tester" with SHA256:`},
		"no key file": {func(s *site) { s.config.KeyFile += "-none" }, ErrAuthentication,
			"no such file"},
		"locked key file": {func(s *site) { s.config.KeyFile = lockedKey }, ErrAuthentication,
			"passphrase"},
		"no one": {func(s *site) { s.listener.Close() }, ErrUnreachable, "connection refused"},
		"deaf": {func(s *site) {
			s.config.SSH = deaf.Addr().String()
			line, _ := os.ReadFile(s.config.KnownHosts)
			_, key, _ := strings.Cut(string(line), " ")
			write(t, s.config.KnownHosts, knownhosts.Normalize(s.config.SSH)+" "+key)
			s.config.ConnectTimeout = 50 * time.Millisecond
		}, ErrUnreachable, "no answer within 50ms"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			test.change(s)
			h, err := Connect(t.Context(), s.config)
			if err == nil {
				h.Close()
				t.Fatal("connected")
			}
			if failure, ok := err.(*HostError); !ok || failure.Host != "n1" || failure.Hint == "" {
				t.Errorf("error %#v is no HostError of n1 with a hint", err)
			}
			text := err.Error()
			if !errors.Is(err, test.kind) || !strings.Contains(text, test.says) {
				t.Errorf("got %q, want kind %q saying %q", text, test.kind, test.says)
			}
			if strings.Contains(text, "\n") {
				t.Errorf("%q is not one line", text)
			}
		})
	}
}

// Goal: a configuration that cannot work is refused before anything is dialled.
func TestConnectIncomplete(t *testing.T) {
	t.Parallel()
	for _, cfg := range []HostConfig{
		{Name: "n1", SSH: "127.0.0.1", Address: "127.0.0.1", User: "u", Agent: true},
		{Name: "n1", SSH: "127.0.0.1:22", Address: "localhost", User: "u", Agent: true},
		{Name: "n1", SSH: "127.0.0.1:22", Address: "127.0.0.1", Agent: true},
		{Name: "n1", SSH: "127.0.0.1:22", Address: "127.0.0.1", User: "u"},
	} {
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
			t.Error("dialled")
			return nil, errors.New("no")
		}
		if _, err := Connect(t.Context(), cfg); err == nil {
			t.Errorf("%+v accepted", cfg)
		}
	}
}

// Goal: a server with several host keys is recognised by the one that we know, whatever kind it
// would rather show (golang/go#29286). Method: the known key is of the kind that is negotiated
// last.
func TestConnectPicksKnownKind(t *testing.T) {
	t.Parallel()
	s := newSite(t, newSigner(t), newECDSA(t))
	s.host(t)
}

// Goal: the agent's keys serve as well as a file.
func TestConnectAgent(t *testing.T) {
	s := newSite(t)
	text, err := os.ReadFile(s.config.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "agent") // short: a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	s.serving.Go(func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			s.serving.Go(func() { _ = agent.ServeAgent(ring, conn); conn.Close() })
		}
	})
	s.config.KeyFile, s.config.Agent = "", true
	t.Setenv("SSH_AUTH_SOCK", filepath.Join(dir, "s"))
	s.host(t)

	t.Setenv("SSH_AUTH_SOCK", "")
	if _, err := Connect(t.Context(), s.config); !errors.Is(err, ErrAuthentication) {
		t.Errorf("without an agent: %v", err)
	}
}

// Goal: a host knows who and where it is.
func TestIntroduction(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	h := s.host(t)
	if h.Home() != s.home || h.Controller() != "127.0.0.1" || h.Name() != "n1" {
		t.Errorf("home %q, controller %q, name %q", h.Home(), h.Controller(), h.Name())
	}
}

// Goal: a connection that broke is replaced when it is next needed, and a command that was
// under way is reported as lost, since it may have run, and is never run twice. Method: cut the
// wire while idle, then under a command that leaves a line each time it runs.
func TestReconnect(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := &wire{}
	s.config.Dial = w.dial
	h := s.host(t)
	w.each(func(c *wireConn) { c.Close() })
	if _, err := h.RunOK(t.Context(), Command{Script: "true"}); err != nil {
		t.Fatal("after an idle cut:", err)
	}
	lost := make(chan error, 1)
	go func() {
		_, err := h.RunOK(t.Context(), Command{Script: `echo ran >>ran; exec sleep 30`})
		lost <- err
	}()
	await(t, "command runs", func() bool {
		text, _ := os.ReadFile(filepath.Join(s.home, "ran"))
		return len(text) > 0
	})
	w.each(func(c *wireConn) { c.Close() })
	if err := <-lost; !errors.Is(err, ErrConnectionLost) {
		t.Error("command under way:", err)
	}
	result, err := h.RunOK(t.Context(), Command{Script: "cat ran"})
	if err != nil || string(result.Stdout) != "ran\n" {
		t.Errorf("ran %q, %v", result.Stdout, err)
	}
	if n := s.logins.Load(); n != 3 {
		t.Errorf("%d logins, want 3", n)
	}
}

// Goal: a host that dies without a word is noticed by a command that waits for it.
// Method: freeze the wire and look at the time; then the next command takes a new connection.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := &wire{}
	s.config.Dial = w.dial
	s.config.KeepAlive = 100 * time.Millisecond
	h := s.host(t)
	time.AfterFunc(300*time.Millisecond, func() { // some questions are answered first
		w.each(func(c *wireConn) { c.frozen.Store(true) })
	})
	start := time.Now()
	_, err := h.Run(t.Context(), Command{Script: "sleep 30"})
	took := time.Since(start)
	if !errors.Is(err, ErrConnectionLost) || took < 300*time.Millisecond || took > 5*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
	if _, err := h.RunOK(t.Context(), Command{Script: "true"}); err != nil {
		t.Error("afterwards:", err)
	}
}

// Goal: a cancelled call returns even if the server does not react to the cancellation.
// Method: freeze the wire with a keep-alive too slow to help at once.
func TestCancelDeadPeer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := &wire{}
	s.config.Dial = w.dial
	s.config.KeepAlive = abortGrace * 3 / 4
	h := s.host(t)
	w.each(func(c *wireConn) { c.frozen.Store(true) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := h.Run(ctx, Command{Script: "true"})
	took := time.Since(start)
	if !errors.Is(err, context.DeadlineExceeded) || took > 2*abortGrace {
		t.Errorf("after %v: %v", took, err)
	}
	if _, err := h.RunOK(t.Context(), Command{Script: "true"}); err != nil {
		t.Error("the dead connection was kept:", err)
	}
}

// Goal: a probe is a new connection each time, and says so when none can be made while the old
// one still works: that is what tells a cut control path from a working one.
func TestProbe(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	h := s.host(t)
	before := s.logins.Load()
	if err := h.Probe(t.Context()); err != nil || s.logins.Load() != before+1 {
		t.Errorf("%d new logins, %v", s.logins.Load()-before, err)
	}
	s.listener.Close()
	if err := h.Probe(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Error("probe of a closed port:", err)
	}
	if _, err := h.RunOK(t.Context(), Command{Script: "true"}); err != nil {
		t.Error("old connection:", err)
	}
}

// Goal: Close ends what is under way, and nothing comes after it.
func TestClose(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	h := s.host(t)
	done := make(chan error, 1)
	go func() {
		_, err := h.Run(t.Context(), Command{Script: "touch up; exec sleep 30"})
		done <- err
	}()
	await(t, "command runs", func() bool { return exists(filepath.Join(s.home, "up")) })
	h.Close()
	h.Close()
	if err := <-done; err == nil {
		t.Error("command survived Close")
	}
	if _, err := h.Run(t.Context(), Command{Script: "true"}); !errors.Is(err, ErrClosed) {
		t.Error("Run after Close:", err)
	}
	if _, err := h.Dial(t.Context(), "tcp", s.config.SSH); !errors.Is(err, ErrClosed) {
		t.Error("Dial after Close:", err)
	}
}

// Goal: Each reaches all hosts at once, and its errors name their hosts in order, once each.
func TestEach(t *testing.T) {
	t.Parallel()
	var hosts []*Host
	for i := range 3 {
		s := newSite(t)
		s.config.Name = fmt.Sprint("n", i+1)
		hosts = append(hosts, s.host(t))
	}
	meet := make(chan struct{}, 3)
	err := Each(t.Context(), hosts, func(ctx context.Context, h *Host) error {
		meet <- struct{}{}
		for len(meet) < 3 && ctx.Err() == nil { // passes only if all three are here at once
			time.Sleep(time.Millisecond)
		}
		switch h.Name() {
		case "n1":
			return errors.New("plain")
		case "n3":
			_, err := h.RunOK(ctx, Command{Script: "echo so; echo why >&2; exit 7"})
			return err
		}
		return nil
	})
	if err == nil || err.Error() != "n1: plain\nn3: run: exit status 7: why" {
		t.Errorf("got %v", err)
	}
	well := func(context.Context, *Host) error { return nil }
	if err := Each(t.Context(), hosts, well); err != nil {
		t.Error(err)
	}
}

// Goal: Hints finds every hint in a tree of errors, once.
func TestHints(t *testing.T) {
	t.Parallel()
	one := &HostError{"n1", "a", "do this", errors.New("x")}
	two := &HostError{"n2", "a", "do that", fmt.Errorf("y: %w", one)}
	got := Hints(fmt.Errorf("all: %w", errors.Join(one, two, errors.New("z"))))
	if len(got) != 2 || got[0] != "do this" || got[1] != "do that" || Hints(nil) != nil {
		t.Errorf("got %q", got)
	}
}

// await waits for a condition that another process brings about.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("did not happen: " + what)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
