package inject

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// heal runs the guard's text as Recover does: brought along, not found on the host.
func (b *bench) heal(force string) Healed {
	b.t.Helper()
	c := b.healing(force)
	out, err := c.Output()
	if err != nil {
		b.t.Fatalf("heal: %v: %s", err, out)
	}
	healed, err := parseHealed(string(out))
	if err != nil {
		b.t.Fatal(err)
	}
	return healed
}

func (b *bench) healing(force string) *exec.Cmd {
	c := b.command("a", "heal", filepath.Dir(b.base), force)
	c.Args = append([]string{"sh", "-c", b.script(), "sh"}, c.Args[2:]...)
	return c
}

// spotless fails the test unless nothing of run a is left on the bench.
func (b *bench) spotless(states ...func() string) {
	b.t.Helper()
	if b.rules() {
		b.t.Error("rules are left")
	}
	for _, state := range states {
		if s := state(); s != "Z" && s != "gone" {
			b.t.Errorf("a process is left in state %s", s)
		}
	}
	for _, path := range []string{b.root("a"), b.host + "/holder", b.host + "/runs/a"} {
		if b.exists(path) {
			b.t.Errorf("%s is left", path)
		}
	}
}

// Goal: everything a run did is undone from its journal, said in words, and only once. Method:
// every deed, then silence without a watcher, then heal twice.
func TestHeal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.remove("b")
	b.arm(long)
	paused, pausedState := b.sleeper("paused")
	_, otherState := b.sleeper("other")
	b.cut("-A x -j DROP")
	b.must("cut", b.epoch, "6", "-A y -j DROP")
	b.must("pause", b.epoch, paused[0], paused[1])
	b.killWatcher()
	b.must("renew", b.epoch, "1")
	b.killWatcher()
	time.Sleep(50 * time.Millisecond)
	healed := b.heal("")
	said := strings.Join(healed.Did, "\n")
	for _, want := range []string{"removed the iptables chain GNT-a-IN",
		"removed the ip6tables chain GNT-a-IN", "continued process " + paused[0],
		"ended process " + paused[0] + " (paused)", "(other)", "removed the files in " + b.root("a")} {
		if !strings.Contains(said, "run a: ") || !strings.Contains(said, want) {
			t.Errorf("not said: %s\n%s", want, said)
		}
	}
	if len(healed.Left)+len(healed.Live) != 0 {
		t.Errorf("not clean: %+v", healed)
	}
	b.spotless(pausedState, otherState)
	if again := b.heal(""); len(again.Did)+len(again.Left)+len(again.Live) != 0 {
		t.Errorf("the second time: %+v", again)
	}
	// Nobody who acts for the run gets in again.
	b.write(b.mkdir("a")+"/guard.sh", b.script())
	if out, status := b.run("arm", long); status != exitEnded {
		t.Errorf("arm after heal: exit %d: %s", status, out)
	}
}

func (b *bench) mkdir(run string) string {
	b.t.Helper()
	guard := b.root(run) + "/guard"
	if err := os.MkdirAll(guard, 0o700); err != nil {
		b.t.Fatal(err)
	}
	return guard
}

func (b *bench) remove(run string) {
	b.t.Helper()
	if err := os.RemoveAll(b.root(run)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) killWatcher() {
	b.t.Helper()
	var pid int
	if _, err := fmt.Sscan(b.read(b.root("a")+"/guard/watcher"), &pid); err != nil {
		b.t.Fatal(err)
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
}

// Goal: a run that its controller holds is left alone, unless it is to be ended by force; then its
// controller can do nothing any more. Method: a live lease, another run's name as force, its own.
func TestHealLive(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.remove("b")
	b.arm(long)
	_, state := b.sleeper("x")
	b.cut("-A x -j DROP")
	for _, force := range []string{"", "b"} {
		healed := b.heal(force)
		if len(healed.Live) != 1 || len(healed.Did) != 0 || len(healed.Left) != 0 ||
			!strings.HasPrefix(healed.Live[0], "run a of 10.0.0.1, whose lease has ") {
			t.Errorf("force %q: %+v", force, healed)
		}
	}
	if !b.rules() || state() != "S" {
		t.Fatal("a live run was touched")
	}
	b.must("check", b.epoch)
	if healed := b.heal("a"); len(healed.Live)+len(healed.Left) != 0 {
		t.Errorf("by force: %+v", healed)
	}
	b.spotless(state)
	// As if the controller had its files again.
	b.write(b.mkdir("a")+"/guard.sh", b.script())
	b.write(b.root("a")+"/guard/epoch", b.epoch+"\n")
	for _, args := range [][]string{{"renew", b.epoch, long}, {"cut", b.epoch, "4", "-A x -j DROP"},
		{"check", b.epoch}, {"disarm", b.epoch}} {
		if out, status := b.run(args...); status != exitEnded {
			t.Errorf("%v after heal: exit %d: %s", args, status, out)
		}
	}
}

// Goal: what cannot be undone is said, and healed the next time. Method: an iptables that fails.
func TestHealNotClean(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.remove("b")
	b.arm(long)
	b.cut("-A x -j DROP")
	b.killWatcher()
	b.write(b.path+"/state/broken", "")
	healed := b.heal(ForceAll)
	if len(healed.Left) == 0 ||
		healed.Left[0] != "run a: the iptables chain GNT-a-IN cannot be removed" {
		t.Errorf("with a broken iptables: %+v", healed)
	}
	if err := os.Remove(b.path + "/state/broken"); err != nil {
		t.Fatal(err)
	}
	if healed := b.heal(""); len(healed.Left) != 0 {
		t.Errorf("with iptables repaired: %+v", healed)
	}
	b.spotless()
}

// Goal: after a boot no pid means what it meant, and no lease holds. Method: the boot that was
// written down is another.
func TestHealAfterBoot(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.remove("b")
	b.arm(long)
	p, state := b.sleeper("stranger")
	b.must("pause", b.epoch, p[0], p[1])
	b.killWatcher()
	now := b.read("/proc/sys/kernel/random/boot_id")
	for _, file := range []string{"lease", "journal"} {
		path := b.root("a") + "/guard/" + file
		b.write(path, strings.ReplaceAll(b.read(path), now, "another-boot")+"\n")
	}
	if err := os.RemoveAll(b.host); err != nil { // as a boot does to /run
		t.Fatal(err)
	}
	if out, status := b.run("renew", b.epoch, long); status != exitExpired {
		t.Errorf("renew over a boot: exit %d: %s", status, out)
	}
	healed := b.heal("")
	if len(healed.Live)+len(healed.Left) != 0 || len(healed.Did) != 1 {
		t.Errorf("healed %+v", healed)
	}
	if s := state(); s != "T" {
		t.Errorf("a process of this boot was touched: state %s", s)
	}
	b.spotless()
}

// Goal: rules without a run that answers for them are ours by their name, and go; a live run's and
// a stranger's stay. Method: a chain whose run nobody knows.
func TestHealStrayChain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.remove("a")
	b.remove("b")
	b.write(b.path+"/state/chain.ip", "*filter\n:GNT-cafe-IN - [0:0]\n")
	b.write(b.path+"/state/chain.ip6", "*filter\n:MY-GNT-cafe-IN - [0:0]\n")
	healed := b.heal("")
	if len(healed.Did) != 1 || len(healed.Left) != 0 ||
		!strings.Contains(healed.Did[0], "GNT-cafe-IN, which nobody answered for") {
		t.Errorf("%+v", healed)
	}
	if b.exists(b.path+"/state/chain.ip") || !b.exists(b.path+"/state/chain.ip6") {
		t.Error("the wrong chain is gone")
	}
}

// Goal: kill -9 of heal at any instant, alone or with its children, leaves a host that the next
// heal cleans; and the watcher never leaves before the rules are gone. Method: slow tools.
func TestHealKilledAnywhere(t *testing.T) {
	for step := range 10 {
		for _, alone := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d/%v", step, alone), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				b.arm(long)
				b.cut("-A x -j DROP")
				p, state := b.sleeper("x")
				b.must("pause", b.epoch, p[0], p[1])
				b.write(b.path+"/state/delay", "0.05")
				c := b.healing(ForceAll)
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(step) * 70 * time.Millisecond)
				pid := c.Process.Pid
				if !alone {
					pid = -pid
				}
				_ = syscall.Kill(pid, syscall.SIGKILL)
				_ = c.Wait()
				if step%2 == 0 { // by the watcher: force has ended the lease, or has not begun
					if _, status := b.run("check", b.epoch); status != 0 {
						await(t, "rules removed", func() bool { return !b.rules() })
						await(t, "process ended", func() bool { return state() == "Z" })
					}
				}
				if healed := b.heal(ForceAll); len(healed.Left)+len(healed.Live) != 0 {
					t.Errorf("the next heal: %+v", healed)
				}
				b.spotless(state)
			})
		}
	}
}

// Goal: a start that races with heal leaves no process, wherever it is when its run is healed.
// Method: process.sh's own order, register, look, run, against heal, over and over.
func TestHealRacesWithStart(t *testing.T) {
	t.Parallel()
	for i := range 12 {
		b := newBench(t)
		b.arm(long)
		starter := exec.Command("sh", "-c", `root=$1 host=$2
			line=$(cat /proc/$$/stat) && set -- ${line##*) } && sleep "0.0$3"
			echo "$$ ${20}" >"$root/pids/late" || exit 1
			[ ! -e "$root/guard/reverted" ] && [ ! -e "$host/ended/a" ] || exit 1
			exec sleep 300`, "sh", b.root("a"), b.host)
		starter.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := starter.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = starter.Wait(); close(ended) }()
		time.Sleep(time.Duration(i) * 3 * time.Millisecond)
		b.heal("a")
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			_ = starter.Process.Kill()
			t.Fatalf("round %d: a process outlives the heal of its run", i)
		}
		b.spotless()
	}
}

// Goal: one run has the host, however many ask at once. Method: ten controllers arm together, again
// and again.
func TestArmTogether(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const rivals = 10
	results := make(chan int, rivals)
	for i := range rivals {
		run := fmt.Sprintf("r%d", i)
		b.write(b.mkdir(run)+"/guard.sh", b.script())
		go func() {
			c := b.command(run, "arm", long)
			_ = c.Run()
			results <- c.ProcessState.ExitCode()
		}()
	}
	won := 0
	for range rivals {
		switch status := <-results; status {
		case 0:
			won++
		case exitLive:
		default:
			t.Errorf("exit %d", status)
		}
	}
	if won != 1 {
		t.Errorf("%d runs have the host", won)
	}
	if healed := b.heal(ForceAll); len(healed.Left)+len(healed.Live) != 0 ||
		b.exists(b.host+"/holder") {
		t.Errorf("healed %+v, yet the host is held by %q", healed, b.read(b.host+"/holder"))
	}
}

// Goal: a run whose lease ran out and that nobody undid is undone before the next one gets the
// host, and if that fails the next one is refused by its name. Method: no watcher, and an iptables
// that fails at first.
func TestArmAfterCrash(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.arm(long)
	_, state := b.sleeper("x")
	b.cut("-A x -j DROP")
	b.killWatcher()
	b.must("renew", b.epoch, "1")
	b.killWatcher()
	time.Sleep(50 * time.Millisecond)
	b.write(b.path+"/state/broken", "")
	if out, status := b.runOf("b", "arm", long); status != exitStale || out != "a" {
		t.Errorf("over rules that stay: exit %d: %s", status, out)
	}
	if err := os.Remove(b.path + "/state/broken"); err != nil {
		t.Fatal(err)
	}
	if out, status := b.runOf("b", "arm", long); status != 0 {
		t.Errorf("exit %d: %s", status, out)
	}
	if b.rules() || state() != "Z" || b.read(b.host+"/holder") != "b" {
		t.Errorf("rules %v, process %s, holder %s", b.rules(), state(), b.read(b.host+"/holder"))
	}
	if _, status := b.run("check", b.epoch); status != exitExpired {
		t.Error("the run before came back to life")
	}
	if out, status := b.runOf("b", "disarm", "1"); status != 0 {
		t.Errorf("disarm: exit %d: %s", status, out)
	}
}

// Goal: a host that stands in the inventory twice is refused by name.
func TestArmTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.arm(long)
	c := b.command("a", "arm", long)
	c.Args[4] = "n2"
	if out, _ := c.CombinedOutput(); c.ProcessState.ExitCode() != exitTwice ||
		strings.TrimSpace(string(out)) != "n1" {
		t.Errorf("exit %d: %s", c.ProcessState.ExitCode(), out)
	}
	b.must("check", b.epoch)
	b.must("disarm", b.epoch)
}

// Goal: a torn journal hides nothing that was done. Method: half a line, as a full disk leaves,
// then more deeds.
func TestJournalTorn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.arm(long)
	p, state := b.sleeper("x")
	path := b.root("a") + "/guard/journal"
	torn, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(torn, "pause 1")
	torn.Close()
	b.must("pause", b.epoch, p[0], p[1])
	if lines := strings.Split(b.read(path), "\n"); len(lines) != 3 ||
		lines[2] != "pause "+p[0]+" "+p[1] {
		t.Errorf("journal %q", lines)
	}
	if healed := b.heal("a"); !strings.Contains(strings.Join(healed.Did, "\n"), "continued process") {
		t.Errorf("healed %+v", healed)
	}
	b.spotless(state)
}

// Goal: an answer that was cut short is never taken for a clean host.
func TestParseHealed(t *testing.T) {
	healed, err := parseHealed("did run a: x\nleft run a: y\nlive run b of z\nhealed\n")
	if err != nil || len(healed.Did) != 1 || len(healed.Left) != 1 || len(healed.Live) != 1 {
		t.Errorf("%+v: %v", healed, err)
	}
	for text, want := range map[string]string{
		"":                 "the answer ends too early",
		"did x\n":          "the answer ends too early",
		"did x":            `answer "did x" was cut short`,
		"healed":           `answer "healed" was cut short`,
		"sudo: hm\nhealed": `unexpected answer "sudo: hm"`,
	} {
		if _, err := parseHealed(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Goal: kill -9 of disarm at any instant leaves a host that is clean within the lease, that the
// next run can have, and that heal makes spotless. Method: slow tools, and a process that the
// target has forgotten.
func TestDisarmKilledAnywhere(t *testing.T) {
	for step := range 8 {
		for _, alone := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d/%v", step, alone), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				b.arm(long)
				b.cut("-A x -j DROP")
				b.must("renew", b.epoch, "400")
				b.write(b.path+"/state/delay", "0.05")
				c := b.command("a", "disarm", b.epoch)
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(step) * 60 * time.Millisecond)
				pid := c.Process.Pid
				if !alone {
					pid = -pid
				}
				_ = syscall.Kill(pid, syscall.SIGKILL)
				_ = c.Wait()
				await(t, "rules removed", func() bool { return !b.rules() })
				await(t, "the host is free", func() bool {
					_, status := b.runOf("b", "arm", long)
					return status == 0
				})
				if out, status := b.runOf("b", "disarm", "1"); status != 0 {
					t.Errorf("disarm of the next run: exit %d: %s", status, out)
				}
				if healed := b.heal(ForceAll); len(healed.Left)+len(healed.Live) != 0 {
					t.Errorf("heal: %+v", healed)
				}
				b.spotless()
			})
		}
	}
}

// fakeTcpdump writes its file as the real one does, and stays.
const fakeTcpdump = `#!/bin/sh
while [ "$1" != -w ]; do shift; done
echo header >"$2"
exec sleep 300
`

// Goal: a capture never outlives its fault, its run or its guard, and there is an end to the room
// it takes. Method: a tcpdump that would run for ever, ended in each way; then one that fails.
func TestGuardCapture(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write(b.path+"/tcpdump", fakeTcpdump)
	b.arm(long)
	begin := func(name string) (state func() string) {
		t.Helper()
		b.must("capture", b.epoch, name, "10", "1000", "tcp port 1")
		pid, started, _ := strings.Cut(b.read(b.root("a")+"/guard/captures/"+name), " ")
		return func() string {
			if fields := statFields(pid); len(fields) > 19 && fields[19] == started {
				return fields[0]
			}
			return "gone"
		}
	}
	ended := func(state func() string) func() bool {
		return func() bool { s := state(); return s == "Z" || s == "gone" }
	}
	first := begin("first")
	if ended(first)() {
		t.Fatal("it does not run")
	}
	b.must("uncapture", b.epoch, "first")
	await(t, "ended with its fault", ended(first))
	b.must("uncapture", b.epoch, "first")
	if b.read(b.root("a")+"/capture/first.pcap") != "header" {
		t.Error("what was captured is gone")
	}
	if out, status := b.run("capture", b.epoch, "big", "10", "0", "x"); status != 65 ||
		out != "no room" {
		t.Errorf("without room: exit %d: %s", status, out)
	}
	second := begin("second")
	b.silence()
	await(t, "ended with the lease", ended(second))
	b.arm(long)
	third := begin("third")
	b.must("disarm", b.epoch)
	await(t, "ended with the guard", ended(third))
	b.write(b.mkdir("a")+"/guard.sh", b.script())
	b.arm(long)
	fourth := begin("fourth")
	b.write(b.path+"/tcpdump", "#!/bin/sh\necho no such device >&2\nexit 1\n")
	if out, status := b.run("capture", b.epoch, "fifth", "10", "1000", "x"); status != 70 ||
		out != "no such device" {
		t.Errorf("a tcpdump that fails: exit %d: %s", status, out)
	}
	b.heal(ForceAll)
	b.spotless(fourth)
}
