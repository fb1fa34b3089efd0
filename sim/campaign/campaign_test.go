package campaign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gauntlet/chance"
	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/sim"
	"gauntlet/sim/failure"
	"gauntlet/sim/schedule"
)

// fake is an engine without a cluster: what happens follows from the seed, and from the rule of a
// test.
type fake struct {
	runs int
	rule func(f *fake, s *schedule.Schedule, o *sim.Outcome)
}

func (f *fake) Run(s *schedule.Schedule, keep sim.Options) *sim.Outcome {
	f.runs++
	if s.Seed%5 == 0 {
		runtime.Gosched() // let the workers overtake each other
	}
	o := &sim.Outcome{
		Seed: s.Seed, TraceHash: chance.Key(s.Seed, "fake", 0, 0), Events: 4000 + int64(s.Seed%10),
		Virtual: 12 * time.Second, Ops: 3, OK: 2, History: answered(7),
	}
	o.Coverage[0] = uint32(s.Seed % 3)
	o.Effects[0] = uint32(s.Seed % 4)
	if f.rule != nil {
		f.rule(f, s, o)
	}
	if !keep.History && o.Failure == nil {
		o.History = nil
	}
	return o
}

// answered is the history of a write of 7 and a read that was answered with a value.
func answered(value int) *history.History {
	return &history.History{
		Header: history.Header{Version: history.Version, Nodes: []string{"n1"}},
		Operations: []history.Operation{
			{ID: 1, Node: "n1", Kind: "write", Key: "r0", Input: json.RawMessage(`{"value":7}`),
				Output: json.RawMessage(`{}`), Call: 1, Return: 2, Outcome: history.OutcomeOK},
			{ID: 2, Node: "n1", Kind: "read", Key: "r0", Input: json.RawMessage(`{}`),
				Output: json.RawMessage(fmt.Sprintf(`{"value":%d}`, value)), Call: 3, Return: 4,
				Outcome: history.OutcomeOK},
		},
	}
}

// every makes each seed that the number divides fail in one way.
func every(n uint64, s failure.Signature) func(*fake, *schedule.Schedule, *sim.Outcome) {
	return func(_ *fake, of *schedule.Schedule, o *sim.Outcome) {
		if of.Seed%n == 0 {
			o.Failure = &failure.Failure{Signature: s, Text: "as planned", At: time.Second}
		}
	}
}

// draw returns a valid schedule.
func draw(seed uint64) *schedule.Schedule {
	const ms = time.Millisecond
	return &schedule.Schedule{
		Version: schedule.Version, Seed: seed,
		Options: schedule.Options{
			Nodes: 3 + 2*int(seed%2),
			Raft: schedule.Raft{
				ElectionTimeoutMin: 150 * ms, ElectionTimeoutMax: 300 * ms, HeartbeatInterval: 50 * ms,
				MaxAppendBytes: 1 << 16, MaxInflightBytes: 1 << 20, MaxUncommittedBytes: 1 << 20,
			},
			Network: schedule.Network{DelayMin: ms, DelayMax: 2 * ms},
			Disk:    schedule.Disk{SyncMin: ms, SyncMax: 2 * ms, SegmentBytes: 1 << 20},
			Workload: schedule.Workload{
				ThinkMin: ms, ThinkMax: ms,
				Kind: "register", Clients: 3, Keys: 2, OpsPerKey: 10, Timeout: 100 * ms,
			},
			Load: 10 * time.Second,
		},
		Faults: nemesis.Plan{
			{ID: 1, At: ms, For: ms, Kind: nemesis.KindPartition, Shape: nemesis.ShapeIsolateLeader},
			{ID: 2, At: 2 * ms, For: ms, Kind: nemesis.KindKill, Role: nemesis.RoleAny},
		},
	}
}

func config(
	first, last uint64, rule func(*fake, *schedule.Schedule, *sim.Outcome),
) Config {
	return Config{
		Engine: func() Engine { return &fake{rule: rule} }, Draw: draw, First: first, Last: last,
		Workers: 2,
		Command: func(seed uint64) string { return fmt.Sprintf("verify sim --seed %d", seed) },
	}
}

func sweep(c Config) *Tally { return c.sweep(context.Background(), nil) }

// Goal: a range of seeds gives the same result on any number of workers.
// Method: a range with failures of three kinds, on one worker and on seven that overtake each
// other, several times.
func TestRangeIsPure(t *testing.T) {
	rule := func(f *fake, s *schedule.Schedule, o *sim.Outcome) {
		every(97, failure.TwoLeaders)(f, s, o)
		every(203, failure.NoLeader)(f, s, o)
		if s.Seed%331 == 0 {
			o.History = answered(8)
			o.Failure = &failure.Failure{Signature: failure.StaleAnswer, Text: "8"}
		}
	}
	c := config(10, 3_000, rule)
	c.Workers = 1
	want := sweep(c)
	if want.Seeds != 2_991 || len(want.Groups) != 3 || want.Again == 0 || want.Checked == 0 {
		t.Fatalf("not what was planned: %+v", want)
	}
	c.Workers = 7
	for range 5 {
		if diff := cmp.Diff(want, sweep(c)); diff != "" {
			t.Fatal(diff)
		}
	}
}

// Goal: a range that is cut in two shows the same failures as the whole.
// Method: the counts of the parts add up.
func TestRangesAddUp(t *testing.T) {
	rule := every(97, failure.TwoLeaders)
	whole, low, high := sweep(config(1, 999, rule)), sweep(config(1, 400, rule)),
		sweep(config(401, 999, rule))
	if whole.Seeds != low.Seeds+high.Seeds || whole.Again != low.Again+high.Again ||
		whole.Checked != low.Checked+high.Checked ||
		whole.Failures() != low.Failures()+high.Failures() {
		t.Errorf("%+v is not %+v and %+v", whole, low, high)
	}
}

// Goal: a campaign ends at the failure that it was told to end at, and counts nothing beyond it.
// Method: many workers, a failure every 50 seeds, an end after the third.
func TestStopAfter(t *testing.T) {
	c := config(1, 1_000_000, every(50, failure.TwoLeaders))
	c.Workers, c.StopAfter = 8, 3
	if got := sweep(c); got.Seeds != 150 || got.Failures() != 3 {
		t.Errorf("%d seeds, %d failures; want 150 and 3", got.Seeds, got.Failures())
	}
}

// Goal: a campaign that time or a person ends has played the first seeds of its range, each once,
// and says so. Method: an endless range; the rule notes what was played.
func TestEndsEarly(t *testing.T) {
	c := config(5, math.MaxUint64, nil)
	c.For, c.Workers = 30*time.Millisecond, 3
	timed := sweep(c)
	c.For = 0
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	c.Engine = func() Engine {
		return &fake{rule: func(_ *fake, s *schedule.Schedule, _ *sim.Outcome) {
			if s.Seed == 205 {
				cancel()
			}
		}}
	}
	interrupted := c.sweep(ctx, nil)
	for _, got := range []*Tally{timed, interrupted} {
		c := config(5, 5+uint64(got.Seeds)-1, nil)
		if diff := cmp.Diff(sweep(c), got); diff != "" || got.Seeds == 0 {
			t.Errorf("%d seeds: %s", got.Seeds, diff)
		}
	}
}

// Goal: the simulator's own contradictions are found: a world that remembers, an outcome that
// differs, a history that cannot be. Method: engines with each defect; the sample must meet them.
func TestContradictions(t *testing.T) {
	for name, rule := range map[string]func(*fake, *schedule.Schedule, *sim.Outcome){
		"remembers": func(f *fake, _ *schedule.Schedule, o *sim.Outcome) {
			if f.runs > 10 {
				o.TraceHash++
			}
		},
		"outcome": func(f *fake, _ *schedule.Schedule, o *sim.Outcome) { o.Events += int64(f.runs) },
		"history": func(_ *fake, _ *schedule.Schedule, o *sim.Outcome) {
			o.History.Operations[1].ID = 1
		},
	} {
		got := sweep(config(1, 1_000, rule))
		if got.Troubled == 0 || got.Exit() != ExitHarness || got.Seeds+got.Troubled != 1_000 {
			t.Errorf("%s: exit %d, %+v", name, got.Exit(), got.Troubles)
		}
	}
}

// Goal: the checker's verdict is weighed right beside the witness's. Method: every pair of a
// failure and a history that the checker accepts or rejects.
func TestJudges(t *testing.T) {
	for _, c := range []struct {
		found    failure.Signature // by invariants or witness
		value    int               // that the read answered; 7 was written
		want     failure.Signature
		internal bool
		disputed bool // the witness let pass what the checker rejects
	}{
		{"", 7, "", false, false},
		{"", 8, failure.NotLinear, false, true},
		{failure.TwoLeaders, 7, failure.TwoLeaders, true, false},
		{failure.TwoLeaders, 8, failure.TwoLeaders, false, true},
		{failure.StaleAnswer, 7, failure.StaleAnswer, true, false},
		{failure.StaleAnswer, 8, failure.StaleAnswer, false, false},
		{failure.WrongAnswer, 8, failure.WrongAnswer, false, false},
		{failure.TwiceDone, 8, failure.TwiceDone, false, false},
		{failure.UndoneFail, 8, failure.UndoneFail, false, false},
		{failure.NoLeader, 7, failure.NoLeader, false, false},
		{failure.NoLeader, 8, failure.NotLinear, false, true},
	} {
		engine := func() Engine {
			return &fake{rule: func(_ *fake, _ *schedule.Schedule, o *sim.Outcome) {
				o.History = answered(c.value)
				if c.found != "" {
					o.Failure = &failure.Failure{Signature: c.found}
				}
			}}
		}
		got := Play(engine, draw(1))
		f := got.Outcome.Failure
		if signature(f) != c.want || (f != nil && f.InternalOnly != c.internal) || got.Second == nil ||
			got.Trouble != "" || got.Disputed != c.disputed {
			t.Errorf("%q and %d: %+v %+v", c.found, c.value, got, f)
		}
	}
}

// Goal: every seed is judged by the checker, however many operations stay open. Method: as many
// unanswered ones of each kind of object as no search gets through, and an answer to one of them.
func TestManyOpen(t *testing.T) {
	const open = 60
	for _, c := range []struct{ model, kind, input, output string }{
		{"register", "write", `{"value":%d}`, `{"value":9}`},
		{"append", "append", `{"value":%d}`, `{"values":[9]}`},
		{"counter", "add", `{"delta":%d}`, `{"value":9}`},
	} {
		engine := func() Engine {
			return &fake{rule: func(_ *fake, _ *schedule.Schedule, o *sim.Outcome) {
				ops := make([]history.Operation, open, open+1)
				for i := range ops {
					ops[i] = history.Operation{
						ID: int64(i + 1), Process: i, Kind: c.kind, Key: "k",
						Input: json.RawMessage(fmt.Sprintf(c.input, i+1)),
						Call:  time.Duration(i), Return: time.Duration(i),
						Outcome: history.OutcomeInfo,
					}
				}
				o.History = &history.History{Operations: append(ops, history.Operation{
					ID: open + 1, Process: open, Kind: "read", Key: "k",
					Input: json.RawMessage(`{}`), Output: json.RawMessage(c.output),
					Call: open, Return: open + 1, Outcome: history.OutcomeOK,
				})}
			}}
		}
		s := draw(1)
		s.Options.Workload.Kind = c.model
		if got := Play(engine, s); got.Checker != checker.Valid || got.Trouble != "" {
			t.Errorf("%s: %+v", c.model, got)
		}
	}
}

// Goal: the exit code names the worst that was found, and nothing passes in silence.
// Method: every rule of precedence by a tally of its own.
func TestExit(t *testing.T) {
	failed := func(s failure.Signature) Judged {
		return Judged{Outcome: &sim.Outcome{Failure: &failure.Failure{Signature: s}}}
	}
	clean := Judged{Outcome: &sim.Outcome{}}
	trouble := Judged{Outcome: &sim.Outcome{}, Trouble: "differs"}
	undecided := Judged{Outcome: &sim.Outcome{}, Checker: checker.Unknown, Reason: "out of time"}
	for _, c := range []struct {
		judged []Judged
		want   int
	}{
		{nil, ExitInconclusive},
		{[]Judged{clean}, ExitClean},
		{[]Judged{clean, undecided}, ExitInconclusive},
		{[]Judged{undecided, failed(failure.NoLeader)}, ExitLiveness},
		{[]Judged{failed(failure.StuckFollower), trouble}, ExitHarness},
		{[]Judged{trouble, failed(failure.LeaderChurn), failed(failure.VotedTwice)}, ExitSafety},
		{[]Judged{failed(failure.NotLinear)}, ExitSafety},
		{[]Judged{failed(failure.Panicked)}, ExitSafety},
	} {
		tally := newTally(1)
		for i, j := range c.judged {
			tally.count(seen{uint64(i + 1), draw(1), j})
		}
		if got := tally.Exit(); got != c.want {
			t.Errorf("%+v: exit %d, want %d", c.judged, got, c.want)
		}
	}
}

// Goal: on a terminal one line is written over and over and cut to its width; elsewhere a line
// stands for itself. Method: both, by what was written.
func TestProgress(t *testing.T) {
	var terminal, file bytes.Buffer
	tally := sweep(config(1, 1_400, every(700, failure.TwoLeaders)))
	p := NewProgress(&terminal, 40)
	p.next = time.Time{}
	p.show(tally)
	p.end(tally)
	want := "\r\x1b[K1,400 seeds  "
	if got := terminal.String(); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 1 ||
		!strings.HasSuffix(got, "\n") || len(got) > 2*(40+len("\r\x1b[K")) {
		t.Errorf("on a terminal: %q", got)
	}
	p = NewProgress(&file, 0)
	p.show(tally) // not due yet
	p.end(tally)
	line := regexp.MustCompile(`^1,400 seeds  \d+/s  \d+\.\d\dM events/s  4h40m simulated, \d+x  ` +
		`\d+ MiB  1/\d+ situations  two-leaders 2\n$`)
	if got := file.String(); !line.MatchString(got) {
		t.Errorf("in a file: %q", got)
	}
}
