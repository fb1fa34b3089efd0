package main

import (
	"bytes"
	"strings"
	"testing"
)

// Goal: what a person is told to type calls the program as it was called.
// Method: errors with hints of several rooms, and the lines that repeat a run, of a program that
// was called by a path.
func TestTypedAsCalled(t *testing.T) {
	defer func(before string) { called = before }(called)
	called = "out/$1/verify"
	t.Chdir(t.TempDir())
	file(t, "matrix.yaml", "rows: []\n")
	for line, want := range map[string]string{
		"run":                  "hint: see out/$1/verify run --help\n",
		"lab up --hosts 0":     "hint: see out/$1/verify lab up --help\n",
		"nonsense":             "hint: see out/$1/verify --help\n",
		"run matrix.yaml":      "  hint: out/$1/verify matrix matrix.yaml\n",
		"sim --seed 1 --for 1": "hint: see out/$1/verify sim --help\n",
	} {
		var stdout, stderr bytes.Buffer
		if code := execute(strings.Fields(line), &stdout, &stderr); code != exitUsage ||
			!strings.HasSuffix(stderr.String(), want) {
			t.Errorf("%s: exit %d, %s", line, code, &stderr)
		}
	}
	run := RunCmd{Suite: "x.yaml", Place: "lab"}
	if got := run.again(7); got != "out/$1/verify run x.yaml --seed 7 --place lab" {
		t.Errorf("again: %s", got)
	}
	if got := typed("verify heals; verify: verify heal"); got !=
		"verify heals; verify: out/$1/verify heal" {
		t.Errorf("typed: %s", got)
	}
}
