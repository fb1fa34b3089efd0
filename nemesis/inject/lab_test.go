package inject

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/history"
	"gauntlet/lab"
	"gauntlet/nemesis"
	"gauntlet/target"
)

// The tests here use real rules and real processes on hosts of a lab. Each host runs a "node" that
// is a shell loop; what the peers of a real target say to each other comes from chatter.
const (
	run        = "0badcafe"
	peerPort   = 4401
	clientPort = 4402 // where nobody listens: who is let through is refused at once
)

type world struct {
	*Injector
	t       *testing.T
	hosts   []*target.Host
	configs []target.HostConfig
	dial    target.DialFunc // from where clients are
}

// config is that of an Injector whose clients come to a port.
func (w *world) config(clients int, lease time.Duration) Config {
	return Config{Run: run, Hosts: w.hosts, PeerPort: peerPort, TTL: lease, Process: process,
		Start: start, Dial: w.dial, ClientAddress: func(h *target.Host) string {
			return net.JoinHostPort(h.Address(), fmt.Sprint(clients))
		}}
}

// newWorld makes a lab, with the Injector not yet armed.
func newWorld(t *testing.T, hosts int, lease time.Duration) *world {
	t.Helper()
	return newWorldOf(t, hosts, lease, false)
}

func newWorldOf(t *testing.T, hosts int, lease time.Duration, lossy bool) *world {
	t.Helper()
	// The lab's hosts look there too, whatever the PATH of an ordinary user says.
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	if _, err := exec.LookPath("iptables"); err != nil {
		t.Fatal("these tests need iptables: install the package iptables")
	}
	l, err := lab.Start(t.Context(), lab.Options{Hosts: hosts, Dir: t.TempDir(), Lossy: lossy})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w := &world{t: t, dial: l.Dial}
	for _, h := range l.Hosts() {
		address := h.Address.String()
		config := target.HostConfig{
			Name: h.Name, Address: address, SSH: fmt.Sprintf("%s:%d", address, h.SSHPort),
			User: h.User, KeyFile: l.KeyFile(), KnownHosts: l.KnownHostsFile(), Dial: l.Dial,
			Cluster: lab.Cluster, Disk: h.Disk,
		}
		host, err := target.Connect(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(host.Close)
		w.hosts, w.configs = append(w.hosts, host), append(w.configs, config)
	}
	w.Injector = New(w.config(clientPort, lease))
	return w
}

func (w *world) sh(host int, script string, args ...string) string {
	w.t.Helper()
	result, err := w.hosts[host].Run(context.Background(),
		target.Command{Script: script, Args: args})
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(string(result.Stdout))
}

func (w *world) arm() {
	w.t.Helper()
	if err := w.Arm(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// start starts the loop that stands for a node, and process finds it.
func start(ctx context.Context, h *target.Host) (target.Process, error) {
	_, err := h.RunOK(ctx, target.Command{Args: []string{run}, Script: `
		mkdir -p .gauntlet/$1/pids; rm -f .gauntlet/$1/pids/node
		setsid sh -c 'line=$(cat /proc/$$/stat) && set -- "$1" ${line##*) } &&
			echo "$$ ${21}" >"$1" && while sleep 1; do :; done' \
			sh .gauntlet/$1/pids/node </dev/null >/dev/null 2>&1 &
		until [ -s .gauntlet/$1/pids/node ]; do sleep 0.01; done`})
	if err != nil {
		return target.Process{}, err
	}
	return process(ctx, h)
}

func process(ctx context.Context, h *target.Host) (p target.Process, err error) {
	result, err := h.Run(ctx, target.Command{Args: []string{run}, Script: `
		read -r pid start <.gauntlet/$1/pids/node && line=$(cat /proc/$pid/stat) &&
		set -- ${line##*) } && [ "${20}" = "$start" ] && [ "$1" != Z ] && echo "$pid $start"`})
	if err == nil && len(result.Stdout) == 0 {
		return p, target.ErrNotRunning
	}
	if err == nil {
		_, err = fmt.Sscan(string(result.Stdout), &p.PID, &p.StartTime)
	}
	return p, err
}

func (w *world) startAll() {
	w.t.Helper()
	for _, h := range w.hosts {
		if _, err := start(w.t.Context(), h); err != nil {
			w.t.Fatal(err)
		}
	}
}

// chatter makes every host listen on the peer port and every other host keep talking to it: one
// direction a connection, redialled when it is stuck, as peers of a real target do.
func (w *world) chatter() {
	w.t.Helper()
	for _, h := range w.hosts {
		w.talk(h)
	}
	for i := range w.hosts {
		await(w.t, "the peers listen", func() bool {
			return w.sh(i, `grep -c ":$1 .* 0A " /proc/net/tcp6`, fmt.Sprintf("%04X", peerPort)) != "0"
		})
	}
}

func (w *world) talk(h *target.Host) {
	w.t.Helper()
	binary, err := os.Open("/proc/self/exe")
	if err != nil {
		w.t.Fatal(err)
	}
	defer binary.Close()
	if err := h.Put(w.t.Context(), "chatter", 0o700, binary); err != nil {
		w.t.Fatal(err)
	}
	command := target.Command{Script: `setsid ./chatter "$@" </dev/null >/dev/null 2>&1 &`,
		Args: []string{chatterPart}}
	for _, peer := range w.hosts {
		if peer != h {
			command.Args = append(command.Args,
				net.JoinHostPort(peer.Address(), fmt.Sprint(peerPort)))
		}
	}
	if _, err := h.RunOK(w.t.Context(), command); err != nil {
		w.t.Fatal(err)
	}
}

// stall ends the renewals as a controller does that is stopped: it is not told.
func (w *world) stall() {
	w.mu.Lock()
	stop := w.stop
	w.mu.Unlock()
	stop()
	w.renewals.Wait()
}

func (w *world) name(i int) string { return w.hosts[i].Name() }

func (w *world) partition(id int, shape nemesis.Shape, leader int, seed uint64) nemesis.Action {
	w.t.Helper()
	view := nemesis.View{Leader: w.name(leader)}
	for _, h := range w.hosts {
		view.Nodes = append(view.Nodes, h.Name())
	}
	event := nemesis.Event{ID: id, Kind: nemesis.KindPartition, Shape: shape,
		Sites: [][]int{{1, 2}, {3}, {4}}}
	a, err := nemesis.Bind(event, view, seed)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) strike(id int, kind nemesis.Kind, hosts ...int) nemesis.Action {
	a := nemesis.Action{Event: nemesis.Event{ID: id, Kind: kind, Role: nemesis.RoleAny}}
	for _, host := range hosts {
		a.Hosts = append(a.Hosts, w.name(host))
	}
	return a
}

func (w *world) inject(a nemesis.Action) history.Fault {
	w.t.Helper()
	f, err := w.Inject(w.t.Context(), a)
	if err != nil {
		w.t.Fatalf("inject %+v: %v", a, err)
	}
	return f
}

func (w *world) heal(f history.Fault) history.Fault {
	w.t.Helper()
	f, err := w.Heal(w.t.Context(), f)
	if err != nil {
		w.t.Fatalf("heal %+v: %v", f, err)
	}
	return f
}

// clean ends the nodes and the guards, and demands that the hosts are as they were.
func (w *world) clean() {
	w.t.Helper()
	for i := range w.hosts {
		w.sh(i, `read -r pid _ <.gauntlet/$1/pids/node && kill -KILL $pid`, run)
	}
	if err := w.Disarm(w.t.Context()); err != nil {
		w.t.Error(err)
	}
	if err := w.Clean(w.t.Context()); err != nil {
		w.t.Error(err)
	}
	for i := range w.hosts {
		left := w.sh(i, `ls -A .gauntlet/$1/guard 2>/dev/null; pgrep -f "guard[.]sh"`, run)
		if left != "" {
			w.t.Errorf("%s: left behind: %s", w.name(i), left)
		}
	}
}

// foreign gives a host rules of others: twenty of a firewall, and chains as container tools make.
func (w *world) foreign(host int) {
	w.t.Helper()
	var rules strings.Builder
	rules.WriteString("*filter\n:INPUT DROP [5:7]\n:DOCKER - [0:0]\n:DOCKER-USER - [0:0]\n" +
		":KUBE-FORWARD - [0:0]\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\n" +
		"-A KUBE-FORWARD -m comment --comment \"GNT is not mine\" -j ACCEPT\n")
	for i := range 20 {
		fmt.Fprintf(&rules, "-A INPUT -p tcp -m tcp --dport %d -j ACCEPT\n", 9000+i)
	}
	rules.WriteString("-A INPUT -j ACCEPT\nCOMMIT\n*nat\n:DOCKER - [0:0]\n" +
		"-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\nCOMMIT\n")
	if out := w.sh(host, `printf %s "$1" | iptables-restore -w 5 --noflush 2>&1`,
		rules.String()); out != "" {
		w.t.Fatal(out)
	}
}

// Goal: every shape and kind bites, with evidence, and leaves foreign rules as they were.
func TestFaultsInLab(t *testing.T) {
	w := newWorld(t, 4, 0)
	for i := range w.hosts {
		w.foreign(i)
	}
	w.arm()
	w.startAll()
	w.chatter()
	shapes := []nemesis.Shape{nemesis.ShapeIsolateFollower, nemesis.ShapeHalves,
		nemesis.ShapeLeaderSite, nemesis.ShapeMajoritiesRing, nemesis.ShapeBridge,
		nemesis.ShapeChain, nemesis.ShapeStar, nemesis.ShapeAll, nemesis.ShapeOneWayInLeader,
		nemesis.ShapeOneWayOut, nemesis.ShapeOneWayPair}
	for id, shape := range shapes {
		w.proven(w.heal(w.inject(w.partition(id, shape, 1, uint64(id)))))
	}
	pause := w.inject(w.strike(10, nemesis.KindPause, 0))
	kill := w.inject(w.strike(11, nemesis.KindKill, 2))
	if got := strings.Join(w.Stopped(), " "); got != "n1 n3" {
		t.Errorf("stopped hosts %q", got)
	}
	if _, err := w.Inject(t.Context(), w.strike(12, nemesis.KindKill, 0)); !errors.Is(err, ErrBusy) {
		t.Errorf("second fault of a paused process: %v", err)
	}
	w.proven(w.heal(kill))
	if _, err := process(t.Context(), w.hosts[2]); err != nil {
		t.Errorf("the killed node is not back: %v", err)
	}
	w.proven(w.heal(pause))
	w.clean()
}

// Goal: several processes are struck at once, with evidence of each; one that does not run spares
// the others, and a lease that ran out lets all go on.
func TestCrowdsInLab(t *testing.T) {
	w := newWorld(t, 3, 2*time.Second)
	w.arm()
	w.startAll()
	pause := w.inject(w.strike(1, nemesis.KindPause, 0, 1, 2))
	if _, err := w.Inject(t.Context(), w.strike(2, nemesis.KindKill, 2)); !errors.Is(err, ErrBusy) {
		t.Errorf("second fault of a paused process: %v", err)
	}
	w.proven(w.heal(pause))
	kill := w.inject(w.strike(3, nemesis.KindKill, 1, 2))
	f, err := w.Inject(t.Context(), w.strike(4, nemesis.KindPause, 0, 1))
	if !errors.Is(err, ErrBusy) || len(f.Evidence) > 0 {
		t.Errorf("pause of a killed process: %v, %+v", err, f)
	}
	w.proven(w.heal(kill))
	w.sh(1, `read -r pid _ <.gauntlet/$1/pids/node && kill -KILL $pid &&
		while [ -e /proc/$pid ]; do sleep 0.01; done`, run)
	f, err = w.Inject(t.Context(), w.strike(5, nemesis.KindPause, 0, 1))
	if !errors.Is(err, target.ErrNotRunning) || len(f.Evidence) > 0 {
		t.Errorf("pause of what does not run: %v, %+v", err, f)
	}
	w.stopped(0, false)
	last := w.inject(w.strike(6, nemesis.KindPause, 0, 2))
	w.stall()
	w.stopped(0, false)
	w.stopped(2, false)
	if last, err = w.Heal(t.Context(), last); !errors.Is(err, ErrExpired) || last.Bit() ||
		len(last.Evidence) != 4 {
		t.Errorf("heal after the stall: %v, %+v", err, last)
	}
	w.arm()
	w.clean()
}

// stopped awaits that a host's process is stopped, or is not, or is gone.
func (w *world) stopped(host int, want bool) {
	w.t.Helper()
	await(w.t, fmt.Sprintf("%s stopped: %v", w.name(host), want), func() bool {
		return want == (w.sh(host, `read -r pid _ <.gauntlet/$1/pids/node &&
			grep -o ') T ' /proc/$pid/stat`, run) != "")
	})
}

func (w *world) proven(f history.Fault) {
	w.t.Helper()
	if !f.Bit() || f.Stage != history.StageHealed || f.Stop < f.Start {
		w.t.Errorf("fault is not proven: %+v", f)
	}
	of := w.receivers(f.Cuts)
	if strikes(f) {
		of = w.struck(&f)
	}
	for k, n := range slices.Concat(of, of) {
		moment := []string{"start", "end"}[k/len(of)]
		if len(f.Evidence) != 2*len(of) || f.Evidence[k].Host != n.name() ||
			f.Evidence[k].Moment != moment {
			w.t.Fatalf("no evidence of the %s at %s: %+v", moment, n.name(), f.Evidence)
		}
	}
}

// Goal: faults that overlap on a host share its chain, yet each has evidence of its own, and the
// end of one is not the end of the other.
func TestOverlapInLab(t *testing.T) {
	w := newWorld(t, 3, 0)
	w.arm()
	w.chatter()
	first := w.inject(w.partition(1, nemesis.ShapeIsolateLeader, 0, 1))
	second := w.inject(w.partition(2, nemesis.ShapeMajorityMinority, 0, 1))
	oneWay := w.inject(w.partition(3, nemesis.ShapeOneWayInLeader, 0, 1))
	w.proven(w.heal(first))
	if !strings.Contains(w.sh(0, "iptables -S"), "u32") {
		t.Error("healing one fault ended another")
	}
	faults, err := w.HealAll(t.Context())
	if err != nil || len(faults) != 2 || faults[0].ID != second.ID || faults[1].ID != oneWay.ID {
		t.Fatalf("healed %+v: %v", faults, err)
	}
	if rules := w.sh(0, "iptables -S"); strings.Contains(rules, "GNT") {
		t.Errorf("rules after the last heal:\n%s", rules)
	}
	w.proven(faults[0])
	if !faults[1].Bit() && !strings.Contains(fmt.Sprint(faults[1].Evidence), "0") {
		t.Errorf("one-way: %+v", faults[1])
	}
	w.clean()
}

// Goal: silence does not hide a cut. Method: hosts that say nothing to each other at all.
func TestSilentCutInLab(t *testing.T) {
	w := newWorld(t, 2, 0)
	w.arm()
	w.proven(w.heal(w.inject(w.partition(1, nemesis.ShapeIsolateLeader, 0, 1))))
	w.clean()
}

// Goal: a cut that bites nothing says so, and is no error. Method: the packets never get as far as
// our rules, nor do our knocks.
func TestCutWithoutEffectInLab(t *testing.T) {
	w := newWorld(t, 2, 0)
	for i := range w.hosts {
		w.sh(i, "iptables -A OUTPUT -p tcp --dport $1 -j DROP", fmt.Sprint(peerPort))
	}
	w.arm()
	f := w.inject(w.partition(1, nemesis.ShapeIsolateLeader, 0, 1))
	if f = w.heal(f); f.Bit() || f.Stage != history.StageHealed || len(f.Evidence) != 4 {
		t.Errorf("proven by nothing: %+v", f)
	}
	w.clean()
}

// Goal: a host that cannot be reached afresh after the cut is freed of it at once. Method: a rule
// of somebody else's that lets no new SSH connection in.
func TestControlCutInLab(t *testing.T) {
	w := newWorld(t, 2, 0)
	w.sh(1, "iptables -A INPUT -p tcp --dport 22 --syn -j DROP")
	w.arm()
	f, err := w.Inject(t.Context(), w.partition(1, nemesis.ShapeIsolateLeader, 0, 1))
	if err == nil || !strings.Contains(err.Error(), "n2: reach the host after the cut") ||
		f.Stage != history.StageFailed || f.Bit() {
		t.Errorf("inject: %v, %+v", err, f)
	}
	for i := range w.hosts {
		if rules := w.sh(i, "iptables -S"); strings.Contains(rules, "GNT") {
			t.Errorf("%s still has\n%s", w.name(i), rules)
		}
	}
	if len(w.InForce()) != 0 {
		t.Errorf("in force: %+v", w.InForce())
	}
	w.clean()
}

// Goal: a pause that cannot be brought into force leaves no process stopped, and a node that is not
// running cannot be struck.
func TestStrikeRefusedInLab(t *testing.T) {
	w := newWorld(t, 1, 0)
	w.arm()
	f, err := w.Inject(t.Context(), w.strike(1, nemesis.KindPause, 0))
	if !errors.Is(err, target.ErrNotRunning) || f.Stage != history.StageFailed || f.Error == "" {
		t.Errorf("pause of nothing: %v, %+v", err, f)
	}
	if _, err := w.Inject(t.Context(), w.strike(2, "flood", 0)); err == nil {
		t.Error("an unknown kind was injected")
	}
	unknown := w.strike(3, nemesis.KindPause, 0)
	unknown.Hosts = []string{"n9"}
	if _, err := w.Inject(t.Context(), unknown); err == nil {
		t.Error("an unknown host was struck")
	}
	w.clean()
}

// Goal: a controller that stalls past its lease leaves nothing in force, learns it at once when it
// goes on, and may arm anew. Method: the renewals are ended as a stall would.
func TestStalledControllerInLab(t *testing.T) {
	w := newWorld(t, 3, 2*time.Second)
	w.arm()
	w.startAll()
	w.chatter()
	cut := w.inject(w.partition(1, nemesis.ShapeIsolateLeader, 0, 1))
	pause := w.inject(w.strike(2, nemesis.KindPause, 1))
	kill := w.inject(w.strike(3, nemesis.KindKill, 2))
	w.stall()
	for i := range w.hosts {
		await(t, "rules removed", func() bool {
			return !strings.Contains(w.sh(i, "iptables -S"), "GNT")
		})
		await(t, "node ended", func() bool {
			_, err := process(t.Context(), w.hosts[i])
			return errors.Is(err, target.ErrNotRunning)
		})
	}
	if _, err := w.Inject(t.Context(), w.partition(4, nemesis.ShapeIsolateLeader, 0, 1)); !errors.Is(
		err, ErrExpired) {
		t.Errorf("inject after the stall: %v", err)
	}
	for _, f := range []history.Fault{cut, pause, kill} {
		f, err := w.Heal(t.Context(), f)
		if !errors.Is(err, ErrExpired) || f.Bit() || f.Stage != history.StageHealed {
			t.Errorf("heal after the stall: %v, %+v", err, f)
		}
		for _, e := range f.Evidence {
			if f.ID == cut.ID && e.Moment == "end" && (e.Bit || e.Value != "rules gone") {
				t.Errorf("evidence after the stall: %+v", e)
			}
		}
	}
	if !errors.Is(w.Err(), ErrExpired) {
		t.Errorf("Err: %v", w.Err())
	}
	_, err := w.Inject(t.Context(), w.strike(5, nemesis.KindPause, 1))
	if !errors.Is(err, ErrExpired) {
		t.Errorf("inject after the expiry is known: %v", err)
	}
	w.arm()
	w.proven(w.heal(w.inject(w.partition(6, nemesis.ShapeMajorityMinority, 0, 1))))
	w.clean()
}

// Goal: a difference is named with its host, whatever made it.
func TestUncleanInLab(t *testing.T) {
	w := newWorld(t, 2, 0)
	w.arm()
	w.sh(1, "iptables -A FORWARD -s 10.9.8.7 -j DROP")
	if err := w.Disarm(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := w.Clean(t.Context())
	if !errors.Is(err, ErrDirty) || strings.Contains(err.Error(), "n1:") ||
		!strings.Contains(err.Error(), "n2: compare with before") ||
		!strings.Contains(err.Error(), "+ iptables filter -A FORWARD -s 10.9.8.7/32 -j DROP") {
		t.Errorf("Clean: %v", err)
	}
	w.sh(1, "iptables -N GNT-cafe-IN")
	again := New(Config{Run: "12345678", Hosts: w.hosts})
	if err := again.Arm(t.Context()); !errors.Is(err, ErrDirty) ||
		!strings.Contains(err.Error(), "GNT-cafe-IN") {
		t.Errorf("arm over the rules of another run: %v", err)
	}
	first := New(Config{Run: "11111111", Hosts: w.hosts[:1]})
	if err := first.Arm(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = New(Config{Run: "22222222", Hosts: w.hosts[:1]}).Arm(t.Context())
	if !errors.Is(err, ErrLive) || !strings.Contains(err.Error(), "11111111") {
		t.Errorf("arm beside a live run: %v", err)
	}
	if err := first.Disarm(t.Context()); err != nil {
		t.Error(err)
	}
}

// Goal: what a host has is told without touching it, and a missing tool in one line.
func TestCapabilitiesInLab(t *testing.T) {
	w := newWorld(t, 1, 0)
	before := w.sh(0, "iptables-save | grep -v ^#")
	found, err := Capabilities(t.Context(), w.hosts[0])
	if err != nil || len(found) != 19 {
		t.Fatalf("%+v: %v", found, err)
	}
	for _, c := range found {
		if !c.OK && c.Name != "tcpdump" && c.Name != "packet sizes" {
			t.Errorf("%+v", c)
		}
	}
	if after := w.sh(0, "iptables-save | grep -v ^#"); after != before {
		t.Errorf("the ruleset changed: %q to %q", before, after)
	}
}
