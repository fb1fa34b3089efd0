package inject

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/target"
)

// Goal: packets around a partition are captured on both sides, bounded, fetched compressed, and
// nothing stays on the hosts. Where tcpdump is not there, or cannot change its user as in the
// namespace of an ordinary one, a warning says so and the fault bites all the same. Method: one
// partition, then the files' first bytes.
func TestCaptureInLab(t *testing.T) {
	w := newWorld(t, 2, 0)
	w.capture = true
	w.arm()
	w.chatter()
	w.proven(w.heal(w.inject(w.partition(7, nemesis.ShapeIsolateLeader, 0, 1))))
	dir := t.TempDir()
	err := w.FetchCaptures(t.Context(), func(host string) string { return filepath.Join(dir, host) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("tcpdump"); err != nil || os.Geteuid() != 0 {
		if said := strings.Join(w.Warnings(), "\n"); !strings.Contains(said, "tcpdump") {
			t.Errorf("warnings %q", said)
		}
		w.clean()
		return
	}
	if warnings := w.Warnings(); len(warnings) != 0 {
		t.Errorf("warnings %q", warnings)
	}
	for i := range w.hosts {
		if err := looksCaptured(filepath.Join(dir, w.name(i), "fault-7.pcap.gz")); err != nil {
			t.Error(err)
		}
		if left := w.sh(i, "pgrep tcpdump; ls .gauntlet/$1/guard/captures", run); left != "" {
			t.Errorf("%s: %s", w.name(i), left)
		}
	}
	w.clean()
}

// looksCaptured reads a compressed capture: its header, and at least one packet.
func looksCaptured(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	packed, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(packed)
	if err != nil {
		return err
	}
	if len(content) < 24+16 || binary.NativeEndian.Uint32(content) != 0xa1b2c3d4 {
		return fmt.Errorf("%s has no packets: %d bytes, %.8x", path, len(content), content)
	}
	return nil
}

// bareHost has no tool at all, and counts how often it is asked.
type bareHost struct {
	host
	asked int
}

func (h *bareHost) Name() string    { return "n1" }
func (h *bareHost) Address() string { return "198.18.0.11" }

func (h *bareHost) Run(context.Context, target.Command) (target.Result, error) {
	h.asked++
	return target.Result{Exit: 1}, nil
}

// Goal: a host without tcpdump is named once, and not asked to capture.
func TestCaptureWithoutTool(t *testing.T) {
	h := &bareHost{}
	i := newInjector(Config{Run: run, Capture: true}, []*node{{host: h}})
	i.canCapture(t.Context())
	i.canCapture(t.Context())
	want := "n1: capture: missing on this host: tcpdump, so its packets are not captured"
	if got := i.Warnings(); len(got) != 1 || got[0] != want {
		t.Errorf("warnings %q, want %q", got, want)
	}
	h.asked = 0
	f := &history.Fault{ID: 1, Cuts: []history.Cut{{From: "n2", To: "n1"}}}
	i.record(t.Context(), f)
	i.unrecord(t.Context(), f)
	if h.asked != 0 {
		t.Errorf("asked %d times", h.asked)
	}
}
