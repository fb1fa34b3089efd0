package nemesis

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gauntlet/history"
)

func anyLink(t *rapid.T) Link {
	end := rapid.OneOf(rapid.SampledFrom([]string{"*", "old", "far-away", "n1", "n3"}),
		rapid.StringMatching(`[a-z][a-z0-9-]{0,6}`))
	l := Link{From: end.Draw(t, "from"), OneWay: rapid.Bool().Draw(t, "one way")}
	l.To = end.Filter(func(name string) bool { return name != l.From }).Draw(t, "to")
	return l
}

// Goal: a link reads back from its text, whatever names its ends have.
func TestLinksReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLink(t)
		got, err := ParseLink(l.String())
		if err != nil || got != l {
			t.Fatalf("%+v is written %q and read %+v, %v", l, l, got, err)
		}
	})
}

// Goal: a link may be written with spaces, and what is none is refused in words.
func TestParseLink(t *testing.T) {
	for text, want := range map[string]Link{
		"a-b": {"a", "b", false}, "a - b": {"a", "b", false}, "a>b": {"a", "b", true},
		"a > *": {"a", "*", true}, "*-a": {"*", "a", false}, "a-b-c": {"a", "b-c", false},
		"a-b - c": {"a-b", "c", false}, "a-b>c-d": {"a-b", "c-d", true},
	} {
		if got, err := ParseLink(text); err != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "must be written a-b", "n1": "must be written a-b", "a-": `"" is no name`,
		"a>b>c": `"b>c" is no name`, "A-b": `"A" is no name`, "n1-n1": "leads from n1 to itself",
		"*-*": "leads from * to itself", "*>*": "leads from * to itself", "a b-c": `"a b" is no name`,
	} {
		if got, err := ParseLink(text); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), `"`+text+`"`) || got != (Link{}) {
			t.Errorf("%q is %+v, %v; want %q", text, got, err, want)
		}
	}
}

// Goal: no text makes the reader panic, and what it accepts has one writing.
func FuzzParseLink(f *testing.F) {
	for _, text := range []string{"a-b", "far-away - n1", "n1>*", "*>n1", ">", " - ", "a- - -b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLink(text)
		if err != nil {
			return
		}
		if again, err := ParseLink(l.String()); err != nil || again != l {
			t.Errorf("%q is %+v, written %q, read %+v, %v", text, l, l, again, err)
		}
	})
}

// Goal: the shapes cut and only strike exactly the directions that a timeline names, and exactly
// all others; a pair that is severed both ways loses every packet, one that is severed one way
// payloads. Method: each direction of each pair asked of each link, on random clusters and casts.
func TestNamedShapes(t *testing.T) {
	cut := 0
	rapid.Check(t, func(t *rapid.T) {
		nodes := hosts(rapid.IntRange(2, 6).Draw(t, "nodes"))
		order := rapid.Permutation(nodes).Draw(t, "cast")
		v := View{Nodes: nodes, Cast: map[string]string{"old": order[0], "far-away": order[1]}}
		ends := rapid.SampledFrom([]string{"*", "old", "far-away", "n1", "n2"})
		var links []Link
		for range rapid.IntRange(1, 4).Draw(t, "links") {
			l := Link{ends.Draw(t, "from"), ends.Draw(t, "to"), rapid.Bool().Draw(t, "one way")}
			if l.From != l.To {
				links = append(links, l)
			}
		}
		e := Event{Kind: KindPartition, Links: links, For: 1,
			Shape: rapid.SampledFrom([]Shape{ShapeCut, ShapeOnly}).Draw(t, "shape")}
		severed := func(from, to string) bool {
			return from != to && speaksOf(links, from, to, v) == (e.Shape == ShapeCut)
		}
		var want []history.Cut
		var about []string
		for _, from := range nodes {
			touched := false
			for _, to := range nodes {
				touched = touched || severed(from, to) || severed(to, from)
				mode := history.CutPayload
				if severed(to, from) {
					mode = history.CutPackets
				}
				if severed(from, to) {
					want = append(want, history.Cut{From: from, To: to, Mode: mode})
				}
			}
			if touched {
				about = append(about, from)
			}
		}
		a, err := Bind(e, v, 1)
		switch {
		case len(want) == 0:
			if err == nil || errors.Is(err, ErrNoHost) || errors.Is(err, ErrNoLeader) {
				t.Fatalf("%v of %+v: %v, %v, though nothing is severed", links, v, a.Cuts, err)
			}
		case err != nil || !slices.Equal(a.Cuts, want) || !slices.Equal(a.Hosts, about):
			t.Fatalf("%s %v of %+v: hosts %v, cuts %v, %v; want %v, %v", e.Shape, links, v, a.Hosts,
				a.Cuts, err, about, want)
		default:
			cut++
		}
	})
	if cut == 0 {
		t.Error("nothing was ever cut")
	}
}

// speaksOf reports whether some link is about what from sends to to.
func speaksOf(links []Link, from, to string, v View) bool {
	means := func(name, node string) bool {
		return name == "*" || name == node || v.Cast[name] == node
	}
	return slices.ContainsFunc(links, func(l Link) bool {
		return means(l.From, from) && means(l.To, to) ||
			!l.OneWay && means(l.From, to) && means(l.To, from)
	})
}

// Goal: how packets are lost is on every cut. Method: each kind that says so.
func TestCutsSayHow(t *testing.T) {
	v := View{Nodes: hosts(3), Leader: "n2"}
	for _, c := range []struct {
		event Event
		want  history.Cut
	}{
		{Event{Kind: KindPartition, Shape: ShapeCut, Links: linksOf("n1>n3"), Mode: "packets"},
			history.Cut{From: "n1", To: "n3", Mode: history.CutPackets}},
		{Event{Kind: KindPartition, Shape: ShapeCut, Links: linksOf("n1>n3"), Mode: "reject"},
			history.Cut{From: "n1", To: "n3", Mode: history.CutReject}},
		{Event{Kind: KindLoss, Shape: ShapeCut, Links: linksOf("n1>n3"), Rate: 300},
			history.Cut{From: "n1", To: "n3", Mode: history.CutPayload, Rate: 300}},
		{Event{Kind: KindMTU, Shape: ShapeCut, Links: linksOf("n1>n3"), Size: 1400},
			history.Cut{From: "n1", To: "n3", Mode: history.CutPayload, Size: 1400}},
		{Event{Kind: KindClientCut, Role: RoleLeader},
			history.Cut{From: history.Clients, To: "n2", Mode: history.CutPackets}},
		{Event{Kind: KindClientCut, On: []string{"n3"}, Mode: "payload"},
			history.Cut{From: history.Clients, To: "n3", Mode: history.CutPayload}},
	} {
		a, err := Bind(c.event, v, 1)
		if err != nil || !slices.Equal(a.Cuts, []history.Cut{c.want}) {
			t.Errorf("%+v: cuts %+v, %v; want %+v", c.event, a.Cuts, err, c.want)
		}
	}
}

// Goal: who is struck by name is struck once, and only while running.
func TestStrikesByName(t *testing.T) {
	v := View{Nodes: hosts(3), Cast: map[string]string{"old": "n3"}, Stopped: []string{"n2"}}
	on := func(names ...string) Event { return Event{Kind: KindKill, On: names} }
	if a, err := Bind(on("old", "n1", "n3"), v, 1); err != nil || !slices.Equal(a.Hosts,
		[]string{"n3", "n1"}) {
		t.Errorf("hosts %v, %v", a.Hosts, err)
	}
	if _, err := Bind(on("old", "n2"), v, 1); !errors.Is(err, ErrNoHost) {
		t.Errorf("error %v of a stopped node, want ErrNoHost", err)
	}
	for _, nobody := range []string{"near", "n4", "n0", "n01"} {
		_, err := Bind(on(nobody), v, 1)
		if err == nil || !strings.Contains(err.Error(), "nobody is called "+nobody) {
			t.Errorf("%s: error %v", nobody, err)
		}
	}
}

// Goal: links that leave nothing to cut are refused where that is certain, and only there.
func TestLinksMustStrike(t *testing.T) {
	cast := Cast{{"a", RoleAny}, {"b", RoleAny}}
	for _, c := range []struct {
		shape Shape
		nodes int
		links string
		ok    bool
	}{
		{ShapeOnly, 2, "n1-n2", false}, {ShapeOnly, 2, "n1>n2", true}, {ShapeOnly, 3, "n1-n2", true},
		{ShapeOnly, 2, "a-b", false}, {ShapeOnly, 3, "a-b", true}, {ShapeOnly, 2, "a-*", false},
		{ShapeOnly, 2, "a-n1", true}, {ShapeCut, 2, "a-n1", true}, {ShapeCut, 2, "a-b", true},
	} {
		e := Event{Kind: KindPartition, Shape: c.shape, Links: linksOf(c.links), For: 1}
		err := e.Valid(c.nodes, cast)
		if c.ok != (err == nil) || err != nil && !strings.Contains(err.Error(), "nothing to cut") {
			t.Errorf("%s %s of %d: %v", c.shape, c.links, c.nodes, err)
		}
	}
}

// Goal: bit-rot by name, too, is refused where no quorum could spare the node.
func TestBitRotByName(t *testing.T) {
	e := Event{Kind: KindBitRot, On: []string{"n1"}, For: 1}
	if e.Valid(2, nil) == nil || e.Valid(3, nil) != nil {
		t.Errorf("of 2 nodes: %v, of 3: %v", e.Valid(2, nil), e.Valid(3, nil))
	}
}
