package night

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/campaign"
	"gauntlet/checker"
	"gauntlet/report"
	"gauntlet/suite"
)

// Goal: with a number of seeds nothing that was not had passes, without one the night may end
// early. Method: a budget that lets all combinations in, and not all cells.
func TestFixedSeeds(t *testing.T) {
	for text, want := range map[string]int{
		"seeds: 2\n":                        checker.ExitInconclusive,
		"seeds: 1\n":                        checker.ExitValid,
		"seeds: until the budget is used\n": checker.ExitValid,
	} {
		f := &fake{rule: always(0), clock: newClock()}
		o := carry(t, config(t, load(t, fourCombinations+text+"budget: {time: 330s}\n"), f))
		if o.Exit != want || len(f.plays) < 4 {
			t.Errorf("%s: exit %d after %v", text, o.Exit, f.plays)
		}
		if junit := readJUnit(t, o.Directory); (junit.Errors > 0) != (want != 0) {
			t.Errorf("%s: JUnit has %d errors", text, junit.Errors)
		}
	}
}

// Goal: a red that came before the place lacked something stays red. Method: a gate that is missed,
// a harness that fails, and then a place that lacks something; against one that always does.
func TestSkippedMasksNothing(t *testing.T) {
	p := lacking()
	p.Err = errors.New("no room")
	if a := judged(p, suite.Objectives{}, false); a.skipped() || a.Class != checker.ExitHarness {
		t.Errorf("a harness that fails as well: class %d, skipped %v", a.Class, a.skipped())
	}
	c := load(t, "name: two\nbase: base.yaml\nnodes: [3, 5]\n")
	for first, want := range map[int]int{2: 2, 4: 4, 3: 3, 0: 0} {
		f := &fake{rule: func(cell, number int, _ campaign.Job) campaign.Played {
			switch {
			case cell == 1:
				return shown(0)
			case number == 1 && first != 0:
				return shown(first)
			}
			return lacking()
		}}
		o := carry(t, config(t, c, f))
		skipped := 0
		if want == 0 {
			skipped = 1
		}
		junit := readJUnit(t, o.Directory)
		if red := junit.Failures+junit.Errors > 0; o.Exit != want || junit.Skipped != skipped ||
			red != (want > 0) {
			t.Errorf("first %d: exit %d, JUnit %+v", first, o.Exit, junit)
		}
		if told := o.Summary.Troubled(); (len(told) > 0) != (want > 0) {
			t.Errorf("first %d: troubled %+v", first, told)
		}
	}
}

// lacking is a run that did not take place.
func lacking() campaign.Played {
	p := shown(0)
	p.Results.Skipped, p.Results.Exit, p.Results.Verdict = []string{"netem"}, 3, checker.Unknown
	p.Results.Reasons = []string{"not run: the place lacks netem"}
	return p
}

// Goal: nights are compared with nights of their place only. Method: five nights in one place, and
// one in each of two.
func TestPlacesAreComparedApart(t *testing.T) {
	c := load(t, fourCombinations)
	conf := config(t, c, &fake{rule: always(2)})
	in := func(place string) *report.Campaign {
		c.Place = place
		return carry(t, conf).Summary
	}
	for range 5 {
		in(suite.PlaceSim)
	}
	if lab := in(suite.PlaceLab); lab.Failures[0].Before != 0 || lab.Trends[0].Nights != 0 {
		t.Errorf("in the lab: %+v, %+v", lab.Failures, lab.Trends)
	}
	if sim := in(suite.PlaceSim); sim.Failures[0].Before != 5 || sim.Trends[0].Nights != 5 {
		t.Errorf("simulated: %+v, %+v", sim.Failures, sim.Trends)
	}
}

// Goal: the worst night shows: no availability at all is a figure, and so is a recovery that took
// no time. Method: five good nights, and one in which nothing was served.
func TestWorstNight(t *testing.T) {
	f := &fake{rule: func(int, int, campaign.Job) campaign.Played {
		p := shown(0)
		p.Results.Summary.Heals[0].After = 0
		return p
	}}
	conf := config(t, load(t, fourCombinations), f)
	for range 5 {
		carry(t, conf)
	}
	f.rule = func(int, int, campaign.Job) campaign.Played {
		p := shown(0)
		p.Results.Summary.Load = checker.Measures{Window: 35 * time.Second,
			LongestGap: 35 * time.Second}
		p.Results.Summary.Heals[0].After = 0
		return p
	}
	c := carry(t, conf).Summary
	worse := map[string]string{}
	for _, trend := range c.Trends {
		if trend.Worse {
			worse[trend.Name] = trend.Now
		} else if trend.Name != "recovery" || trend.Nights != 5 {
			t.Errorf("trend %+v", trend)
		}
	}
	if len(c.Trends) != 4 || worse["availability"] != "0.0 %" || worse["ok/s"] != "0.0" ||
		worse["longest gap"] == "" {
		t.Errorf("worse: %v of %+v", worse, c.Trends)
	}
	if figures := c.Combinations[0].Figures; figures[0] != "0.0 %" || figures[3] != "" {
		t.Errorf("figures %q", figures)
	}
}

// Goal: what goes wrong at the very end stands in the summary too, in all three forms and in the
// index. Method: a command that fails, and a disk that fills up at the last line of the journal.
func TestSummaryTellsOfTheEnd(t *testing.T) {
	c := load(t, fourCombinations)
	c.Notify.Command = []string{"false"}
	conf := config(t, c, &fake{rule: always(0)})
	conf.open = fillsUp(9) // header and four runs
	o := carry(t, conf)
	if o.Exit != checker.ExitHarness || o.Trouble == nil {
		t.Errorf("exit %d, trouble %v", o.Exit, o.Trouble)
	}
	for file, headline := range map[string]string{textFile: "HARNESS FAILED", junitFile: `value="4"`,
		pageFile: "<h1>Harness failed</h1>"} {
		text, err := os.ReadFile(filepath.Join(o.Directory, file))
		for _, want := range []string{headline, "notify: the command false", "cannot be written"} {
			if err != nil || !strings.Contains(string(text), want) {
				t.Errorf("%s lacks %q: %v", file, want, err)
			}
		}
	}
	records, err := store(conf.Store).records()
	if err != nil || !slices.ContainsFunc(records, func(r Record) bool { return r.Exit == o.Exit }) {
		t.Errorf("the index holds %+v: %v", records, err)
	}
}

// Goal: a night that goes on began when it began. Method: a controller an hour later.
func TestBeganOnce(t *testing.T) {
	f := &fake{rule: always(0), clock: newClock()}
	conf := config(t, load(t, fourCombinations), f)
	began := f.clock.read()
	conf.Resume = carry(t, conf).Summary.Night
	f.clock.advance(time.Hour)
	if o := carry(t, conf); !o.Summary.Started.Equal(began) {
		t.Errorf("began %v, not %v", o.Summary.Started, began)
	}
}
