package target

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

// Goal: a command's output, errors, status and input arrive as they are.
func TestRun(t *testing.T) {
	t.Parallel()
	h := newSite(t).host(t)
	result, err := h.Run(t.Context(), Command{
		Script: `cat; printf "<%s>" "$@"; echo no >&2; exit 9`,
		Args:   []string{"a b", "", "$HOME", "it's", "-n", "\n*"},
		Stdin:  strings.NewReader("in "),
	})
	if err != nil || result.Exit != 9 || result.Truncated {
		t.Errorf("exit %d, truncated %v, %v", result.Exit, result.Truncated, err)
	}
	if got, want := string(result.Stdout), "in <a b><><$HOME><it's><-n><\n*>"; got != want {
		t.Errorf("stdout %q, want %q", got, want)
	}
	if got := string(result.Stderr); got != "no\n" {
		t.Errorf("stderr %q", got)
	}

	_, err = h.RunOK(t.Context(), Command{Script: `echo first >&2; echo second >&2; exit 9`})
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Exit != 9 || exit.Stderr != "second" {
		t.Errorf("RunOK: %v", err)
	}
	result, err = h.Run(t.Context(), Command{Script: `kill -TERM $$`})
	if err != nil || result.Exit != 128+int(syscall.SIGTERM) {
		t.Errorf("ended by a signal: exit %d, %v", result.Exit, err)
	}
}

// Goal: no script or argument means anything but itself, whatever it holds: injection is
// impossible. Method: random text from the characters that shells care about, through the shell
// of this machine.
func TestCommandLine(t *testing.T) {
	text := rapid.StringOf(rapid.OneOf(
		rapid.SampledFrom([]rune("'\"\\$`!*?[]{}()<>|&;#~%^=-+, \t\r\n\x01\x7f\u00e9\U0001F600")),
		rapid.Rune().Filter(func(r rune) bool { return r != 0 }),
	))
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOfN(text, 0, 4).Draw(t, "args")
		word := text.Draw(t, "word")
		line, err := commandLine(`printf "%s\0" `+quote(word)+` "$@"`, args)
		if err != nil {
			t.Fatal(err)
		}
		got, err := exec.Command("/bin/sh", "-c", line).Output()
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Join(append([]string{word}, args...), "\x00") + "\x00"
		if string(got) != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// Goal: what a shell could not be handed is refused before it is sent.
func TestCommandLineRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"a\x00b"}, {strings.Repeat("x", maxCommandLine)}} {
		if line, err := commandLine("true", args); err == nil {
			t.Errorf("a line of %d bytes was made", len(line))
		}
	}
	line, err := commandLine("true", []string{""})
	if err == nil {
		line, err = commandLine("true", []string{strings.Repeat("x", maxCommandLine-len(line))})
	}
	if err != nil || len(line) != maxCommandLine {
		t.Fatal(len(line), err)
	}
	if err := exec.Command("/bin/sh", "-c", line).Run(); err != nil {
		t.Error("the longest line allowed:", err)
	}
}

// Goal: a cancelled command is gone from the host with its children, and the call returns soon.
func TestCancel(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	h := s.host(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("the user asked")
	go func() {
		await(t, "command runs", func() bool { return exists(filepath.Join(s.home, "pids")) })
		cancel(reason)
	}()
	start := time.Now()
	_, err := h.Run(ctx, Command{Script: `trap '' HUP; sleep 60 & echo $$ $! >p; mv p pids; wait`})
	if took := time.Since(start); !errors.Is(err, reason) || took > 10*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
	text, err := os.ReadFile(filepath.Join(s.home, "pids"))
	if err != nil {
		t.Fatal(err)
	}
	var shell, child int
	if _, err := fmt.Sscan(string(text), &shell, &child); err != nil {
		t.Fatal(err)
	}
	await(t, "both processes end", func() bool { return !running(shell) && !running(child) })
	if _, err := h.RunOK(t.Context(), Command{Script: "true"}); err != nil {
		t.Error("the connection did not survive:", err)
	}
}

// running reports whether a process of this machine lives; a zombie does not.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

// Goal: a command that cannot be killed does not hold up its caller, nor the others on the
// connection, and what it writes later is nobody's. Its channel comes back when it ends.
// Method: one whose process group is not the one it names, so that the kill finds nothing.
func TestCancelUnkillable(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	h := s.host(t)
	var out bytes.Buffer
	line := "echo " + groupMark + "4194305 >&2; until [ -e end ]; do sleep 0.02; done; echo late"
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := h.execute(ctx, job{line, streams{out: &out}, h.killer(false)})
	if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took < abortGrace {
		t.Errorf("after %v: %v", took, err)
	}
	if len(h.channels) != 1 || !h.current.alive() {
		t.Errorf("%d channels held, connection alive: %v", len(h.channels), h.current.alive())
	}
	if _, err := h.RunOK(t.Context(), Command{Script: "touch end"}); err != nil {
		t.Error(err)
	}
	await(t, "channel comes back", func() bool { return len(h.channels) == 0 })
	if out.Len() > 0 {
		t.Errorf("wrote %q to a caller who had left", out.String())
	}
}

// Goal: standard error arrives whole whatever the shell says before the process group is named, and
// if it never is.
func TestGroupMark(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		said  string
		want  string
		group int
	}{
		{groupMark + "77\nafter\nit", "after\nit", 77},
		{"noise\n" + groupMark + "77\n" + groupMark + "78\n", "noise\n" + groupMark + "78\n", 77},
		{groupMark + "1\n" + groupMark + "-5\nx", groupMark + "1\n" + groupMark + "-5\nx", 0},
		{"no line end", "no line end", 0},
	} {
		for step := 1; step <= len(test.said); step++ {
			var errs bytes.Buffer
			c := &call{job: job{streams: streams{errs: &errs}}, named: make(chan struct{})}
			for part := range slices.Chunk([]byte(test.said), step) {
				c.errors(part)
			}
			c.flush()
			if errs.String() != test.want || c.group != test.group {
				t.Errorf("%q by %d: %q, group %d", test.said, step, errs.String(), c.group)
			}
		}
	}
}

// Goal: a command that writes without end costs bounded memory, and its end is waited for.
func TestOutputBound(t *testing.T) {
	t.Parallel()
	h := newSite(t).host(t)
	result, err := h.Run(t.Context(), Command{
		Script:    `head -c 8000000 /dev/zero; echo 12345678901 >&2; exit 3`,
		MaxOutput: 10,
	})
	if err != nil || result.Exit != 3 || !result.Truncated {
		t.Errorf("exit %d, truncated %v, %v", result.Exit, result.Truncated, err)
	}
	if len(result.Stdout) != 10 || string(result.Stderr) != "1234567890" {
		t.Errorf("kept %d bytes and %q", len(result.Stdout), result.Stderr)
	}
	result, err = h.Run(t.Context(), Command{Script: `printf 0123456789`, MaxOutput: 10})
	if err != nil || result.Truncated {
		t.Errorf("just fitting: truncated %v, %v", result.Truncated, err)
	}
}

// Goal: an input that fails is not taken for one that ended, and one that never ends does not
// keep a finished command from returning.
func TestInput(t *testing.T) {
	t.Parallel()
	h := newSite(t).host(t)
	broken := errors.New("broken")
	_, err := h.Run(t.Context(), Command{Script: "cat", Stdin: iotest.ErrReader(broken)})
	if !errors.Is(err, broken) {
		t.Error("failing input:", err)
	}
	endless := io.LimitReader(rand.Reader, 1<<40)
	if _, err := h.RunOK(t.Context(), Command{Script: "head -c 9", Stdin: endless}); err != nil {
		t.Error("endless input:", err)
	}
	silent, hold := io.Pipe()
	defer hold.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := h.Run(ctx, Command{Script: "true", Stdin: silent}); !errors.Is(err, ctx.Err()) {
		t.Error("silent input:", err)
	}
}

// Goal: never more than maxChannels on a connection, commands and tunnels together, and
// whoever waits for one can give up.
func TestChannelBound(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	h := s.host(t)
	await(t, "channels of Connect close", func() bool { return s.open.Load() == 0 })
	s.mostOpen.Store(0)
	echo := echoServer(t)
	tunnel, err := h.Dial(t.Context(), "tcp", echo)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 30 {
		wait.Go(func() {
			if _, err := h.RunOK(t.Context(), Command{Script: "sleep 0.05"}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if most := s.mostOpen.Load(); most < 5 {
		t.Errorf("at most %d channels at once: no concurrency", most)
	}
	for range maxChannels - 1 {
		more, err := h.Dial(t.Context(), "tcp", echo)
		if err != nil {
			t.Fatal(err)
		}
		defer more.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := h.Run(ctx, Command{Script: "true"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("one channel more:", err)
	}
	if most := s.mostOpen.Load(); most > maxChannels {
		t.Errorf("%d channels at once", most)
	}
	tunnel.Close()
	tunnel.Close() // gives back one channel, not two
	if _, err := h.RunOK(t.Context(), Command{Script: "true"}); err != nil {
		t.Error("after one was closed:", err)
	}
}

// Goal: a server that refuses a command for a moment, as OpenSSH does while it still counts one
// that has just ended, costs nothing but that moment; one that keeps refusing is an error.
func TestRefusedSession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	h := s.host(t)
	s.refusals.Store(3)
	if _, err := h.RunOK(t.Context(), Command{Script: "true"}); err != nil {
		t.Error("refused three times:", err)
	}
	s.refusals.Store(1000)
	if _, err := h.RunOK(t.Context(), Command{Script: "true"}); !errors.Is(err, ErrSessions) {
		t.Error("refused for good:", err)
	}
	if len(h.channels) != 0 || s.logins.Load() != 1 {
		t.Errorf("%d channels held, %d logins", len(h.channels), s.logins.Load())
	}
}

// Goal: a tunnel carries bytes both ways; a refused one is an error and costs no channel.
func TestDial(t *testing.T) {
	t.Parallel()
	h := newSite(t).host(t)
	conn, err := h.Dial(t.Context(), "tcp", echoServer(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer := make([]byte, 4)
	if _, err := conn.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "ping" {
		t.Errorf("got %q, %v", answer, err)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	before := len(h.channels)
	for _, address := range []string{closed.Addr().String(), "127.0.0.1", ":80", "127.0.0.1:x"} {
		if _, err := h.Dial(t.Context(), "tcp", address); err == nil {
			t.Errorf("connected to %q", address)
		}
	}
	if _, err := h.Dial(t.Context(), "udp", "127.0.0.1:53"); err == nil {
		t.Error("connected by udp")
	}
	if len(h.channels) != before || !h.current.alive() {
		t.Errorf("%d channels held, %d before", len(h.channels), before)
	}
}

// Goal: giving up on a tunnel returns at once, and its channel comes back when the server
// answers. Method: freeze the wire before the request; the keep-alive then ends the connection.
func TestDialCancelled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := &wire{}
	s.config.Dial = w.dial
	s.config.KeepAlive = 300 * time.Millisecond
	h := s.host(t)
	w.each(func(c *wireConn) { c.frozen.Store(true) })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := h.Dial(ctx, "tcp", "127.0.0.1:9"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	await(t, "channel comes back", func() bool { return len(h.channels) == 0 })
}

// echoServer returns the address of a server that sends back what it gets.
func echoServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { _, _ = io.Copy(conn, conn); conn.Close() })
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
	return listener.Addr().String()
}

// Goal: a big file comes through whole both ways, with its mode, whatever its name.
func TestPutGet(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	h := s.host(t)
	content := make([]byte, 24<<20)
	if _, err := rand.Read(content); err != nil {
		t.Fatal(err)
	}
	const name = "it's $(a) file"
	if err := h.Put(t.Context(), name, 0o750, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(s.home, name))
	if err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	var back bytes.Buffer
	size, err := h.Get(t.Context(), name, &back, int64(len(content)))
	if err != nil || size != int64(len(content)) || !bytes.Equal(back.Bytes(), content) {
		t.Errorf("got %d bytes, equal %v, %v", size, bytes.Equal(back.Bytes(), content), err)
	}
}

// Goal: Get says what it could not do, and never copies more than asked.
func TestGetErrors(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	h := s.host(t)
	write(t, filepath.Join(s.home, "ten"), "0123456789")
	var got bytes.Buffer
	size, err := h.Get(t.Context(), "ten", &got, 4)
	if !errors.Is(err, ErrTooLarge) || size != 4 || got.String() != "0123" {
		t.Errorf("over the limit: %d bytes %q, %v", size, got.String(), err)
	}
	if _, err := h.Get(t.Context(), "none", &got, 4); !errors.Is(err, fs.ErrNotExist) {
		t.Error("missing file:", err)
	}
	_, err = h.Get(t.Context(), ".", &got, 4)
	if exit := (*ExitError)(nil); !errors.As(err, &exit) || exit.Stderr == "" {
		t.Error("directory:", err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	if _, err := h.Get(t.Context(), "ten", full, 10); !errors.Is(err, syscall.ENOSPC) {
		t.Error("full disk here:", err)
	}
}

// Goal: an upload that fails leaves what was there before, and nothing else.
// Method: an input that breaks half way, a connection cut half way, and a place that cannot be.
func TestPutFails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := &wire{}
	s.config.Dial = w.dial
	h := s.host(t)
	write(t, filepath.Join(s.home, "file"), "old")
	half := func() io.Reader { return io.LimitReader(rand.Reader, 1<<20) }
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		path    string
		content io.Reader
		want    error
	}{
		"input breaks": {"file", io.MultiReader(half(), iotest.ErrReader(broken)), broken},
		"wire is cut": {"file", io.MultiReader(half(), readerFunc(func([]byte) (int, error) {
			// A host that has yet to begin would make its file after we have tidied up.
			await(t, "the host has begun", func() bool {
				entries, err := os.ReadDir(s.home)
				return err == nil && len(entries) == 2
			})
			w.each(func(c *wireConn) { c.Close() })
			return 0, io.EOF
		})), ErrConnectionLost},
		"no directory": {"none/file", strings.NewReader("x"), nil},
	} {
		err := h.Put(t.Context(), test.path, 0o600, test.content)
		if err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.HasPrefix(fmt.Sprint(err), "n1: put "+test.path+": ") {
			t.Errorf("%s: %q does not say what failed", name, err)
		}
		// The host itself cleans up, and may learn late that the wire is cut.
		await(t, name+": nothing is left but the file", func() bool {
			entries, err := os.ReadDir(s.home)
			return err == nil && len(entries) == 1
		})
		if old, _ := os.ReadFile(filepath.Join(s.home, "file")); string(old) != "old" {
			t.Errorf("%s: file is now %d bytes", name, len(old))
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
