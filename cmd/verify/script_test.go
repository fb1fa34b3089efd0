package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	campaigns "gauntlet/campaign"
	"gauntlet/runner"
	"gauntlet/sim"
	"gauntlet/sim/campaign"
	"gauntlet/sim/failure"
	"gauntlet/sim/schedule"
)

// TestMain lets the test program be the child process of a check, as this program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == runner.WorkerCommand {
		os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// Goal: the commands do what their help says, one behaviour a script.
// Method: scripts in testdata, each in a directory of its own, one step a line:
//
//	verify ARGS...       runs the command line
//	exit CODE            how it must have ended; every verify is followed by one
//	stdout REGEXP        what it must have said; ^ and $ are the ends of lines. Also stderr, and
//	                     "no stdout REGEXP"
//	save FILE            keeps what it printed
//	same FILE FILE       two files hold the same
//	file FILE REGEXP     a file holds this; also "no file"
//	exists FILE          also "no exists"
//	rigged               from here on, the simulator reports a failure for each seed that is a
//	                     multiple of 7, as long as there are three operations
//	honest               no longer
//	staged               from here on, runs on hosts are simulated, and go as their build is named
//
// A line "-- NAME --" begins a file that lies there from the start, up to the next such line.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(paths) < 5 {
		t.Fatalf("scripts %v: %v", paths, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(path, "testdata/"), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			honest, children := newWorld, newChild
			defer func() { newWorld, newChild = honest, children }()
			t.Chdir(t.TempDir())
			s := &script{t: t, code: -1}
			for i, line := range s.unpack(string(text)) {
				s.line = i + 1
				if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
					s.step(line)
				}
			}
		})
	}
}

// script is one script under way.
type script struct {
	t              *testing.T
	line           int
	stdout, stderr bytes.Buffer
	code           int
}

// unpack writes the script's files and returns its steps.
func (s *script) unpack(text string) []string {
	parts := regexp.MustCompile(`(?m)^-- (\S+) --\n`).Split(text, -1)
	names := regexp.MustCompile(`(?m)^-- (\S+) --\n`).FindAllStringSubmatch(text, -1)
	for i, name := range names {
		if err := os.MkdirAll(filepath.Dir(name[1]), 0o755); err != nil {
			s.t.Fatal(err)
		}
		file(s.t, name[1], parts[i+1])
	}
	return strings.Split(parts[0], "\n")
}

func (s *script) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("line %d: "+format+"\nstdout:\n%s\nstderr:\n%s",
		append(append([]any{s.line}, args...), &s.stdout, &s.stderr)...)
}

func (s *script) step(line string) {
	s.t.Helper()
	rest, no := strings.CutPrefix(line, "no ")
	verb, rest, _ := strings.Cut(rest, " ")
	switch words := strings.Fields(rest); verb {
	case "verify":
		s.stdout.Reset()
		s.stderr.Reset()
		s.code = execute(words, &s.stdout, &s.stderr)
	case "exit":
		if rest != strconv.Itoa(s.code) {
			s.fatalf("exit %d, want %s", s.code, rest)
		}
	case "stdout":
		s.match(s.stdout.String(), rest, !no)
	case "stderr":
		s.match(s.stderr.String(), rest, !no)
	case "save":
		file(s.t, rest, s.stdout.String())
	case "same":
		if a, b := s.read(words[0]), s.read(words[1]); a != b {
			s.fatalf("%s and %s differ:\n%s\n%s", words[0], words[1], a, b)
		}
	case "file":
		name, pattern, _ := strings.Cut(rest, " ")
		s.match(s.read(name), pattern, !no)
	case "exists":
		if _, err := os.Stat(rest); (err == nil) == no {
			s.fatalf("%s: %v", line, err)
		}
	case "honest":
		newWorld = func() campaign.Engine { return sim.NewWorld() }
	case "staged":
		newChild = func(string, string) campaigns.Player { return staged{} }
	case "rigged":
		newWorld = func() campaign.Engine { return rigged{sim.NewWorld()} }
	default:
		s.fatalf("no such step: %s", line)
	}
}

func (s *script) read(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		s.fatalf("%v", err)
	}
	return string(text)
}

func (s *script) match(text, pattern string, want bool) {
	s.t.Helper()
	if regexp.MustCompile("(?m)"+pattern).MatchString(text) != want {
		s.fatalf("matching %q is not %v in\n%s", pattern, want, text)
	}
}

// rigged is the simulator with a failure that its clean replica does not have.
type rigged struct{ *sim.World }

func (r rigged) Run(s *schedule.Schedule, o sim.Options) *sim.Outcome {
	out := r.World.Run(s, sim.Options{Trace: o.Trace, History: true})
	if s.Seed%7 == 0 && out.Ops >= 3 && out.Failure == nil {
		out.Failure = &failure.Failure{Signature: failure.TwoLeaders, Text: "rigged", At: out.Virtual}
	}
	return out
}
