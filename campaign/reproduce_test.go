package campaign

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gauntlet/checker"
	"gauntlet/suite"
)

// scripted is a player that knows how each run goes. It notes what it was asked for.
type scripted struct {
	play func(j Job) Played

	mu    sync.Mutex
	asked []string
}

func (s *scripted) Play(_ context.Context, j Job) Played {
	s.mu.Lock()
	s.asked = append(s.asked,
		fmt.Sprint(j.Suite.Target.Raftd.Options.CheckQuorum, j.Binaries, j.Seed))
	s.mu.Unlock()
	return s.play(j)
}

// incident is a file that promises two things: a gap without check quorum, and none with it.
func incident(t *testing.T) *suite.Suite {
	t.Helper()
	s := someSuite(t, "incident")
	signature := checker.Signature{Gap: 5 * time.Second}
	with, without := *s, *s
	raftd := *s.Target.Raftd
	without.Target.Raftd = &raftd
	without.Target.Raftd.Options.CheckQuorum = false
	s.Incident = &suite.Incident{Title: "The leader that heard nobody", Signature: signature,
		Expect: []suite.Expectation{
			{Options: "check-quorum: false", Suite: &without, Answer: suite.AnswerReproduced, AtLeast: 900},
			{Options: "check-quorum: true", Suite: &with, Answer: suite.AnswerNot,
				Recovery: 3 * time.Second, AtMost: 100},
		}}
	return s
}

// asPromised is how the incident goes.
func asPromised(j Job) Played {
	if j.Suite.Target.Raftd.Options.CheckQuorum {
		return played()
	}
	return played(silent(0))
}

func text(t *testing.T, r *Reproduction) string {
	t.Helper()
	var b strings.Builder
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func expectText(t *testing.T, r *Reproduction, want ...string) {
	t.Helper()
	got := text(t, r)
	for _, line := range want {
		if !strings.Contains(got, line) {
			t.Errorf("no %q in:\n%s", line, got)
		}
	}
}

// Goal: every set of options and both builds play the same seeds, run by run, in turns. Method:
// look at what a player was asked for.
func TestSeedsAndTurns(t *testing.T) {
	s, player := incident(t), &scripted{play: asPromised}
	Reproduce(t.Context(), Plan{Suite: s, Sets: Sets(s), Runs: 2, Seed: 5, Player: player,
		Builds: []Build{{"a", nil}, {"b", []string{"b"}}}})
	one, two := SeedOf(5, 1), SeedOf(5, 2)
	want := []string{
		fmt.Sprint(false, []string{}, one), fmt.Sprint(false, []string{"b"}, one),
		fmt.Sprint(true, []string{}, one), fmt.Sprint(true, []string{"b"}, one),
		fmt.Sprint(false, []string{}, two), fmt.Sprint(false, []string{"b"}, two),
		fmt.Sprint(true, []string{}, two), fmt.Sprint(true, []string{"b"}, two),
	}
	if !slices.Equal(player.asked, want) || one == two || one>>32 != 0 {
		t.Errorf("asked for %q, want %q", player.asked, want)
	}
	if SeedOf(6, 1) == one {
		t.Error("another seed gives the same runs")
	}
}

// Goal: each set of options is answered and compared with the file. Method: an incident that goes
// as promised, and one in which check quorum is no cure.
func TestReproduceAnIncident(t *testing.T) {
	s := incident(t)
	plan := Plan{Suite: s, Sets: Sets(s), Builds: []Build{{Name: "raftd"}}, Runs: 10, Seed: 5,
		Player: &scripted{play: asPromised}}
	r := Reproduce(t.Context(), plan)
	if r.Exit != 0 {
		t.Errorf("exit %d", r.Exit)
	}
	expectText(t, r, "incident on lab, seed 5\nThe leader that heard nobody\n",
		"check-quorum: false\n  REPRODUCED 10/10, 100.0 % [72.2 %, 100.0 %]\n"+
			"    as expected        reproduced, in at least 90 %\n"+
			"    safety             valid in 10 runs\n",
		"check-quorum: true\n  NOT REPRODUCED 0/10 (rate below 25.9 % at 95 %)\n"+
			"    as expected        not reproduced, but in at most 10 % of the runs, available within "+
			"3s of the last heal\n"+
			"    to see it once     at 95 %: 29 runs if it happens in 10 % of them, 59 if in 5 %, "+
			"299 if in 1 %\n")
	plan.Player = &scripted{play: func(Job) Played { return played(silent(0)) }}
	r = Reproduce(t.Context(), plan)
	if r.Exit != checker.ExitGate {
		t.Errorf("no cure: exit %d", r.Exit)
	}
	expectText(t, r, "check-quorum: true\n  REPRODUCED 10/10", "NOT AS EXPECTED    not reproduced")
}

// Goal: of a suite that tells of no incident any violation is one, and two builds are told apart.
// Method: a clean one and one that is not, six runs each.
func TestCompareBuilds(t *testing.T) {
	s := someSuite(t, "plain")
	r := Reproduce(t.Context(), Plan{Suite: s, Sets: Sets(s), Runs: 6,
		Builds: []Build{{"raftd", nil}, {"bad", []string{"bad"}}},
		Player: &scripted{play: func(j Job) Played {
			if j.Binaries != nil {
				return played(violating)
			}
			return played()
		}}})
	if r.Exit != checker.ExitViolation {
		t.Errorf("exit %d", r.Exit)
	}
	expectText(t, r, "  A raftd: NOT REPRODUCED 0/6 (rate below 39.3 % at 95 %)\n",
		"  B bad: REPRODUCED 6/6, 100.0 % [61.0 %, 100.0 %]\n",
		"    safety             VIOLATED in 6 of 6 runs; run 1: linearizable: a stale read\n",
		"  B less A: +100.0 points, p = 0.0022 by Fisher's exact test\n")
	if p := r.Sets[0].Comparison.P; p > 0.0022 || p < 0.0021 {
		t.Errorf("p %v", p)
	}
}

// Goal: until the first reproduction, however many runs are under way at a time: the answer is the
// same, and its interval holds for runs that were stopped by what they showed. Method: the fourth
// run reproduces, and so does the fifth, which is faster.
func TestUntilFirst(t *testing.T) {
	s := someSuite(t, "first")
	for _, workers := range []int{1, 4, 16} {
		release := make(chan struct{})
		player := &scripted{play: func(j Job) Played {
			switch j.Seed {
			case SeedOf(9, 4):
				if workers > 4 {
					<-release
				}
				return played(violating)
			case SeedOf(9, 5):
				if workers > 4 {
					close(release)
				}
				return played(violating)
			}
			return played()
		}}
		r := Reproduce(t.Context(), Plan{Suite: s, Sets: Sets(s), Builds: []Build{{Name: "raftd"}},
			Runs: 50, UntilFirst: true, Seed: 9, Workers: workers, Player: player})
		side := r.Sets[0].Sides[0]
		if side.Reproduced != 1 || side.Counted != 4 || !side.Early || *side.Rate != Anytime(1, 4) {
			t.Errorf("%d at a time: %+v", workers, side)
		}
		expectText(t, r, "REPRODUCED 1/4, 25.0 % [0.2 %, 86.9 %], stopped early\n")
		if len(player.asked) >= 50 {
			t.Errorf("%d at a time: all %d runs were made", workers, len(player.asked))
		}
	}
}

// Goal: a run that was under way when its set was done is ended like any other, and what it
// violates and leaves behind is shown and decides, yet it has no part in the rate. Method: four at
// a time; the first shows the incident, the second and the fourth go as the case says.
func TestUnderWayWhenDone(t *testing.T) {
	s := incident(t)
	left := func(p *Played) { p.Results.Cleanup = []string{"n2: a rule"} }
	for name, c := range map[string]struct {
		bend func(*Played)
		exit int
		text string
	}{
		"as promised": {silent(0), 0, "    safety             valid in 4 runs\n"},
		"violation": {violating, checker.ExitViolation,
			"    safety             VIOLATED in 2 of 4 runs; run 2: linearizable: a stale read\n"},
		"left behind": {left, checker.ExitCleanup, "    LEFT BEHIND        run 2: n2: a rule\n"},
		"broken":      {broken, 0, "    safety             valid in 2 runs, unknown in 2\n"},
	} {
		var ended []int
		r := Reproduce(t.Context(), Plan{Suite: s, Sets: Sets(s)[:1], Builds: []Build{{Name: "raftd"}},
			Runs: 50, UntilFirst: true, Seed: 9, Workers: 4,
			Player: &scripted{play: func(j Job) Played {
				if j.Seed == SeedOf(9, 2) || j.Seed == SeedOf(9, 4) {
					return played(c.bend)
				}
				return played(silent(0))
			}},
			Ended: func(_ Set, _ Build, t *Trial) { ended = append(ended, t.Run) }})
		side := r.Sets[0].Sides[0]
		if side.Counted != 1 || side.Reproduced != 1 || len(side.After) != 3 || r.Exit != c.exit ||
			!slices.Equal(ended, []int{1, 2, 3, 4}) {
			t.Errorf("%s: exit %d, ended %v: %+v", name, r.Exit, ended, side)
		}
		expectText(t, r, "REPRODUCED 1/1,", c.text,
			"    not counted        3 runs under way when the set was done\n")
	}
}

// Goal: one set that is done ends no other. Method: two sets, one of which never shows anything.
func TestUntilFirstOfEachSet(t *testing.T) {
	s := incident(t)
	r := Reproduce(t.Context(), Plan{Suite: s, Sets: Sets(s), Builds: []Build{{Name: "raftd"}},
		Runs: 5, UntilFirst: true, Player: &scripted{play: asPromised}})
	if a, b := r.Sets[0].Sides[0], r.Sets[1].Sides[0]; a.Counted != 1 || b.Counted != 5 || b.Early {
		t.Errorf("%d and %d runs, early %v", a.Counted, b.Counted, b.Early)
	}
}

// Goal: a person, or the clock, ends it, and what was seen counts; a run that was cut short says
// nothing and blames nobody. Method: an interrupt during the third run, and no time at all.
func TestStopped(t *testing.T) {
	s := someSuite(t, "stopped")
	ctx, cancel := context.WithCancel(t.Context())
	plan := Plan{Suite: s, Sets: Sets(s), Builds: []Build{{Name: "raftd"}}, Runs: 10,
		Player: &scripted{play: func(j Job) Played {
			if j.Seed == SeedOf(0, 3) {
				cancel()
				return played(gate("finished", checker.Unknown))
			}
			return played(violating)
		}}}
	r := Reproduce(ctx, plan)
	side := r.Sets[0].Sides[0]
	if r.Stopped != "interrupted" || side.Counted != 2 || len(side.Trials) != 2 || !side.Early ||
		*side.Rate != Anytime(2, 2) {
		t.Errorf("%q: %+v", r.Stopped, side)
	}
	for what, c := range map[string]struct {
		bend    func(*Played)
		outcome Outcome // "": the run is none
	}{
		"cut short":          {gate("finished", checker.Unknown), ""},
		"cut short, showing": {violating, Reproduced},
		"broken meanwhile":   {broken, HarnessError},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		plan.Player = &scripted{play: func(Job) Played {
			cancel()
			return played(c.bend)
		}}
		trials := Reproduce(ctx, plan).Sets[0].Sides[0].Trials
		if len(trials) != 1 && c.outcome != "" || len(trials) == 1 && trials[0].Outcome != c.outcome {
			t.Errorf("%s: %+v", what, trials)
		}
	}
	plan.Runs, plan.For = 0, time.Nanosecond
	r = Reproduce(t.Context(), plan)
	if r.Stopped != "the time was over" || r.Exit != checker.ExitInconclusive {
		t.Errorf("%q, exit %d", r.Stopped, r.Exit)
	}
	expectText(t, r, "stopped early: the time was over\n", "  NOT RUN\n")
}

// Goal: the worst that was found decides, and a violation that no file promises is never masked.
// Method: sets of one side each, every pair of what can be found.
func TestExitOfTheWorst(t *testing.T) {
	all := []string{"V", "u", "h", "R", "c", "f", "n"} // as checker.Worst has it
	for i, worse := range all {
		for _, better := range all[i:] {
			var r Reproduction
			for _, outcomes := range []string{better, worse} {
				r.Sets = append(r.Sets, SetResult{Sides: []Side{*side(t, nil, outcomes)}})
			}
			want := map[string]int{"V": 1, "u": 5, "h": 4, "R": 2, "c": 6, "f": 3, "n": 0}[worse]
			if got := r.exit(); got != want {
				t.Errorf("%s and %s: exit %d, want %d", better, worse, got, want)
			}
		}
	}
}

// Goal: what says nothing is named with its run, and shown where it can be looked at. Method: one
// run of each outcome.
func TestNamed(t *testing.T) {
	s := someSuite(t, "mixed")
	each := []func(*Played){
		func(*Played) {}, violating, gate("alive", checker.Invalid), ineffectual, broken,
	}
	r := Reproduce(t.Context(), Plan{Suite: s, Sets: Sets(s), Builds: []Build{{Name: "raftd"}},
		Runs: 5, Player: &scripted{play: func(j Job) Played {
			for run := range each {
				if j.Seed == SeedOf(0, run+1) {
					p := played(each[run])
					p.Directory = fmt.Sprintf("runs/%d", run+1)
					return p
				}
			}
			return Played{}
		}}})
	expectText(t, r, "  REPRODUCED 1/3, 33.3 % [6.1 %, 79.2 %]\n",
		"    different failure  1 run; run 3: alive: as it is\n",
		"    not counted        1 run of fault not effective; run 4: fault 1 did not bite\n",
		"    not counted        1 run of harness error; run 5: collect: no route\n",
		"    safety             VIOLATED in 1 of 5 runs; run 2: linearizable: a stale read\n",
		fmt.Sprintf("    evidence           run 2, seed %d, reproduced: runs/2\n", SeedOf(0, 2)))
}
