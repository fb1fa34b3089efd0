package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/suite"
)

// behaviour makes the test's own binary act as the check's child process in one of several ways.
const behaviour = "RUNNER_TEST_CHILD"

func TestMain(m *testing.M) {
	act := os.Getenv(behaviour)
	if act == "" {
		os.Exit(m.Run())
	}
	dir := Directory(os.Args[len(os.Args)-1])
	say := json.NewEncoder(os.Stdout)
	switch act {
	case "work":
		if err := CheckWorker(dir, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "hang":
		say.Encode(childLine{Begin: "r1"})
		select {}
	case "hoard":
		say.Encode(childLine{Begin: "r1"})
		for hoard := [][]byte{}; ; hoard = append(hoard, bytes.Repeat([]byte{1}, 1<<20)) {
			time.Sleep(time.Millisecond)
		}
	case "crash":
		say.Encode(childLine{Begin: "r1"})
		panic("a bug of the checker")
	}
}

// record writes a run directory by hand: two keys, one write and one read each. What the read of
// r1 returns decides whether the history is linearizable.
func record(t *testing.T, readOfR1 string) (Directory, *history.History) {
	t.Helper()
	dir := Directory(t.TempDir())
	var lines bytes.Buffer
	recorder, err := history.NewRecorder(&lines, history.Header{Run: "12345678", Suite: "by-hand"})
	if err != nil {
		t.Fatal(err)
	}
	do := func(key, kind, input, output string) {
		op, err := recorder.Invoke(history.Operation{
			Node: "n1", Kind: kind, Key: key, Input: json.RawMessage(input),
		})
		if err != nil {
			t.Fatal(err)
		}
		op.Outcome, op.Output = history.OutcomeOK, json.RawMessage(output)
		op.Return = recorder.Now()
		if err := recorder.Return(op); err != nil {
			t.Fatal(err)
		}
	}
	for _, phase := range []string{"warm-up", "load"} {
		if err := recorder.Phase(phase); err != nil {
			t.Fatal(err)
		}
		do("r0", "write", `{"value":1}`, `{}`)
	}
	do("r1", "write", `{"value":7}`, `{}`)
	do("r1", "read", `{}`, readOfR1)
	if err := os.WriteFile(dir.path(historyFile), lines.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := suite.Load(filepath.Join("..", "configs", "smoke.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(1)
	s.Seed = &seed
	resolved, err := s.Resolved()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir.path(suiteFile), resolved, 0o644); err != nil {
		t.Fatal(err)
	}
	h, err := history.Open(dir.path(historyFile))
	if err != nil {
		t.Fatal(err)
	}
	return dir, h
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Goal: a checker that runs over its budget, or dies, costs the verdict of the keys it had not
// decided and nothing else, and the key it was at is named.
// Method: children that hang, hoard memory and crash at key r1, under small budgets.
func TestChildOverBudget(t *testing.T) {
	dir, h := record(t, `{"value":7}`)
	for _, c := range []struct{ act, why string }{
		{"hang", "took longer than its 300ms"},
		{"hoard", "took more than its 96 MiB"},
		{"crash", "a bug of the checker"},
	} {
		t.Run(c.act, func(t *testing.T) {
			t.Setenv(behaviour, c.act)
			budget := suite.Budget{Time: 10 * time.Second, Memory: 96 << 20}
			if c.act == "hang" {
				budget.Time = 300 * time.Millisecond
			}
			keys := child{verify: self(t), dir: dir, budget: budget}.check(context.Background(), h)
			if len(keys) != 2 {
				t.Fatalf("%d keys, want 2", len(keys))
			}
			for _, key := range keys {
				if key.Verdict != checker.Unknown {
					t.Errorf("%s is %v, want unknown", key.Key, key.Verdict)
				}
				if !strings.Contains(key.Reason, c.why) {
					t.Errorf("%s: reason %q does not say %q", key.Key, key.Reason, c.why)
				}
				if gaveUp := strings.HasPrefix(key.Reason, "gave up"); gaveUp != (key.Key == "r1") {
					t.Errorf("%s: reason %q names the wrong key", key.Key, key.Reason)
				}
			}
		})
	}
}

// Goal: a run directory without results, as a killed controller leaves it, is judged from its
// history alone, and never as valid.
// Method: check one whose history is fine and one with a stale read.
func TestCheckOfKilledRun(t *testing.T) {
	t.Setenv(behaviour, "work")
	for _, c := range []struct {
		read    string
		verdict checker.Verdict
		exit    int
	}{
		{`{"value":7}`, checker.Unknown, checker.ExitInconclusive},
		{`{"value":null}`, checker.Invalid, checker.ExitViolation},
	} {
		dir, _ := record(t, c.read)
		results, err := Check(context.Background(), dir, self(t))
		if err != nil {
			t.Fatal(err)
		}
		if results.Verdict != c.verdict || results.Exit != c.exit {
			t.Errorf("read %s: %v, exit %d, want %v, exit %d: %q", c.read,
				results.Verdict, results.Exit, c.verdict, c.exit, results.Reasons)
		}
		for _, name := range []string{resultsFile, junitFile, reportFile} {
			if _, err := os.Stat(dir.path(name)); err != nil {
				t.Error(err)
			}
		}
	}
}

// Goal: a history cut off in the middle of a line, as a full disk or kill -9 leaves it, is judged
// with a warning, not refused.
func TestCheckWarnsOfTornLine(t *testing.T) {
	t.Setenv(behaviour, "work")
	dir, _ := record(t, `{"value":7}`)
	text, err := os.ReadFile(dir.path(historyFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir.path(historyFile), text[:len(text)-9], 0o644); err != nil {
		t.Fatal(err)
	}
	results, err := Check(context.Background(), dir, self(t))
	if err != nil {
		t.Fatal(err)
	}
	if said := strings.Join(results.Warnings, "\n"); !strings.Contains(said, "cut off") {
		t.Errorf("no warning of the torn line: %q", said)
	}
}

// Goal: what the run noted of itself survives a later check.
// Method: check twice, with harness trouble and an interrupt planted in between.
func TestCheckKeepsWhatTheRunNoted(t *testing.T) {
	t.Setenv(behaviour, "work")
	dir, _ := record(t, `{"value":7}`)
	results, err := Check(context.Background(), dir, self(t))
	if err != nil {
		t.Fatal(err)
	}
	results.Harness = []string{"collect: n3: connection lost"}
	results.Gates = append(withoutOwn(results.Gates),
		checker.Result{Check: gateFinished, Reason: "interrupted in load"})
	if err := dir.saveResults(results); err != nil {
		t.Fatal(err)
	}
	again, err := Check(context.Background(), dir, self(t))
	if err != nil {
		t.Fatal(err)
	}
	if again.Exit != checker.ExitHarness {
		t.Errorf("exit %d, want %d", again.Exit, checker.ExitHarness)
	}
	said := strings.Join(again.Reasons, "\n")
	for _, want := range []string{"connection lost", "interrupted in load"} {
		if strings.Count(said, want) != 1 {
			t.Errorf("want %q once in %q", want, said)
		}
	}
}

// Goal: of a suite that tells of an incident the results say whether it was seen again, and of any
// other nothing.
// Method: check runs with a proven fault whose incident is any violation: one with a stale read,
// one without, and the first without an incident.
func TestCheckTellsOfTheIncident(t *testing.T) {
	t.Setenv(behaviour, "work")
	grow := func(dir Directory, name, text string) {
		file, err := os.OpenFile(dir.path(name), os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = file.WriteString(text)
		}
		if err = errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		read, incident string
		want           *checker.Reproduction
	}{
		{`{"value":null}`, "incident: {title: stale, facts: told by many}\n",
			&checker.Reproduction{Title: "stale", Matched: true, Why: "linearizable is violated"}},
		{`{"value":7}`, "incident: {title: stale, facts: told by many}\n",
			&checker.Reproduction{Title: "stale", Why: "none of the 2 safety checks is violated"}},
		{`{"value":null}`, "", nil},
	} {
		dir, _ := record(t, c.read)
		grow(dir, suiteFile, c.incident)
		grow(dir, historyFile, `{"type":"fault","id":1,"kind":"pause","hosts":["n1"],`+
			`"stage":"healed","start":1,"stop":2,"evidence":[`+
			`{"host":"n1","moment":"start","bit":true},{"host":"n1","moment":"end","bit":true}]}`+"\n")
		results, err := Check(context.Background(), dir, self(t))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, results.Reproduced); diff != "" {
			t.Errorf("read %s, %q (-want +got):\n%s", c.read, c.incident, diff)
		}
	}
}

// Goal: what a suite warns of stands in the results of a run that happened elsewhere as well.
func TestJudgeKeepsTheSuitesWarnings(t *testing.T) {
	t.Setenv(behaviour, "work")
	dir, h := record(t, `{"value":7}`)
	s, err := suite.Load(dir.path(suiteFile))
	if err != nil {
		t.Fatal(err)
	}
	s.Warnings = []string{"time does not scale"}
	results, err := Judge(context.Background(), dir, Recorded{Suite: s, History: h}, self(t))
	if err != nil || !cmp.Equal(results.Warnings, s.Warnings) {
		t.Errorf("warnings %q: %v", results.Warnings, err)
	}
}
