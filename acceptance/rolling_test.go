//go:build lab

package acceptance

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"gauntlet/checker"
)

// next builds the source under another label, as "make run-rolling" does.
func next(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "raftd-next")
	build := exec.Command("go", "build", "-buildvcs=false", "-trimpath",
		"-ldflags", "-s -w -X main.Build=next", "-o", path, "./cmd/raftd")
	build.Dir = root
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return path
}

// Goal: a cluster keeps its promises while it is upgraded and downgraded node by node, under load
// and partitions, and the results show every node's way there and back.
// Method: the rolling suite with two builds of the same source under different labels.
func TestRollingVersions(t *testing.T) {
	e := launch(t, filepath.Join(root, "configs/rolling.yaml"), seedFlag(1),
		"--binary", binary(t, "raftd"), "--binary", next(t))
	if code := e.wait(); code != checker.ExitValid {
		t.Fatalf("exit %d", code)
	}
	results := e.results(t)
	atLeast(t, "proven changes of version", proven(results, "version"), 10)
	atLeast(t, "proven partitions", proven(results, "partition"), 3)
	through := map[string][]string{}
	for _, v := range results.Summary.Versions {
		through[v.Node] = append(through[v.Node], v.Version)
	}
	for _, node := range []string{"n1", "n2", "n3", "n4", "n5"} {
		if want := []string{"clean", "next", "clean"}; !slices.Equal(through[node], want) {
			t.Errorf("%s went through %v, want %v", node, through[node], want)
		}
	}
}
