//go:build lab

package acceptance

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/checker"
)

// jumps are what the wall clock of a program is moved by, and when in its life: during the load in
// both cases. The first is longer than the lab's hosts consent to faults.
var jumps = []struct{ after, by time.Duration }{
	{4 * time.Second, 400 * day},
	{11 * time.Second, -800 * day},
}

const day = 24 * time.Hour

// Goal: a wall clock that jumps during a run changes nothing: neither forward, where what is to
// expire would have expired, nor back, where what waits would wait for ever.
// Method: verify and raftd built with a package time whose wall clock, and nothing else, jumps some
// seconds after their start. This machine's own clock is left alone; the programs that lab hosts
// have from it, such as date, keep to that, so the clocks of controller and hosts disagree too.
func TestWallClockJumps(t *testing.T) {
	bin, parent := t.TempDir(), t.TempDir()
	buildJumping(t, bin)
	command := exec.Command(filepath.Join(bin, "verify"), "run", "testdata/jump.yaml",
		"--binary", filepath.Join(bin, "raftd"), "--out", parent)
	e := follow(t, command, parent)
	began := time.Now()
	code, took := e.wait(), time.Since(began)
	results := e.results(t)
	if code != checker.ExitValid {
		t.Errorf("exit %d: %q", code, results.Reasons)
	}
	atLeast(t, "proven partitions", proven(results, "partition"), 3)
	atLeast(t, "proven pauses", proven(results, "pause"), 1)
	if took > time.Minute || results.Summary.Duration > time.Minute {
		t.Errorf("the run took %v, by its own clock %v", took, results.Summary.Duration)
	}
}

// buildJumping builds verify and raftd with a wall clock that jumps.
func buildJumping(t *testing.T, into string) {
	t.Helper()
	scratch := t.TempDir()
	said, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(strings.TrimSpace(string(said)), "src", "time", "time.go")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	const now = "	sec, nsec, mono := runtimeNow()\n	if mono == 0 {\n"
	if strings.Count(string(text), now) != 1 {
		t.Fatalf("%s is not as this test knows it", source)
	}
	moved := ""
	for _, j := range jumps {
		moved += fmt.Sprintf("	if mono-startNano > %d {\n		sec += %d\n	}\n", j.after,
			int64(j.by.Seconds()))
	}
	first, rest, _ := strings.Cut(now, "\n")
	edited := strings.Replace(string(text), now, first+"\n"+moved+rest, 1)
	file, overlay := filepath.Join(scratch, "time.go"), filepath.Join(scratch, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{source: file}})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{file: []byte(edited), overlay: replace} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-trimpath", "-overlay", overlay, "-o", into+"/",
		"./cmd/verify", "./cmd/raftd")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
}
