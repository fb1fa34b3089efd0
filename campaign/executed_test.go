package campaign_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/campaign"
	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/suite"
)

const executedSuite = `name: night
place: lab
seed: 5
target: {raftd: {nodes: 3, options: {prevote: true, check-quorum: true, election-timeout: 100ms}}}
workload: {register: {clients: 4, rate: 100, keys: 3, ops-per-key: 50}}
cast: {old: leader}
timeline:
  - {at: 1s, for: 2s, partition: {shape: isolate-leader, mode: reject}}
  - {at: 2s, for: 2s, loss: {shape: one-way-in-leader, rate: 30%}}
  - {at: 3s, for: 2s, mtu: {shape: isolate-leader, size: 1400}}
  - {at: 4s, for: 2s, client-cut: {on: [old], mode: payload}}
  - {at: 5s, for: 2s, kill: {on: all}}
  - {at: 6s, for: 2s, pause: {on: leader}}
phases: {warm-up: 1s, load: 12s, recovery: 4s}
checks: [linearizable]
require: {ok-per-kind: 20, min-faults: {partition: 1, kill: 1, pause: 1}}
`

// nightRun is the history of a run of executedSuite on hosts a, b and c; its load began after two
// seconds.
func nightRun() *history.History {
	between := func(from, to string, mode history.CutMode) history.Cut {
		return history.Cut{From: from, To: to, Mode: mode}
	}
	lost := between("a", "c", history.CutPayload)
	lost.Rate = 300
	hole := between("b", "c", history.CutPackets)
	hole.Size = 1400
	back := hole
	back.From, back.To = "c", "b"
	fault := func(id int, kind string, start, stop int64, hosts ...string) history.Fault {
		return history.Fault{ID: id, Kind: kind, Stage: history.StageHealed, Hosts: hosts,
			Start: time.Duration(start) * time.Millisecond, Stop: time.Duration(stop) * time.Millisecond}
	}
	h := &history.History{
		Header: history.Header{Version: 1, Seed: 5, Nodes: []string{"a", "b", "c"}},
		Phases: []history.Phase{{Name: "warm-up", At: 1e9}, {Name: "load", At: 2e9},
			{Name: "heal", At: 14e9}, {Name: "recovery", At: 14e9}},
		Faults: []history.Fault{
			fault(1, "partition", 3300, 5400, "b"), fault(2, "loss", 4100, 6200, "c"),
			fault(3, "mtu", 5000, 7000, "c"), fault(4, "client-cut", 6100, 8200, "b"),
			fault(5, "kill", 7100, 9200, "c", "a"), fault(6, "pause", 8100, 10200, "b"),
		},
	}
	h.Faults[0].Shape = "isolate-leader"
	for _, other := range []string{"a", "c"} {
		h.Faults[0].Cuts = append(h.Faults[0].Cuts, between("b", other, history.CutReject),
			between(other, "b", history.CutReject))
	}
	h.Faults[1].Cuts = []history.Cut{lost}
	h.Faults[2].Cuts = []history.Cut{hole, back}
	h.Faults[3].Cuts = []history.Cut{between(history.Clients, "b", history.CutPayload)}
	return h
}

func executed(t *testing.T, s *suite.Suite, h *history.History) *campaign.Executed {
	t.Helper()
	e, err := campaign.ExecutedBy(s, h)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Goal: what a run did is a timeline of fixed times, on nodes that are named by their place, which
// a file holds and which is read again alike.
// Method: a run with a fault of each sort, on hosts with names of their own.
func TestExecutedBy(t *testing.T) {
	s := parsed(t, executedSuite)
	e := executed(t, s, nightRun())
	if len(e.Notes) > 0 || !slices.Equal(e.Faults, []int{1, 2, 3, 4, 5, 6}) {
		t.Errorf("notes %q, faults %v", e.Notes, e.Faults)
	}
	both := func(a, b string) nemesis.Link { return nemesis.Link{From: a, To: b} }
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	want := []nemesis.Event{
		{At: ms(1300), For: ms(2100), Kind: "partition", Shape: "cut", Mode: history.CutReject,
			Links: []nemesis.Link{both("n2", "n1"), both("n2", "n3")}},
		{At: ms(2100), For: ms(2100), Kind: "loss", Shape: "cut", Rate: 300,
			Links: []nemesis.Link{{From: "n1", To: "n3", OneWay: true}}},
		{At: ms(3000), For: ms(2000), Kind: "mtu", Shape: "cut", Size: 1400,
			Links: []nemesis.Link{both("n2", "n3")}},
		{At: ms(4100), For: ms(2100), Kind: "client-cut", On: []string{"n2"},
			Mode: history.CutPayload},
		{At: ms(5100), For: ms(2100), Kind: "kill", On: []string{"n3", "n1"}},
		{At: ms(6100), For: ms(2100), Kind: "pause", On: []string{"n2"}},
	}
	again := reread(t, e.Suite)
	for i, got := range again.Timeline {
		want[i].Stream = uint64(i)
		if !reflect.DeepEqual(got, want[i]) {
			t.Errorf("event %d: %+v\nwant %+v", i, got, want[i])
		}
	}
	if len(again.Timeline) != len(want) || len(again.Cast) > 0 || len(again.Faults) > 0 ||
		again.Seed == nil || *again.Seed != 5 || len(again.Require.MinFaults) != 3 {
		t.Errorf("%+v", again)
	}
	if len(s.Timeline) != 6 || s.Timeline[0].Shape != nemesis.ShapeIsolateLeader {
		t.Errorf("the suite given has changed: %+v", s.Timeline)
	}
}

// Goal: what it takes to inject a fault and to undo it does not add up from one repetition to the
// next.
// Method: faults that all began 120 ms late or more, and lasted longer than planned.
func TestExecutedByWithoutWhatHandlingTakes(t *testing.T) {
	h := nightRun()
	for i := range h.Faults {
		f := &h.Faults[i]
		f.PlannedStart = f.Start - 120*time.Millisecond
		f.PlannedStop = f.PlannedStart + 2*time.Second
		f.Stop = f.Start + 2*time.Second + 80*time.Millisecond
	}
	h.Faults[3].PlannedStart -= time.Second // it had to wait
	h.Faults[3].PlannedStop -= time.Second
	h.Faults[5].Stop -= 500 * time.Millisecond // it was cut short
	s := parsed(t, executedSuite)
	s.Place = suite.PlaceSim // where neither takes any time
	if e := executed(t, s, h).Suite.Timeline[0]; e.At != h.Faults[0].Start-2*time.Second ||
		e.For != 2080*time.Millisecond {
		t.Errorf("in the simulator at %v for %v", e.At, e.For)
	}
	s.Place = suite.PlaceLab
	for i, e := range executed(t, s, h).Suite.Timeline {
		want := 2 * time.Second
		if i == 5 {
			want -= 420 * time.Millisecond
		}
		if e.At != h.Faults[i].Start-2*time.Second-120*time.Millisecond || e.For != want {
			t.Errorf("event %d is at %v for %v", i, e.At, e.For)
		}
	}
}

// Goal: what cannot be as it was is said, in one line each.
// Method: a history that was cut off, with a fault that failed, one that was never healed, one of
// an unknown kind, and one on a host that is none of the run's.
func TestExecutedByOfABrokenRun(t *testing.T) {
	h := nightRun()
	h.Phases = h.Phases[:2]
	h.Faults[0].Stage, h.Faults[0].Error = history.StageFailed, "no iptables"
	h.Faults[0].Start, h.Faults[0].Stop = 0, 0
	h.Faults[1].Stop, h.Faults[1].Stage = 0, history.StageInjected
	h.Faults[2].Kind = "flood"
	h.Faults[3].Hosts = []string{"z"}
	h.Faults[4].Stage, h.Faults[4].Error = history.StageFailed, "it did not start again"
	h.Faults[5].Stop = h.Faults[5].Start + 5*time.Millisecond
	h.Faults = h.Faults[:6]
	e := executed(t, parsed(t, executedSuite), h)
	want := []string{
		"its load ended after 7.2s of 12s: what was planned for later is left out",
		"fault 1 (partition isolate-leader) is left out: it was not injected: no iptables",
		"fault 2 (loss) was still in force when the history ended, after 7.2s of the load",
		`fault 3 (flood) is left out: unknown kind of fault "flood"`,
		`fault 4 (client-cut) is left out: "z" is no node of the run`,
		"fault 5 (kill) could not be undone: it did not start again",
		"fault 6 (pause) was in force for 5ms, and now for 100ms",
	}
	if len(e.Notes) != len(want) {
		t.Errorf("%d notes: %q", len(e.Notes), e.Notes)
	}
	for i, note := range e.Notes {
		if i < len(want) && !strings.HasPrefix(note, want[i]) {
			t.Errorf("note %q, want %q", note, want[i])
		}
	}
	if !slices.Equal(e.Faults, []int{2, 5, 6}) || e.Suite.Timeline[0].For != 5100*time.Millisecond {
		t.Errorf("faults %v: %+v", e.Faults, e.Suite.Timeline)
	}
	if got := e.Suite.Require.MinFaults; len(got) != 2 || got["kill"] != 1 {
		t.Errorf("it requires %v", got)
	}
	reread(t, e.Suite)

	h.Phases = h.Phases[:1]
	if _, err := campaign.ExecutedBy(parsed(t, executedSuite), h); !errors.Is(err,
		campaign.ErrNothing) {
		t.Errorf("a run without a load: %v", err)
	}
}

// Goal: links that lost their packets in different ways do so again.
// Method: cuts whose modes a timeline has by itself, and cuts that are two events.
func TestExecutedByWithMixedCuts(t *testing.T) {
	h := nightRun()
	h.Faults = h.Faults[:1]
	h.Faults[0].Cuts = []history.Cut{
		{From: "a", To: "b", Mode: history.CutPackets}, {From: "b", To: "a", Mode: history.CutPackets},
		{From: "c", To: "a", Mode: history.CutPayload},
	}
	timeline := executed(t, parsed(t, executedSuite), h).Suite.Timeline
	if len(timeline) != 1 || timeline[0].Mode != "" || len(timeline[0].Links) != 2 {
		t.Errorf("%+v", timeline)
	}
	h.Faults[0].Cuts[2].Mode = history.CutPackets
	timeline = executed(t, parsed(t, executedSuite), h).Suite.Timeline
	if len(timeline) != 1 || timeline[0].Mode != history.CutPackets || len(timeline[0].Links) != 2 {
		t.Errorf("%+v", timeline)
	}
	h.Faults[0].Cuts[2].Mode = history.CutReject
	e := executed(t, parsed(t, executedSuite), h)
	if len(e.Suite.Timeline) != 2 || !slices.Equal(e.Faults, []int{1, 1}) {
		t.Errorf("%+v", e)
	}
}

// Goal: the two executions are compared fault by fault: when, how long, on whom, proven or not.
// Method: the history as its own repetition; then one that began late, on another node.
func TestExecutedCompare(t *testing.T) {
	then, now := nightRun(), nightRun()
	e := executed(t, parsed(t, executedSuite), then)
	for _, pair := range e.Compare(then, now) {
		if !pair.Same || pair.Later != 0 || pair.Longer != 0 {
			t.Errorf("%+v", pair)
		}
	}
	now.Phases[1].At += 100 * time.Millisecond
	now.Faults[0].Start += 350 * time.Millisecond
	now.Faults[1].Hosts = []string{"a"}
	now.Faults[1].Cuts[0].From = "b"
	now.Faults = now.Faults[:5]
	pairs := e.Compare(then, now)
	if len(pairs) != 6 || pairs[0].Later != 250*time.Millisecond ||
		pairs[0].Longer != -350*time.Millisecond || !pairs[0].Same || pairs[1].Same ||
		pairs[5].Now != nil {
		t.Errorf("%+v", pairs)
	}
}
