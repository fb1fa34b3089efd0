package target

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// room is a run root on a site, with a blank and a quote in its path.
type room struct {
	*Host
	t    *testing.T
	root string
}

func newRoom(t *testing.T) *room {
	t.Helper()
	s := newSite(t)
	r := &room{s.host(t), t, filepath.Join(s.home, "it's a", "root")}
	for _, dir := range []string{"pids", "data", "log", "guard"} {
		if err := os.MkdirAll(filepath.Join(r.root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _, _ = r.do("kill") })
	return r
}

func (r *room) do(verb string, program ...string) (Process, error) {
	// Not t.Context, which has ended when a test cleans up.
	return process(r.t.Context(), r.Host, verb, r.root, "prog", program...)
}

func (r *room) read(name string) string {
	text, _ := os.ReadFile(filepath.Join(r.root, name))
	return string(text)
}

// Goal: a process is started detached, found, and killed; its arguments and log are its own.
func TestProcessLife(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	if _, err := r.do("find"); !errors.Is(err, ErrNotRunning) {
		t.Error("find before start:", err)
	}
	write(t, filepath.Join(r.root, "log/prog.log"), "half a li")
	p, err := r.do("start", "/bin/sh", "-c", `echo "$1"; exec sleep 60`, "x", "a  'b' $HOME")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.read("pids/prog"), fmt.Sprintf("%d %d\n", p.PID, p.StartTime); got != want {
		t.Errorf("pid file %q, want %q", got, want)
	}
	await(t, "program writes", func() bool {
		return strings.Count(r.read("log/prog.log"), "\n") == 2
	})
	if got := r.read("log/prog.log"); got != "half a li\na  'b' $HOME\n" {
		t.Errorf("log %q", got)
	}
	again, err := r.do("start", "/bin/false")
	if err != nil || again != p {
		t.Errorf("second start: %v, %v, want %v", again, err, p)
	}
	if found, err := r.do("find"); err != nil || found != p {
		t.Errorf("find: %v, %v, want %v", found, err, p)
	}
	for _, verb := range []string{"wipe", "remove"} {
		if _, err := r.do(verb); err == nil || !exists(filepath.Join(r.root, "data")) {
			t.Errorf("%s under a running process: %v", verb, err)
		}
	}
	r.Close() // the process does not end with the connection ...
	if !running(p.PID) {
		t.Error("process ended with its connection")
	}
	_ = syscall.Kill(p.PID, syscall.SIGKILL)
}

// Goal: kill ends a process that is stopped, returns when it is gone, and twice is as good as
// once.
func TestProcessKill(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p, err := r.do("start", "/bin/sleep", "60")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(p.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.do("kill"); err != nil {
			t.Error(err)
		}
		if running(p.PID) {
			t.Fatal("still there")
		}
	}
	write(t, filepath.Join(r.root, "data/x"), "x")
	if _, err := r.do("wipe"); err != nil || exists(filepath.Join(r.root, "data/x")) {
		t.Error("wipe:", err)
	}
	if _, err := r.do("remove"); err != nil || exists(r.root) {
		t.Error("remove:", err)
	}
	if _, err := r.do("remove"); err != nil {
		t.Error("remove of nothing:", err)
	}
}

// Goal: a process that only has the pid of ours is left alone.
// Method: a pid file whose start time is another, and files that hold no process at all.
func TestProcessStranger(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p, err := r.do("start", "/bin/sleep", "60")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(p.PID, syscall.SIGKILL) }()
	for _, text := range []string{
		fmt.Sprintf("%d %d\n", p.PID, p.StartTime+1),
		fmt.Sprintf("%d\n", p.PID), fmt.Sprintf("%d \n", p.PID), "", "\n", "1 x y z\n", "-1 *\n",
	} {
		write(t, filepath.Join(r.root, "pids/prog"), text)
		if _, err := r.do("find"); !errors.Is(err, ErrNotRunning) {
			t.Errorf("find with %q: %v", text, err)
		}
		if _, err := r.do("kill"); err != nil || !running(p.PID) {
			t.Fatalf("kill with %q: %v", text, err)
		}
	}
}

// Goal: nothing is started on a host whose guard has already reverted this run: nobody would
// end it.
func TestProcessAfterRevert(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	write(t, filepath.Join(r.root, "guard/reverted"), "")
	_, err := r.do("start", "/bin/sh", "-c", "touch ran")
	if err == nil || !strings.Contains(err.Error(), "lease") {
		t.Error(err)
	}
	if _, err := r.do("find"); !errors.Is(err, ErrNotRunning) {
		t.Error("it runs:", err)
	}
	if exists(filepath.Join(r.Home(), "ran")) {
		t.Error("it ran")
	}
}

// Goal: what cannot be started is an error that says why, and a program that cannot be executed
// says so in its log.
func TestProcessCannotStart(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	if _, err := r.do("start", "/none/such"); err != nil {
		t.Error(err) // it became a process, which ended at once
	}
	await(t, "log tells", func() bool {
		return strings.Contains(r.read("log/prog.log"), "/none/such")
	})
	if err := os.RemoveAll(filepath.Join(r.root, "pids")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.do("start", "/bin/sleep", "60"); err == nil || !strings.Contains(
		err.Error(), "cannot start: ") {
		t.Error("no place for the pid:", err)
	}
}
