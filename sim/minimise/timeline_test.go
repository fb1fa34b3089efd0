package minimise_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/sim/minimise"
	"gauntlet/sim/schedule"
)

// timeline is large, with faults that wait, and that name whom they strike.
func timeline(t testing.TB) *schedule.Schedule {
	t.Helper()
	s := large(t)
	s.Options.Heal = 11 * time.Second
	s.Cast = nemesis.Cast{{Name: "old", Role: nemesis.RoleLeader},
		{Name: "near", Role: nemesis.RoleFollower}, {Name: "far", Role: nemesis.RoleFollower},
		{Name: "other", Role: nemesis.RoleAny}}
	for i := range s.Faults {
		e := &s.Faults[i]
		e.When = &nemesis.Condition{Leader: true, Term: 7, Acknowledged: 40, Behind: "far", Lag: 9}
		e.Mode = history.CutReject
		if e.Shape = nemesis.ShapeCut; i%2 == 1 {
			e.Shape = nemesis.ShapeOnly
		}
		e.Links = []nemesis.Link{{From: "old", To: "near"}, {From: "n1", To: "n5"},
			{From: "far", To: "*", OneWay: true}}
	}
	s.Faults[4] = nemesis.Event{ID: 5, At: s.Faults[4].At, For: time.Second,
		Kind: nemesis.KindKill, On: []string{"old", "far", "n4"}}
	if err := s.Valid(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Goal: of a timeline only what its failure needs is left, each candidate is valid, and what was
// given is left alone. Method: needs of every sort, on timelines of nine events.
func TestMinimiseTimeline(t *testing.T) {
	old := nemesis.Cast{{Name: "old", Role: nemesis.RoleLeader}}
	both := append(old[:1:1], nemesis.Casting{Name: "near", Role: nemesis.RoleFollower})
	link := []nemesis.Link{{From: "old", To: "near", OneWay: true}}
	for name, c := range map[string]struct {
		needs func(e *nemesis.Event) bool
		is    nemesis.Event
		cast  nemesis.Cast
	}{
		"nothing": {func(e *nemesis.Event) bool { return e.Kind == nemesis.KindPartition },
			nemesis.Event{Shape: nemesis.ShapeCut, Links: link}, both},
		"some operations": {func(e *nemesis.Event) bool {
			return e.When != nil && e.When.Acknowledged >= 12
		}, nemesis.Event{Shape: nemesis.ShapeCut, Links: link,
			When: &nemesis.Condition{Acknowledged: 12}}, both},
		"one direction": {func(e *nemesis.Event) bool {
			return slices.ContainsFunc(e.Links, func(l nemesis.Link) bool {
				return l.From == "n5" || l.To == "n5" && !l.OneWay
			})
		}, nemesis.Event{Shape: nemesis.ShapeCut,
			Links: []nemesis.Link{{From: "n5", To: "n1", OneWay: true}}}, nil},
		"reset": {func(e *nemesis.Event) bool { return e.Mode == history.CutReject },
			nemesis.Event{Shape: nemesis.ShapeCut, Links: link, Mode: history.CutReject}, both},
		"one of three": {func(e *nemesis.Event) bool { return slices.Contains(e.On, "old") },
			nemesis.Event{On: []string{"old"}}, old},
	} {
		s := timeline(t)
		same := func(s *schedule.Schedule) bool {
			if err := s.Valid(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return slices.ContainsFunc(s.Faults, func(e nemesis.Event) bool { return c.needs(&e) })
		}
		least := minimise.Minimise(s, same, minimise.Replays, nil)
		if len(least.Faults) != 1 || !same(least) {
			t.Fatalf("%s: %d faults are left", name, len(least.Faults))
		}
		e := least.Faults[0]
		is := nemesis.Event{Shape: e.Shape, Role: e.Role, Links: e.Links, On: e.On, When: e.When,
			Mode: e.Mode}
		if is.Shape == nemesis.ShapeOnly {
			is.Shape = nemesis.ShapeCut
		}
		if !reflect.DeepEqual(is, c.is) || !reflect.DeepEqual(least.Cast, c.cast) ||
			least.Options.Heal != 0 {
			t.Errorf("%s: left %+v, when %+v, cast %v, heal %v", name, e, e.When, least.Cast,
				least.Options.Heal)
		}
		if !reflect.DeepEqual(s, timeline(t)) {
			t.Errorf("%s: the schedule given has changed", name)
		}
	}
}
