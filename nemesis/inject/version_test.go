package inject

import (
	"context"
	"errors"
	"sync"
	"testing"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/target"
)

// twoBuilds runs the world's shell loops as nodes of two builds.
type twoBuilds struct {
	target.Target
	mu      sync.Mutex
	chosen  map[string]int
	running map[string]int
	mute    bool // every build says it is the same
}

func (b *twoBuilds) Stop(ctx context.Context, h *target.Host) error {
	_, err := h.RunOK(ctx, target.Command{Args: []string{run}, Script: `
		read -r pid _ <.gauntlet/$1/pids/node && kill -TERM $pid
		while kill -0 $pid 2>/dev/null; do sleep 0.01; done`})
	return err
}

func (b *twoBuilds) Choose(h *target.Host, build int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chosen[h.Name()] = build
}

func (b *twoBuilds) Build(h *target.Host) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.chosen[h.Name()]
}

func (b *twoBuilds) start(ctx context.Context, h *target.Host) (target.Process, error) {
	p, err := start(ctx, h)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running[h.Name()] = b.chosen[h.Name()]
	return p, err
}

func (b *twoBuilds) Version(ctx context.Context, h *target.Host) (string, error) {
	if _, err := process(ctx, h); err != nil {
		return "", err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running[h.Name()] == nemesis.BuildNew && !b.mute {
		return "new", nil
	}
	return "old", nil
}

// versions gives the world an Injector for nodes of two builds.
func (w *world) versions() *twoBuilds {
	b := &twoBuilds{chosen: map[string]int{}, running: map[string]int{}}
	w.Injector = New(Config{Run: run, Hosts: w.hosts, PeerPort: peerPort, Process: process,
		Start: b.start, Versions: b})
	return b
}

func (w *world) change(id int, shape nemesis.Shape, host int) nemesis.Action {
	return nemesis.Action{Event: nemesis.Event{ID: id, Kind: nemesis.KindVersion, Shape: shape},
		Hosts: []string{w.name(host)}}
}

func versionsOf(f history.Fault) (before, after history.Evidence) {
	for _, e := range f.Evidence {
		switch {
		case e.What == versionSaid && e.Moment == "start":
			before = e
		case e.What == versionSaid:
			after = e
		}
	}
	return before, after
}

// Goal: a node goes to the newer build and back, with its word for both; meanwhile no other fault
// may strike it; and builds that call themselves the same prove nothing.
// Method: an upgrade, a downgrade, and an upgrade between mute builds, on hosts of a lab.
func TestVersionsInLab(t *testing.T) {
	w := newWorld(t, 2, 0)
	builds := w.versions()
	w.arm()
	w.startAll()

	up := w.inject(w.change(1, nemesis.ShapeUpgrade, 0))
	if _, err := process(t.Context(), w.hosts[0]); !errors.Is(err, target.ErrNotRunning) {
		t.Errorf("a node that is being upgraded runs: %v", err)
	}
	_, err := w.Inject(t.Context(), w.strike(2, nemesis.KindKill, 0))
	if !errors.Is(err, ErrBusy) {
		t.Errorf("a second fault of it: %v", err)
	}
	up = w.heal(up)
	before, after := versionsOf(up)
	if !up.Bit() || before.Value != "old" || after.Value != "new" {
		t.Errorf("upgrade: %+v", up)
	}
	down := w.heal(w.inject(w.change(3, nemesis.ShapeDowngrade, 0)))
	before, after = versionsOf(down)
	if !down.Bit() || before.Value != "new" || after.Value != "old" {
		t.Errorf("downgrade: %+v", down)
	}
	builds.mute = true
	same := w.heal(w.inject(w.change(4, nemesis.ShapeUpgrade, 1)))
	if _, after = versionsOf(same); same.Bit() || after.Bit || builds.Build(w.hosts[1]) != 1 {
		t.Errorf("between builds that call themselves the same: %+v", same)
	}
	w.clean()
}

// Goal: a target of one build is refused in words, and a node that is down already is left alone.
func TestVersionRefusedInLab(t *testing.T) {
	w := newWorld(t, 1, 0)
	w.arm()
	w.startAll()
	_, err := w.Inject(t.Context(), w.change(1, nemesis.ShapeUpgrade, 0))
	if err == nil || err.Error() != "n1: version: there is one build only" {
		t.Errorf("error %v", err)
	}
	w.clean()
	w.versions()
	w.arm()
	_, err = w.Inject(t.Context(), w.change(2, nemesis.ShapeUpgrade, 0))
	if !errors.Is(err, target.ErrNotRunning) || len(w.InForce()) != 0 {
		t.Errorf("error %v, in force %v", err, w.InForce())
	}
	if err := errors.Join(w.Disarm(t.Context()), w.Clean(t.Context())); err != nil {
		t.Error(err)
	}
}
