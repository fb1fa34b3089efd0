package nemesis

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gauntlet/history"
)

// Goal: what NewPlan lays out on a cluster that the series fit is valid, event by event, and
// survives a file. Method: random series.
func TestPlansAreValidEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const nodes = 6
		spec := rapid.Custom(anySpec).Draw(t, "spec")
		if needsSites(spec) {
			spec.Sites = sitesOf(nodes)
		}
		fits := spec.Valid(nodes)
		plan, err := NewPlan([]Spec{spec}, 3*time.Minute, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range plan {
			if err := e.Valid(nodes, nil); fits == nil && err != nil {
				t.Fatalf("%+v: %v", e, err)
			}
		}
		text, err := json.Marshal(plan)
		var again Plan
		if err == nil {
			err = json.Unmarshal(text, &again)
		}
		if err != nil || !reflect.DeepEqual(plan, again) {
			t.Fatalf("%s came back as %+v, %v", text, again, err)
		}
	})
}

// needsSites reports whether some shape needs to know where nodes stand.
func needsSites(s Spec) bool {
	for _, shape := range s.Shapes {
		if row, _ := shape.row(); row.sites {
			return true
		}
	}
	return false
}

// Goal: each broken relation of an event from a file is named. Method: one event each.
func TestEventsRefused(t *testing.T) {
	kill := Event{Kind: KindKill, Role: RoleAny, For: 1}
	cut := Event{Kind: KindPartition, Shape: ShapeAll, For: 1}
	loss := Event{Kind: KindLoss, Shape: ShapeAll, For: 1, Rate: 500}
	with := func(e Event, change func(*Event)) Event { change(&e); return e }
	for _, c := range []struct {
		event Event
		want  string
	}{
		{Event{Kind: "meteor", For: 1}, `unknown kind of fault "meteor"`},
		{with(kill, func(e *Event) { e.Role = "boss" }), `unknown role "boss"`},
		{with(kill, func(e *Event) { e.Shape = ShapeAll }), "takes a role, not the shape all"},
		{with(kill, func(e *Event) { e.At = -1 }), "at -1ns must not be below 0"},
		{with(kill, func(e *Event) { e.For = 0 }), "for 0s must be above 0"},
		{with(kill, func(e *Event) { e.FromStart = true }), "only a partition at 0"},
		{with(kill, func(e *Event) { e.Rate = 1 }), "kill takes no rate"},
		{with(kill, func(e *Event) { e.Amount = 1 }), "kill takes no amount"},
		{with(kill, func(e *Event) { e.Sites = sitesOf(5) }), "sites are for the shapes that need"},
		{with(cut, func(e *Event) { e.Shape = "triangle" }), `unknown shape "triangle"`},
		{with(cut, func(e *Event) { e.Shape = ShapeHalves }), "an even number of nodes, not 5"},
		{with(cut, func(e *Event) { e.Role = RoleAny }), "takes a shape or links, not whom"},
		{with(cut, func(e *Event) { e.At, e.FromStart = 1, true }), "only a partition at 0"},
		{with(loss, func(e *Event) { e.Rate = 0 }), "loss needs a rate other than 0"},
		{with(loss, func(e *Event) { e.Rate = -1 }), "a rate of -1 permille must be from 1 to 1000"},
		{with(loss, func(e *Event) { e.Rate = 1001 }), "a rate of 1001 permille must be from 1"},
		{Event{Kind: KindClockJump, Role: RoleAny, For: 1}, "an amount of 0s must be above 0"},
		{Event{Kind: KindDelay, Shape: ShapeAll, For: 1, Amount: 2 * maxAmount}, "at most 1h0m0s"},
		{Event{Kind: KindClockRate, Role: RoleAny, For: 1, Rate: -901}, "from -900 to 1000"},
		{Event{Kind: KindVersion, Shape: ShapeAll, For: 1}, `unknown step "all"`},
		{Event{Kind: KindMTU, Shape: ShapeAll, For: 1}, "a size of 0 bytes must be from 1 to 65535"},
		{Event{Kind: KindMTU, Shape: ShapeAll, For: 1, Size: 65536}, "a size of 65536 bytes must"},
		{with(kill, func(e *Event) { e.Size = 1 }), "kill takes no size"},
		{with(kill, func(e *Event) { e.Mode = history.CutReject }), "kill takes no mode"},
		{with(loss, func(e *Event) { e.Mode = history.CutReject }), "loss takes no mode"},
		{with(cut, func(e *Event) { e.Mode = "maybe" }),
			`unknown mode "maybe" (one of packets, payload, reject)`},
		{with(cut, func(e *Event) { e.Links = linksOf("n1-n2") }), "go with the shapes cut and only"},
		{with(cut, func(e *Event) { e.Shape = ShapeOnly }), "go with the shapes cut and only"},
		{with(cut, func(e *Event) { e.Shape, e.Links = ShapeCut, linksOf("n1-n6") }),
			"nobody is called n6: it is neither cast nor one of n1 to n5"},
		{with(kill, func(e *Event) { e.Links = linksOf("n1-n2") }), "kill strikes no links"},
		{with(kill, func(e *Event) { e.On = []string{"n1"} }), "a role or names, not both"},
		{with(kill, func(e *Event) { e.Role, e.On = "", []string{"old"} }), "nobody is called old"},
		{Event{Kind: KindDiskFull, On: []string{"n1", "n2"}, For: 1}, "one host at a time, not 2"},
		{with(kill, func(e *Event) { e.When = &Condition{} }), "when names no condition"},
	} {
		err := c.event.Valid(5, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: error %v, want %q and no more", c.event, err, c.want)
		}
	}
	for _, good := range []Event{kill, cut, loss,
		{Kind: KindReorder, Shape: ShapeOneWayPair, For: 1, Rate: 1000, Amount: maxAmount},
		{Kind: KindClockRate, Role: RoleLeader, For: 1, Rate: -900},
		{Kind: KindVersion, Shape: ShapeUpgrade, For: 1},
		{Kind: KindClog, Shape: ShapeSite, For: 1, Sites: sitesOf(5)},
		with(cut, func(e *Event) { e.FromStart = true }),
		with(cut, func(e *Event) { e.Shape, e.Links = ShapeOnly, linksOf("n1>*", "n5 - n2") }),
		{Kind: KindPause, On: []string{"n1", "n5"}, For: 1, When: &Condition{Behind: "n2", Lag: 3}},
		{Kind: KindMTU, Shape: ShapeChain, For: 1, Size: 1400},
		{Kind: KindClientCut, Role: RoleMajority, For: 1, Mode: history.CutReject},
	} {
		if err := good.Valid(5, nil); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
}

// linksOf reads links that are known to be right.
func linksOf(texts ...string) []Link {
	var all []Link
	for _, text := range texts {
		l, err := ParseLink(text)
		if err != nil {
			panic(err)
		}
		all = append(all, l)
	}
	return all
}

// Goal: what only series know, and an event does not, is checked too. Method: one broken rule each.
func TestSeriesRefused(t *testing.T) {
	base := Spec{Kind: KindPartition, Shapes: []Shape{ShapeAll}, Every: 8, For: 4}
	with := func(change func(*Spec)) Spec { s := base; change(&s); return s }
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{with(func(s *Spec) { s.Kind = "meteor" }), `unknown kind of fault "meteor"`},
		{with(func(s *Spec) { s.Flap = 4 }), "flap 4ns must be above 0 and below for 4ns"},
		{with(func(s *Spec) { s.Flap = -1 }), "flap -1ns must be above 0"},
		{with(func(s *Spec) { s.Kind, s.Flap = KindClog, 1 }), "clog does not flap"},
		{with(func(s *Spec) { s.On = []Role{RoleAny} }), "takes either shapes or roles"},
		{with(func(s *Spec) { s.Sites = sitesOf(5) }), "sites are for the shapes site and leader-site"},
		{with(func(s *Spec) { s.Shapes = []Shape{ShapeSite} }), "sites must be at least 2, not 0"},
		{with(func(s *Spec) { s.Kind, s.FromStart, s.Every, s.For = KindClog, true, 0, 0 }),
			"clog cannot be from-start"},
		{with(func(s *Spec) { s.Rate = 5 }), "partition takes no rate"},
	} {
		err := c.spec.Valid(5)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.spec, err, c.want)
		}
	}
	many := Spec{Kind: KindPartition, Shapes: []Shape{ShapeAll}, Every: time.Second,
		For: time.Second - 1, Flap: 1000}
	_, err := NewPlan([]Spec{many}, time.Minute, 1)
	if err == nil || !strings.Contains(err.Error(), "makes over 100000 faults") {
		t.Errorf("flaps without end: error %v", err)
	}
}

// Goal: a flapping partition severs the same links each time, so long and so often as it says.
func TestFlaps(t *testing.T) {
	spec := Spec{Kind: KindPartition, Shapes: []Shape{ShapeIsolateOne}, Every: 20 * time.Second,
		For: 7 * time.Second, Flap: 2 * time.Second}
	plan, err := NewPlan([]Spec{spec}, 20*time.Second, 1)
	if err != nil || len(plan) != 2 {
		t.Fatalf("plan %+v, %v", plan, err)
	}
	first, second := plan[0], plan[1]
	if second.At-first.At != 4*time.Second || first.For != 2*time.Second ||
		second.For != 2*time.Second {
		t.Errorf("cuts %+v and %+v", first, second)
	}
	view := View{Nodes: hosts(5)}
	one, err1 := Bind(first, view, 1)
	two, err2 := Bind(second, view, 1)
	if err1 != nil || err2 != nil || !reflect.DeepEqual(one.Cuts, two.Cuts) {
		t.Errorf("cuts %v and %v, %v, %v", one.Cuts, two.Cuts, err1, err2)
	}
}
