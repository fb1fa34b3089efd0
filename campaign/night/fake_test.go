package night

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"gauntlet/campaign"
	"gauntlet/checker"
	"gauntlet/suite"
)

const baseText = `name: base
target: {raftd: {nodes: 5, options: {prevote: true, check-quorum: true, election-timeout: 300ms}}}
workload: {register: {clients: 10, rate: 400, keys: 5, ops-per-key: 100}}
phases: {warm-up: 3s, load: 35s, recovery: 8s}
`

// load reads a campaign over the base above.
func load(t testing.TB, text string) *suite.Campaign {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"base.yaml": baseText, "c.yaml": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, err := suite.LoadCampaign(filepath.Join(dir, "c.yaml"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.File = "c.yaml"
	return c
}

const fourCombinations = "name: four\nbase: base.yaml\nnodes: [3, 5]\n" +
	"workloads: {reg: {register: {}}, txn: {txn: {}}}\n"

// fake is a player without a target: what a run shows follows from its cell and its number.
type fake struct {
	rule  func(cell, number int, j campaign.Job) campaign.Played
	clock *clock // moved by what runs take; nil: none
	keep  int    // bytes that each run directory takes; 0: there is none
	hook  func(ctx context.Context, cell, number int)

	mu    sync.Mutex
	plays []string // "cell.number", in order
}

func (f *fake) Play(ctx context.Context, j campaign.Job) campaign.Played {
	cell, _ := strconv.Atoi(j.Name[1:])
	number, _ := strconv.Atoi(filepath.Base(j.Out))
	cell--
	f.mu.Lock()
	f.plays = append(f.plays, fmt.Sprintf("%d.%d", cell, number))
	f.mu.Unlock()
	if f.hook != nil {
		f.hook(ctx, cell, number)
	}
	p := f.rule(cell, number, j)
	if p.Took == 0 {
		p.Took = 50 * time.Second
	}
	if f.clock != nil {
		f.clock.advance(p.Took)
	}
	if f.keep > 0 {
		p.Directory = filepath.Join(j.Out, "run")
		if err := os.MkdirAll(p.Directory, 0o755); err != nil {
			p.Err = err
		}
		if err := os.WriteFile(filepath.Join(p.Directory, "history.jsonl"), make([]byte, f.keep),
			0o644); err != nil {
			p.Err = err
		}
	}
	return p
}

// clock is moved by hand. Its monotonic part is what a night goes by.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)} }

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// shown is a run with that exit code.
func shown(class int) campaign.Played {
	r := &checker.Results{Exit: class, Verdict: checker.Valid, Summary: checker.Summary{
		Duration: 50 * time.Second,
		Load: checker.Measures{Window: 35 * time.Second, Available: 970,
			LongestGap: 700 * time.Millisecond, Throughput: 390, OK: 13650, Latency: []checker.Latency{
				{Kind: "read", P99: 9 * time.Millisecond}, {Kind: "write", P99: 14 * time.Millisecond}}},
		Heals: []checker.Heal{{Fault: 1, At: 20 * time.Second, Available: true,
			After: 400 * time.Millisecond, Heard: true, Transport: 100 * time.Millisecond}},
	}}
	switch class {
	case checker.ExitViolation:
		r.Verdict = checker.Invalid
		r.Checks = []checker.Result{{Check: checker.CheckLinearizable, Verdict: checker.Invalid,
			Reason: "key r3: read #71 returned 5, which was gone", Violation: &checker.Violation{
				Text: "read #71 returned 5", Class: "stale-read"}}}
		r.Reasons = []string{"linearizable: key r3: read #71 returned 5, which was gone"}
	case checker.ExitGate:
		r.Reasons = []string{"available-after-heal: available only 9.2 s after the last heal"}
	case checker.ExitInconclusive:
		r.Verdict, r.Reasons = checker.Unknown,
			[]string{"faults-bit: fault 2 (pause of leader) did not bite"}
	case checker.ExitHarness:
		r.Verdict, r.Reasons = checker.Unknown, []string{"deploy: n2: connection refused"}
		r.Harness = r.Reasons
	case checker.ExitRefused, checker.ExitCleanup:
		r.Verdict, r.Reasons = checker.Unknown, []string{fmt.Sprintf("guard or clean-up: %d", class)}
	}
	return campaign.Played{Results: r}
}

// always shows one class.
func always(class int) func(cell, number int, j campaign.Job) campaign.Played {
	return func(int, int, campaign.Job) campaign.Played { return shown(class) }
}

// config is a night with a fake player and room on the disk.
func config(t testing.TB, c *suite.Campaign, f *fake) Config {
	t.Helper()
	conf := Config{Campaign: c, Store: filepath.Join(t.TempDir(), "store"), Player: f, Seed: 100,
		free: func(string) (int64, error) { return 1 << 40, nil }}
	if f.clock != nil {
		conf.now = f.clock.read
	}
	return conf
}

// carry runs a night to its end.
func carry(t testing.TB, c Config) *Outcome {
	t.Helper()
	o, err := Run(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return o
}
