package target

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// nextMark, at the end of a copy of the test binary, makes it another build of the fake raftd.
const nextMark = "\nthis is the next build"

// fakeBuild is what a fake raftd says it was built of.
var fakeBuild = sync.OnceValue(func() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	text, err := os.ReadFile(self)
	if err == nil && bytes.HasSuffix(text, []byte(nextMark)) {
		return "next"
	}
	return "clean"
})

// Goal: a node is stopped, started as another build, and says so, there and back; it keeps its data
// and its log.
// Method: the fake raftd in two builds, and a process that lives through every change.
func TestRaftdOfTwoBuilds(t *testing.T) {
	t.Parallel()
	one, h, _ := newRaftdSite(t, "n1")
	text, err := os.ReadFile(one.spec.Binary)
	if err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(t.TempDir(), "next")
	if err := os.WriteFile(next, append(text, nextMark...), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	spec := RaftdSpec{Nodes: 1, Binaries: []string{one.spec.Binary, next}}
	target := NewRaftd(spec, "0123abcd", []*Host{h}).(Versions)
	if err := target.Deploy(ctx, h); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"clean", "next", "clean"} {
		target.Choose(h, i%2)
		p, err := target.Start(ctx, h)
		if err != nil {
			t.Fatal(err, Hints(err))
		}
		t.Cleanup(func() { _ = stopProcess(p.PID) })
		if got, err := target.Version(ctx, h); err != nil || got != want {
			t.Errorf("version %q, %v, want %q", got, err, want)
		}
		seen, err := target.Observe(ctx, h)
		if err != nil || seen.Version != want || seen.Term != uint64(i+1) {
			t.Errorf("observed %+v, %v; want version %s in term %d", seen, err, want, i+1)
		}
		for range 2 {
			if err := target.Stop(ctx, h); err != nil {
				t.Fatal(err)
			}
			if running(p.PID) {
				t.Fatal("still there after Stop")
			}
		}
	}
	if _, err := target.Version(ctx, h); err == nil {
		t.Error("a stopped node said its version")
	}
}

// Goal: which build a node begins with is as the suite says.
func TestBuilds(t *testing.T) {
	two := []string{"a", "b"}
	for _, test := range []struct {
		spec RaftdSpec
		want []int
	}{
		{RaftdSpec{Nodes: 3}, nil},
		{RaftdSpec{Nodes: 3, Binaries: two}, []int{0, 0, 0}},
		{RaftdSpec{Nodes: 3, Binaries: two, Start: StartNewer}, []int{1, 1, 1}},
		{RaftdSpec{Nodes: 3, Binaries: two, Start: StartMixed}, []int{0, 1, 0}},
	} {
		if got := test.spec.Builds(); !slices.Equal(got, test.want) {
			t.Errorf("%+v: %v, want %v", test.spec, got, test.want)
		}
	}
}

// Goal: two builds that cannot be told apart, or of which one is missing, are refused before
// anything starts.
func TestBinariesRefused(t *testing.T) {
	t.Parallel()
	one, h, s := newRaftdSite(t, "n1")
	copied := filepath.Join(s.home, "copied")
	text, _ := os.ReadFile(one.spec.Binary)
	write(t, copied, string(text))
	for want, second := range map[string]string{
		"are the same program":      copied,
		"no such file or directory": filepath.Join(s.home, "gone"),
	} {
		spec := RaftdSpec{Nodes: 1, Binaries: []string{one.spec.Binary, second}}
		err := NewRaftd(spec, "0123abcd", []*Host{h}).Deploy(t.Context(), h)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// Goal: stop asks first, and insists with a process that is deaf or stopped.
// Method: a program that says goodbye, one that ignores SIGTERM, one that is stopped.
func TestProcessStop(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	start := func(script string) Process {
		p, err := r.do("start", "/bin/sh", "-c", script)
		if err != nil {
			t.Fatal(err)
		}
		await(t, "program is up", func() bool {
			return strings.HasSuffix(r.read("log/prog.log"), "up\n")
		})
		return p
	}
	stop := func(p Process) time.Duration {
		began := time.Now()
		if _, err := r.do("stop"); err != nil || running(p.PID) {
			t.Fatalf("stop: %v", err)
		}
		return time.Since(began)
	}
	stop(start(`trap 'echo goodbye; exit 0' TERM; echo up; while :; do sleep 0.01; done`))
	if !strings.HasSuffix(r.read("log/prog.log"), "goodbye\n") {
		t.Errorf("it was not asked: log %q", r.read("log/prog.log"))
	}
	p := start(`trap '' TERM; echo up; while :; do sleep 0.01; done`)
	if took := stop(p); took < 4*time.Second {
		t.Errorf("killed after %v, without a grace", took)
	}
	p = start(`echo up; exec sleep 60`)
	if err := syscall.Kill(p.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stop(p)
}
