package campaign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/chance"
	"gauntlet/history"
	"gauntlet/sim"
	"gauntlet/sim/failure"
	"gauntlet/sim/schedule"
	"gauntlet/sim/trace"
)

// busy makes 20 operations of a schedule that has none, and has every run of at least three fail
// whose seed is a multiple of 4; hashes tell schedules apart.
func busy(_ *fake, s *schedule.Schedule, o *sim.Outcome) {
	o.Issued = s.Operations
	for i := 0; s.Operations == nil && i < 20; i++ {
		o.Issued = append(o.Issued, schedule.Operation{
			Worker: i % 3, At: time.Duration(i) * time.Millisecond, Kind: "read", Key: "r0",
			Input: json.RawMessage(`{}`),
		})
	}
	o.Trace = &trace.Log{Nodes: []string{"n1", "n2", "n3"}}
	o.TraceHash = chance.Key(s.Seed, "fake", uint64(len(o.Issued)), 0)
	if s.Seed%4 == 0 && len(o.Issued) >= 3 {
		signature := []failure.Signature{failure.TwoLeaders, failure.DroppedWrites}[s.Seed/4%2]
		o.Failure = &failure.Failure{Signature: signature, Text: "n1 and n3 in term 4"}
	}
}

// Goal: a failing campaign leaves one directory a signature, from which anybody can replay it.
// Method: two signatures over the fake engine, whose smallest failures are not their first; the
// files are read back and played.
func TestEvidence(t *testing.T) {
	c := config(1, 41, busy)
	c.Out, c.Build = filepath.Join(t.TempDir(), "out"), "abc"
	var talk bytes.Buffer
	tally := Run(context.Background(), c, NewProgress(&talk, 80))
	if tally.Exit() != ExitSafety || len(tally.Groups) != 2 || len(tally.Unkept) > 0 {
		t.Fatalf("%+v", tally)
	}
	for i, want := range []struct {
		signature failure.Signature
		seed      uint64
	}{{failure.DroppedWrites, 20}, {failure.TwoLeaders, 40}} {
		g := tally.Groups[i]
		if g.Signature != want.signature || g.Directory != filepath.Join(c.Out, string(g.Signature)) {
			t.Errorf("group %d: %+v", i, g)
		}
		for _, name := range []string{scheduleFile, originalFile} {
			s, err := schedule.Read(filepath.Join(g.Directory, name))
			if err != nil {
				t.Fatal(err)
			}
			j := Play(c.Engine, s)
			if s.Seed != want.seed || j.Outcome.Failure.Signature != want.signature ||
				s.Expect.Signature != string(want.signature) || s.Expect.Build != "abc" ||
				s.Expect.TraceHash != fmt.Sprintf("%016x", j.Outcome.TraceHash) {
				t.Errorf("%s of %s: %+v", name, g.Signature, s.Expect)
			}
			if n := map[string]int{scheduleFile: 3, originalFile: 20}[name]; len(s.Operations) != n {
				t.Errorf("%s of %s: %d operations, want %d", name, g.Signature, len(s.Operations), n)
			}
		}
		if _, err := history.Open(filepath.Join(g.Directory, historyFile)); err != nil {
			t.Error(err)
		}
		readme, err := os.ReadFile(filepath.Join(g.Directory, readmeFile))
		for _, line := range []string{
			"replay    verify replay " + filepath.Join(g.Directory, scheduleFile),
			fmt.Sprintf("seed      verify sim --seed %d", want.seed), "5 of 41 seeds failed so",
		} {
			if err != nil || !strings.Contains(string(readme), line) {
				t.Errorf("%v: no %q in\n%s", err, line, readme)
			}
		}
		for _, name := range []string{pageFile, textFile} {
			if _, err := os.Stat(filepath.Join(g.Directory, name)); err != nil {
				t.Error(err)
			}
		}
	}
	if !strings.Contains(talk.String(), "shrinking dropped-writes: ") {
		t.Errorf("no word of shrinking: %q", &talk)
	}
}

// Goal: evidence that cannot be kept is said, and the campaign does not pass for clean work.
// Method: a file stands where the directory should.
func TestEvidenceThatCannotBeKept(t *testing.T) {
	c := config(1, 20, busy)
	c.Out = filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(c.Out, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tally := Run(context.Background(), c, nil)
	if len(tally.Unkept) != 2 || !strings.Contains(tally.Unkept[0].Text, c.Out) {
		t.Errorf("%+v", tally.Unkept)
	}
	tally.Groups = nil
	if tally.Exit() != ExitHarness {
		t.Errorf("exit %d", tally.Exit())
	}
}

// Goal: a schedule whose operations, once written out, no longer lead to its failure, is kept as it
// was found. Method: an engine that fails only while it draws the operations itself.
func TestConcreteKeepsTheFailure(t *testing.T) {
	engine := func() Engine {
		return &fake{rule: func(f *fake, s *schedule.Schedule, o *sim.Outcome) {
			if busy(f, s, o); s.Operations != nil {
				o.Failure = nil
			}
		}}
	}
	s := Concrete(engine, draw(8), "")
	if s.Operations != nil || s.Expect.Signature != string(failure.TwoLeaders) {
		t.Errorf("%d operations, %+v", len(s.Operations), s.Expect)
	}
}

// Goal: what only the checker rejects shrinks too, and to nothing that fails otherwise.
// Method: a history that is wrong as long as there are two operations.
func TestShrinkWhatOnlyTheCheckerSees(t *testing.T) {
	engine := func() Engine {
		return &fake{rule: func(f *fake, s *schedule.Schedule, o *sim.Outcome) {
			busy(f, s, o)
			if o.Failure = nil; len(o.Issued) >= 2 {
				o.History = answered(8)
			}
		}}
	}
	s := Shrink(engine, Concrete(engine, draw(8), ""), nil)
	if len(s.Operations) != 2 || s.Expect.Signature != string(failure.NotLinear) {
		t.Errorf("%d operations, %+v", len(s.Operations), s.Expect)
	}
}

// Goal: a schedule never shrinks to one that fails otherwise.
// Method: an engine whose failure becomes another one below five operations.
func TestShrinkKeepsTheSignature(t *testing.T) {
	engine := func() Engine {
		return &fake{rule: func(f *fake, s *schedule.Schedule, o *sim.Outcome) {
			if busy(f, s, o); o.Failure != nil && len(o.Issued) < 5 {
				o.Failure = &failure.Failure{Signature: failure.Panicked}
			}
		}}
	}
	s := Shrink(engine, Concrete(engine, draw(8), ""), nil)
	if len(s.Operations) != 5 || s.Expect.Signature != string(failure.TwoLeaders) {
		t.Errorf("%d operations, %+v", len(s.Operations), s.Expect)
	}
}
