package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// testParts are other parts that the test binary plays, by its first argument.
var testParts = map[string]func([]string){
	"test-controller": testController,
	"test-up":         testUp,
	"test-forbidden":  testForbidden,
}

// testController starts a lab in the directory given, says what it is, and waits to be killed.
func testController(args []string) {
	l, err := Start(context.Background(), Options{Hosts: 3, Dir: args[0]})
	if err == nil {
		_, err = l.Acquire("run of the dead")
	}
	if err == nil {
		var s Status
		s, err = l.Status()
		json.NewEncoder(os.Stdout).Encode(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

// testUp leaves a held lab behind and ends.
func testUp(args []string) {
	if _, err := Up(context.Background(), Options{Hosts: 2, Dir: args[0]}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// testForbidden is testController where nobody may make a network namespace.
func testForbidden(args []string) {
	if err := os.WriteFile("/proc/sys/user/max_net_namespaces", []byte("0"), 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	testController(args)
}

// startController runs testController in another process.
func startController(t *testing.T) (*exec.Cmd, Status) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "test-controller", t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	var s Status
	line, _ := bufio.NewReader(out).ReadBytes('\n')
	if err := json.Unmarshal(line, &s); err != nil {
		t.Fatal(err)
	}
	return cmd, s
}

// footprint is everything that a lab has on the machine, taken while it lives.
type footprint struct {
	processes  map[int]string  // start time by number
	namespaces map[string]bool // "net:[4026532281]"
	mounts     string          // of this process: a lab must never add to them
	last       int             // start time of the youngest of the processes, in clock ticks
}

// footprintOf finds the processes at and below pid, and the namespaces that are not ours too.
func footprintOf(t *testing.T, pid int) footprint {
	t.Helper()
	f := footprint{map[int]string{}, map[string]bool{}, mounts(t), 0}
	children := map[int][]int{}
	for _, p := range allProcesses() {
		if fields := stat(p); fields != nil {
			parent, _ := strconv.Atoi(fields[1])
			children[parent] = append(children[parent], p)
		}
	}
	ours := namespacesOf(os.Getpid())
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		p := queue[0]
		queue = append(queue, children[p]...)
		if fields := stat(p); fields != nil {
			f.processes[p] = fields[19]
			f.last = max(f.last, started(fields))
		}
		for _, n := range namespacesOf(p) {
			if !slices.Contains(ours, n) {
				f.namespaces[n] = true
			}
		}
	}
	return f
}

// left lists what of f still exists. The kernel gives the number of a dead namespace to the next
// one that anybody makes, so a younger process in it is a stranger.
func (f footprint) left(t *testing.T) []string {
	var left []string
	for p, start := range f.processes {
		if fields := stat(p); fields != nil && fields[19] == start {
			left = append(left, fmt.Sprintf("process %d", p))
		}
	}
	for _, p := range allProcesses() {
		fields := stat(p)
		for _, n := range namespacesOf(p) {
			if f.namespaces[n] && fields != nil && started(fields) <= f.last {
				left = append(left, fmt.Sprintf("%s, of process %d", n, p))
			}
		}
	}
	if mounts(t) != f.mounts {
		left = append(left, "mounts")
	}
	return left
}

// mustVanish waits until nothing of f is left.
func (f footprint) mustVanish(t *testing.T) {
	t.Helper()
	if len(f.processes) < 3 || len(f.namespaces) < 8 {
		t.Fatalf("footprint too small to prove anything: %+v", f)
	}
	await(t, func() error {
		if left := f.left(t); len(left) > 0 {
			return fmt.Errorf("left: %s", strings.Join(left, "; "))
		}
		return nil
	})
}

func await(t *testing.T, done func() error) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := done()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func allProcesses() []int {
	names, _ := filepath.Glob("/proc/[0-9]*")
	var all []int
	for _, name := range names {
		p, _ := strconv.Atoi(filepath.Base(name))
		all = append(all, p)
	}
	return all
}

// stat returns the fields of /proc/PID/stat from the third, the state, on; nil if there is no such
// process, or only its number is left, for the machine's pid 1 to collect when it pleases.
func stat(pid int) []string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, found := strings.Cut(string(data), ") ")
	if !found || strings.HasPrefix(rest, "Z") {
		return nil
	}
	return strings.Fields(rest)
}

// started takes the start time, in clock ticks since the machine's boot, out of stat's fields.
func started(fields []string) int {
	ticks, _ := strconv.Atoi(fields[19])
	return ticks
}

func namespacesOf(pid int) []string {
	names, _ := filepath.Glob(fmt.Sprintf("/proc/%d/ns/*", pid))
	var all []string
	for _, name := range names {
		if n, err := os.Readlink(name); err == nil {
			all = append(all, n)
		}
	}
	return all
}

func mounts(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Goal: Close leaves nothing, not even what was detached on a host. Method: footprint before and
// after; no waiting, because Close promises to have waited.
func TestCloseLeavesNothing(t *testing.T) {
	l := startLab(t, 3)
	sh(t, l, "n1", "setsid sleep 1000 </dev/null >/dev/null 2>&1 &")
	s, err := l.Status()
	if err != nil {
		t.Fatal(err)
	}
	f := footprintOf(t, s.PID)
	if len(f.processes) != 1+3*2+1 {
		t.Errorf("%d processes, want init, two a host, and a sleep", len(f.processes))
	}
	l.Close()
	if left := f.left(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if _, err := l.Dial(t.Context(), "tcp", "198.18.0.11:22"); !errors.Is(err, errGone) {
		t.Errorf("dial in a closed lab: %v", err)
	}
	if _, err := os.Stat(l.KeyFile()); err == nil {
		t.Error("the key is left")
	}
}

// Goal: a run's lab dies with its controller, whatever state the lab is in. Method: kill -9 the
// controller; once with lab init working, once with it stopped, when only the kernel can end it.
func TestControllerKilled(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		t.Run(fmt.Sprintf("stopped=%v", stopped), func(t *testing.T) {
			cmd, s := startController(t)
			f := footprintOf(t, s.PID)
			if stopped {
				unix.Kill(s.PID, unix.SIGSTOP)
			}
			cmd.Process.Kill()
			f.mustVanish(t)
		})
	}
}

// Goal: the end of the life line ends the lab by itself, should the parent-death signal be lost.
func TestLifeLineCut(t *testing.T) {
	l := startLab(t, 2)
	s, err := l.Status()
	if err != nil {
		t.Fatal(err)
	}
	f := footprintOf(t, s.PID)
	l.tree.root.close()
	f.mustVanish(t)
}

// Goal: the lab survives what a terminal does to a controller. Method: interrupt and stop its
// process group, as Ctrl-C and Ctrl-Z do; nothing of the lab may belong to it.
func TestTerminalSignalsPassBy(t *testing.T) {
	l := startLab(t, 1)
	s, err := l.Status()
	if err != nil {
		t.Fatal(err)
	}
	for p := range footprintOf(t, s.PID).processes {
		if group, err := unix.Getpgid(p); err != nil || group == unix.Getpgrp() {
			t.Errorf("process %d is in the controller's group: %v", p, err)
		}
	}
}

// Goal: commands start with default signal actions, even in the lab of a run under nohup.
func TestIgnoredSignalsAreNotInherited(t *testing.T) {
	signal.Ignore(unix.SIGHUP, unix.SIGINT, unix.SIGTSTP)
	defer signal.Reset(unix.SIGHUP, unix.SIGINT, unix.SIGTSTP)
	l := startLab(t, 1)
	const standard = 1<<31 - 1 // signals 1 to 31: the C library keeps some of the others to itself
	for _, name := range []string{"SigIgn", "SigBlk"} {
		got := sh(t, l, "n1", "sed -n s/^"+name+":.//p /proc/self/status")
		if mask, err := strconv.ParseUint(got, 16, 64); err != nil || mask&standard != 0 {
			t.Errorf("%s of a command is %s", name, got)
		}
	}
}

// Goal: the death of lab init leaves nothing, and the controller learns of it.
func TestInitKilled(t *testing.T) {
	l := startLab(t, 3)
	s, err := l.Status()
	if err != nil {
		t.Fatal(err)
	}
	f := footprintOf(t, s.PID)
	unix.Kill(s.PID, unix.SIGKILL)
	f.mustVanish(t)
	if _, err := l.Dial(t.Context(), "tcp", "198.18.0.11:22"); !errors.Is(err, errGone) {
		t.Errorf("dial in a dead lab: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// Goal: one host's death is seen, and no other's business. Method: kill its pid 1, and in another
// host the SSH server, from inside.
func TestHostKilled(t *testing.T) {
	l := startLab(t, 3)
	c, err := l.login(t.Context(), "n2")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if out, err := run(c, "kill -9 $PPID; sleep 100"); err == nil {
		t.Errorf("the command outlived its host: %s", out)
	}
	await(t, func() error {
		if s, err := l.Status(); err != nil || !slices.Equal(s.Dead, []string{"n2"}) {
			return fmt.Errorf("%+v, %v", s, err)
		}
		return nil
	})
	if got := sh(t, l, "n3", "hostname"); got != "n3" {
		t.Errorf("n3 answers %q", got)
	}
}

// holdLab points the state directory to a place of the test's own, and holds a lab there.
func holdLab(t *testing.T) (*Lab, Status) {
	t.Helper()
	t.Setenv("XDG_STATE_HOME", filepath.Join(t.TempDir(), strings.Repeat("deep", 30)))
	cmd := exec.Command("/proc/self/exe", "test-up", filepath.Join(t.TempDir(), "held"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l, ok, err := Attach()
	if err != nil || !ok {
		t.Fatalf("attach: %v, %v", ok, err)
	}
	t.Cleanup(func() { l.Down() })
	s, err := l.Status()
	if err != nil {
		t.Fatal(err)
	}
	return l, s
}

// Goal: a held lab outlives who made it, is one for all, and ends when told to.
func TestUpAndDown(t *testing.T) {
	l, s := holdLab(t)
	f := footprintOf(t, s.PID)
	if got := sh(t, l, "n2", "hostname"); got != "n2" {
		t.Errorf("n2 answers %q", got)
	}
	other, ok, err := Attach()
	if err != nil || !ok {
		t.Fatalf("second attach: %v, %v", ok, err)
	}
	release, err := l.Acquire("aaaa")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Acquire("bbbb"); err == nil {
		t.Error("two runs hold the lab")
	}
	release()
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	var explained *Error
	_, err = Up(t.Context(), Options{Hosts: 1, Dir: t.TempDir()})
	if !errors.As(err, &explained) || explained.Hint == "" {
		t.Errorf("second up: %v", err)
	}
	if err := l.Down(); err != nil {
		t.Fatal(err)
	}
	if left := f.left(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if _, ok, err := Attach(); ok || err != nil {
		t.Errorf("attach after down: %v, %v", ok, err)
	}
	if err := l.Down(); !errors.Is(err, errGone) {
		t.Errorf("second down: %v", err)
	}
}

// Goal: a user holds at most one lab, even if several come up at once.
func TestUpAtOnce(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	const attempts = 4
	results := make(chan error)
	for range attempts {
		dir := t.TempDir()
		go func() {
			_, err := Up(t.Context(), Options{Hosts: 1, Dir: dir})
			results <- err
		}()
	}
	won := 0
	for range attempts {
		var explained *Error
		if err := <-results; err == nil {
			won++
		} else if !errors.As(err, &explained) || explained.Hint == "" {
			t.Errorf("a late one got %v", err)
		}
	}
	l, ok, err := Attach()
	if won != 1 || !ok || err != nil {
		t.Fatalf("%d of %d came up; attach: %v, %v", won, attempts, ok, err)
	}
	if err := l.Down(); err != nil {
		t.Error(err)
	}
}

// Goal: kill -9 of the supervisor takes the lab along, and the next one can come up.
func TestSupervisorKilled(t *testing.T) {
	_, s := holdLab(t)
	fields := stat(s.PID)
	supervisor, _ := strconv.Atoi(fields[1])
	f := footprintOf(t, supervisor)
	unix.Kill(supervisor, unix.SIGKILL)
	f.mustVanish(t)
	if _, ok, err := Attach(); ok || err != nil {
		t.Errorf("attach to the dead: %v, %v", ok, err)
	}
	l, err := Up(t.Context(), Options{Hosts: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Down(); err != nil {
		t.Error(err)
	}
}

// Goal: a run that dies gives the held lab back. Method: kill -9 a process that acquired it.
func TestHolderKilled(t *testing.T) {
	l := startLab(t, 1)
	c, a, _, err := l.ask(t.Context(), request{Op: opAcquire, Run: "dead"})
	if err != nil || a.Error != "" {
		t.Fatal(err, a)
	}
	c.close() // what the kernel does for the dead
	await(t, func() error {
		release, err := l.Acquire("next")
		if err == nil {
			release()
		}
		return err
	})
}

// Goal: an attempt that is called off leaves nothing, whenever that is.
func TestStartCancelled(t *testing.T) {
	for i := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*4*time.Millisecond)
		l, err := Start(ctx, Options{Hosts: 3, Dir: t.TempDir()})
		if err == nil {
			l.Close()
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %d ms: %v", i*4, err)
		}
		cancel()
	}
	await(t, func() error {
		for _, p := range allProcesses() {
			data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p))
			parent := stat(p)
			if strings.Contains(string(data), "\x00"+roleInit) && parent != nil &&
				parent[1] == strconv.Itoa(os.Getpid()) {
				return fmt.Errorf("process %d is left", p)
			}
		}
		return nil
	})
}

// Goal: where namespaces are not allowed, that is what the error says. Method: a user namespace
// whose quota of network namespaces is nothing.
func TestNamespacesForbidden(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "test-forbidden", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	rootless(cmd.SysProcAttr)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "this machine does not allow a lab") {
		t.Errorf("%v: %s", err, out)
	}
}

// Goal: all of this holds for an ordinary user too. Method: run this test binary as nobody. For an
// ordinary user the other tests are that proof already.
func TestAsOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	const nobody = 65534
	dir, err := os.MkdirTemp("", "lab-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	// Through /proc/self/exe, because the way to the test binary may be closed to nobody.
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.timeout=2m", "-test.run=^Test")
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: nobody, Gid: nobody},
	}
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS") < 15 {
		t.Errorf("%v\n%s", err, out)
	}
}
