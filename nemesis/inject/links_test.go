package inject

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gauntlet/history"
	"gauntlet/nemesis"
)

// Goals of this file: what strikes links, other than by dropping everything, does that to real
// packets, says so with evidence, and ends.

// soon is when a connection that is refused, and not swallowed, has long been refused.
const soon = 500 * time.Millisecond

// bind makes an event strike this world, whose first host leads.
func (w *world) bind(e nemesis.Event) nemesis.Action {
	w.t.Helper()
	view := nemesis.View{Leader: w.name(0), Cast: map[string]string{"old": w.name(0)}}
	for _, h := range w.hosts {
		view.Nodes = append(view.Nodes, h.Name())
	}
	a, err := nemesis.Bind(e, view, 1)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// isolated is an event that strikes the links of the leader.
func isolated(id int, kind nemesis.Kind) nemesis.Event {
	return nemesis.Event{ID: id, Kind: kind, Shape: nemesis.ShapeIsolateLeader, For: 4 * time.Second}
}

func loss(id, rate int) nemesis.Event {
	e := isolated(id, nemesis.KindLoss)
	e.Rate = rate
	return e
}

func blackHole(id, size int) nemesis.Event {
	e := isolated(id, nemesis.KindMTU)
	e.Size = size
	return e
}

func rejecting(id int) nemesis.Event {
	e := isolated(id, nemesis.KindPartition)
	e.Mode = history.CutReject
	return e
}

func clientCut(id int, on ...string) nemesis.Event {
	return nemesis.Event{ID: id, Kind: nemesis.KindClientCut, On: on, For: 4 * time.Second}
}

// outcome says what became of a connection attempt: "open", "refused" or "nothing".
func outcome(dial func(context.Context, string, string) (net.Conn, error), address string) string {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	conn, err := dial(ctx, "tcp", address)
	switch {
	case err == nil:
		conn.Close()
		return "open"
	case ctx.Err() != nil:
		return "nothing"
	}
	return "refused"
}

func (w *world) at(host, port int) string {
	return net.JoinHostPort(w.hosts[host].Address(), strconv.Itoa(port))
}

// flood makes a host send a lot at once to another's peer port, again and again.
func (w *world) flood(from, to int) {
	w.t.Helper()
	// A connection that is stuck would repeat itself ever more slowly: it is given up for the next.
	w.sh(from, `setsid timeout 60 bash -c 'while :; do
		timeout 1 bash -c "head -c 200000 /dev/zero >/dev/tcp/$1/$2"; sleep 0.1
		done' sh "$1" "$2" </dev/null >/dev/null 2>&1 &`, w.hosts[to].Address(), fmt.Sprint(peerPort))
}

// everyLink injects each kind of cut of links and of clients in turn, and has it proven.
func (w *world) everyLink(id int) {
	w.t.Helper()
	w.flood(0, 1)
	size := blackHole(id, 1200)
	size.Shape, size.Links = nemesis.ShapeCut, []nemesis.Link{{From: "old", To: "n2", OneWay: true}}
	for _, e := range []nemesis.Event{loss(id+1, 300), rejecting(id + 2), size,
		clientCut(id+3, "n2")} {
		f := w.inject(w.bind(e))
		healed := w.heal(f)
		w.proven(healed)
		w.t.Logf("%s: %+v", f.Kind, healed.Evidence)
	}
}

// Goal: every kind of cut bites, with evidence at its start and end, and leaves foreign rules as
// they were; and no process counts as stopped for it.
func TestEveryLinkInLab(t *testing.T) {
	w := newWorld(t, 3, 0)
	for i := range w.hosts {
		w.foreign(i)
	}
	w.arm()
	w.startAll()
	w.chatter()
	w.everyLink(1)
	cut := w.inject(w.bind(clientCut(9, "old")))
	if got := w.Stopped(); len(got) > 0 {
		t.Errorf("%v are cut off from their clients, and stopped, it says", got)
	}
	pause := w.inject(w.strike(10, nemesis.KindPause, 0))
	w.proven(w.heal(cut))
	w.proven(w.heal(pause))
	w.clean()
}

// Goal: a rejecting cut kills connections at once, from both ends, and refuses new ones; a silent
// one does neither. Method: connections opened before, over which something is sent then.
func TestRejectInLab(t *testing.T) {
	w := newWorld(t, 2, 0)
	w.arm()
	w.chatter()
	silent := isolated(1, nemesis.KindPartition)
	for _, e := range []nemesis.Event{silent, rejecting(2)} {
		for from := range 2 {
			if got := outcome(w.hosts[from].Dial, w.at(1-from, peerPort)); got != "open" {
				t.Fatalf("before: %s", got)
			}
		}
		there, err := w.hosts[0].Dial(t.Context(), "tcp", w.at(1, peerPort))
		if err != nil {
			t.Fatal(err)
		}
		cut := w.inject(w.bind(e))
		want := map[history.CutMode]string{"": "nothing", history.CutReject: "refused"}[e.Mode]
		for from := range 2 {
			if got := outcome(w.hosts[from].Dial, w.at(1-from, peerPort)); got != want {
				t.Errorf("mode %q: %s, want %s", e.Mode, got, want)
			}
		}
		if dead := w.dies(there); dead != (want == "refused") {
			t.Errorf("mode %q: the connection has died: %v", e.Mode, dead)
		}
		there.Close()
		cut = w.heal(cut)
		w.proven(cut)
		if e.Mode == history.CutReject && cut.Evidence[0].What != "rejected packets" {
			t.Errorf("evidence %+v", cut.Evidence)
		}
	}
	w.clean()
}

// dies sends something over a connection and reports whether that soon ends it.
func (w *world) dies(conn net.Conn) bool {
	w.t.Helper()
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Write([]byte("are you there?"))
		if err == nil {
			_, err = conn.Read(make([]byte, 1))
		}
		ended <- err
	}()
	select {
	case <-ended:
		return true
	case <-time.After(2 * soon):
		return false
	}
}

// Goal: silence does not hide a loss either. Method: hosts that say nothing to each other, and a
// loss that one knock may well survive.
func TestSilentLossInLab(t *testing.T) {
	w := newWorld(t, 2, 0)
	w.arm()
	e := loss(1, 50)
	e.For = 20 * time.Second // so it is given 10 s for some hundred packets
	w.proven(w.heal(w.inject(w.bind(e))))
	w.clean()
}

// Goal: a size cut lets small packets through and takes large ones; where nothing large is sent it
// has not bitten; and one that no packet is large enough for is refused. Method: peers that say
// little, then a flood.
func TestSizeCutInLab(t *testing.T) {
	w := newWorld(t, 2, 0)
	w.arm()
	w.chatter()
	f, err := w.Inject(t.Context(), w.bind(blackHole(1, 1501)))
	if err == nil || !strings.Contains(err.Error(), "the MTU is 1500") || f.Bit() ||
		f.Stage != history.StageFailed {
		t.Errorf("larger than any packet: %v, %+v", err, f)
	}
	f = w.heal(w.inject(w.bind(blackHole(2, 1500))))
	if f.Bit() || f.Stage != history.StageHealed || len(f.Evidence) != 4 ||
		f.Evidence[0].What != "dropped packets of 1500 bytes or more" {
		t.Errorf("nothing large was sent: %+v", f)
	}
	w.flood(0, 1)
	f = w.inject(w.bind(blackHole(3, 1500)))
	if got := outcome(w.hosts[0].Dial, w.at(1, peerPort)); got != "open" {
		t.Errorf("small packets across a size cut: %s", got)
	}
	f = w.heal(f)
	w.proven(f)
	// n1 was sent nothing large, but n2 was.
	if !slices.ContainsFunc(f.Evidence, func(e history.Evidence) bool {
		return e.Host == "n1" && e.Moment == "end" && e.Value == elsewhere
	}) {
		t.Errorf("evidence %+v", f.Evidence)
	}
	w.clean()
}

// Goal: a cut of the clients stops them, and neither the host itself, nor our SSH, nor peers that
// have the same port. Method: attempts from where clients are and from elsewhere; nobody listens
// at the clients' port, so who gets through is refused. Nobody sends anything either: our knock is
// what is dropped.
func TestClientCutInLab(t *testing.T) {
	w := newWorld(t, 2, 0)
	w.arm()
	for id, mode := range []history.CutMode{"", history.CutReject} {
		e := clientCut(id, "n1")
		e.Mode = mode
		if got := outcome(w.dial, w.at(0, clientPort)); got != "refused" {
			t.Fatalf("before: %s", got)
		}
		cut := w.inject(w.bind(e))
		want := map[history.CutMode]string{"": "nothing", history.CutReject: "refused"}[mode]
		if got := outcome(w.dial, w.at(0, clientPort)); got != want {
			t.Errorf("a client: %s, want %s", got, want)
		}
		for from, want := range []string{"refused", want} {
			if got := outcome(w.hosts[from].Dial, w.at(0, clientPort)); got != want {
				t.Errorf("from n%d: %s, want %s", from+1, got, want)
			}
		}
		if got := outcome(w.dial, w.at(1, clientPort)); got != "refused" {
			t.Errorf("another node's client: %s", got)
		}
		w.proven(w.heal(cut))
	}
	w.clean()

	w.Injector = New(w.config(peerPort, 0))
	w.arm()
	w.chatter()
	cut := w.inject(w.bind(clientCut(3, "n1")))
	if got := outcome(w.dial, w.at(0, peerPort)); got != "nothing" {
		t.Errorf("a client at the peers' port: %s", got)
	}
	if got := outcome(w.hosts[1].Dial, w.at(0, peerPort)); got != "open" {
		t.Errorf("a peer at the clients' port: %s", got)
	}
	w.proven(w.heal(cut))
	w.clean()
}

// Goal: where there are no clients to cut off, or a cut is none that can be, it fails in words and
// touches nothing.
func TestImpossibleCutsInLab(t *testing.T) {
	w := newWorld(t, 2, 0)
	c := w.config(clientPort, 0)
	c.ClientAddress = nil
	w.Injector = New(c)
	w.arm()
	unknown := w.bind(rejecting(2))
	unknown.Cuts[0].Mode = "slowly"
	for _, a := range []nemesis.Action{w.bind(clientCut(1, "n1")), unknown} {
		if f, err := w.Inject(t.Context(), a); err == nil || f.Stage != history.StageFailed {
			t.Errorf("%+v: %v, %+v", a, err, f)
		}
	}
	if rules := w.sh(0, "iptables -S"); strings.Contains(rules, "GNT") {
		t.Errorf("rules:\n%s", rules)
	}
	w.clean()
}

// Goal: cuts of every sort that overlap on the same links are all in force at once, and each has
// evidence of its own at its start and end, in whatever order they begin and end.
func TestOverlappingLinksInLab(t *testing.T) {
	w := newWorld(t, 3, 0)
	w.arm()
	w.chatter()
	w.flood(0, 1)
	w.flood(0, 2)
	size := blackHole(2, 1200) // the leader receives nothing large
	size.Shape, size.Links = nemesis.ShapeCut, []nemesis.Link{{From: "old", To: "*", OneWay: true}}
	var faults []history.Fault
	// What cuts all comes last: from then on nothing large is sent.
	for _, e := range []nemesis.Event{loss(1, 300), size, loss(3, 100), clientCut(4, "n1", "n2"),
		isolated(5, nemesis.KindPartition), rejecting(6)} {
		faults = append(faults, w.inject(w.bind(e)))
	}
	rules := w.sh(1, "iptables -S")
	for _, part := range []string{"--probability 0.1", "--probability 0.29", "--length 1200", "REJECT",
		"--dport 4402"} {
		if !strings.Contains(rules, part) {
			t.Errorf("no %s in\n%s", part, rules)
		}
	}
	for _, f := range faults {
		w.proven(w.heal(f))
	}
	if rules := w.sh(0, "iptables -S"); strings.Contains(rules, "GNT") {
		t.Errorf("rules after the last heal:\n%s", rules)
	}
	w.clean()
}

// Goal: a controller that stalls past its lease leaves nothing of any kind of cut in force, and
// learns it.
func TestStalledLinksInLab(t *testing.T) {
	w := newWorld(t, 2, 2*time.Second)
	w.arm()
	w.chatter()
	var faults []history.Fault
	for _, e := range []nemesis.Event{loss(1, 300), clientCut(2, "n2"), rejecting(3)} {
		faults = append(faults, w.inject(w.bind(e)))
	}
	w.stall()
	for i := range w.hosts {
		await(t, "rules removed", func() bool {
			return !strings.Contains(w.sh(i, "iptables -S"), "GNT")
		})
	}
	if got := outcome(w.dial, w.at(1, clientPort)); got != "refused" {
		t.Errorf("a client, after the lease: %s", got)
	}
	for _, f := range faults {
		f, err := w.Heal(t.Context(), f)
		if !errors.Is(err, ErrExpired) || f.Bit() || f.Stage != history.StageHealed {
			t.Errorf("heal after the stall: %v, %+v", err, f)
		}
	}
	w.arm()
	w.clean()
}

// Goal: nodes that a timeline names are struck together, as those of a role are. Method: a cast,
// and kills and pauses of several by name.
func TestCrowdsByNameInLab(t *testing.T) {
	w := newWorld(t, 3, 0)
	w.arm()
	w.startAll()
	for id, kind := range []nemesis.Kind{nemesis.KindKill, nemesis.KindPause} {
		f := w.inject(w.bind(nemesis.Event{ID: id, Kind: kind, On: []string{"old", "n3"}}))
		if got := strings.Join(w.Stopped(), " "); got != "n1 n3" {
			t.Errorf("%s: stopped hosts %q", kind, got)
		}
		if kind == nemesis.KindKill && f.Evidence[0].At-f.Start > evidenceTimeout {
			t.Errorf("not at the same instant: %+v", f)
		}
		w.proven(w.heal(f))
	}
	w.clean()
}
