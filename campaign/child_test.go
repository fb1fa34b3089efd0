package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/suite"
)

// TestMain lets the test program be the child process of a campaign, as verify is.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "run" {
		os.Exit(fakeRun(os.Args[2], os.Args[4]))
	}
	os.Exit(m.Run())
}

// fakeRun does what the suite's name says.
func fakeRun(file, out string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	s, err := suite.Load(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 64
	}
	if s.Name == "refused" {
		fmt.Fprintln(os.Stderr, "verify: the lab is taken\nhint: wait")
		return 5
	}
	dir := filepath.Join(out, fmt.Sprintf("run-%d", *s.Seed))
	must(os.Mkdir(dir, 0o755))
	must(os.WriteFile(filepath.Join(dir, controllerFile),
		fmt.Appendf(nil, `{"pid": %d}`, os.Getpid()), 0o644))
	switch s.Name {
	case "talkative":
		fmt.Print(strings.Repeat("a line of many\n", 1<<18))
	case "crashing":
		fmt.Fprintln(os.Stderr, "panic: out of nothing")
		must(syscall.Kill(os.Getpid(), syscall.SIGKILL))
	case "patient":
		must(os.WriteFile(filepath.Join(dir, "waiting"), nil, 0o644))
		<-signals
	case "deaf":
		must(os.WriteFile(filepath.Join(dir, "waiting"), nil, 0o644))
		select {}
	}
	h := history.History{Header: history.Header{Version: history.Version, Seed: *s.Seed}}
	text, err := os.Create(filepath.Join(dir, historyFile))
	must(err)
	must(h.Write(text))
	of := checker.Results{Version: checker.Version, Seed: *s.Seed, Exit: checker.ExitGate}
	if s.Name == "newer" {
		of.Version++
	}
	results, err := json.Marshal(of)
	must(err)
	must(os.WriteFile(filepath.Join(dir, resultsFile), results, 0o644))
	if s.Name == "lying" {
		return 0
	}
	return checker.ExitGate
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func someSuite(t *testing.T, name string) *suite.Suite {
	t.Helper()
	s, err := suite.Parse(name+".yaml", []byte("name: "+name+`
place: lab
target: {raftd: {nodes: 3}}
workload: {register: {clients: 4, rate: 100, keys: 3, ops-per-key: 50}}
`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func someChild(t *testing.T) (Child, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Child{Verify: self, Limit: time.Minute, Grace: time.Minute}, t.TempDir()
}

// Goal: what a child leaves is read back, and whatever becomes of it is an error of that run, in
// words. Method: the test program as the child, with a suite whose name says how to behave.
func TestChild(t *testing.T) {
	for _, c := range []struct{ name, wrong string }{
		{"honest", ""},
		{"talkative", ""},
		{"refused", "made no run directory: exit status 5: verify: the lab is taken; hint: wait"},
		{"crashing", "left no results: signal: killed: panic: out of nothing"},
		{"lying", "ended with exit 0, though its results say 2"},
		{"newer", "its format is version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			child, out := someChild(t)
			if err := os.Mkdir(filepath.Join(out, "older"), 0o755); err != nil {
				t.Fatal(err)
			}
			p := child.Play(t.Context(), Job{Suite: someSuite(t, c.name), Seed: 7, Out: out})
			switch {
			case c.wrong != "" && (p.Err == nil || !strings.Contains(p.Err.Error(), c.wrong)):
				t.Fatalf("error %v, want %s", p.Err, c.wrong)
			case c.name == "refused" && ExitOf(p.Err) != checker.ExitRefused:
				t.Errorf("a refused run is a %d", ExitOf(p.Err))
			case c.wrong == "" && (p.Err != nil || p.Results.Seed != 7 || p.History.Header.Seed != 7):
				t.Fatalf("played %+v", p)
			case p.Took <= 0:
				t.Error("it took no time")
			}
			if info, err := os.Stat(filepath.Join(p.Directory, OutputFile)); c.name == "talkative" &&
				(err != nil || info.Size() > lastOutput+100 || info.Size() < lastOutput) {
				t.Errorf("output %v: %v", info, err)
			}
			left, err := filepath.Glob(filepath.Join(out, ".run-*"))
			if err != nil || len(left) > 0 {
				t.Errorf("left %v: %v", left, err)
			}
		})
	}
	p := Child{Verify: "/nowhere"}.Play(t.Context(), Job{Suite: someSuite(t, "a"), Out: t.TempDir()})
	if p.Err == nil {
		t.Error("a program that is none has played")
	}
}

// Goal: a process that had the same number long ago is not taken for the child. Method: two run
// directories of one number, of which one was there before.
func TestDirectoryOfAChild(t *testing.T) {
	out := t.TempDir()
	for _, name := range []string{"a-older", "b-newer"} {
		if err := os.Mkdir(filepath.Join(out, name), 0o755); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(out, name, controllerFile)
		if err := os.WriteFile(file, []byte(`{"pid": 7, "run": "abc"}`), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := filepath.Join(out, "b-newer")
	if got := directoryOf(7, out, map[string]bool{"a-older": true}); got != want {
		t.Errorf("took %s, want %s", got, want)
	}
	if got := directoryOf(8, out, nil); got != "" {
		t.Errorf("took %s for that of another process", got)
	}
}

// Goal: an interrupt is passed on once, the child ends by itself, and what it leaves is read.
// Method: interrupt a child that waits for it, once it has said that it waits.
func TestInterruptedChild(t *testing.T) {
	child, out := someChild(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		await(t, filepath.Join(out, "run-7", "waiting"))
		cancel()
	}()
	p := child.Play(ctx, Job{Suite: someSuite(t, "patient"), Seed: 7, Out: out})
	if p.Err != nil || p.Results == nil || p.Results.Exit != checker.ExitGate {
		t.Errorf("played %+v", p)
	}
	if p = child.Play(ctx, Job{Suite: someSuite(t, "honest"), Seed: 8, Out: out}); p.Err == nil {
		t.Error("a run was begun after the interrupt")
	}
}

// Goal: a child that never ends is interrupted, and then killed, as an error of that run; nothing
// else is. Method: one that does not listen, with a short limit; a bystander must live on.
func TestSilentChild(t *testing.T) {
	child, out := someChild(t)
	bystander := make(chan Played)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		bystander <- child.Play(ctx, Job{Suite: someSuite(t, "patient"), Seed: 1, Out: out})
	}()
	await(t, filepath.Join(out, "run-1", "waiting"))
	short := child
	short.Limit, short.Grace = time.Second, time.Second
	p := short.Play(t.Context(), Job{Suite: someSuite(t, "deaf"), Seed: 7, Out: out})
	for _, want := range []string{"not done within 1s", "killed"} {
		if p.Err == nil || !strings.Contains(p.Err.Error(), want) {
			t.Errorf("error %v, want %q", p.Err, want)
		}
	}
	short.Grace = time.Minute
	p = short.Play(t.Context(), Job{Suite: someSuite(t, "patient"), Seed: 9, Out: out})
	if p.Err == nil || strings.Contains(p.Err.Error(), "killed") || p.Results == nil {
		t.Errorf("one that listens has ended with %v", p.Err)
	}
	cancel()
	if p := <-bystander; p.Err != nil {
		t.Errorf("the bystander has ended with %v", p.Err)
	}
}

// Goal: the number of a child that has ended is nobody else's before it is reaped, so that a kill
// of its group strikes no bystander. Method: look for it between its end and Wait.
func TestEndedIsNotReaped(t *testing.T) {
	command := exec.Command("false")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	awaitExit(command.Process.Pid)
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", command.Process.Pid))
	if err != nil || !strings.Contains(string(stat), ") Z ") {
		t.Errorf("it is %q: %v", stat, err)
	}
	var exit *exec.ExitError
	if err := command.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it has ended with %v", err)
	}
	awaitExit(command.Process.Pid) // of nobody, it returns
}

// await waits for a file.
func await(t *testing.T, file string) {
	for t.Context().Err() == nil {
		if _, err := os.Stat(file); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Goal: a run is given the time that its phases can take. Method: more load, more time.
func TestLimitOfAChild(t *testing.T) {
	s := someSuite(t, "long")
	before := Child{}.limit(s)
	s.Phases.Load += time.Hour
	if got := (Child{}).limit(s); got != before+time.Hour || before < 12*time.Minute {
		t.Errorf("limits %v and %v", before, got)
	}
}
