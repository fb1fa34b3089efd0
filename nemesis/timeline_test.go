package nemesis

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyView draws who runs, who leads, and how far each has come.
func anyView(t *rapid.T) View {
	v := View{Nodes: hosts(rapid.IntRange(1, 6).Draw(t, "nodes")), Progress: map[string]Progress{}}
	v.Leader = rapid.SampledFrom(append([]string{""}, v.Nodes...)).Draw(t, "leader")
	v.Stopped = rapid.SliceOfDistinct(rapid.SampledFrom(v.Nodes), rapid.ID[string]).Draw(t, "stopped")
	v.Acknowledged = rapid.IntRange(0, 4).Draw(t, "acknowledged")
	for _, node := range v.Nodes {
		if rapid.Bool().Draw(t, "heard of") {
			v.Progress[node] = Progress{Term: rapid.Uint64Range(0, 4).Draw(t, "term"),
				Commit: rapid.Uint64Range(0, 4).Draw(t, "commit")}
		}
	}
	return v
}

var castNames = []string{"old", "near", "far-away", "x1", "nn"}

func anyCast(t *rapid.T) Cast {
	var cast Cast
	names := rapid.SliceOfDistinct(rapid.SampledFrom(castNames), rapid.ID[string])
	for i, name := range names.Draw(t, "names") {
		role := rapid.SampledFrom([]Role{RoleFollower, RoleAny}).Draw(t, "role")
		if i == 0 && rapid.Bool().Draw(t, "leads") {
			role = RoleLeader
		}
		cast = append(cast, Casting{name, role})
	}
	return rapid.Permutation(cast).Draw(t, "order")
}

// Goal: a cast is bound whenever it can be, to running nodes of the right roles that differ from
// each other, and always to the same at the same instant. Method: every other way to bind it, tried
// one after another.
func TestCastBinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, cast, seed := anyView(t), anyCast(t), rapid.Uint64().Draw(t, "seed")
		bound, err := cast.Bind(v, seed)
		again, _ := cast.Bind(v, seed)
		if !reflect.DeepEqual(bound, again) {
			t.Fatalf("bound to %v, then to %v", bound, again)
		}
		switch {
		case cast.NeedsLeader() && v.Leader == "":
			if !errors.Is(err, ErrNoLeader) {
				t.Fatalf("error %v without a leader", err)
			}
		case !castable(cast, v, nil):
			if !errors.Is(err, ErrNoHost) {
				t.Fatalf("error %v where nobody is left", err)
			}
		case err != nil:
			t.Fatalf("%v, though %v can be had of %+v", err, cast, v)
		default:
			var nodes []string
			for _, one := range cast {
				node := bound[one.Name]
				if !mayPlay(one.Role, node, v) || slices.Contains(nodes, node) {
					t.Fatalf("%v of %+v became %v", cast, v, bound)
				}
				nodes = append(nodes, node)
			}
			if len(bound) != len(cast) {
				t.Fatalf("%v became %v", cast, bound)
			}
		}
	})
}

func mayPlay(role Role, node string, v View) bool {
	of := map[Role]bool{RoleLeader: node == v.Leader, RoleFollower: node != v.Leader, RoleAny: true}
	return of[role] && slices.Contains(v.Nodes, node) && !slices.Contains(v.Stopped, node)
}

// castable reports whether the names can be given to nodes that are not taken.
func castable(cast Cast, v View, taken []string) bool {
	if len(cast) == 0 {
		return true
	}
	return slices.ContainsFunc(v.Nodes, func(node string) bool {
		return mayPlay(cast[0].Role, node, v) && !slices.Contains(taken, node) &&
			castable(cast[1:], v, append(slices.Clone(taken), node))
	})
}

// Goal: chance casts everybody who can play a role. Method: many seeds, count whom.
func TestCastsReachAll(t *testing.T) {
	view := View{Nodes: hosts(5), Leader: "n2", Stopped: []string{"n4"}}
	cast := Cast{{"old", RoleLeader}, {"near", RoleFollower}, {"some", RoleAny}}
	struck := map[string]bool{}
	for seed := range uint64(100) {
		bound, err := cast.Bind(view, seed)
		if err != nil {
			t.Fatal(err)
		}
		for name, node := range bound {
			struck[name+" "+node] = true
		}
	}
	if len(struck) != 1+3+3 {
		t.Errorf("cast as %v", struck)
	}
}

// Goal: each reason why names cannot be bound is given. Method: one broken rule each.
func TestCastsRefused(t *testing.T) {
	some := func(role Role, names ...string) (cast Cast) {
		for _, name := range names {
			cast = append(cast, Casting{name, role})
		}
		return cast
	}
	for want, cast := range map[string]Cast{
		`name "Old" must be of a-z, 0-9 and -`:                     some(RoleAny, "Old"),
		`name "" must be of a-z, 0-9 and -`:                        some(RoleAny, ""),
		"name n7 means a node already: it is a place in the order": some(RoleAny, "n7"),
		"name majority means a role already":                       some(RoleAny, "majority"),
		"name a stands twice":                                      some(RoleAny, "a", "a"),
		`a cannot be cast as "all" (one of leader, follower, any)`: some(RoleAll, "a"),
		"2 names are cast as the leader, and there is one":         some(RoleLeader, "a", "b"),
		"4 names exceed the 3 nodes":                               some(RoleAny, "a", "b", "c", "d"),
		"":                                                         some(RoleFollower, "n", "n01", "n-1"),
	} {
		err := cast.Valid(3)
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%v: error %v, want %q", cast, err, want)
		}
	}
}

// Goal: a condition holds exactly when all that it names is so. Method: the definition of each
// part, over all nodes, on random views.
func TestConditions(t *testing.T) {
	held := 0
	rapid.Check(t, func(t *rapid.T) {
		v := anyView(t)
		v.Cast = map[string]string{"old": v.Nodes[0]}
		c := Condition{
			Leader:       rapid.Bool().Draw(t, "leader"),
			Term:         rapid.Uint64Range(0, 4).Draw(t, "term"),
			Acknowledged: rapid.IntRange(0, 4).Draw(t, "least"),
			Behind:       rapid.SampledFrom([]string{"", "old", "n2", "nobody"}).Draw(t, "behind"),
		}
		if c.Behind != "" {
			c.Lag = rapid.OneOf(rapid.Uint64Range(1, 4), rapid.Just[uint64](1<<64-1)).Draw(t, "lag")
		}
		term, lags := c.Term == 0, c.Behind == ""
		behind := map[string]string{"old": "n1", "n2": "n2"}[c.Behind]
		for _, at := range v.Progress {
			term = term || at.Term >= c.Term
			if own, known := v.Progress[behind]; known && at.Commit >= own.Commit {
				lags = lags || at.Commit-own.Commit >= c.Lag
			}
		}
		want := (!c.Leader || v.Leader != "") && v.Acknowledged >= c.Acknowledged && term && lags
		if c.Holds(v) != want {
			t.Fatalf("%+v holds of %+v: %v", c, v, !want)
		}
		if want && c != (Condition{}) {
			held++
		}
	})
	if held == 0 {
		t.Error("no condition ever held")
	}
}

// Goal: a node is behind from exactly so many entries on. Method: all small numbers.
func TestBehind(t *testing.T) {
	for own := range uint64(4) {
		for lag := uint64(1); lag < 4; lag++ {
			v := View{Nodes: hosts(2), Progress: map[string]Progress{"n1": {Commit: 3}, "n2": {Commit: own}}}
			if holds := (Condition{Behind: "n2", Lag: lag}).Holds(v); holds != (own+lag <= 3) {
				t.Errorf("%d of 3 entries are %d behind: %v", own, lag, holds)
			}
		}
	}
}

// Goal: a condition says what it waits for, and whether only nodes can tell.
func TestConditionsSpeak(t *testing.T) {
	for _, c := range []struct {
		condition Condition
		text      string
		status    bool
	}{
		{Condition{Leader: true}, "somebody leads", true},
		{Condition{Term: 3}, "term 3 is reached", true},
		{Condition{Acknowledged: 9}, "9 operations are acknowledged", false},
		{Condition{Behind: "old", Lag: 2, Acknowledged: 1},
			"1 operations are acknowledged and old is 2 entries behind", true},
	} {
		if text := c.condition.String(); text != c.text || c.condition.NeedsStatus() != c.status {
			t.Errorf("%+v: %q, needs status %v", c.condition, text, !c.status)
		}
		if err := c.condition.Valid(); err != nil {
			t.Errorf("%+v: %v", c.condition, err)
		}
	}
	for _, bad := range []Condition{{}, {Acknowledged: -1}, {Behind: "old"}, {Lag: 2}} {
		if bad.Valid() == nil {
			t.Errorf("%+v is valid", bad)
		}
	}
}

// Goal: whoever must know the leader, or the cast, is told so. Method: one event of each reason.
func TestEventsNeed(t *testing.T) {
	cast := Cast{{"old", RoleLeader}}
	loose := Cast{{"old", RoleAny}}
	for _, c := range []struct {
		event        Event
		cast, leader bool
	}{
		{Event{Shape: ShapeAll}, false, false},
		{Event{Shape: ShapeLeaderMinority}, false, true},
		{Event{Role: RoleLeader}, false, true},
		{Event{Role: RoleFollower}, false, false},
		{Event{On: []string{"n1"}}, false, false},
		{Event{On: []string{"n1", "old"}}, true, true},
		{Event{Shape: ShapeCut, Links: linksOf("n1-*")}, false, false},
		{Event{Shape: ShapeCut, Links: linksOf("n1-*", "n2>old")}, true, true},
		{Event{Role: RoleAny, When: &Condition{Behind: "old", Lag: 1}}, true, true},
		{Event{Role: RoleAny, When: &Condition{Leader: true}}, false, true},
		{Event{Role: RoleAny, When: &Condition{Term: 1}}, false, false},
	} {
		if c.event.NeedsCast(cast) != c.cast || c.event.NeedsLeader(cast) != c.leader {
			t.Errorf("%+v needs the cast %v, the leader %v", c.event, !c.cast, !c.leader)
		}
		if c.event.NeedsCast(nil) || c.event.NeedsLeader(loose) != (c.leader && !c.cast) {
			t.Errorf("%+v needs somebody though nobody is cast", c.event)
		}
	}
}

// Goal: an event that flaps is in force in the first half of each of its periods, and in no other
// instant. Method: instant by instant, on small times.
func TestFlapsAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := Event{At: time.Duration(rapid.IntRange(0, 9).Draw(t, "at")), Kind: KindPartition,
			For: time.Duration(rapid.IntRange(1, 60).Draw(t, "for")), Shape: ShapeHalves, Stream: 3}
		flap := time.Duration(rapid.IntRange(0, 70).Draw(t, "flap"))
		in := map[time.Duration]int{}
		for _, cut := range e.Flaps(flap) {
			for at := cut.At; at < cut.At+cut.For; at++ {
				in[at]++
			}
			cut.At, cut.For = e.At, e.For
			if !reflect.DeepEqual(cut, e) {
				t.Fatalf("a cut of %+v is %+v", e, cut)
			}
		}
		for at := range e.At + e.For + 100 {
			want := 0
			if at >= e.At && at < e.At+e.For && (flap == 0 || (at-e.At)/flap%2 == 0) {
				want = 1
			}
			if in[at] != want {
				t.Fatalf("%+v, flap %d: at %d in force %d times, want %d", e, flap, at, in[at], want)
			}
		}
	})
}

// Goal: merging keeps every event, orders them by their start, those of one instant as they were,
// and gives those of a timeline chance of their own. Method: random ones, found again one by one.
func TestMerge(t *testing.T) {
	anyEvents := func(t *rapid.T, name string) []Event {
		var events []Event
		for _, at := range rapid.SliceOfN(rapid.IntRange(0, 4), 0, 6).Draw(t, name) {
			events = append(events, Event{At: time.Duration(at), For: 1, Kind: Kind(name),
				Size: len(events), Stream: uint64(rapid.IntRange(0, 3).Draw(t, "stream"))})
		}
		return events
	}
	rapid.Check(t, func(t *rapid.T) {
		plan, timeline := Plan(anyEvents(t, "plan")), anyEvents(t, "timeline")
		before := slices.Clone(timeline)
		merged := Merge(plan, timeline)
		if len(merged) != len(plan)+len(timeline) || !reflect.DeepEqual(before, timeline) {
			t.Fatalf("%v and %v became %v", plan, timeline, merged)
		}
		for i, e := range merged {
			own := e.Kind == "timeline"
			if e.ID != i+1 || i > 0 && merged[i-1].At > e.At || own == (e.Stream < 4) {
				t.Fatalf("event %d is %+v", i, e)
			}
			if i > 0 && merged[i-1].At == e.At && merged[i-1].Kind == e.Kind &&
				merged[i-1].Size > e.Size || i > 0 && merged[i-1].At == e.At && !own &&
				merged[i-1].Kind == "timeline" {
				t.Fatalf("event %d lost its place: %v", i, merged)
			}
			source := []Event(plan)
			if own {
				source = timeline
				e.Stream &^= timelineStream
			}
			e.ID = 0
			if !reflect.DeepEqual(e, source[e.Size]) {
				t.Fatalf("event %d was %+v and is %+v", i, source[e.Size], e)
			}
		}
	})
}

// Goal: what a timeline adds to an event survives a file.
func TestTimelineEventsAreJSON(t *testing.T) {
	want := Plan{{ID: 1, At: 1, For: 2, Kind: KindPartition, Shape: ShapeCut, Mode: "reject",
		Links: linksOf("old-near", "far-away - x", "n1>*"),
		When:  &Condition{Leader: true, Term: 2, Acknowledged: 3, Behind: "old", Lag: 4}},
		{ID: 2, Kind: KindMTU, Size: 1400, Shape: ShapeAll},
		{ID: 3, Kind: KindPause, On: []string{"old", "n2"}, Stream: timelineStream | 3}}
	text, err := json.Marshal(want)
	const links = `"links":["old-near","far-away - x","n1\u003e*"]`
	if err != nil || !strings.Contains(string(text), links) {
		t.Fatalf("%s, %v", text, err)
	}
	var got Plan
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s came back as %+v, %v", text, got, err)
	}
	if err := json.Unmarshal([]byte(`[{"links":["n1"]}]`), &got); err == nil {
		t.Error("a link without an end is read")
	}
}
