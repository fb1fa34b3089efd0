package nemesis

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func anySpec(t *rapid.T) Spec {
	lasts := rapid.Int64Range(1e6, 20e9).Draw(t, "for")
	every := time.Duration(lasts + rapid.Int64Range(100e6, 20e9).Draw(t, "slack"))
	shape := rapid.SampledFrom(shapes)
	role := rapid.SampledFrom([]Role{RoleLeader, RoleFollower, RoleAny})
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		rows := rapid.SliceOfNDistinct(shape, 1, 5,
			func(r shapeRow) Shape { return r.shape }).Draw(t, "shapes")
		p := &PartitionSpec{Every: every, For: time.Duration(lasts)}
		for _, r := range rows {
			p.Shapes = append(p.Shapes, r.shape)
		}
		return Spec{Partition: p}
	case 1:
		roles := rapid.SliceOfNDistinct(role, 1, 3, rapid.ID[Role]).Draw(t, "roles")
		return Spec{Pause: &PauseSpec{On: roles, Every: every, For: time.Duration(lasts)}}
	default:
		roles := rapid.SliceOfNDistinct(role, 1, 3, rapid.ID[Role]).Draw(t, "roles")
		return Spec{Kill: &KillSpec{On: roles, Every: every, For: time.Duration(lasts)}}
	}
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
	s, _ := specs[at].series()
	for _, before := range specs[:at] {
		if other, _ := before.series(); other.kind == s.kind {
			s.ordinal++
		}
	}
	var events []Event
	for _, e := range plan {
		if e.Kind == s.kind && e.Stream>>32 == s.ordinal {
			events = append(events, e)
		}
	}
	if want := int(load / s.every); len(events) != want {
		t.Fatalf("%d events, not one in each of %d periods", len(events), want)
	}
	seen := map[string]int{}
	choices := len(s.shapes) + len(s.roles)
	for k, e := range events {
		if k > 0 && e.At-(events[k-1].At+events[k-1].For) < (s.every-s.lasts)/2-1 {
			t.Fatalf("events %d and %d of a series are too close", k-1, k)
		}
		if k%choices == 0 {
			clear(seen)
		}
		if seen[string(e.Shape)+string(e.Role)]++; seen[string(e.Shape)+string(e.Role)] > 1 {
			t.Fatalf("%s%s repeats before all others have occurred", e.Shape, e.Role)
		}
	}
	// The kind's only series must not notice that others are there.
	if s.ordinal > 0 {
		return
	}
	alone, err := NewPlan(specs[at:at+1], load, seed)
	if err != nil {
		t.Fatal(err)
	}
	for k, e := range alone {
		e.ID = events[k].ID
		if e != events[k] {
			t.Fatalf("another series shifted %+v to %+v", e, events[k])
		}
	}
}

// Goal: a cut from the start spans the load, and what cannot be from the start is refused.
func TestFromStart(t *testing.T) {
	halves := Spec{Partition: &PartitionSpec{Shapes: []Shape{ShapeHalves}, FromStart: true}}
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
		return Spec{Partition: &PartitionSpec{of, every, lasts, fromStart}}
	}
	pause := &PauseSpec{On: []Role{RoleAny}, Every: 2, For: 1}
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{}, "has 0"},
		{Spec{Pause: pause, Kill: &KillSpec{}}, "has 2"},
		{partition(8, 0, false, ShapeHalves), "for 0s must be above 0"},
		{partition(-1, -2, false, ShapeHalves), "for -2ns must be above 0"},
		{partition(4, 4, false, ShapeHalves), "every 4ns must be above for 4ns"},
		{partition(8, 4, false), "names no shape"},
		{partition(8, 4, false, ShapeHalves), "every 8ns makes over 100000 faults in 1h0m0s"},
		{partition(2*time.Hour, 4, false, ShapeHalves), "must fit into the load phase of 1h0m0s"},
		{partition(8, 4, true, ShapeHalves), "leave out every and for"},
		{partition(0, 0, true), "exactly one shape, not 0"},
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
	if err := (Spec{Pause: &PauseSpec{On: []Role{"boss"}, Every: 2, For: 1}}).Valid(3); err == nil ||
		!strings.Contains(err.Error(), `unknown role "boss"`) {
		t.Errorf("error %v does not name the role", err)
	}
	if err := (Spec{Pause: pause}).Valid(3); err != nil {
		t.Error(err)
	}
}

// Goal: the seeds of old reports keep their meaning. Method: a plan written down once.
func TestPlanIsStable(t *testing.T) {
	plan, err := NewPlan([]Spec{
		{Partition: &PartitionSpec{Every: 8 * time.Second, For: 4 * time.Second, Shapes: []Shape{
			ShapeIsolateLeader, ShapeMajorityMinority, ShapeOneWayInLeader}}},
		{Pause: &PauseSpec{[]Role{RoleLeader, RoleAny}, 10 * time.Second, 3 * time.Second}},
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
