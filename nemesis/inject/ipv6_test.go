package inject

import (
	"fmt"
	"strings"
	"testing"

	"gauntlet/nemesis"
	"gauntlet/target"
)

// newWorld6 makes a lab whose data network has IPv6 addresses; SSH stays on IPv4.
func newWorld6(t *testing.T, hosts int) *world {
	t.Helper()
	w := newWorld(t, hosts, 0)
	for i, h := range w.hosts {
		address := fmt.Sprintf("fd93::%d", 11+i)
		if out := w.sh(i, `ip -6 addr add "$1/64" dev eth0 nodad 2>&1`, address); out != "" {
			t.Fatal(out)
		}
		config := w.configs[i]
		config.Address = address
		again, err := target.Connect(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		h.Close()
		t.Cleanup(again.Close)
		w.hosts[i] = again
	}
	w.dial = w.hosts[0].Dial // who has IPv6
	w.Injector = New(w.config(clientPort, 0))
	return w
}

// Goal: cuts of IPv6 addresses bite with real packets, whole and by payload only, by chance, by
// size, with a reset and of clients, and leave nothing. Method: every kind of cut between hosts
// that speak IPv6 to each other.
func TestCutIPv6InLab(t *testing.T) {
	w := newWorld6(t, 3)
	w.foreign(0)
	w.arm()
	w.chatter()
	for id, shape := range []nemesis.Shape{nemesis.ShapeIsolateLeader, nemesis.ShapeMajorityMinority,
		nemesis.ShapeOneWayInLeader} {
		f := w.inject(w.partition(id, shape, 1, 1))
		if four := w.sh(1, "iptables -S"); strings.Contains(four, "GNT") {
			t.Errorf("%s: IPv4 was touched:\n%s", shape, four)
		}
		if six := w.sh(1, "ip6tables -S"); !strings.Contains(six, "-A INPUT -j GNT-"+run+"-IN") {
			t.Errorf("%s: not cut:\n%s", shape, six)
		}
		w.proven(w.heal(f))
	}
	w.everyLink(10)
	w.clean()
	if six := w.sh(1, "ip6tables-save"); strings.Contains(six, "GNT") {
		t.Errorf("left behind:\n%s", six)
	}
}

// Goal: the payload match has the offsets of an IPv6 header: segments with data are dropped,
// handshakes and acknowledgements pass. Method: a connection into the one-way cut is established,
// but what is sent over it stays unacknowledged; out of it everything arrives.
func TestPayloadIPv6InLab(t *testing.T) {
	w := newWorld6(t, 2)
	w.arm()
	w.chatter()
	// unsent is how many bytes of six from one host to the other are not acknowledged in time.
	unsent := func(from, to int) string {
		return w.sh(from, `timeout 9 bash -c "$1" sh "$2" "$3"`, `exec 3<>"/dev/tcp/$1/$2" &&
			echo hello >&3 && sleep 0.7 &&
			ss -H -6 -n -t -p state established "dst [$1]:$2" | grep "pid=$$," |
			while read -r _ unsent _; do echo "$unsent"; done`,
			w.hosts[to].Address(), fmt.Sprint(peerPort))
	}
	if got := unsent(1, 0); got != "0" {
		t.Fatalf("without a cut %q bytes are left", got)
	}
	cut := w.inject(w.partition(1, nemesis.ShapeOneWayInLeader, 0, 1))
	if got := unsent(1, 0); got != "6" {
		t.Errorf("into the cut %q bytes of 6 are left", got)
	}
	if got := unsent(0, 1); got != "0" {
		t.Errorf("out of the cut %q bytes are left", got)
	}
	w.proven(w.heal(cut))
	w.clean()
}
