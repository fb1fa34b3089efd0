//go:build lab

package acceptance

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// torture runs some rounds of power cuts under a fixed seed, and returns the exit code with what
// was said.
func torture(t *testing.T, rounds string, args ...string) (int, string) {
	t.Helper()
	parent := t.TempDir()
	args = append([]string{"torture", filepath.Join(root, "configs/torture.yaml"), "--seed", "1",
		"--out", parent, "--rounds", rounds}, args...)
	e := follow(t, exec.Command(binary(t, "verify"), args...), parent)
	code := e.wait()
	return code, e.talk.String()
}

// Goal: raftd keeps every acknowledged write when majorities lose their power, and one that forgets
// to sync its directory does not: which only a disk that loses what was not synced can show.
func TestTorture(t *testing.T) {
	needRoot(t)
	if code, said := torture(t, "3"); code != 0 || !strings.Contains(said, "torture        3 rounds") {
		t.Errorf("exit %d of the clean build", code)
	}
	wrong := filepath.Join(t.TempDir(), "raftd")
	build := exec.Command("go", "run", "./mutants/build", "name-unsynced", wrong)
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if code, _ := torture(t, "10", "--binary", wrong); code != 1 {
		t.Errorf("exit %d of a build that does not sync its directory", code)
	}
}
