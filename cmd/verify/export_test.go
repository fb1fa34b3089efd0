package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const exported = `{:index 0, :time 5, :type :invoke, :process 0, :f :write, ` +
	`:value ["r" 1], :node "n"}
{:index 1, :time 9, :type :ok, :process 0, :f :write, :value ["r" 1]}
`

const oneWrite = `{"type":"header","version":1,"run":"1","suite":"smoke","seed":1,"nodes":["n"]}
{"type":"invoke","time":5,"id":1,"process":0,"node":"n","kind":"write",` +
	`"key":"r","input":{"value":1}}
{"type":"return","time":9,"id":1,"process":0,"outcome":"ok","output":{}}
`

// Goal: a run's history can be handed to other tools; what cannot be is refused with the exit code
// of its fault, in one line with file and line, and leaves no file behind.
// Method: a run directory with a history that is sound, damaged, lawless, and missing.
func TestExport(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) (code int, stdout, stderr string) {
		var out, err bytes.Buffer
		code = execute(append([]string{"export"}, args...), &out, &err)
		return code, out.String(), err.String()
	}
	keep := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "history.jsonl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, stderr := run("--jepsen", dir); code != exitUsage ||
		!strings.Contains(stderr, "is not a run directory") {
		t.Errorf("without a history: exit %d, %s", code, stderr)
	}
	keep(oneWrite)
	if code, stdout, stderr := run("--jepsen", dir); code != 0 || stdout != exported {
		t.Errorf("exit %d, %s\n%swant\n%s", code, stderr, stdout, exported)
	}
	keep(oneWrite + `{"type":"inv`)
	if code, stdout, stderr := run("--jepsen", dir); code != 0 || stdout != exported {
		t.Errorf("cut off by a kill: exit %d, %s\n%s", code, stderr, stdout)
	}
	file := filepath.Join(dir, "h.edn")
	code, stdout, stderr := run("--jepsen", dir, "-o", file)
	text, err := os.ReadFile(file)
	if code != 0 || stdout != "" || err != nil || string(text) != exported {
		t.Errorf("to a file: exit %d, %s, %v\n%s%s", code, stderr, err, stdout, text)
	}
	if code, _, stderr := run(dir); code != exitUsage || !strings.Contains(stderr, "--jepsen") {
		t.Errorf("without a format: exit %d, %s", code, stderr)
	}
	if code, _, stderr := run("--jepsen", dir, "-o", dir); code != exitHarness {
		t.Errorf("onto a directory: exit %d, %s", code, stderr)
	}
	for text, want := range map[string]string{
		oneWrite + "{\n" + oneWrite: "history.jsonl:4: not a JSON object",
		strings.Replace(oneWrite, `"time":9`, `"time":3`, 1): "history.jsonl:2: operation 1: " +
			"return at 3ns, before its call at 5ns",
		strings.Replace(oneWrite, `{"value":1}`, `{"value":[`+strings.Repeat("[", 200)+
			strings.Repeat("]", 200)+`]}`, 1): "operation 1: input: nested deeper than 100",
	} {
		keep(text)
		other := filepath.Join(dir, "other.edn")
		code, _, stderr := run("--jepsen", dir, "-o", other)
		if code != exitHarness || !strings.Contains(stderr, want) ||
			strings.Count(stderr, "\n") != 1 {
			t.Errorf("exit %d, %s, want 4 and %s", code, stderr, want)
		}
		if left, _ := filepath.Glob(other + "*"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}
