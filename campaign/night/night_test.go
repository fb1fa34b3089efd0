package night

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gauntlet/campaign"
	"gauntlet/checker"
	"gauntlet/suite"
)

var rewrite = flag.Bool("rewrite-summary", false, "write the golden summary anew")

// troubled shows one violation, one missed objective that a rerun confirms, one harness error, and
// a gate that is flaky.
func troubled(cell, number int, _ campaign.Job) campaign.Played {
	switch {
	case cell == 1:
		return shown(1)
	case cell == 2:
		p := shown(0)
		p.Results.Summary.Load.Available = 900
		return p
	case cell == 3:
		return shown(4)
	case cell == 5 && number == 1:
		return shown(2)
	}
	return shown(0)
}

const troubledText = fourCombinations + `seeds: 2
retry: {liveness: 3}
slo: {availability: 95%, longest-gap: 2s, recovery: 1s, p99: 100ms, throughput: 100}
`

// Goal: one violation, one missed objective and one harness error exit 1; JUnit tells the three
// apart; and the summary says to a person who was not there what ran, what failed, how to see it
// again. Method: a fake player, the summary against a golden file, JUnit read back.
func TestTroubledNight(t *testing.T) {
	f := &fake{rule: troubled, clock: newClock(), keep: 10}
	o := carry(t, config(t, load(t, troubledText), f))
	if o.Exit != checker.ExitViolation || o.Trouble != nil {
		t.Errorf("exit %d, trouble %v", o.Exit, o.Trouble)
	}
	junit := readJUnit(t, o.Directory)
	if junit.Failures != 2 || junit.Errors != 1 || junit.Tests != 9 {
		t.Errorf("%d failures, %d errors of %d tests", junit.Failures, junit.Errors, junit.Tests)
	}
	var told []string
	for _, c := range junit.Cases {
		switch {
		case c.Failure != nil:
			told = append(told, c.Name+" failure "+c.Failure.Type)
		case c.Error != nil:
			told = append(told, c.Name+" error "+c.Error.Type)
		}
	}
	want := []string{"c0002 seed 101 failure violation", "c0003 seed 102 failure gate missed",
		"c0004 seed 103 error harness failed"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("JUnit (-want +got):\n%s", diff)
	}
	text, err := os.ReadFile(filepath.Join(o.Directory, textFile))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, strings.ReplaceAll(string(text), o.Directory, "NIGHT"))
	page, err := os.ReadFile(filepath.Join(o.Directory, pageFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"<h1>Violation</h1>", "c0002", "stale-read", "--seed 101", "flaky",
		`href="cells/c0002/1/run/report.html"`, "slo availability", "too few nights"} {
		if !strings.Contains(string(page), word) {
			t.Errorf("the page lacks %q", word)
		}
	}
	outside := regexp.MustCompile(`(?i)<script|<link|@import|https?://|src="`)
	if found := outside.Find(page); found != nil {
		t.Errorf("the page needs something from outside: %s", found)
	}
}

func golden(t *testing.T, got string) {
	t.Helper()
	const file = "testdata/summary.txt"
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("summary (-want +got, see -rewrite-summary):\n%s", diff)
	}
}

type junitTrouble struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
}

type junitSuite struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
	Cases    []struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitTrouble `xml:"failure"`
		Error   *junitTrouble `xml:"error"`
		Skipped *junitTrouble `xml:"skipped"`
		Output  string        `xml:"system-out"`
	} `xml:"testcase"`
}

func readJUnit(t *testing.T, night string) junitSuite {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(night, junitFile))
	if err != nil {
		t.Fatal(err)
	}
	var suites struct {
		Suite junitSuite `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &suites); err != nil {
		t.Fatal(err)
	}
	s := suites.Suite
	if s.Tests != len(s.Cases) {
		t.Errorf("%d cases are said to be %d", len(s.Cases), s.Tests)
	}
	return s
}

// Goal: a fault that does not bite makes a campaign inconclusive, and so does what never ran.
// Method: a player whose second cell never bites; no cell at all.
func TestInconclusive(t *testing.T) {
	c := load(t, fourCombinations)
	f := &fake{rule: func(cell, _ int, _ campaign.Job) campaign.Played {
		return shown(map[bool]int{true: 3}[cell == 1])
	}}
	o := carry(t, config(t, c, f))
	if o.Exit != checker.ExitInconclusive || len(f.plays) != 5 {
		t.Errorf("exit %d after %v", o.Exit, f.plays)
	}
	conf := config(t, c, &fake{rule: always(0)})
	conf.For = time.Second
	o = carry(t, conf)
	if o.Exit != checker.ExitInconclusive || len(o.Summary.NotRun) != 4 || o.Summary.GoOn != "" {
		t.Errorf("exit %d, not run %v", o.Exit, o.Summary.NotRun)
	}
	if junit := readJUnit(t, o.Directory); junit.Errors != 4 {
		t.Errorf("JUnit has %d errors", junit.Errors)
	}
	f = &fake{rule: always(0), clock: newClock()}
	conf = config(t, c, f)
	conf.For = 130 * time.Second
	if o = carry(t, conf); o.Exit != checker.ExitInconclusive || len(f.plays) != 2 {
		t.Errorf("half of it: exit %d after %v", o.Exit, f.plays)
	}
}

// Goal: each combination is had once before any twice, under seeds that are never the same. Method:
// the jobs that a player is given.
func TestOrderOfCells(t *testing.T) {
	c := load(t, fourCombinations+"seeds: 3\n")
	var labels []string
	seeds := map[uint64]bool{}
	f := &fake{rule: func(_, _ int, j campaign.Job) campaign.Played {
		labels = append(labels, j.Suite.Name)
		if j.Suite.Seed == nil || *j.Suite.Seed != j.Seed {
			t.Error("the suite has another seed")
		}
		seeds[j.Seed] = true
		return shown(0)
	}}
	if o := carry(t, config(t, c, f)); o.Exit != 0 {
		t.Errorf("exit %d", o.Exit)
	}
	if len(labels) != 12 || len(seeds) != 12 {
		t.Fatalf("%d runs, %d seeds", len(labels), len(seeds))
	}
	for round := range slices.Chunk(labels, 4) {
		if slices.Sort(round); len(slices.Compact(round)) != 4 {
			t.Errorf("a round has %v", round)
		}
	}
}

// Goal: no cell starts that would not end within the budget; the rest is told; and a larger budget
// goes on from there. Method: a clock that runs move, and wall time that jumps by a day meanwhile.
func TestBudgetOfTime(t *testing.T) {
	c := load(t, fourCombinations+"seeds: until the budget is used\nbudget: {time: 330s}\n")
	told := filepath.Join(t.TempDir(), "told")
	c.Notify.Command = []string{"sh", "-c", "echo told >>" + told}
	clock := newClock()
	f := &fake{rule: always(0), clock: clock}
	conf := config(t, c, f)
	o := carry(t, conf)
	// Phases of 46 s, and 15 s beside them for the first; each then takes 50 s.
	if len(f.plays) != 6 || o.Exit != 0 || o.Summary.Took != 300*time.Second {
		t.Errorf("exit %d after %v in %v", o.Exit, f.plays, o.Summary.Took)
	}
	if !strings.Contains(o.Summary.Stopped, "5m0s of the budget of 5m30s were used") {
		t.Errorf("stopped: %q", o.Summary.Stopped)
	}
	clock.advance(24 * time.Hour) // between two controllers no time of the night passes
	conf.Resume, conf.For = o.Summary.Night, 410*time.Second
	if o = carry(t, conf); len(f.plays) != 8 || o.Exit != 0 || o.Summary.Resumed != 1 {
		t.Errorf("exit %d after %v", o.Exit, f.plays)
	}
	if text, err := os.ReadFile(told); err != nil || strings.Count(string(text), "told") != 2 {
		t.Errorf("who is told of the night, and of what was added to it: %q, %v", text, err)
	}
}

// Goal: a red whose reruns do not fit into the budget stays red. Method: a budget for two runs.
func TestRedWithoutTimeStaysRed(t *testing.T) {
	f := &fake{rule: func(_, number int, _ campaign.Job) campaign.Played {
		return shown(map[bool]int{true: 2}[number == 1])
	}, clock: newClock()}
	conf := config(t, load(t, "name: one\nbase: base.yaml\nbudget: {time: 120s}\n"), f)
	o := carry(t, conf)
	if o.Exit != checker.ExitGate || len(f.plays) != 2 {
		t.Errorf("exit %d after %v", o.Exit, f.plays)
	}
	if cell := o.Summary.Cells[0]; cell.Verdict() != "gate missed, not rerun" {
		t.Errorf("it is %s", cell.Verdict())
	}
}

// Goal: without room on the disk no run begins, with one line and exit 4, and the night goes on
// when there is. Method: a disk that is full before the third run; a run that meets the end of it;
// and a journal that does, in the middle of a line.
func TestDiskFull(t *testing.T) {
	c := load(t, fourCombinations)
	for name, spoil := range map[string]func(*Config, *fake){
		"before a run": func(conf *Config, f *fake) {
			conf.free = func(string) (int64, error) {
				if len(f.plays) == 2 {
					return 1 << 20, nil
				}
				return 1 << 40, nil
			}
		},
		"within a run": func(_ *Config, f *fake) {
			f.rule = func(cell, _ int, _ campaign.Job) campaign.Played {
				if cell == 2 {
					return campaign.Played{Err: fmt.Errorf("history: %w", syscall.ENOSPC)}
				}
				return shown(0)
			}
		},
		"within the journal": func(conf *Config, _ *fake) {
			conf.open = func(night string) (*journal, []entry, bool, error) {
				j, entries, torn, err := openJournal(night)
				j.file = &full{appender: j.file, left: 6}
				return j, entries, torn, err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{rule: always(0)}
			conf := config(t, c, f)
			conf.GoOn = func(string) string { return "verify campaign c.yaml --resume IT" }
			good := conf
			spoil(&conf, f)
			o := carry(t, conf)
			if o.Exit != checker.ExitHarness || o.Trouble == nil ||
				strings.Contains(o.Trouble.Error(), "\n") || o.Summary.GoOn == "" {
				t.Fatalf("exit %d, trouble %v, go on %q", o.Exit, o.Trouble, o.Summary.GoOn)
			}
			text, err := os.ReadFile(filepath.Join(o.Directory, journalFile))
			if err != nil || len(text) == 0 || text[len(text)-1] != '\n' {
				t.Errorf("the journal is not whole: %v", err)
			}
			f.rule, good.Resume = always(0), o.Summary.Night
			f.plays = nil
			o = carry(t, good)
			if o.Exit != 0 || len(o.Summary.Cells) != 4 || o.Trouble != nil || len(f.plays) > 2 {
				t.Errorf("later: exit %d, %d cells, %v, %v", o.Exit, len(o.Summary.Cells), f.plays, o.Trouble)
			}
		})
	}
}

// full is a file on a disk that fills up in the middle of a line.
type full struct {
	appender
	left int // lines
}

func (f *full) Write(line []byte) (int, error) {
	if f.left--; f.left >= 0 {
		return f.appender.Write(line)
	}
	n, err := f.appender.Write(line[:len(line)/2])
	return n, errors.Join(err, syscall.ENOSPC)
}

// Goal: a harness that is broken ends the night instead of filling the disk. Method: a player that
// always fails, and no end but the budget.
func TestBrokenHarnessEndsTheNight(t *testing.T) {
	f := &fake{rule: func(int, int, campaign.Job) campaign.Played {
		return campaign.Played{Err: errors.New("no such program")}
	}, clock: newClock()}
	c := load(t, fourCombinations+"seeds: until the budget is used\nbudget: {time: 10h}\n")
	o := carry(t, config(t, c, f))
	if o.Exit != checker.ExitHarness || len(f.plays) != 2*brokenInARow {
		t.Errorf("exit %d after %d runs", o.Exit, len(f.plays))
	}
}

// Goal: one controller at a time; and an interrupted night says so and goes on. Method: a run
// during which another controller comes, and its context ends.
func TestInterrupted(t *testing.T) {
	c := load(t, fourCombinations)
	ctx, cancel := context.WithCancel(context.Background())
	f := &fake{rule: always(0)}
	conf := config(t, c, f)
	f.hook = func(_ context.Context, cell, _ int) {
		if cell != 1 || ctx.Err() != nil {
			return
		}
		var refused *RefusedError
		if _, err := Run(context.Background(), conf); !errors.As(err, &refused) {
			t.Errorf("another controller: %v", err)
		}
		cancel()
		f.rule = always(4)
	}
	o, err := Run(ctx, conf)
	if err != nil {
		t.Fatal(err)
	}
	if o.Exit != checker.ExitInconclusive || o.Trouble != nil ||
		o.Summary.Cells[1].Verdict() != "not run" {
		t.Errorf("exit %d, trouble %v, %+v", o.Exit, o.Trouble, o.Summary.Cells)
	}
	f.rule, conf.Resume = always(0), o.Summary.Night
	if o = carry(t, conf); o.Exit != 0 || len(f.plays) != 5 || f.plays[2] != "1.2" {
		t.Errorf("exit %d after %v", o.Exit, f.plays)
	}
	if len(o.Summary.Troubled()) > 0 || !slices.Equal(o.Summary.Lost(),
		[]string{"c0002, run 1: interrupted; what it left: cells/c0002/1"}) {
		t.Errorf("troubled %v, lost %q", o.Summary.Troubled(), o.Summary.Lost())
	}
	records, err := store(conf.Store).records()
	if err != nil || len(records) != 1 || records[0].Exit != 0 {
		t.Errorf("the index holds %+v: %v", records, err)
	}
}

// Goal: a violation counts though its run was interrupted. Method: the context ends with it.
func TestInterruptMasksNoViolation(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	f := &fake{rule: always(1), hook: func(context.Context, int, int) { cancel() }}
	o, err := Run(ctx, config(t, load(t, fourCombinations), f))
	if err != nil || o.Exit != checker.ExitViolation {
		t.Errorf("exit %d, %v", o.Exit, err)
	}
}

// Goal: a night goes on as it was begun, or not at all. Method: another file, build, place of
// hosts, a directory that is none, a journal with a broken line in it.
func TestChangedMeanwhile(t *testing.T) {
	f := &fake{rule: always(0)}
	c := load(t, fourCombinations)
	conf := config(t, c, f)
	conf.Resume = carry(t, conf).Summary.Night
	for name, change := range map[string]func(*Config){
		"c.yaml, or a suite it names, has changed": func(conf *Config) {
			conf.Campaign = load(t, fourCombinations+"seeds: 2\n")
		},
		"another build":        func(conf *Config) { conf.Build = "b" },
		"the hosts are others": func(conf *Config) { conf.Hosts = "hosts.yaml" },
		"does not exist":       func(conf *Config) { conf.Resume = "0009-20261123-010000" },
	} {
		other := conf
		change(&other)
		var changed *ChangedError
		_, err := Run(context.Background(), other)
		if !errors.As(err, &changed) || !strings.Contains(err.Error(), name) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	path := filepath.Join(conf.Store, conf.Resume, journalFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append([]byte(`{"at"`+"\n"), text...), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), conf); err == nil ||
		!strings.Contains(err.Error(), "line 1 is broken") {
		t.Errorf("a broken journal: %v", err)
	}
}

// Goal: what the place lacks is skipped by name, known before or found out, and never passes alone.
// Method: a kind of fault that a place lacks, and a player that finds another.
func TestSkipped(t *testing.T) {
	f := &fake{rule: func(cell, _ int, _ campaign.Job) campaign.Played {
		p := shown(0)
		if cell == 0 {
			p.Results.Skipped, p.Results.Exit = []string{"netem"}, 3
			p.Results.Reasons = []string{"not run: the place lacks netem"}
		}
		return p
	}}
	c := load(t, "name: two\nbase: base.yaml\nnodes: [3, 5]\n")
	c.Combinations = append(c.Combinations,
		suite.Combination{Faults: "clocks", Missing: []string{"clock-jump"}})
	o := carry(t, config(t, c, f))
	if o.Exit != 0 || len(f.plays) != 2 {
		t.Errorf("exit %d after %v", o.Exit, f.plays)
	}
	junit := readJUnit(t, o.Directory)
	var skipped []string
	for _, c := range junit.Cases {
		if c.Skipped != nil {
			skipped = append(skipped, c.Skipped.Message)
		}
	}
	want := []string{"the place lacks netem", "the place lacks clock-jump"}
	if junit.Skipped != 2 || !slices.Equal(skipped, want) || junit.Errors+junit.Failures > 0 {
		t.Errorf("JUnit: %+v", junit)
	}
	o = carry(t, config(t, load(t, "name: one\nbase: base.yaml\n"), &fake{rule: f.rule}))
	if o.Exit != checker.ExitInconclusive {
		t.Errorf("nothing but skipped: exit %d", o.Exit)
	}
}

// Goal: whoever wants to be told is told once, with what he needs; and if he cannot be, the night
// is what it was. Method: a command, a server that fails first, and one that never answers well.
func TestNotify(t *testing.T) {
	posts := 0
	var got notification
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		posts++
		if body, _ := io.ReadAll(r.Body); posts == 1 || json.Unmarshal(body, &got) != nil {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer server.Close()
	out := filepath.Join(t.TempDir(), "told")
	c := load(t, fourCombinations)
	c.Notify = suite.Notify{Webhook: server.URL + "/secret", Command: []string{"sh", "-c",
		`echo "$GAUNTLET_CAMPAIGN $GAUNTLET_EXIT $(head -c 7 "$GAUNTLET_SUMMARY")" >>` + out}}
	conf := config(t, c, &fake{rule: always(2)})
	o := carry(t, conf)
	text, err := os.ReadFile(out)
	if err != nil || string(text) != "four 2 GATE MI\n" {
		t.Errorf("the command found %q: %v", text, err)
	}
	if posts != 2 || got.Exit != 2 || got.Cells["gate missed"] != 4 || len(o.Summary.Warnings) > 0 {
		t.Errorf("after %d posts %+v, warnings %v", posts, got, o.Summary.Warnings)
	}
	conf.Resume = o.Summary.Night
	if carry(t, conf); posts != 2 {
		t.Error("who was told is told again")
	}
	server.Close()
	c.Notify.Command = []string{"sh", "-c", "echo broken >&2; exit 3"}
	o = carry(t, config(t, c, &fake{rule: always(0)}))
	if o.Exit != 0 || len(o.Summary.Warnings) != 2 {
		t.Errorf("exit %d, warnings %q", o.Exit, o.Summary.Warnings)
	}
	for _, warning := range o.Summary.Warnings {
		if strings.Contains(warning, "secret") || strings.Contains(warning, "\n") {
			t.Errorf("warning %q", warning)
		}
	}
}
