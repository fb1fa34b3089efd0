package night

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gauntlet/campaign"
	"gauntlet/checker"
	"gauntlet/suite"
)

// Goal: what a run shows is judged as it would be by itself, with the campaign's objectives on
// top, and unknown never passes. Method: a good run, bent in one way each.
func TestJudged(t *testing.T) {
	asked := suite.Objectives{Availability: 950, LongestGap: 2 * time.Second, Recovery: time.Second,
		P99: 100 * time.Millisecond, Throughput: 100}
	unkept := func(p *campaign.Played) { p.Err = errors.New("cannot write") }
	refused := exec.Command("sh", "-c", "exit 5").Run()
	for name, test := range map[string]struct {
		from int // the class of the run itself
		bend func(*campaign.Played)
		want int
		says string
	}{
		"good": {0, func(*campaign.Played) {}, 0, ""},
		"violation": {1, func(p *campaign.Played) { p.Results.Summary.Load.Available = 0 }, 1,
			"linearizable"},
		"never unknown": {0, func(p *campaign.Played) { p.Results.Verdict = checker.Unknown }, 3, ""},
		"no results":    {0, func(p *campaign.Played) { p.Results = nil }, 4, "no results"},
		"crash": {0, func(p *campaign.Played) {
			p.Results, p.Err = nil, errors.New("signal: killed")
		}, 4, "killed"},
		"refused": {0, func(p *campaign.Played) {
			p.Results, p.Err = nil, fmt.Errorf("verify run: %w", refused)
		}, 5, "exit status 5"},
		"not kept":           {0, unkept, 4, "cannot write"},
		"violation not kept": {1, unkept, 1, "r3"},
		"unavailable": {0, func(p *campaign.Played) { p.Results.Summary.Load.Available = 949 }, 2,
			"slo availability: 94.9 % of the time, less than 95 %"},
		"gap": {0, func(p *campaign.Played) { p.Results.Summary.Load.LongestGap = 3 * time.Second }, 2,
			"slo longest-gap"},
		"slow": {0, func(p *campaign.Played) { p.Results.Summary.Load.Latency[1].P99 = time.Second }, 2,
			"slo p99"},
		"little": {0, func(p *campaign.Played) { p.Results.Summary.Load.Throughput = 99 }, 2,
			"slo throughput"},
		"late": {0, func(p *campaign.Played) { p.Results.Summary.Heals[0].After = 2 * time.Second }, 2,
			"available 2s after fault 1 was healed, later than 1s"},
		"never": {0, func(p *campaign.Played) { p.Results.Summary.Heals[0].Available = false }, 2,
			"not available within 1s after fault 1"},
		"hit again": {0, func(p *campaign.Played) {
			h := &p.Results.Summary.Heals[0]
			h.Available, h.Interrupted = false, true
		}, 0, ""},
		"late, and hit again": {0, func(p *campaign.Played) {
			h := &p.Results.Summary.Heals[0]
			h.After, h.Interrupted = 9*time.Second, true
		}, 0, ""},
		"not watched": {0, func(p *campaign.Played) {
			h := &p.Results.Summary.Heals[0]
			h.Available, h.At = false, p.Results.Summary.Duration-time.Millisecond
		}, 3, "clients stopped"},
		"not measured": {0, func(p *campaign.Played) { p.Results.Summary.Load = checker.Measures{} }, 3,
			"slo availability: the load was not measured"},
		"missed beats doubt": {3, func(p *campaign.Played) { p.Results.Summary.Load.Available = 0 }, 2,
			"slo availability"},
		"broken beats missed": {4, func(p *campaign.Played) { p.Results.Summary.Load.Available = 0 }, 4,
			"deploy"},
	} {
		p := shown(test.from)
		test.bend(&p)
		a := judged(p, asked, false)
		if a.Class != test.want || !strings.Contains(strings.Join(a.Reasons, "\n"), test.says) {
			t.Errorf("%s: class %d, want %d, for %q", name, a.Class, test.want, a.Reasons)
		}
		if (a.Class != 0) != (a.Signature != "") {
			t.Errorf("%s: class %d has the signature %q", name, a.Class, a.Signature)
		}
	}
}

// Goal: where no availability is expected only the recovery is asked for. Method: a run without
// any, and one that also came back late.
func TestUnavailableByDesign(t *testing.T) {
	asked := suite.Objectives{Availability: 950, LongestGap: time.Second, Recovery: time.Second,
		P99: time.Millisecond, Throughput: 1000}
	p := shown(0)
	p.Results.Summary.Load.Available = 0
	if a := judged(p, asked, true); a.Class != 0 {
		t.Errorf("class %d for %v", a.Class, a.Reasons)
	}
	p.Results.Summary.Heals[0].After = 2 * time.Second
	if a := judged(p, asked, true); a.Class != 2 {
		t.Errorf("late: class %d for %v", a.Class, a.Reasons)
	}
}

// Goal: the same failure has the same signature, another has another. Method: reasons that differ
// in figures, nodes and keys; and in words.
func TestSignature(t *testing.T) {
	of := func(reason string) string {
		return signature(Attempt{Class: 2, Reasons: []string{reason}}, nil)
	}
	same := []string{
		`available-after-heal: available only 9.2 s after the last heal, later than 6s`,
		`available-after-heal: available only 12.25 s after the last heal, later than 10s`,
	}
	if of(same[0]) != of(same[1]) {
		t.Errorf("%q and %q", of(same[0]), of(same[1]))
	}
	if of("alive: n2 died by itself") != of("alive: n5 died by itself") {
		t.Errorf("nodes make a difference: %q", of("alive: n2 died by itself"))
	}
	if of("alive: n2 died by itself") == of("finished: n2 was left behind") {
		t.Error("two failures have one signature")
	}
}
