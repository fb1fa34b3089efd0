package nemesis

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anySpec draws a series of any kind but version, whose plans depend on the target.
func anySpec(t *rapid.T) Spec {
	lasts := time.Duration(rapid.Int64Range(1e6, 20e9).Draw(t, "for"))
	slack := time.Duration(rapid.Int64Range(100e6, 20e9).Draw(t, "slack"))
	planned := slices.DeleteFunc(Kinds(), func(k Kind) bool { return k == KindVersion })
	s := Spec{Kind: rapid.SampledFrom(planned).Draw(t, "kind"), Every: lasts + slack, For: lasts}
	traits := s.Kind.Traits()
	if traits.MaxRate > 0 {
		s.Rate = rapid.IntRange(1, traits.MaxRate).Draw(t, "rate")
	}
	if traits.Amount {
		s.Amount = time.Duration(rapid.Int64Range(1, int64(maxAmount)).Draw(t, "amount"))
	}
	if traits.Size {
		s.Size = rapid.IntRange(1, maxSize).Draw(t, "size")
	}
	if s.Kind == KindPartition || s.Kind == KindClientCut {
		s.Mode = rapid.SampledFrom(append(modes, "")).Draw(t, "mode")
	}
	if !traits.Links {
		role := rapid.SampledFrom(roles)
		s.On = rapid.SliceOfNDistinct(role, 1, 3, rapid.ID[Role]).Draw(t, "roles")
		return s
	}
	dealt := slices.DeleteFunc(slices.Clone(shapes), func(r shapeRow) bool { return r.named })
	rows := rapid.SliceOfNDistinct(rapid.SampledFrom(dealt), 1, 5,
		func(r shapeRow) Shape { return r.shape }).Draw(t, "shapes")
	for _, r := range rows {
		s.Shapes = append(s.Shapes, r.shape)
	}
	if s.Kind == KindPartition && rapid.Bool().Draw(t, "flaps") {
		s.Flap = max(lasts/time.Duration(rapid.Int64Range(2, 9).Draw(t, "flaps in")), 1)
	}
	return s
}

// Goal: the promises that Plan's documentation makes. Method: random series, each looked at in the
// plan that holds them all.
func TestPlanLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		specs := rapid.SliceOfN(rapid.Custom(anySpec), 1, 4).Draw(t, "specs")
		load := time.Duration(rapid.Int64Range(40e9, 200e9).Draw(t, "load"))
		seed := rapid.Uint64().Draw(t, "seed")
		plan, err := NewPlan(specs, load, seed)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := NewPlan(specs, load, seed); !reflect.DeepEqual(plan, again) {
			t.Fatal("the same seed gave another plan")
		}
		for i, e := range plan {
			if e.ID != i+1 || i > 0 && e.At < plan[i-1].At {
				t.Fatalf("event %d is out of order: %+v", i, e)
			}
			if e.At < 0 || e.At+e.For > load {
				t.Fatalf("event outside of the load phase: %+v", e)
			}
		}
		for i := range specs {
			holdsSeries(t, specs, i, plan, load, seed)
		}
	})
}

// holdsSeries looks at the events of one series within the plan of all.
func holdsSeries(
	t *rapid.T, specs []Spec, at int, plan Plan, load time.Duration, seed uint64,
) {
	s := specs[at]
	var ordinal uint64
	for _, before := range specs[:at] {
		if before.Kind == s.Kind {
			ordinal++
		}
	}
	var cuts, events []Event // each with what it became if it flaps, and whole
	for _, e := range plan {
		if e.Kind != s.Kind || e.Stream>>32 != ordinal {
			continue
		}
		cuts = append(cuts, e)
		if last := len(events) - 1; last >= 0 && events[last].Stream == e.Stream {
			if e.At-(events[last].At+events[last].For) != s.Flap || e.Shape != events[last].Shape {
				t.Fatalf("flap %+v does not follow %+v", e, events[last])
			}
			events[last].For = e.At + e.For - events[last].At
			continue
		}
		events = append(events, e)
	}
	if want := int(load / s.Every); len(events) != want {
		t.Fatalf("%d events, not one in each of %d periods", len(events), want)
	}
	dealt(t, s, events)
	// The kind's only series must not notice that others are there.
	if ordinal > 0 {
		return
	}
	alone, err := NewPlan(specs[at:at+1], load, seed)
	if err != nil {
		t.Fatal(err)
	}
	for k, e := range alone {
		e.ID = cuts[k].ID
		if !reflect.DeepEqual(e, cuts[k]) {
			t.Fatalf("another series shifted %+v to %+v", e, cuts[k])
		}
	}
}

// dealt holds if events lie apart, and each shape or role occurs before one repeats.
func dealt(t *rapid.T, s Spec, events []Event) {
	seen := map[string]int{}
	choices := len(s.Shapes) + len(s.On)
	for k, e := range events {
		if gone := s.For - e.For; gone < 0 || gone > s.Flap {
			t.Fatalf("event %d lasts %v, not %v", k, e.For, s.For)
		}
		if k > 0 && e.At-(events[k-1].At+events[k-1].For) < (s.Every-s.For)/2-1 {
			t.Fatalf("events %d and %d of a series are too close", k-1, k)
		}
		if k%choices == 0 {
			clear(seen)
		}
		if seen[string(e.Shape)+string(e.Role)]++; seen[string(e.Shape)+string(e.Role)] > 1 {
			t.Fatalf("%s%s repeats before all others have occurred", e.Shape, e.Role)
		}
	}
}

// Goal: a cut from the start spans the load, and what cannot be from the start is refused.
func TestFromStart(t *testing.T) {
	halves := Spec{Kind: KindPartition, Shapes: []Shape{ShapeHalves}, FromStart: true}
	plan, err := NewPlan([]Spec{halves}, time.Minute, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := Plan{{ID: 1, For: time.Minute, Kind: KindPartition, Shape: ShapeHalves,
		FromStart: true}}
	if !reflect.DeepEqual(plan, want) {
		t.Errorf("plan %+v, want %+v", plan, want)
	}
}

// Goal: every broken relation is named, with both values. Method: one table of bad specs.
func TestSpecsRefused(t *testing.T) {
	partition := func(every, lasts time.Duration, fromStart bool, of ...Shape) Spec {
		return Spec{Kind: KindPartition, Shapes: of, Every: every, For: lasts, FromStart: fromStart}
	}
	pause := Spec{Kind: KindPause, On: []Role{RoleAny}, Every: 2, For: 1}
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{partition(8, 0, false, ShapeHalves), "for 0s must be above 0"},
		{partition(-1, -2, false, ShapeHalves), "for -2ns must be above 0"},
		{partition(4, 4, false, ShapeHalves), "every 4ns must be above for 4ns"},
		{partition(8, 4, false), "names no shape"},
		{partition(8, 4, false, ShapeHalves), "every 8ns makes over 100000 faults in 1h0m0s"},
		{partition(2*time.Hour, 4, false, ShapeHalves), "must fit into the load phase of 1h0m0s"},
		{partition(8, 4, true, ShapeHalves), "leave out every, for and flap"},
		{partition(0, 0, true), "names no shape"},
		{partition(0, 0, true, ShapeHalves, ShapeHalves), "exactly one shape, not 2"},
		{partition(0, 0, true, ShapeIsolateLeader), "nobody leads yet"},
	} {
		_, err := NewPlan([]Spec{c.spec}, time.Hour, 1)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.spec, err, c.want)
		}
	}
	bad := partition(4, 8, false, ShapeHalves, "triangle", ShapeMajorityMinority)
	err := bad.Valid(1)
	for _, want := range []string{"halves needs at least 2", `unknown shape "triangle"`,
		"majority-minority needs at least 3", "every 4ns must be above for 8ns"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	boss := pause
	boss.On = []Role{"boss"}
	if err := boss.Valid(3); err == nil || !strings.Contains(err.Error(), `unknown role "boss"`) {
		t.Errorf("error %v does not name the role", err)
	}
	if err := pause.Valid(3); err != nil {
		t.Error(err)
	}
}

// Goal: the seeds of old reports keep their meaning. Method: a plan written down once.
func TestPlanIsStable(t *testing.T) {
	plan, err := NewPlan([]Spec{
		{Kind: KindPartition, Every: 8 * time.Second, For: 4 * time.Second, Shapes: []Shape{
			ShapeIsolateLeader, ShapeMajorityMinority, ShapeOneWayInLeader}},
		{Kind: KindPause, On: []Role{RoleLeader, RoleAny}, Every: 10 * time.Second,
			For: 3 * time.Second},
	}, 35*time.Second, 7)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range plan {
		got = append(got, e.At.Truncate(time.Millisecond).String()+" "+string(e.Shape)+string(e.Role))
	}
	want := []string{"2.383s majority-minority", "2.573s leader", "9.521s one-way-in-leader",
		"12.888s any", "17.216s isolate-leader", "22.998s any", "26.867s isolate-leader"}
	if !slices.Equal(got, want) {
		t.Errorf("plan\n%q, want\n%q", got, want)
	}
}
