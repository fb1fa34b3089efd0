package inject

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gauntlet/history"
	"gauntlet/nemesis"
)

// lossyWorld is a world whose hosts have lossy disks, on which each node writes and syncs.
func lossyWorld(t *testing.T, hosts int, lease time.Duration) *world {
	t.Helper()
	needRoot(t)
	w := newWorldOf(t, hosts, lease, true)
	w.arm()
	w.startAll()
	for i := range w.hosts {
		w.sh(i, `setsid sh -c 'while sleep 0.05; do echo x >>/run/disk/log; sync /run/disk/log
			done' </dev/null >/dev/null 2>&1 &`)
	}
	return w
}

// Goal: each fault of disks bites, with evidence at its start and its end, leaves nothing behind,
// and brings back the nodes that it ended.
func TestDisksInLab(t *testing.T) {
	w := lossyWorld(t, 2, 0)
	for id, kind := range []nemesis.Kind{nemesis.KindPower, nemesis.KindDiskSlow,
		nemesis.KindDiskError, nemesis.KindDiskFull} {
		a := w.strike(id, kind, 0)
		if kind == nemesis.KindDiskSlow {
			a.Event.Amount = 100 * time.Millisecond
		}
		f := w.heal(w.inject(a))
		if !f.Bit() || f.Stage != history.StageHealed {
			t.Errorf("%s is not proven: %+v", kind, f)
		}
		if _, err := process(t.Context(), w.hosts[0]); err != nil {
			t.Errorf("after %s the node is not back: %v", kind, err)
		}
	}
	w.clean()
}

// Goal: a controller that dies leaves no disk without power: the host's own guard heals it.
func TestDisksHealThemselvesInLab(t *testing.T) {
	w := lossyWorld(t, 1, 2*time.Second)
	w.inject(w.strike(1, nemesis.KindPower, 0))
	w.endRenewals()
	deadline := time.Now().Add(20 * time.Second)
	for w.sh(0, `{ echo state >&8; cat <&8; } 8<>/run/disk/.control | cut -d' ' -f1`) != "healthy" {
		if time.Now().After(deadline) {
			t.Fatal("the disk is still without power")
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Goal: where a host has no lossy disk, a fault of disks is refused, and says what is missing.
func TestNoLossyDisk(t *testing.T) {
	w := newWorld(t, 1, 0)
	w.arm()
	w.startAll()
	for _, kind := range []nemesis.Kind{nemesis.KindPower, nemesis.KindDiskFull} {
		_, err := w.Inject(t.Context(), w.strike(1, kind, 0))
		if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "disk") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
