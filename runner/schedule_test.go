package runner

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/nemesis/inject"
	"gauntlet/suite"
	"gauntlet/target"
)

// stage is a run whose hosts are an injector that only takes notes, in fake time.
type stage struct {
	*run
	lines, talk bytes.Buffer

	mu      sync.Mutex
	inForce map[int]history.Fault
	takes   time.Duration // until a fault is in force
}

func newStage(t *testing.T, cast nemesis.Cast, timeline ...nemesis.Event) *stage {
	t.Helper()
	s := &stage{inForce: map[int]history.Fault{}}
	recorder, err := history.NewRecorder(&s.lines, history.Header{})
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(1)
	s.run = &run{
		Config: Config{
			Progress: NewProgress(&s.talk, 0),
			Suite:    &suite.Suite{Seed: &seed, Cast: cast, Timeline: timeline},
			Hosts:    []target.HostConfig{{Name: "n1"}, {Name: "n2"}, {Name: "n3"}},
		},
		recorder: recorder,
		clients:  &clients{cancel: func() {}},
		watch:    newTestWatch(t),
	}
	s.watch.recorder = recorder
	s.plan = nemesis.Merge(nil, timeline)
	s.nemesis = newSchedule(s.run, s)
	return s
}

func (s *stage) Inject(_ context.Context, a nemesis.Action) (history.Fault, error) {
	time.Sleep(s.takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	f := history.Fault{ID: a.Event.ID, Kind: string(a.Event.Kind), Shape: string(a.Event.Shape),
		Hosts: a.Hosts, Cuts: a.Cuts, Leader: a.Leader, Stage: history.StageInjected,
		PlannedStart: a.Event.At, PlannedStop: a.Event.At + a.Event.For, Start: s.recorder.Now()}
	s.inForce[f.ID] = f
	return f, nil
}

func (s *stage) Heal(_ context.Context, f history.Fault) (history.Fault, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inForce, f.ID)
	f.Stage, f.Stop = history.StageHealed, s.recorder.Now()
	return f, nil
}

func (s *stage) InForce() []history.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []history.Fault
	for _, f := range s.inForce {
		all = append(all, f)
	}
	return all
}

func (s *stage) Over(int) <-chan struct{} { return nil }

func (s *stage) Membership() history.Membership { return history.Membership{Voters: s.names()} }

func (s *stage) Idle(string) bool { return false }

func (s *stage) Stopped() (hosts []string) {
	for _, f := range s.InForce() {
		if f.Kind != string(nemesis.KindPartition) {
			hosts = append(hosts, f.Hosts...)
		}
	}
	return hosts
}

// acknowledge has a client told so many times that all is well.
func (s *stage) acknowledge(n int) {
	for range n {
		s.clients.count(history.Operation{Outcome: history.OutcomeOK})
	}
}

// faults is what the history holds of them once everything has ended.
func (s *stage) faults(t *testing.T) []history.Fault {
	t.Helper()
	s.nemesis.endTails()
	h, err := history.Read(&s.lines)
	if err != nil {
		t.Fatal(err)
	}
	return h.Faults
}

// at is what of a fault these tests look at: when it was in force and whom it struck.
func at(f history.Fault) string {
	line := f.Start.String() + "-" + f.Stop.String() + " " + strings.Join(f.Hosts, ",")
	if f.Stage == history.StageFailed {
		line = f.PlannedStart.String() + " failed: " + f.Error
	}
	return line
}

func times(faults []history.Fault) []string {
	var lines []string
	for _, f := range faults {
		lines = append(lines, at(f))
	}
	return lines
}

const second = time.Second

// Goal: an event waits for its condition, and not before its time for anything; one whose condition
// never holds is a failed fault that says so, and what has no end of its own ends with the load.
// Method: a load of 10 s in fake time, with one event for each condition. A leader is there from
// 1 s on, term 3 from 4 s; 5 operations are acknowledged at 2 s; n3 lags by 20 from 6 s.
func TestEventsAwaitTheirConditions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kill := func(at time.Duration, when nemesis.Condition, long time.Duration) nemesis.Event {
			return nemesis.Event{At: at, When: &when, For: long, Kind: nemesis.KindPartition,
				Shape: nemesis.ShapeCut, Links: []nemesis.Link{{From: "n1", To: "n2"}}}
		}
		s := newStage(t, nil,
			kill(0, nemesis.Condition{Leader: true}, second),
			kill(0, nemesis.Condition{Term: 3}, second),
			kill(0, nemesis.Condition{Acknowledged: 5}, second),
			kill(0, nemesis.Condition{Behind: "n3", Lag: 20}, 10*second),
			kill(0, nemesis.Condition{Acknowledged: 6}, second),
			kill(3*second, nemesis.Condition{Leader: true, Acknowledged: 5}, second),
			nemesis.Event{At: 7 * second, For: 3 * second, Kind: nemesis.KindPause, On: []string{"n2"}},
		)
		go func() {
			time.Sleep(second)
			s.watch.says("n1", 2, history.RoleLeader, "n1", 30)
			s.watch.says("n3", 2, history.RoleFollower, "n1", 30)
			time.Sleep(second)
			s.acknowledge(5)
			time.Sleep(second)
			s.watch.says("n1", 2, history.RoleLeader, "n1", 30)
			time.Sleep(second)
			s.watch.says("n1", 3, history.RoleLeader, "n1", 30)
			time.Sleep(2 * second)
			s.watch.says("n1", 3, history.RoleLeader, "n1", 50)
		}()
		s.nemesis.play(t.Context(), s.plan, 10*second)
		want := []string{
			"1s-2s n1,n2",
			"4s-5s n1,n2",
			"2s-3s n1,n2",
			"6s-10s n1,n2",
			"0s failed: its condition never held: 6 operations are acknowledged",
			"3s-4s n1,n2",
			"7s-10s n2",
		}
		if diff := cmp.Diff(want, times(s.faults(t))); diff != "" {
			t.Errorf("(-want +got):\n%s\n%s", diff, &s.talk)
		}
	})
}

// Goal: a timeline's names are bound once, all of them together, when the first event that speaks
// of one begins; they mean the same nodes when others lead; and the record says whom.
// Method: the leader changes between two events that strike "old", and is first known at 2.02 s.
func TestCastIsBoundOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cast := nemesis.Cast{{Name: "old", Role: nemesis.RoleLeader},
			{Name: "near", Role: nemesis.RoleFollower}}
		pause := nemesis.Event{For: second, Kind: nemesis.KindPause}
		unnamed, first, again := pause, pause, pause
		unnamed.On = []string{"n1"}
		first.At, first.On = second, []string{"old"}
		again.At, again.On = 5*second, []string{"old", "near"}
		s := newStage(t, cast, unnamed, first, again)
		go func() {
			time.Sleep(2020 * time.Millisecond) // between two tries
			s.watch.says("n2", 1, history.RoleLeader, "n2", 0)
			time.Sleep(2 * second)
			s.watch.says("n3", 2, history.RoleLeader, "n3", 0)
		}()
		s.nemesis.play(t.Context(), s.plan, 10*second)
		faults := s.faults(t)
		if len(faults) != 3 {
			t.Fatalf("%d faults\n%s", len(faults), &s.talk)
		}
		bound := faults[1].Cast
		if bound["old"] != "n2" || bound["near"] == "n2" || len(bound) != 2 {
			t.Errorf("bound %v", bound)
		}
		if faults[0].Cast != nil || !cmp.Equal(faults[2].Cast, bound) {
			t.Errorf("recorded %v and %v", faults[0].Cast, faults[2].Cast)
		}
		both := []string{"n2", bound["near"]}
		if !slices.Equal(faults[1].Hosts, []string{"n2"}) || !slices.Equal(faults[2].Hosts, both) ||
			faults[1].Start != 2050*time.Millisecond {
			t.Errorf("struck %v, then %v, want %v", at(faults[1]), at(faults[2]), both)
		}
		said := "cast    near is " + bound["near"] + ", old is n2\n"
		if strings.Count(s.talk.String(), "cast  ") != 1 || !strings.Contains(s.talk.String(), said) {
			t.Errorf("want once %q in\n%s", said, &s.talk)
		}
	})
}

// Goal: a condition that speaks of the cast has it bound before anybody is struck.
// Method: the only event waits until "far" lags; whoever that is, one of the followers does at 3 s.
func TestConditionBindsTheCast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nemesis.Cast{{Name: "far", Role: nemesis.RoleFollower}},
			nemesis.Event{For: second, Kind: nemesis.KindPause, On: []string{"far"},
				When: &nemesis.Condition{Behind: "far", Lag: 5}})
		go func() {
			time.Sleep(second)
			s.watch.says("n1", 1, history.RoleLeader, "n1", 10)
			time.Sleep(2 * second)
			for _, node := range []string{"n1", "n2", "n3"} {
				s.watch.says(node, 1, history.RoleFollower, "n1", map[string]uint64{"n1": 15}[node])
			}
		}()
		s.nemesis.play(t.Context(), s.plan, 10*second)
		faults := s.faults(t)
		if len(faults) != 1 || faults[0].Start < second || faults[0].Hosts[0] != faults[0].Cast["far"] ||
			!strings.Contains(s.talk.String(), "+   1.0s  cast") {
			t.Errorf("%+v\n%s", faults, &s.talk)
		}
	})
}

// Goal: faults overlap, and links flap as planned. Method: two overlapping partitions, one of which
// flaps from 1 s on.
func TestFlappingAndOverlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := nemesis.Event{Kind: nemesis.KindPartition, Shape: nemesis.ShapeCut,
			Links: []nemesis.Link{{From: "n1", To: "n2"}}}
		long, flapping := cut, cut
		long.At, long.For = second, 5*second
		flapping.At, flapping.For = second, 3*second
		s := newStage(t, nil, append(flapping.Flaps(second), long)...)
		s.nemesis.play(t.Context(), s.plan, 10*second)
		got := times(s.faults(t))
		slices.Sort(got)
		want := []string{"1s-2s n1,n2", "1s-6s n1,n2", "3s-4s n1,n2"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s\n%s", diff, &s.talk)
		}
	})
}

// Goal: an event of a series lasts whole though it had to wait for its host, even beyond the load.
// A run that is stopped heals at once, keeps no event waiting, and calls none of that a failure.
// Method: no leader until 9.52 s of 10 s; then the same plan with a context that ends at 3 s.
func TestEndOfTheLoad(t *testing.T) {
	plan := []nemesis.Event{
		{For: 4 * second, Kind: nemesis.KindPause, On: []string{"n1"}},
		{At: 8 * second, For: second, Kind: nemesis.KindPause, Role: nemesis.RoleLeader},
		{For: second, Kind: nemesis.KindKill, On: []string{"n2"},
			When: &nemesis.Condition{Term: 99}},
	}
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil, plan...)
		go func() {
			time.Sleep(9520 * time.Millisecond) // between two tries
			s.watch.says("n3", 1, history.RoleLeader, "n3", 0)
		}()
		s.nemesis.play(t.Context(), s.plan, 10*second)
		want := []string{"0s-4s n1", "0s failed: its condition never held: term 99 is reached",
			"9.55s-10.55s n3"}
		if diff := cmp.Diff(want, times(s.faults(t))); diff != "" {
			t.Errorf("whole load (-want +got):\n%s", diff)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil, plan...)
		ctx, cancel := context.WithTimeout(t.Context(), 3*second)
		defer cancel()
		s.nemesis.play(ctx, s.plan, 10*second)
		if diff := cmp.Diff([]string{"0s-3s n1"}, times(s.faults(t))); diff != "" {
			t.Errorf("stopped (-want +got):\n%s", diff)
		}
	})
}

// Goal: what is to last until the end of the load is not longer in force because it began late.
func TestNoEndOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil, nemesis.Event{For: 10 * second, Kind: nemesis.KindPause,
			On: []string{"n1"}})
		s.takes = second / 2
		s.nemesis.play(t.Context(), s.plan, 10*second)
		if diff := cmp.Diff([]string{"500ms-10s n1"}, times(s.faults(t))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Goal: a load that cannot go on heals its faults at once instead of waiting for the plan's end.
// Method: clients that stop at 2 s, with a fault in force until 50 s.
func TestBrokenLoadEndsThePlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil, nemesis.Event{For: 50 * second, Kind: nemesis.KindPause,
			On: []string{"n1"}})
		s.Suite.Phases.Load = 60 * second
		s.injector = inject.New(inject.Config{})
		s.clients.stopped, s.clients.err = make(chan struct{}), errors.New("no more")
		go func() {
			time.Sleep(2 * second)
			close(s.clients.stopped)
		}()
		if _, err := s.load(t.Context()); !errors.Is(err, s.clients.err) {
			t.Errorf("load: %v", err)
		}
		if diff := cmp.Diff([]string{"0s-2s n1"}, times(s.faults(t))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
