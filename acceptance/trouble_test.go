//go:build lab

package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gauntlet/checker"
)

// within is how soon a run must have ended after its trouble began: the lease's length until a host
// counts as lost, the phases that are owed, and time for a busy machine.
const within = 90 * time.Second

// Goal: a host that goes down during a run ends it soon, with one line that names the host; what
// was seen until then is judged, and the other hosts are left clean.
// Method: kill the first process of a host, and so all of it, while a partition is in force; once
// in the middle of a long load, once so late that the load ends before the host counts as lost.
func TestHostGoesDown(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late=%v", late), func(t *testing.T) {
			l := hold(t, 3)
			before := l.inventory(t)
			suite := "testdata/long-load.yaml"
			if late {
				suite = "testdata/short-load.yaml"
			}
			e := launch(t, suite)
			e.awaitFault(t, "partition")
			if err := syscall.Kill(l.firstProcess(t, "n2"), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			code := e.wait()
			t.Logf("exit %d after %v", code, time.Since(began).Round(time.Second))
			if took := time.Since(began); took > within {
				t.Errorf("it took %v", took)
			}
			results := e.results(t)
			if code != checker.ExitHarness || len(results.Checks) == 0 || results.Summary.OK == 0 {
				t.Errorf("exit %d, checks %+v, %d ok", code, results.Checks, results.Summary.OK)
			}
			troubles := slices.DeleteFunc(slices.Clone(results.Harness), func(line string) bool {
				return strings.HasPrefix(line, "hint: ")
			})
			if len(troubles) != 1 || !strings.Contains(troubles[0], "n2: ") || len(results.Cleanup) > 0 {
				t.Errorf("want one line about n2, and nothing to clean up:\n%s\n%s",
					strings.Join(results.Harness, "\n"), strings.Join(results.Cleanup, "\n"))
			}
			l.hosts = []string{"n1", "n3"}
			delete(before, "n2")
			l.awaitInventory(t, before, time.Second)
		})
	}
}

// firstProcess is the first process of a host as this machine knows it.
func (l *heldLab) firstProcess(t *testing.T, host string) int {
	t.Helper()
	namespace := strings.TrimSpace(l.on(t, host, "readlink /proc/self/ns/pid"))
	links, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		dir := filepath.Dir(filepath.Dir(link))
		if at, err := os.Readlink(link); err != nil || at != namespace {
			continue
		}
		status, _ := os.ReadFile(filepath.Join(dir, "status"))
		for line := range strings.Lines(string(status)) {
			pids, ok := strings.CutPrefix(line, "NSpid:")
			if all := strings.Fields(pids); ok && all[len(all)-1] == "1" {
				pid, err := strconv.Atoi(filepath.Base(dir))
				if err != nil {
					t.Fatal(err)
				}
				return pid
			}
		}
	}
	t.Fatalf("%s: no first process in %s", host, namespace)
	return 0
}

// Goal: nodes that do not start say why, their logs are kept, and what never ran is not called met.
// Method: deploy a program that says why it will not run.
func TestNodesDoNotStart(t *testing.T) {
	hold(t, 3)
	program := filepath.Join(t.TempDir(), "raftd")
	const script = "#!/bin/sh\necho no licence\nexit 3\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	e := launch(t, "testdata/short-load.yaml", "--binary", program)
	if code := e.wait(); code != checker.ExitHarness {
		t.Errorf("exit %d, want %d", code, checker.ExitHarness)
	}
	results := e.results(t)
	const want = "deploy: n1: start raftd: it ended at once; its log ends: no licence"
	if !slices.Contains(results.Harness, want) {
		t.Errorf("got %q, want %q", results.Harness, want)
	}
	for _, gate := range []string{"finished", "alive"} {
		if g := pickGate(results, gate); g.Verdict != checker.Unknown {
			t.Errorf("%s is %s: %s", gate, g.Verdict, g.Reason)
		}
	}
	log, err := os.ReadFile(filepath.Join(e.directory(), "nodes", "n1", "raftd.log"))
	if err != nil || string(log) != "no licence\n" {
		t.Errorf("the log of n1: %q, %v", log, err)
	}
}

// Goal: a run whose directory has no room left ends with one line that says so, its faults healed
// and its hosts clean; its history up to there can be judged, here and elsewhere.
// Method: a run directory on a file system of a few hundred kilobytes, in a mount namespace of its
// own; the lab is another process's, and has room.
func TestRunDirectoryIsFull(t *testing.T) {
	needRoot(t)
	l := hold(t, 3)
	before := l.inventory(t)
	parent, kept := t.TempDir(), t.TempDir()
	// What the file system held is gone with the namespace: the script takes a copy along.
	script := `mount -t tmpfs -o size=640k tmpfs "$1" || exit 99
		"$2" run "$3" --out "$1"
		code=$?
		cp -r "$1/." "$4"
		echo "verify check on the full disk:"
		"$2" check "$1/latest"
		echo "it exits $?"
		exit $code`
	command := exec.Command("sh", "-c", script, "sh", parent, binary(t, "verify"),
		"testdata/long-load.yaml", kept)
	command.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	e := follow(t, command, kept)
	began := time.Now()
	code := e.wait()
	t.Logf("exit %d after %v", code, time.Since(began).Round(time.Second))
	run, check, _ := strings.Cut(e.talk.String(), "verify check on the full disk:")
	if code != checker.ExitHarness || time.Since(began) > within {
		t.Errorf("exit %d after %v", code, time.Since(began))
	}
	if n := strings.Count(run, "  error "); n != 1 || !strings.Contains(run, "is full: ") {
		t.Errorf("%d errors, want one of the full disk", n)
	}
	if !strings.Contains(run, "hosts as they were") || !strings.Contains(run, "no fault in force") {
		t.Error("the hosts are not said to be clean")
	}
	l.awaitInventory(t, before, time.Second)
	if !strings.Contains(check, "no space left") || !strings.Contains(check, "it exits 4") {
		t.Error("verify check does not say that it could not keep its results")
	}
	if h := e.history(); len(h.Operations) < 100 || len(h.Faults) == 0 {
		t.Errorf("%d operations and %d faults were kept", len(h.Operations), len(h.Faults))
	}
	again := exec.Command(binary(t, "verify"), "check", e.directory())
	said, _ := again.CombinedOutput()
	if code := again.ProcessState.ExitCode(); code != checker.ExitInconclusive {
		t.Errorf("elsewhere verify check exits %d\n%s", code, said)
	}
}
