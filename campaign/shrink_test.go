package campaign_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/campaign"
	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/suite"
)

// scripted plays runs that show the incident where a function says so.
type scripted struct {
	shows func(s *suite.Suite, seed uint64) bool
	mute  func(s *suite.Suite) bool // some fault did not bite; nil: all did
	plays int
	t     *testing.T
}

func (p *scripted) Play(_ context.Context, j campaign.Job) campaign.Played {
	p.plays++
	if len(j.Suite.Timeline)+len(j.Suite.Faults) == 0 {
		p.t.Fatalf("a suite without faults was played")
	}
	proof := []history.Evidence{{Moment: "start", Bit: true}, {Moment: "end", Bit: true}}
	h := &history.History{
		Faults: []history.Fault{{ID: 1, Kind: "kill", Start: 1e9, Stop: 2e9, Evidence: proof}},
	}
	r := &checker.Results{Version: 1,
		Checks:  []checker.Result{{Check: "linearizable", Verdict: checker.Valid}},
		Gates:   []checker.Result{{Check: checker.GateFaultsBit, Verdict: checker.Valid}},
		Summary: checker.Summary{OK: 1}}
	shown := p.shows(j.Suite, j.Seed)
	for at := time.Duration(0); at < 10*time.Second; at += 100 * time.Millisecond {
		if !shown || at < 1e9 || at > 9e9 {
			h.Operations = append(h.Operations, history.Operation{ID: int64(at) + 1, Kind: "read",
				Call: at, Return: at + 1, Outcome: history.OutcomeOK})
		}
	}
	if p.mute != nil && p.mute(j.Suite) {
		r.Gates[0] = checker.Result{Check: checker.GateFaultsBit, Reason: "fault 3 did not bite"}
	}
	h.Phases = []history.Phase{{Name: checker.PhaseWarmUp}, {Name: checker.PhaseLoad, At: 1},
		{Name: checker.PhaseRecovery, At: 10e9}}
	r.Decide()
	return campaign.Played{Results: r, History: h}
}

const shrinkSuite = `name: dozen
place: sim
target: {raftd: {nodes: 5, options: {prevote: true, check-quorum: true, election-timeout: 100ms}}}
workload: {register: {clients: 4, rate: 100, keys: 3, ops-per-key: 50}}
cast: {old: leader, near: follower, far: follower}
timeline:
  - {at: 0s, for: 1s, partition: {cut: [n4-n5]}}
  - {at: 1s, for: 1s, pause: {on: follower}}
  - {at: 2s, when: {term: 1}, for: 3s, kill: {on: [old, near, far]}}
  - {at: 2s, for: 1s, loss: {cut: [n4-n5], rate: 10%}}
  - {at: 3s, for: 4s, partition: {shape: isolate-leader, flap: 500ms}}
  - {at: 4s, when: {acknowledged: 50}, for: 8s, partition: {cut: [n1-n2, "n2>n3", n2-n4]}}
  - {at: 9s, for: 1s, pause: {on: leader}}
  - {at: 10s, for: 1s, kill: {on: any}}
  - {at: 11s, for: 1s, partition: {shape: halves-of-none}}
  - {at: 12s, for: 1s, client-cut: {on: [n4]}}
  - {at: 13s, for: 1s, loss: {only: [n1-n2], rate: 5%}}
  - {at: 14s, for: 1s, kill: {on: leader}}
phases: {warm-up: 5s, load: 20s, recovery: 9s}
checks: [linearizable]
require: {ok-per-kind: 20, min-faults: {partition: 3, kill: 2}}
incident:
  title: a dozen
  facts: made up
  signature: {gap: 5s}
`

func parsed(t *testing.T, text string) *suite.Suite {
	t.Helper()
	text = strings.ReplaceAll(text, "halves-of-none", "isolate-one")
	s, err := suite.Parse("dozen.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// event finds the event of a kind that strikes so many by name, or so many links.
func event(s *suite.Suite, fits func(nemesis.Event) bool) *nemesis.Event {
	if at := slices.IndexFunc(s.Timeline, fits); at >= 0 {
		return &s.Timeline[at]
	}
	return nil
}

func kills(e nemesis.Event) bool { return e.Kind == "kill" && slices.Contains(e.On, "near") }

func cutsTwo(e nemesis.Event) bool {
	return e.Kind == "partition" && slices.ContainsFunc(e.Links, func(l nemesis.Link) bool {
		return l.OneWay
	})
}

func third(e nemesis.Event) bool { return e.Kind == "loss" && e.Shape == nemesis.ShapeOnly }

// both tells whether the two events that matter are there, for two seconds at least.
func both(s *suite.Suite) bool {
	kill, cut := event(s, kills), event(s, cutsTwo)
	return kill != nil && cut != nil && kill.For >= 1500*time.Millisecond && cut.For >= 2*time.Second
}

// reread is a suite after it was written to a file.
func reread(t *testing.T, s *suite.Suite) *suite.Suite {
	t.Helper()
	text, err := s.Resolved()
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, string(text))
}

func shrinking(t *testing.T, text string, p *scripted) *campaign.Shrinking {
	t.Helper()
	p.t = t
	s := parsed(t, text)
	return &campaign.Shrinking{Set: campaign.Sets(s)[0], Player: p, Seeds: 8, Replays: 3000}
}

func find(t *testing.T, s *campaign.Shrinking) *campaign.Shrunk {
	t.Helper()
	shrunk, err := s.Find(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return shrunk
}

// Goal: of twelve events of which two are needed those two are left, with nothing that they do not
// need: no condition, no other host, link or name, and a quarter more time than they need.
// Method: a run shows the incident if one host is killed and one link is cut for long enough, on
// any cluster.
func TestShrink(t *testing.T) {
	p := &scripted{shows: func(s *suite.Suite, _ uint64) bool { return both(s) }}
	search := shrinking(t, shrinkSuite, p)
	search.Other = []campaign.Set{{Suite: parsed(t, strings.Replace(shrinkSuite, "place: sim",
		"place: lab", 1))}}
	var told []campaign.ShrinkProgress
	search.Progress = func(p campaign.ShrinkProgress) { told = append(told, p) }
	shrunk := find(t, search)
	for _, set := range shrunk.Suites {
		s := reread(t, set.Suite)
		kill, cut := event(s, kills), event(s, cutsTwo)
		if len(s.Timeline) != 2 || kill == nil || cut == nil {
			t.Fatalf("left: %+v", s.Timeline)
		}
		if len(kill.On) != 1 || kill.When != nil || len(cut.Links) != 1 || cut.When != nil {
			t.Errorf("left: %+v", s.Timeline)
		}
		if len(s.Cast) != 1 || s.Target.Nodes() != 3 || s.Phases.WarmUp > time.Second {
			t.Errorf("cast %v, %d nodes, warm-up %v", s.Cast, s.Target.Nodes(), s.Phases.WarmUp)
		}
		if kill.For > 2*time.Second || cut.For > 2600*time.Millisecond || kill.At+cut.At > 0 ||
			kill.For < 1800*time.Millisecond || cut.For < 2400*time.Millisecond ||
			s.Phases.Load > 3*time.Second {
			t.Errorf("kill %v at %v, cut %v at %v, load %v", kill.For, kill.At, cut.For, cut.At,
				s.Phases.Load)
		}
		if s.Require.OKPerKind >= 20 || s.Require.MinFaults["partition"] != 1 {
			t.Errorf("it requires %+v of a shorter load", s.Require)
		}
	}
	if shrunk.Suites[1].Suite.Place != suite.PlaceLab {
		t.Errorf("the other place became %s", shrunk.Suites[1].Suite.Place)
	}
	if shrunk.Before != (campaign.Tally{Seen: 8, Runs: 8}) || shrunk.After != shrunk.Before ||
		shrunk.Fresh != shrunk.Before || shrunk.Was.Entries != 12 || shrunk.Is.Entries != 2 ||
		shrunk.Spent || shrunk.Unproven {
		t.Errorf("%+v", shrunk)
	}
	if shrunk.Replays != p.plays || len(told) == 0 || told[len(told)-1].Size != shrunk.Is {
		t.Errorf("%d plays, %+v told", p.plays, told)
	}
	if p.plays > 1500 {
		t.Errorf("%d runs, want 1500 at most", p.plays)
	}
}

// Goal: an incident of chance stays as likely as it was: what is seen less often is not the same.
// Method: it is seen in six of eight runs with all events, in five without one of them, and in four
// without another.
func TestShrinkKeepsTheRate(t *testing.T) {
	p := &scripted{shows: func(s *suite.Suite, seed uint64) bool {
		switch {
		case !both(s):
			return false
		case event(s, func(e nemesis.Event) bool { return e.Kind == "client-cut" }) != nil:
			return seed%4 != 0 && (seed != 3 || event(s, third) != nil)
		}
		return seed%2 == 0
	}}
	search := shrinking(t, shrinkSuite, p)
	search.Set.Suite.Seed = new(uint64)
	shrunk := find(t, search)
	if shrunk.Before.Seen != 6 || shrunk.After.Seen != 5 || shrunk.Is.Entries != 3 {
		t.Errorf("%v, then %v with %d events", shrunk.Before, shrunk.After, shrunk.Is.Entries)
	}
}

// Goal: what is left shows nothing with the options under which the file promises so.
// Method: with other options the incident is seen as soon as a third event is gone.
func TestShrinkAgainstOtherOptions(t *testing.T) {
	p := &scripted{shows: func(s *suite.Suite, _ uint64) bool {
		return both(s) && (s.Target.Raftd.Options.CheckQuorum || event(s, third) == nil)
	}}
	search := shrinking(t, shrinkSuite, p)
	other := parsed(t, strings.Replace(shrinkSuite, "check-quorum: true", "check-quorum: false", 1))
	search.Against = []campaign.Set{campaign.Sets(other)[0]}
	search.Against[0].Options = "check-quorum: false"
	shrunk := find(t, search)
	if shrunk.Is.Entries != 3 || event(shrunk.Suites[0].Suite, third) == nil ||
		len(shrunk.Ignored) > 0 {
		t.Errorf("left %+v, ignored %q", shrunk.Suites[0].Suite.Timeline, shrunk.Ignored)
	}
	p.shows = func(s *suite.Suite, _ uint64) bool { return both(s) }
	if shrunk = find(t, search); shrunk.Is.Entries != 2 || len(shrunk.Ignored) != 1 ||
		!strings.Contains(shrunk.Ignored[0], "check-quorum: false: it is seen there in 8 of 8 runs") {
		t.Errorf("%d events, ignored %q", shrunk.Is.Entries, shrunk.Ignored)
	}
}

// Goal: a smaller cluster, which stands less, does not make one of two faults superfluous.
// Method: below five nodes each of the two does alone.
func TestShrinkKeepsNodesThatCount(t *testing.T) {
	p := &scripted{shows: func(s *suite.Suite, _ uint64) bool {
		return both(s) || s.Target.Nodes() < 5 && event(s, kills) != nil
	}}
	if is := find(t, shrinking(t, shrinkSuite, p)).Is; is.Nodes != 5 || is.Entries != 2 {
		t.Errorf("%v", is)
	}
}

// Goal: a flap that matters stays one, and one that does not becomes a cut.
// Method: a run that needs three cuts, or just any.
func TestShrinkFlapping(t *testing.T) {
	for needed, want := range map[int]int{3: 3, 1: 1} {
		p := &scripted{shows: func(s *suite.Suite, _ uint64) bool {
			count := 0
			for _, e := range s.Timeline {
				if e.Shape == nemesis.ShapeIsolateLeader {
					count++
				}
			}
			return count >= needed
		}}
		shrunk := find(t, shrinking(t, shrinkSuite, p))
		if n := len(shrunk.Suites[0].Suite.Timeline); n != want || shrunk.Is.Entries != 1 {
			t.Errorf("%d needed: %d cuts in %v", needed, n, shrunk.Is)
		}
	}
}

// Goal: a signature that asks only for a share of the time with faults keeps that time: a moment
// without a leader is all of a short one.
// Method: such a signature, which every run shows.
func TestShrinkKeepsTheTimeOfAShare(t *testing.T) {
	p := &scripted{shows: func(s *suite.Suite, _ uint64) bool { return event(s, cutsTwo) != nil }}
	text := strings.Replace(shrinkSuite, "gap: 5s", "unavailable: 10%", 1)
	shrunk := find(t, shrinking(t, text, p))
	cut := event(shrunk.Suites[0].Suite, cutsTwo)
	if shrunk.Is.Entries != 1 || cut == nil || cut.For != 8*time.Second {
		t.Errorf("%v: %+v", shrunk.Is, cut)
	}
}

// Goal: an incident that is seen though some fault did not bite is shrunk as well; what is left is
// judged as strictly as any.
// Method: a fault that never bites, needed or not.
func TestShrinkWithFaultsThatDoNotBite(t *testing.T) {
	p := &scripted{shows: func(s *suite.Suite, _ uint64) bool { return both(s) }}
	for _, kind := range []nemesis.Kind{nemesis.KindClientCut, nemesis.KindKill} {
		p.mute = func(s *suite.Suite) bool {
			return event(s, func(e nemesis.Event) bool { return e.Kind == kind }) != nil
		}
		shrunk := find(t, shrinking(t, shrinkSuite, p))
		needed := kind == nemesis.KindKill
		if shrunk.Is.Entries != 2 || shrunk.Unproven != needed || (shrunk.After.Seen == 0) != needed {
			t.Errorf("%s: %+v", kind, shrunk)
		}
	}
}

// Goal: never many more runs than the budget, a suite that shows the incident at any time, and the
// same answer every time.
// Method: budgets from little to plenty, twice each.
func TestShrinkWithinBudget(t *testing.T) {
	for _, budget := range []int{1, 10, 30, 100, 3000} {
		var answers []string
		for range 2 {
			p := &scripted{shows: func(s *suite.Suite, _ uint64) bool { return both(s) }}
			search := shrinking(t, shrinkSuite, p)
			search.Replays = budget
			shrunk := find(t, search)
			if p.plays > max(budget, 8)+16 || shrunk.After.Seen != 8 || shrunk.Spent != (budget < 3000) {
				t.Errorf("budget %d: %d plays, %+v", budget, p.plays, shrunk)
			}
			text, err := shrunk.Suites[0].Suite.Resolved()
			if err != nil {
				t.Fatal(err)
			}
			answers = append(answers, string(text))
		}
		if answers[0] != answers[1] {
			t.Errorf("budget %d: two answers:\n%s\n%s", budget, answers[0], answers[1])
		}
	}
}

// Goal: what is never seen is not shrunk, and one reads why; an interrupt keeps what was found.
// Method: an incident that is not seen; a context that ends in the middle.
func TestShrinkWithoutAnEnd(t *testing.T) {
	p := &scripted{shows: func(*suite.Suite, uint64) bool { return false }}
	_, err := shrinking(t, shrinkSuite, p).Find(context.Background())
	none := (*campaign.NotSeenError)(nil)
	if !errors.As(err, &none) || none.Runs != 8 || !strings.Contains(err.Error(), "not reproduced") {
		t.Errorf("not seen: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p = &scripted{shows: func(s *suite.Suite, _ uint64) bool { return both(s) }}
	search := shrinking(t, shrinkSuite, p)
	search.Progress = func(campaign.ShrinkProgress) { cancel() }
	shrunk, err := search.Find(ctx)
	if err != nil || !shrunk.Stopped || shrunk.Is == shrunk.Was || shrunk.Is.Entries < 2 {
		t.Errorf("interrupted: %v, %+v", err, shrunk)
	}
	ctx, cancel = context.WithCancel(context.Background())
	cancel()
	if _, err := search.Find(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted before: %v", err)
	}
}

// Goal: a size reads well.
// Method: the words for one event and for several.
func TestShrinkSize(t *testing.T) {
	size := campaign.Size{Entries: 1, Nodes: 3, Faults: 2e9, Load: 5e9, WarmUp: 1e9}
	if got := fmt.Sprint(size); got != "1 event on 3 nodes, 2s of faults in 5s of load after 1s" {
		t.Error(got)
	}
	size.Entries, size.Series = 2, 1
	if got := fmt.Sprint(size); !strings.HasPrefix(got, "2 events and 1 series of faults on 3") {
		t.Error(got)
	}
}
