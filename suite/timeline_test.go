package suite

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/nemesis"
)

const timelineHead = `
name: x
place: sim
target: {raftd: {nodes: 5, options: {election-timeout: 100ms}}}
workload: {register: {}}
`

// Goal: what a timeline says is what is planned. Method: the events of one of each kind of entry,
// against the values written out by hand.
func TestTimeline(t *testing.T) {
	s, err := Load("testdata/timeline.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const second, partition = time.Second, nemesis.KindPartition
	flap := nemesis.Event{At: 2 * second, For: 150 * time.Millisecond, Kind: partition,
		Shape: nemesis.ShapeIsolateLeader, Stream: 5}
	want := map[int]nemesis.Event{
		0: {For: 6 * second, Kind: partition, Shape: nemesis.ShapeOneWayInLeader},
		1: {For: 3 * second, Kind: partition, Shape: nemesis.ShapeCut, Stream: 1,
			Mode: history.CutReject, When: &nemesis.Condition{Leader: true},
			Links: []nemesis.Link{{From: "old", To: "near"}, {From: "old", To: "far-away", OneWay: true},
				{From: "far-away", To: "near"}, {From: "whoever", To: "*", OneWay: true}}},
		2: {At: second, For: 2 * second, Kind: nemesis.KindKill, On: []string{"old"}, Stream: 2,
			When: &nemesis.Condition{Term: 3}},
		3: {For: 20 * second, Kind: nemesis.KindLoss, Shape: nemesis.ShapeOnly, Rate: 300, Stream: 3,
			When:  &nemesis.Condition{Acknowledged: 200},
			Links: []nemesis.Link{{From: "old", To: "near"}, {From: "n1", To: "n2"}}},
		4: {For: second / 2, Kind: nemesis.KindPause, On: []string{"near", "far-away", "n3"}, Stream: 4,
			When: &nemesis.Condition{Leader: true, Behind: "far-away", Lag: 20}},
		5: flap,
		15: {At: 2 * second, For: 3 * second, Kind: nemesis.KindMTU, Shape: nemesis.ShapeSite, Size: 1,
			Sites: [][]int{{1, 2}, {3, 4, 5}}, Stream: 77},
		16: {At: 2 * second, For: 18 * second, Kind: nemesis.KindClientCut, Role: nemesis.RoleMajority,
			Stream: 7},
	}
	flap.At += 2700 * time.Millisecond
	want[14] = flap
	if len(s.Timeline) != 20 {
		t.Fatalf("%d events, want 20", len(s.Timeline))
	}
	for i, event := range want {
		if diff := cmp.Diff(event, s.Timeline[i]); diff != "" {
			t.Errorf("event %d (-want +got):\n%s", i, diff)
		}
	}
	cast := nemesis.Cast{{Name: "old", Role: "leader"}, {Name: "near", Role: "follower"},
		{Name: "far-away", Role: "follower"}, {Name: "whoever", Role: "any"}}
	if !slices.Equal(s.Cast, cast) {
		t.Errorf("cast %v, want %v", s.Cast, cast)
	}
	if diff := cmp.Diff([]nemesis.Spec{
		{Kind: partition, Shapes: []nemesis.Shape{nemesis.ShapeStar}, Mode: history.CutReject},
		{Kind: nemesis.KindClientCut, On: []nemesis.Role{"leader", "majority"},
			Mode: history.CutPayload},
		{Kind: nemesis.KindMTU, Shapes: []nemesis.Shape{nemesis.ShapeAll}, Size: 1400},
	}, withoutTimes(s.Faults)); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func withoutTimes(specs []nemesis.Spec) []nemesis.Spec {
	specs = slices.Clone(specs)
	for i := range specs {
		specs[i].Every, specs[i].For = 0, 0
	}
	return specs
}

// Goal: a plan holds the series and the timeline, in the order of time, and is never made without
// the seed that it hangs on.
func TestPlan(t *testing.T) {
	s, err := Load("testdata/timeline.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if plan, err := s.Plan(); err == nil {
		t.Errorf("without a seed there is a plan: %v", plan)
	}
	seed := uint64(5)
	s.Seed = &seed
	plan, err := s.Plan()
	if err != nil {
		t.Fatal(err)
	}
	if want := len(s.Timeline) + 3*2; len(plan) != want {
		t.Errorf("%d events, want %d", len(plan), want)
	}
	streams := map[uint64]nemesis.Event{}
	for i, e := range plan {
		if e.ID != i+1 || i > 0 && e.At < plan[i-1].At {
			t.Errorf("event %d out of order: %+v", i, e)
		}
		before, shared := streams[e.Stream]
		if shared && before.Kind == e.Kind && before.Shape != e.Shape {
			t.Errorf("%+v and %+v draw alike", before, e)
		}
		streams[e.Stream] = e
	}
}

// Goal: scale changes what is written in seconds, and only that; cuts that mean something else at
// another scale are told of, where there is a TCP.
func TestScale(t *testing.T) {
	s, err := Load("testdata/scaled.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range s.Timeline {
		got = append(got, fmt.Sprintf("%v+%v", e.At, e.For))
	}
	want := "2s+4s 2s+2.4s 6s+4s 14s+4s 10s+800ms 11.6s+800ms 13.2s+800ms 20s+300ms 22s+1s 22s+8s"
	if text := strings.Join(got, " "); text != want || s.Scale != 0.1 {
		t.Errorf("scale %v made of it %s, want %s", s.Scale, text, want)
	}
	warnings := []string{
		"timeline[0].partition: a cut of 4s stands for one of 40s: TCP backs off up to its own length, " +
			"whatever the scale",
		"timeline[2].partition: a cut of 4s stands for one of 40s: TCP backs off up to its own length, " +
			"whatever the scale",
	}
	if diff := cmp.Diff(warnings, s.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		place, scale, lasts string
		warned              bool
	}{
		{"lab", "1", "4s", false}, {"lab", "0.5", "4s", true}, {"lab", "0.5", "3s", false},
		{"lab", "2", "2s", true}, {"lab", "2", "1500ms", false}, {"sim", "0.5", "4s", false},
		{"hosts", "0.5", "40ET", false},
	} {
		s, err := Parse("x", fmt.Appendf(nil, "%sscale: %s\ntimeline:\n  - {at: 0s, for: %s, "+
			"partition: {shape: all}}\n", strings.Replace(timelineHead, "sim", c.place, 1), c.scale,
			c.lasts))
		if err != nil || (len(s.Warnings) > 0) != c.warned {
			t.Errorf("%+v: warnings %q, %v", c, s.Warnings, err)
		}
	}
}

// Goal: callers can tell what a place only lacks from what is wrong everywhere.
func TestMissing(t *testing.T) {
	const head = "name: x\nplace: lab\ntarget: {raftd: {}}\nworkload: {register: {}}\n"
	const slow = "  - {at: 0s, for: 5s, delay: {shape: all, amount: 1s}}\n"
	for _, c := range []struct {
		text string
		want []string
	}{
		{"timeline:\n" + slow, []string{"delay"}},
		{"timeline:\n" + slow + slow + "  - {at: 0s, bit-rot: {on: any}}\n",
			[]string{"delay", "bit-rot"}},
		{"timeline:\n" + slow + "  - {at: 0s, power: {on: boss}}\n", nil},
		{"timeline:\n" + slow + "oops: 1\n", nil},
		{"timeline:\n  - {at: 0s, kill: {on: any}}\n", nil},
		{"timeline:\n" + slow + "incident: {title: a, facts: b, expect: [{options: {prevote: true}, " +
			"answer: reproduced}]}\n", []string{"delay"}},
		{"timeline:\n" + slow + "incident: {title: a, facts: b, expect: [{options: {prevoet: true}, " +
			"answer: reproduced}]}\n", nil},
		{"faults:\n  - bit-rot: {on: [any], every: 5s, for: 1s}\n", nil},
	} {
		_, err := Parse("x", []byte(head+c.text))
		got, ok := Missing(err)
		if ok != (c.want != nil) || ok && !slices.Equal(got, c.want) {
			t.Errorf("%s: missing %v, %v of %v", c.text, got, ok, err)
		}
	}
	if got, ok := Missing(errors.New("x")); ok {
		t.Errorf("%v is missing", got)
	}
}

// Goal: an expectation's suite differs in the options that it names and in nothing else, at the
// place where the whole is read.
func TestVariants(t *testing.T) {
	s, err := LoadAt("testdata/timeline.yaml", PlaceSim)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for i, e := range s.Incident.Expect {
		texts = append(texts, e.Options)
		want := *s
		incident := *s.Incident
		incident.Expect = nil
		raftd := *s.Target.Raftd
		want.Incident, want.Target.Raftd = &incident, &raftd
		switch i {
		case 0:
			raftd.Options.CheckQuorum = false
		case 1:
			raftd.Options.Prevote, raftd.Options.Heartbeat = false, 10*time.Millisecond
		}
		if diff := cmp.Diff(&want, e.Suite); diff != "" {
			t.Errorf("expect[%d] (-want +got):\n%s", i, diff)
		}
	}
	if want := []string{"check-quorum: false", "prevote: false, heartbeat: 10ms", ""}; !slices.Equal(
		texts, want) {
		t.Errorf("options %q, want %q", texts, want)
	}
	if got := s.Incident.Signature; got != (checker.Signature{Violation: "any", Gap: 5 * time.Second,
		Recovery: 2 * time.Second, Unavailable: 900, Terms: 10}) {
		t.Errorf("signature %+v", got)
	}
	third := s.Incident.Expect[2]
	if third.Answer != AnswerNot || third.AtMost != 100 || third.Recovery != 2*time.Second ||
		s.Incident.Expect[0].AtLeast != 900 {
		t.Errorf("expectations %+v", s.Incident.Expect)
	}
}

// Goal: a tree is read as its text is, anchors included, and its problems keep their lines.
func TestParseTree(t *testing.T) {
	const text = timelineHead + "cast: &cast {old: leader}\ntimeline:\n  - &kill {at: 0s, kill: " +
		"{on: old}}\n  - *kill\nincident: {title: a, facts: b, expect: [{options: &o {prevote: false}, " +
		"answer: reproduced}]}\n"
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	want, err := Parse("x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []*yaml.Node{&document, document.Content[0]} {
		got, err := ParseTree("x", root, "")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v (-text +tree):\n%s", err, diff)
		}
	}
	if got, err := ParseTree("x", &document, PlaceHosts); err != nil ||
		got.Incident.Expect[0].Suite.Place != PlaceHosts {
		t.Errorf("at hosts: %+v, %v", got, err)
	}
	get(document.Content[0], "name").Value = "No Name"
	_, err = ParseTree("y", &document, "")
	if err == nil || !strings.HasPrefix(err.Error(), "y:2: ") {
		t.Errorf("error %v, want one of line 2", err)
	}
	if _, err := ParseTree("y", nil, ""); err == nil {
		t.Error("no tree at all is a suite")
	}
}

// Goal: what a command keeps secret is kept in what an incident expects of it too.
func TestExpectationsAreRedacted(t *testing.T) {
	s, err := Parse("x", []byte(`
name: x
target: {command: {start: "serve --password=hunter2", client: [c], client-port: 1}}
workload: {register: {}}
timeline: [{at: 0s, kill: {on: any}}]
incident: {title: a, facts: b, expect: [{answer: reproduced}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	public := s.Redacted()
	start := public.Incident.Expect[0].Suite.Target.Command.Start
	if strings.Contains(start, "hunter") || start != public.Target.Command.Start {
		t.Errorf("start %q shows the password", start)
	}
	if kept := s.Incident.Expect[0].Suite.Target.Command.Start; !strings.Contains(kept, "hunter2") {
		t.Errorf("redacting changed the suite itself: %q", kept)
	}
}

// Goal: any timeline that can be written survives being resolved. Method: random ones of every
// kind, written as a person would, of which most must be right.
func TestTimelinesReadBack(t *testing.T) {
	right, all := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		text := timelineHead + rapid.Custom(anyTimeline).Draw(r, "timeline")
		s, err := Parse("x", []byte(text))
		all++
		if err != nil {
			var problems Problems
			if !errors.As(err, &problems) || strings.Contains(err.Error(), "not YAML") {
				r.Fatalf("%v\n%s", err, text)
			}
			return
		}
		right++
		if len(s.Timeline) == 0 {
			r.Fatalf("no event is left of\n%s", text)
		}
		readBack(t, s)
	})
	if 3*right < 2*all {
		t.Errorf("only %d of %d timelines are right: the test tells little", right, all)
	}
}

// anyTimeline writes a cast, a scale, events and an incident.
func anyTimeline(t *rapid.T) string {
	var text strings.Builder
	scale := rapid.SampledFrom([]string{"1", "0.5", "2", "0.013"}).Draw(t, "scale")
	fmt.Fprintf(&text, "cast: {old: leader, near: follower, true: any}\nscale: %s\ntimeline:\n", scale)
	for range rapid.IntRange(1, 6).Draw(t, "events") {
		fmt.Fprintf(&text, "  - {%s}\n", anyEntry(t))
	}
	text.WriteString("phases: {load: 10m, recovery: 20s}\n")
	if rapid.Bool().Draw(t, "incident") {
		expect := rapid.SampledFrom([]string{"prevote", "check-quorum"}).Draw(t, "option")
		fmt.Fprintf(&text, "incident: {title: %q, facts: a, signature: {gap: %s}, expect: [{options: "+
			"{%s: %v}, answer: reproduced, at-least: %d.%d%%}]}\n",
			rapid.StringMatching(`[a-z#:,'][ -~]{0,9}[a-z]`).Draw(t, "title"), anyTime(t, "gap"), expect,
			rapid.Bool().Draw(t, "value"), rapid.IntRange(1, 99).Draw(t, "least"),
			rapid.IntRange(0, 9).Draw(t, "tenth"))
	}
	return text.String()
}

func anyTime(t *rapid.T, name string) string {
	return rapid.SampledFrom([]string{"1s", "12s", "7ET", "31.5ET", "1.25s", "20s"}).Draw(t, name)
}

func anyEntry(t *rapid.T) string {
	kind := rapid.SampledFrom(nemesis.Kinds()).Draw(t, "kind")
	if traits := kind.Traits(); !traits.Sim || traits.Does { // see TestOperations
		kind = nemesis.KindKill
	}
	traits := kind.Traits()
	var inner []string
	add := func(format string, args ...any) { inner = append(inner, fmt.Sprintf(format, args...)) }
	whom := []string{"leader", "follower", "any", "old", "near", "n5", "[n2]", `["true"]`}
	if traits.Crowd {
		whom = append(whom, "majority", "all", `[near, old, "true", n1]`)
	}
	links := []string{"shape: star", "shape: leader-minority", "shape: one-way-pair",
		"shape: site, sites: [[1], [2, 3], [5, 4]]", "cut: [old-near]", `only: ["n1>*", "true - n3"]`,
		`cut: ["*>old", n1-n2, n3>n4]`}
	if traits.Links {
		add("%s", rapid.SampledFrom(links).Draw(t, "links"))
	} else {
		add("on: %s", rapid.SampledFrom(whom).Draw(t, "whom"))
	}
	if traits.MaxRate > 0 {
		add("rate: %v%%", float64(rapid.IntRange(1, 999).Draw(t, "rate"))/10)
	}
	if traits.Amount {
		add("amount: %s", anyTime(t, "amount"))
	}
	if traits.Size {
		add("size: %d", rapid.IntRange(1, 65535).Draw(t, "size"))
	}
	moded := kind == nemesis.KindPartition || kind == nemesis.KindClientCut
	if moded && rapid.Bool().Draw(t, "moded") {
		add("mode: %s", rapid.SampledFrom([]string{"packets", "payload", "reject"}).Draw(t, "mode"))
	}
	begin := "at: " + anyTime(t, "at")
	whens := []string{"leader", "{term: 3}", `{behind: "true", lag: 7}`,
		"{leader: true, acknowledged: 2}"}
	switch {
	case rapid.Bool().Draw(t, "conditional"):
		begin += ", when: " + rapid.SampledFrom(whens).Draw(t, "when")
	case kind == nemesis.KindPartition && rapid.Bool().Draw(t, "flaps"):
		add("flap: 2ET")
	}
	if rapid.Bool().Draw(t, "ends") {
		begin += ", for: " + anyTime(t, "for")
	}
	return fmt.Sprintf("%s, %s: {%s}", begin, kind, strings.Join(inner, ", "))
}
