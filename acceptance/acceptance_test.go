//go:build lab

// Package acceptance runs the built binaries as a person does, on the embedded lab: bin/verify and
// bin/raftd must exist. These tests take minutes, so they stand behind the build tag "lab" and are
// never skipped once it is given: make test-ci runs them.
package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
)

const root = ".."

// TestMain keeps these tests apart from a lab that the user may hold.
func TestMain(m *testing.M) {
	state, err := os.MkdirTemp("", "acceptance-")
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_STATE_HOME", state)
	code := m.Run()
	os.RemoveAll(state)
	os.Exit(code)
}

// binary is the absolute path of a program that make build made.
func binary(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "bin", name))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("%v: run make build first", err)
	}
	return path
}

// execution is one "verify run" under way.
type execution struct {
	command *exec.Cmd
	parent  string // of the run directory
	talk    transcript
	ended   chan struct{} // closed when the process is gone
}

// launch starts "verify run SUITE" with a run directory of its own.
func launch(t testing.TB, suite string, args ...string) *execution {
	t.Helper()
	parent := t.TempDir()
	args = append([]string{"run", suite, "--out", parent}, args...)
	return follow(t, exec.Command(binary(t, "verify"), args...), parent)
}

// follow starts a command that runs a suite, whose run directory will be in parent.
func follow(t testing.TB, command *exec.Cmd, parent string) *execution {
	t.Helper()
	e := &execution{command: command, parent: parent, ended: make(chan struct{})}
	e.command.Stdout, e.command.Stderr = &e.talk, &e.talk
	if err := e.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(e.ended)
		_ = e.command.Wait() // its answer stays in ProcessState
	}()
	t.Cleanup(func() {
		_ = e.command.Process.Kill()
		<-e.ended
		if t.Failed() {
			t.Logf("%s\n%s", strings.Join(e.command.Args, " "), &e.talk)
		}
	})
	return e
}

// wait returns the exit code of the run.
func (e *execution) wait() int {
	<-e.ended
	return e.command.ProcessState.ExitCode()
}

// directory is the run directory, once there is one.
func (e *execution) directory() string { return filepath.Join(e.parent, "latest") }

// history is what has been recorded so far; empty before there is anything.
func (e *execution) history() *history.History {
	h, err := history.Open(filepath.Join(e.directory(), "history.jsonl"))
	if err != nil {
		return &history.History{}
	}
	return h
}

// results reads results.json of a run that ended.
func (e *execution) results(t testing.TB) checker.Results {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.directory(), "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var results checker.Results
	if err := json.Unmarshal(text, &results); err != nil {
		t.Fatal(err)
	}
	return results
}

// awaitFault returns when a fault of the kind is in force, or fails the test when the run ends
// first.
func (e *execution) awaitFault(t testing.TB, kind string) {
	t.Helper()
	e.await(t, "a "+kind+" in force", func() bool { return e.inForce(kind) })
}

// awaitPhase returns when a phase of the run has begun, or fails the test.
func (e *execution) awaitPhase(t testing.TB, name string) {
	t.Helper()
	e.await(t, "phase "+name, func() bool { return e.reached(name) })
}

// reached reports whether a phase of the run has begun.
func (e *execution) reached(phase string) bool {
	return slices.ContainsFunc(e.history().Phases, func(p history.Phase) bool {
		return p.Name == phase
	})
}

func (e *execution) await(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for !happened() {
		select {
		case <-e.ended:
			t.Fatalf("the run ended without %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// inForce reports whether the latest record of some fault of the kind is that of its injection.
func (e *execution) inForce(kind string) bool {
	return slices.ContainsFunc(e.history().Faults, func(f history.Fault) bool {
		return f.Kind == kind && f.Stage == history.StageInjected
	})
}

// transcript is an output that may be read while it is written.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// proven counts the proven faults of a kind.
func proven(results checker.Results, kind string) int {
	for _, count := range results.Summary.Faults {
		if count.Kind == kind {
			return count.Proven
		}
	}
	return 0
}

// atLeast fails the test when something happened too rarely for the run to mean anything.
func atLeast(t *testing.T, what string, got, want int) {
	t.Helper()
	if got < want {
		t.Errorf("%d %s, want at least %d", got, what, want)
	}
}

// seedFlag makes a run repeatable.
func seedFlag(seed uint64) string { return fmt.Sprintf("--seed=%d", seed) }
