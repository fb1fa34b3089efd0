package inject

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests here run guard.sh as it is, against an iptables that is a few lines of shell: it keeps
// one chain a family in a file and can be made slow. So the script can be killed between any two
// steps, and no test needs a right.
const fakeIptables = `#!/bin/sh
state=$(dirname "$0")/state
tool=$(basename "$0")
family=${tool%%tables*}
sleep "$(cat "$state/delay" 2>/dev/null || echo 0)"
[ -e "$state/slow-restore" ] && case $0 in *-restore) : >"$state/started" && sleep 12 ;; esac
[ -e "$state/broken" ] && exit 1
case $tool\ $* in
*-nft*|*-legacy*) exit 0 ;;
*-restore\ *) cat >"$state/chain.$family" && : >"$state/jump.$family" && : >"$state/done" ;;
*-save\ *) cat "$state/chain.$family" 2>/dev/null || : ;;
*\ -C\ *) [ -e "$state/jump.$family" ] ;;
*\ -D\ *) rm "$state/jump.$family" ;;
*\ -X\ *) rm "$state/chain.$family" ;;
*\ -S\ *) cat "$state/chain.$family" ;;
esac
`

// Leases in hundredths of a second. The watcher looks once a second, so a host that is not clean
// long after a short lease never will be.
const (
	long  = "6000"
	short = "100"
	limit = 40 * time.Second
)

// bench is one host made of a directory.
type bench struct {
	t          *testing.T
	base, path string // ~/.gauntlet, and where the fake tools lie
	host       string // what is /run/gauntlet elsewhere
	epoch      string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{t: t, base: filepath.Join(dir, "home/.gauntlet"), path: filepath.Join(dir, "bin"),
		host: filepath.Join(dir, "run")}
	for _, d := range []string{b.root("a") + "/pids", b.root("b"), b.path + "/state"} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, family := range []string{"iptables", "ip6tables"} {
		for _, backend := range []string{"", "-nft", "-legacy"} {
			for _, tool := range []string{"", "-restore", "-save"} {
				b.write(b.path+"/"+family+backend+tool, fakeIptables)
			}
		}
	}
	b.write(b.path+"/id", "#!/bin/sh\necho 0\n")
	for _, run := range []string{"a", "b"} {
		_ = os.Mkdir(b.root(run)+"/guard", 0o700)
		b.write(b.root(run)+"/guard/guard.sh", b.script())
	}
	t.Cleanup(func() { // a watcher must not outlive its test
		_ = os.Remove(b.path + "/state/delay")
		for _, run := range []string{"a", "b"} {
			pid, _, _ := strings.Cut(b.read(b.root(run)+"/guard/watcher"), " ")
			if n, err := strconv.Atoi(pid); err == nil && n > 1 {
				_ = syscall.Kill(-n, syscall.SIGKILL)
			}
		}
	})
	return b
}

// script is the guard, with the place that it has for all runs on this bench.
func (b *bench) script() string {
	return strings.Replace(guardScript, "\nhost=/run/gauntlet\n", "\nhost="+b.host+"\n", 1)
}

func (b *bench) root(run string) string { return b.base + "/" + run }

func (b *bench) write(path, text string) {
	b.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) read(path string) string {
	text, _ := os.ReadFile(path)
	return strings.TrimSpace(string(text))
}

func (b *bench) exists(path string) bool { _, err := os.Lstat(path); return err == nil }

// command prepares a guard command of a run. It is a process group of its own.
func (b *bench) command(run string, args ...string) *exec.Cmd {
	if args[0] == "arm" {
		args = append(args, "n1", "46") // the host's name, and the kinds of addresses
	}
	c := exec.Command("sh", append([]string{b.root(run) + "/guard/guard.sh"}, args...)...)
	c.Env = append(os.Environ(), "PATH="+b.path+":"+os.Getenv("PATH"),
		"SSH_CONNECTION=10.0.0.1 1000 10.0.0.2 22")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return c
}

// run runs a guard command of run "a" and returns its output and exit status.
func (b *bench) run(args ...string) (string, int) {
	b.t.Helper()
	return b.runOf("a", args...)
}

func (b *bench) runOf(run string, args ...string) (string, int) {
	b.t.Helper()
	c := b.command(run, args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if exited, ok := errors.AsType[*exec.ExitError](err); ok {
		return strings.TrimSpace(stderr.String()), exited.ExitCode()
	} else if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(string(out)), 0
}

// must runs a guard command that has to succeed.
func (b *bench) must(args ...string) string {
	b.t.Helper()
	out, status := b.run(args...)
	if status != 0 {
		b.t.Fatalf("%v: exit %d: %s", args, status, out)
	}
	return out
}

func (b *bench) arm(lease string) {
	b.t.Helper()
	b.epoch, _, _ = strings.Cut(b.must("arm", lease), " ")
}

// silence is the last that the host hears of its controller.
func (b *bench) silence() {
	b.t.Helper()
	b.must("renew", b.epoch, short)
}

// sleeper starts a process of the run, registered as the start of a target does.
func (b *bench) sleeper(name string) (process []string, state func() string) {
	b.t.Helper()
	c := exec.Command("sleep", "300")
	if err := c.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	pid := strconv.Itoa(c.Process.Pid)
	started := statFields(pid)[19]
	b.write(b.root("a")+"/pids/"+name, pid+" "+started+"\n")
	state = func() string {
		if fields := statFields(pid); len(fields) > 19 && fields[19] == started {
			return fields[0]
		}
		return "gone"
	}
	return []string{pid, started}, state
}

func statFields(pid string) []string {
	text, _ := os.ReadFile("/proc/" + pid + "/stat")
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

func (b *bench) cut(rules string) (string, int) { return b.run("cut", b.epoch, "4", rules) }

// await waits for a condition that must come true by itself.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func (b *bench) rules() bool {
	for _, file := range []string{"chain.ip", "jump.ip", "chain.ip6", "jump.ip6"} {
		if b.exists(b.path + "/state/" + file) {
			return true
		}
	}
	return false
}

// Goal: the plain life of a guard leaves nothing. Method: every command once, its answers compared.
func TestGuardLife(t *testing.T) {
	b := newBench(t)
	b.arm(long)
	if b.epoch != "1" {
		t.Errorf("first epoch %q", b.epoch)
	}
	if out, status := b.cut("-A x -j DROP"); status != 0 || out != "" {
		t.Errorf("cut: %d %q", status, out)
	}
	want := "*filter\n:GNT-a-IN - [0:0]\n-I INPUT 1 -j GNT-a-IN\n-A x -j DROP\nCOMMIT"
	if got := b.must("counters", b.epoch, "4"); got != want {
		t.Errorf("loaded %q, want %q", got, want)
	}
	// A second load must not insert the jump again, and shows what the first one had.
	if out, _ := b.cut("-A y -j DROP"); out != want {
		t.Errorf("cut showed %q", out)
	}
	if got := b.must("counters", b.epoch, "4"); strings.Contains(got, "INPUT") {
		t.Errorf("a second jump: %q", got)
	}
	b.must("cut", b.epoch, "4", "")
	if b.rules() {
		t.Error("rules left after an empty cut")
	}
	p, state := b.sleeper("x")
	b.must("pause", b.epoch, p[0], p[1])
	await(t, "stopped", func() bool { return b.must("state", b.epoch, p[0], p[1]) == "T" })
	if resumed := b.must("resume", b.epoch, p[0], p[1]); resumed != "T" {
		t.Errorf("resume found %q", resumed)
	}
	await(t, "continued", func() bool { return state() == "S" })
	b.must("slay", b.epoch, p[0], p[1])
	await(t, "gone", func() bool { return b.must("state", b.epoch, p[0], p[1]) == "gone" })
	for _, command := range []string{"pause", "slay"} {
		if out, status := b.run(command, b.epoch, p[0], p[1]); status != 66 {
			t.Errorf("%s of a dead process: %d %s", command, status, out)
		}
	}
	b.must("renew", b.epoch, long)
	watcher := strings.Fields(b.read(b.root("a") + "/guard/watcher"))
	b.must("disarm", b.epoch)
	if b.exists(b.root("a") + "/guard") {
		t.Error("the guard's files are still there")
	}
	await(t, "the watcher ended", func() bool {
		fields := statFields(watcher[0])
		return len(fields) == 0 || fields[0] == "Z"
	})
}

// Goal: a lease that runs out undoes everything, and from then on the epoch is refused whatever it
// asks, until the guard is armed anew. Method: everything in force at once, then silence.
func TestGuardExpires(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.arm(long)
	paused, pausedState := b.sleeper("paused")
	_, otherState := b.sleeper("other")
	// A pid that was given to another process must not be hit.
	stranger, strangerState := b.sleeper("stranger")
	b.write(b.root("a")+"/pids/stranger", stranger[0]+" 1\n")
	b.cut("-A x -j DROP")
	b.must("cut", b.epoch, "6", "-A y -j DROP")
	b.must("pause", b.epoch, paused[0], paused[1])
	b.must("pause", b.epoch, stranger[0], stranger[1])
	b.silence()
	await(t, "rules removed", func() bool { return !b.rules() })
	await(t, "processes ended", func() bool { return pausedState() == "Z" && otherState() == "Z" })
	// Continued, since it was paused; not ended, since the list of processes does not mean it.
	await(t, "reverted", func() bool { return b.exists(b.root("a") + "/guard/reverted") })
	if s := strangerState(); s != "S" {
		t.Errorf("a process of the same pid is in state %q", s)
	}
	p := stranger
	for _, args := range [][]string{
		{"renew", b.epoch, "100"}, {"cut", b.epoch, "4", "-A x -j DROP"}, {"cut", b.epoch, "4", ""},
		{"counters", b.epoch, "4"}, {"pause", b.epoch, p[0], p[1]}, {"resume", b.epoch, p[0], p[1]},
		{"slay", b.epoch, p[0], p[1]}, {"state", b.epoch, p[0], p[1]}, {"check", b.epoch},
	} {
		if out, status := b.run(args...); status != exitExpired {
			t.Errorf("%v: exit %d: %s", args, status, out)
		}
	}
	if b.rules() || strangerState() != "S" {
		t.Error("a refused command did its work")
	}
	old := b.epoch
	b.arm(long)
	if b.epoch != "2" {
		t.Errorf("second epoch %q", b.epoch)
	}
	if _, status := b.run("check", old); status != exitExpired {
		t.Error("the old epoch came back to life")
	}
	b.must("check", b.epoch)
	b.must("disarm", b.epoch)
}

// Goal: a process that was just being started when the lease ran out does not outlive it either.
func TestGuardEndsLateProcesses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.arm(short)
	await(t, "reverted", func() bool { return b.exists(b.root("a") + "/guard/reverted") })
	_, state := b.sleeper("late")
	await(t, "ended", func() bool { return state() == "Z" })
	await(t, "the watcher left", func() bool { return !b.exists(b.root("a") + "/guard/watcher") })
}

// Goal: renewals keep the faults in force, and a watcher that was killed is replaced.
func TestGuardRenewed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.arm(long)
	b.cut("-A x -j DROP")
	pid, _ := strconv.Atoi(strings.Fields(b.read(b.root("a") + "/guard/watcher"))[0])
	if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for range 6 { // two leases long
		b.must("renew", b.epoch, "300")
		time.Sleep(time.Second)
	}
	if !b.rules() {
		t.Fatal("reverted although renewed")
	}
	b.silence()
	await(t, "rules removed by the second watcher", func() bool { return !b.rules() })
}

// Goal: one run per host at a time, but nobody has to wait for a run that is over.
func TestGuardRefusesSecondRun(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.arm(long)
	if out, status := b.runOf("b", "arm", long); status != exitLive || out != "a of 10.0.0.1" {
		t.Errorf("second run: exit %d: %s", status, out)
	}
	b.silence()
	await(t, "reverted", func() bool { return b.exists(b.root("a") + "/guard/reverted") })
	if out, status := b.runOf("b", "arm", long); status != 0 {
		t.Errorf("after the first: exit %d: %s", status, out)
	}
	if out, status := b.runOf("b", "disarm", "1"); status != 0 {
		t.Errorf("disarm: exit %d: %s", status, out)
	}
}

// Goal: the files being removed by a stranger frees no fault from the dead-man.
func TestGuardDeserted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.arm(long)
	b.cut("-A x -j DROP")
	watcher, err := strconv.Atoi(strings.Fields(b.read(b.root("a") + "/guard/watcher"))[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-watcher, syscall.SIGKILL) })
	if err := errors.Join(os.RemoveAll(b.host), os.RemoveAll(b.base)); err != nil {
		t.Fatal(err)
	}
	await(t, "rules removed", func() bool { return !b.rules() })
}

// Goal: an iptables-restore that outlives both its shell and the lease is waited for. Method: it
// takes twelve seconds, and the shell is killed once it has begun.
func TestGuardWaitsForOrphan(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.arm(long)
	b.must("renew", b.epoch, "500")
	b.write(b.path+"/state/slow-restore", "")
	c := b.command("a", "cut", b.epoch, "4", "-A x -j DROP")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "the restore began", func() bool { return b.exists(b.path + "/state/started") })
	_ = c.Process.Kill()
	_ = c.Wait()
	await(t, "the orphan ended", func() bool { return b.exists(b.path + "/state/done") })
	await(t, "rules removed", func() bool { return !b.rules() })
}

// Goal: what cannot be written down is not done. Method: a journal that cannot be
// written, as on a full disk.
func TestGuardWritesIntentFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.arm(long)
	p, state := b.sleeper("x")
	list := b.root("a") + "/guard/journal"
	if err := errors.Join(os.Remove(list), os.Mkdir(list, 0o700)); err != nil {
		t.Fatal(err)
	}
	if out, status := b.run("pause", b.epoch, p[0], p[1]); status == 0 || state() == "T" {
		t.Errorf("pause: exit %d, state %s: %s", status, state(), out)
	}
	if out, status := b.cut("-A x -j DROP"); status == 0 || b.rules() {
		t.Errorf("cut without a journal: exit %d: %s", status, out)
	}
	if err := os.Remove(list); err != nil {
		t.Fatal(err)
	}
	rules := b.root("a") + "/guard/rules"
	if err := os.Mkdir(rules, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, status := b.cut("-A x -j DROP"); status == 0 || b.rules() {
		t.Errorf("cut: exit %d: %s", status, out)
	}
}

// Goal: kill -9 at any instant of any command, of the shell alone or with its children, is undone
// by the watcher within the lease. Method: an iptables so slow that the kill meets every step of
// the script in turn; then silence, and the host must become clean.
func TestGuardKilledAnywhere(t *testing.T) {
	commands := map[string]func(b *bench, p []string) []string{
		"arm":    func(b *bench, p []string) []string { return []string{"arm", short} },
		"renew":  func(b *bench, p []string) []string { return []string{"renew", b.epoch, short} },
		"cut":    func(b *bench, p []string) []string { return []string{"cut", b.epoch, "4", "-A y"} },
		"uncut":  func(b *bench, p []string) []string { return []string{"cut", b.epoch, "4", ""} },
		"pause":  func(b *bench, p []string) []string { return []string{"pause", b.epoch, p[0], p[1]} },
		"resume": func(b *bench, p []string) []string { return []string{"resume", b.epoch, p[0], p[1]} },
		"slay":   func(b *bench, p []string) []string { return []string{"slay", b.epoch, p[0], p[1]} },
	}
	for name, command := range commands {
		for step := range 4 {
			for _, alone := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%d/%v", name, step, alone), func(t *testing.T) {
					t.Parallel()
					delay := time.Duration(step*step) * 35 * time.Millisecond
					killGuard(t, command, delay, alone)
				})
			}
		}
	}
}

func killGuard(
	t *testing.T, command func(*bench, []string) []string, delay time.Duration, alone bool,
) {
	b := newBench(t)
	b.arm(long)
	b.cut("-A x -j DROP")
	p, state := b.sleeper("x")
	first, firstState := b.sleeper("first")
	b.must("pause", b.epoch, first[0], first[1])
	b.must("renew", b.epoch, "300")
	b.write(b.path+"/state/delay", "0.07")
	c := b.command("a", command(b, p)...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(delay)
	pid := c.Process.Pid
	if !alone {
		pid = -pid
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	_ = c.Wait()
	await(t, "rules removed", func() bool { return !b.rules() })
	await(t, "processes ended", func() bool { return state() == "Z" && firstState() == "Z" })
	await(t, "reverted", func() bool { return b.exists(b.root("a") + "/guard/reverted") })
	// An orphan of the killed shell must not bring a rule back: once the lock is free, none is left.
	taken := exec.Command("flock", "-w", "10", b.host+"/lock", "true")
	if out, err := taken.CombinedOutput(); err != nil {
		t.Fatalf("the lock is still held: %v %s", err, out)
	}
	if b.rules() {
		t.Error("a rule came back after the revert")
	}
}
