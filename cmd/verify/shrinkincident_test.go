package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"gauntlet/suite"
)

// Goal: the incident of twelve events of which two are needed comes down to those two.
// Method: the file that the README shows, in the simulator.
func TestTwelveEventsBecomeTwo(t *testing.T) {
	out := filepath.Join(t.TempDir(), "two.yaml")
	var stdout, stderr bytes.Buffer
	args := []string{"shrink-incident", "../../configs/twelve-events.yaml", "--no-lab", "--seeds", "2",
		"--out", out}
	if code := execute(args, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, &stdout, &stderr)
	}
	s, err := suite.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Timeline) != 2 || s.Timeline[0].Kind != "kill" || len(s.Timeline[0].On) != 2 ||
		s.Timeline[1].Kind != "partition" || len(s.Timeline[1].Links) != 1 || s.Target.Nodes() != 5 {
		t.Errorf("left:\n%s", text)
	}
	t.Logf("%s", &stdout)
}
