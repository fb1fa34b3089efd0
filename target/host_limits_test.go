package target

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh/knownhosts"
)

// tool puts a program before all others of its name on the path of a site's commands.
func (s *site) tool(t *testing.T, name, script string) {
	t.Helper()
	dir := filepath.Join(s.home, "bin")
	if s.path == "" {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		s.path = dir + ":"
	}
	file := filepath.Join(dir, name)
	write(t, file, "#!/bin/sh\n"+script)
	if err := os.Chmod(file, 0o700); err != nil {
		t.Fatal(err)
	}
}

// notRoot makes a site whose login is not root, whoever runs the test, and whose sudo is a
// stand-in: it keeps nothing of the environment, as sudo does, and who runs under it is root.
func notRoot(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.tool(t, "id", `case $AS_ROOT in 1) echo 0 ;; *) echo 1000 ;; esac`+"\n")
	s.tool(t, "sudo", `[ "$1" = -n ] || exit 9
		shift
		echo "sudo: unable to resolve host n1" >&2
		exec env -i AS_ROOT=1 HOME=/root PATH="$PATH" "$@"`)
	s.config.Become = []string{"sudo", "-n"}
	return s
}

// Goal: a script made root's means what it means otherwise: its arguments, input, output, status,
// home and connection are the same. One that is not stays the login's.
func TestBecome(t *testing.T) {
	t.Parallel()
	s := notRoot(t)
	h := s.host(t)
	if !h.Root() {
		t.Error("it is not known to become root")
	}
	script := `cat; printf "<%s>" "$@" "$HOME" "${SSH_CONNECTION%% *}" "$(id -u)" "$PWD"
		echo no >&2; exit 9`
	for root, uid := range map[bool]string{true: "0", false: "1000"} {
		result, err := h.Run(t.Context(), Command{
			Script: script, Root: root,
			Args:  []string{"a b", "", "$HOME", "it's", "-n", "\n*"},
			Stdin: strings.NewReader("in "),
		})
		want := "in <a b><><$HOME><it's><-n><\n*><" + s.home + "><127.0.0.1><" + uid + "><" + s.home + ">"
		if err != nil || result.Exit != 9 || string(result.Stdout) != want {
			t.Errorf("root %v: exit %d, %v, %q, want %q", root, result.Exit, err, result.Stdout, want)
		}
		if said := string(result.Stderr); !strings.HasSuffix(said, "no\n") {
			t.Errorf("root %v: stderr %q", root, said)
		}
	}
}

// Goal: a cancelled command of root's is ended by root, with all of its process group, which is
// not the number of its shell.
func TestBecomeCancel(t *testing.T) {
	t.Parallel()
	s := notRoot(t)
	s.tool(t, "sudo", `shift
		echo "$*" >>log
		AS_ROOT=1 "$@"`) // the shell is a child of ours, in our group
	h := s.host(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		await(t, "command runs", func() bool { return exists(filepath.Join(s.home, "ran")) })
		cancel()
	}()
	start := time.Now()
	_, err := h.Run(ctx, Command{Script: `sleep 60 & : >ran; wait`, Root: true})
	if took := time.Since(start); !errors.Is(err, context.Canceled) || took > abortGrace {
		t.Errorf("after %v: %v", took, err)
	}
	log, _ := os.ReadFile(filepath.Join(s.home, "log"))
	if !bytes.Contains(log, []byte("\nkill -KILL -")) {
		t.Errorf("root killed nothing: %s", log)
	}
}

// Goal: each way in which we do not become root is one line that says why, with a hint, when we
// connect, or when root is first asked for of a host that has no way to it.
func TestBecomeErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ sudo, says, hint string }{
		"password": {`echo "sudo: a password is required" >&2; exit 1`,
			`n1: become: cannot become root: "sudo -n" wants a password from user "tester"`,
			"add to sudoers there: tester ALL=(root) NOPASSWD: ALL"},
		"missing": {"exit 127", `n1: become: cannot become root: "sudo" cannot be run there`,
			"install sudo, or log in as root"},
		"refused": {`echo "sudo: tester is not allowed" >&2; exit 1`,
			`n1: become: cannot become root: "sudo -n" as user "tester": exit status 1: ` +
				`sudo: tester is not allowed`, "try on the host, as tester: sudo -n true"},
		"another": {`shift; exec "$@"`,
			`n1: become: cannot become root: "sudo -n" makes us uid 1000`, "it must make root of us"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := notRoot(t)
			s.tool(t, "sudo", test.sudo)
			expect(t, s.refusal(t), ErrBecome, test.says, test.hint)
		})
	}
	s := notRoot(t)
	s.config.Become = nil
	h := s.host(t)
	if h.Root() {
		t.Error("it is said to be root without a way to it")
	}
	_, err := h.Run(t.Context(), Command{Script: "true", Root: true})
	expect(t, err, ErrBecome, `n1: become: cannot become root: user "tester" is not root`,
		"write become: sudo -n for this host, or log in as root")
}

// refusal is why the site cannot be connected to.
func (s *site) refusal(t *testing.T) error {
	t.Helper()
	h, err := Connect(t.Context(), s.config)
	if err == nil {
		h.Close()
		t.Fatal("connected")
	}
	return err
}

// expect compares an error with its kind, text and hint.
func expect(t *testing.T, err, kind error, says, hint string) {
	t.Helper()
	if !errors.Is(err, kind) || err.Error() != says {
		t.Errorf("got  %v\nwant %s", err, says)
	}
	if hints := Hints(err); len(hints) != 1 || hints[0] != hint {
		t.Errorf("hints %q, want %q", hints, hint)
	}
}

// Goal: a login whose shell runs nothing says so, and what the shell said.
func TestLoginShell(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shell = `echo "This account is not available." >&2; exit 1; `
	expect(t, s.refusal(t), errNotBegun, `n1: run: the login shell of user "tester" ran nothing: `+
		`exit status 1: This account is not available.`, "give a user whose login shell runs commands")
}

// Goal: a server that allows few sessions on a connection is never asked for more, and one that
// allows too few is refused when we connect.
func TestMaxSessions(t *testing.T) {
	t.Parallel()
	for allowed, want := range map[int64]int{4: 3, 6: 5, 8: 7, 10: 7} {
		s := newSite(t)
		s.maxSessions.Store(allowed)
		if got := cap(s.host(t).channels); got != want {
			t.Errorf("%d sessions allowed: %d channels are used, want %d", allowed, got, want)
		}
	}
	s := newSite(t)
	s.maxSessions.Store(2)
	expect(t, s.refusal(t), ErrSessions, "n1: connect: sshd allows only 2 sessions on a connection "+
		"(MaxSessions), 4 are needed", sessionsHint)
}

// Goal: a server that closes connections before it greets us (MaxStartups) is asked again, a
// bounded number of times, and then named, with what it said.
func TestMaxStartups(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.words = "Exceeded MaxStartups\r\n"
	s.turnAway.Store(3)
	h := s.host(t)
	s.turnAway.Store(1)
	if err := h.Probe(t.Context()); err != nil {
		t.Error("probe:", err)
	}
	s.turnAway.Store(1000)
	s.config.ConnectTimeout = time.Minute
	expect(t, s.refusal(t), ErrThrottled, "n1: connect: unreachable: too many connections at once: "+
		s.config.SSH+`: 8 connections closed before the greeting, the last with "Exceeded MaxStartups"`,
		throttledHint)
	if left := s.turnAway.Load(); left != 1000-maxGreetings {
		t.Errorf("asked %d times", 1000-left)
	}
	s.config.ConnectTimeout = 200 * time.Millisecond
	start := time.Now()
	if err := s.refusal(t); !errors.Is(err, ErrThrottled) ||
		time.Since(start) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

// behind makes a site that is reached through another.
func behind(t *testing.T) (s, gate *site) {
	t.Helper()
	s, gate = newSite(t), newSite(t)
	gate.config.Name, gate.config.Address = "gate", ""
	s.config.Jump = &gate.config
	return s, gate
}

// Goal: a host behind a jump host is like any other, over one connection to the jump host, which
// runs no commands; when that breaks, it is replaced.
func TestJump(t *testing.T) {
	t.Parallel()
	s, gate := behind(t)
	gate.shell = "exit 1;"
	w := &wire{}
	gate.config.Dial = w.dial
	h := s.host(t)
	for range 3 {
		if err := h.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if gate.logins.Load() != 1 || s.logins.Load() != 4 {
		t.Errorf("%d logins at the gate, %d behind", gate.logins.Load(), s.logins.Load())
	}
	w.each(func(c *wireConn) { c.Close() })
	await(t, "connection ends", func() bool { return !h.current.alive() })
	if _, err := h.RunOK(t.Context(), Command{Script: "true"}); err != nil {
		t.Error("after the gate's connection broke:", err)
	}
	h.Close()
	await(t, "the gate is left", func() bool { return gate.open.Load() == 0 })
}

// Goal: what goes wrong at a jump host is said of it, in one line that names both.
func TestJumpErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(s, gate *site)
		kind   error
		says   string
	}{
		"changed key": {func(_, gate *site) {
			write(t, gate.config.KnownHosts,
				knownhosts.Line([]string{gate.config.SSH}, newSigner(t).PublicKey())+"\n")
		}, ErrHostKey, "n1: connect: unreachable: jump host gate: connect: host key refused: "},
		"no gate": {func(_, gate *site) { gate.listener.Close() }, ErrUnreachable,
			"n1: connect: unreachable: jump host gate: connect: unreachable: "},
		"no forwarding": {func(_, gate *site) { gate.forwarding = false }, ErrUnreachable,
			"n1: connect: unreachable: jump host gate: forward: "},
		"nobody behind": {func(s, _ *site) { s.listener.Close() }, ErrUnreachable,
			"connection refused"},
		"no user": {func(_, gate *site) { gate.config.User = "" }, nil,
			"n1: connect: jump host: gate: connect: no user"},
	} {
		t.Run(name, func(t *testing.T) {
			s, gate := behind(t)
			test.change(s, gate)
			err := s.refusal(t)
			if test.kind != nil && (!errors.Is(err, test.kind) || len(Hints(err)) == 0) ||
				!strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, hints %q, want %q", err, Hints(err), test.says)
			}
		})
	}
}

// Goal: a file comes whole from hosts with and without gzip, over the wire in few bytes where there
// is one; a log comes without its secrets.
func TestFetch(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := &wire{}
	s.config.Dial = w.dial
	h := s.host(t)
	content := strings.Repeat("a line like all the others\n", 1<<16)
	write(t, filepath.Join(s.home, "file"), content)
	for _, packed := range []bool{true, false} {
		if !packed {
			s.shell = "unset PATH; PATH=" + without(t, "gzip") + "; export PATH; "
		}
		var got bytes.Buffer
		before := w.received()
		size, err := h.Get(t.Context(), "file", &got, 1<<30)
		if err != nil || size != int64(len(content)) || got.String() != content {
			t.Fatalf("packed %v: %d bytes, %v", packed, size, err)
		}
		if n := w.received() - before; packed != (n < size/10) {
			t.Errorf("packed %v: %d bytes came for %d", packed, n, size)
		}
	}
	write(t, filepath.Join(s.home, "log"), "started --password hunter2\nend")
	var got bytes.Buffer
	if _, err := h.GetLog(t.Context(), "log", &got, 1<<20); err != nil ||
		got.String() != "started --password [redacted]\nend" {
		t.Errorf("%q, %v", got.String(), err)
	}
}

// without makes a directory of links to all programs of the PATH but one.
func without(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	for _, from := range filepath.SplitList(os.Getenv("PATH")) {
		entries, _ := os.ReadDir(from)
		for _, e := range entries {
			if e.Name() != name {
				_ = os.Symlink(filepath.Join(from, e.Name()), filepath.Join(dir, e.Name()))
			}
		}
	}
	return dir
}

// Goal: what is not what fetchScript sends is an error, and all of it is taken, so that the sender
// is never blocked.
func TestUnpack(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "plain", "noise\nplain\n", "gzip\nnot packed", "gzip\n\x1f\x8b",
		strings.Repeat("x", 1<<20),
	} {
		u := newUnpacker(io.Discard, 10)
		if n, err := io.WriteString(u, text); n != len(text) || err != nil {
			t.Errorf("%.20q: took %d, %v", text, n, err)
		}
		if u.end() == nil {
			t.Errorf("%.20q accepted", text)
		}
	}
}

// Goal: no error or hint of a host shows a secret, whatever a tool there wrote.
func TestErrorsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	h := newSite(t).host(t)
	_, err := h.RunOK(t.Context(), Command{Script: `echo "bad --password hunter2" >&2; exit 1`})
	hinted := &HostError{"n1", "x", "try PASSWORD=hunter2", errors.New("http://me:hunter2@n1")}
	texts := append(Hints(hinted), err.Error(), hinted.Error(), errors.Unwrap(err).Error())
	for _, text := range texts {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "[redacted]") {
			t.Errorf("%q", text)
		}
	}
}
