package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gauntlet/checker"
	"gauntlet/history"
)

const millisecond = time.Millisecond

// measuredResults are those of results, with all that clients saw and an incident.
func measuredResults() *checker.Results {
	r := results()
	r.Summary.Load = checker.Measures{
		Window: 40 * second, LongestGap: 1500 * millisecond, OK: 9000, Throughput: 225, Available: 973,
		Latency: []checker.Latency{
			{Kind: "read", OK: 6000, P50: 1234567, P99: 9100 * time.Microsecond, Max: 40 * millisecond},
			{Kind: "write", OK: 3000, P50: 2 * millisecond, P99: 30 * millisecond, Max: 2 * second},
		},
	}
	r.Summary.Heals = []checker.Heal{
		{Fault: 1, At: 9 * second, Available: true, After: 300 * millisecond},
		{Fault: 2, At: 19 * second, Available: true, After: 2310 * millisecond, Heard: true,
			Transport: 2 * second, Protocol: 310 * millisecond},
		{Fault: 3, At: 29 * second, Available: true, After: 5 * second, Interrupted: true},
	}
	r.Reproduced = &checker.Reproduction{Title: "A night <without> progress", Matched: true,
		Why: "the longest time was 1.5s"}
	return r
}

// Goal: the terminal tells what clients saw and whether the incident was seen again. Method:
// compare with what a person wrote down.
func TestMeasuredText(t *testing.T) {
	var b bytes.Buffer
	r := measuredResults()
	if err := Text(&b, r); err != nil {
		t.Fatal(err)
	}
	const want = `  longest unavailability  1.500 s, from 1.000 s to 2.500 s, with faults 1, 2
  availability            97.3 % of the load, longest gap 1.500 s, 225 ok/s
  latency of read         150 ok/s, p50 1.235 ms, p99 9.1 ms, max 40 ms
  latency of write        75 ok/s, p50 2 ms, p99 30 ms, max 2.000 s
  slowest recovery        2.310 s after fault 2 (transport 2.000 s, protocol 310 ms)
  incident                reproduced: A night <without> progress
                          the longest time was 1.5s
`
	_, got, _ := strings.Cut(b.String(), "leaders                 n2 (term 1)\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Goal: a run that was skipped names what the place lacks, and is neither a failure nor an error.
func TestSkipped(t *testing.T) {
	r := &checker.Results{Suite: "disk-stall-leader", Place: "lab", Seed: 7, Run: "5eed0001",
		Skipped: []string{"disk-slow", "mtu"}}
	r.Decide()
	var b bytes.Buffer
	if err := Text(&b, r); err != nil {
		t.Fatal(err)
	}
	const want = `SKIPPED   disk-stall-leader on lab, seed 7, run 5eed0001
  not run: the place lacks disk-slow, mtu

`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	suite := decoded(t, r)
	if suite.Skipped != 2 || suite.Failures != 0 || suite.Errors != 0 || suite.Tests != 5 {
		t.Errorf("skipped %d, failures %d, errors %d of %d", suite.Skipped, suite.Failures,
			suite.Errors, suite.Tests)
	}
	if c := suite.Cases[1]; c.Name != "mtu" || c.Skipped.Message != "the place lacks mtu" {
		t.Errorf("%+v", c)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	page, err := HTML(fstest.MapFS{ResultsFile: {Data: data}})
	if err != nil || !bytes.Contains(page, []byte("<h1>Skipped</h1>")) {
		t.Errorf("%v; the page does not say that it was skipped", err)
	}
}

func decoded(t *testing.T, r *checker.Results) junitSuite {
	t.Helper()
	out, err := JUnit(r)
	if err != nil {
		t.Fatal(err)
	}
	var suites junitSuites
	if err := xml.Unmarshal(out, &suites); err != nil {
		t.Fatal(err)
	}
	return suites.Suites[0]
}

// Goal: a machine reads the figures from JUnit, and none of a run from before there were any.
func TestMeasuredJUnit(t *testing.T) {
	own := len(decoded(t, results()).Properties)
	var got []string
	for _, p := range decoded(t, measuredResults()).Properties[own:] {
		got = append(got, p.Name+" "+p.Value)
	}
	want := []string{"load.available-permille 973", "load.longest-gap 1.500",
		"load.ok-per-second 225.000", "load.read.p50 0.001235", "load.read.p99 0.009100",
		"load.read.max 0.040000", "load.write.p50 0.002000", "load.write.p99 0.030000",
		"load.write.max 2.000000", "recovery.slowest 2.310000", "recovery.transport 2.000000",
		"recovery.protocol 0.310000", "incident A night <without> progress", "reproduced true",
		"reproduced-why the longest time was 1.5s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if own != 5 {
		t.Errorf("%d properties of a run that measured nothing", own)
	}
}

// Goal: the page shows what clients saw, the incident, and of each fault what its timeline said of
// it. Method: a run with a fault of each sort, one of which never began.
func TestMeasuredPage(t *testing.T) {
	s := newSample()
	s.faults[0].Heard = s.faults[0].Stop + 100*millisecond
	named := &s.faults[2]
	named.Shape, named.Cast = "cut", map[string]string{"old": "n1", "near": "n2"}
	named.Cuts = []history.Cut{{From: "n1", To: "n2", Mode: history.CutReject},
		{From: "n2", To: "n1", Mode: history.CutReject}}
	lossy := &s.faults[3]
	lossy.Kind, lossy.Shape = "loss", "isolate-one"
	lossy.Cuts = []history.Cut{{From: "n2", To: "n3", Mode: history.CutPackets, Rate: 305}}
	s.faults = append(s.faults, history.Fault{ID: 6, Kind: "mtu", Shape: "only", Hosts: []string{},
		Stage: history.StageFailed, Error: "its condition never held: term 9 is reached"})
	dir := s.dir(t)
	s.results.Reproduced = &checker.Reproduction{Title: "A <night>", Why: "it <was> quick"}
	data, err := json.Marshal(s.results)
	if err != nil {
		t.Fatal(err)
	}
	dir[ResultsFile] = &fstest.MapFile{Data: data}
	dir[SuiteFile] = &fstest.MapFile{Data: []byte("name: x\ncast: {old: leader}\ntimeline:\n" +
		"  - at: 0s # begins\n    when:\n      term: 3\n" +
		"    partition: {cut: [\"old>*\"], mode: reject}\n" +
		"  - {at: 1s, kill: {on: old}}\n")}
	page, err := HTML(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"of the load available", "slowest recovery", "<b>Incident not reproduced</b> A &lt;night&gt;",
		"it &lt;was&gt; quick", "transport 100 ms, not waited for",
		"<small>n1–n2, rejected, near is n2, old is n1",
		"loss isolate-one<br><small>30.5 % lost</small>",
		`<td class="n">never</td><td class="n">–</td>`,
		"<b>its condition never held: term 9 is reached</b>", "cast {old: leader}\n",
		"{at: 0s, when: {term: 3}, partition: {cut: [&#34;old&gt;*&#34;], mode: reject}}\n",
		`<th class="n">p99</th>`, `class="fault loss"`,
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	selfContained(t, page)
	keep(t, "measured", page)
}

// Goal: results and histories from before there were measures are shown without them. Method: a
// results.json as version 1 began.
func TestResultsOfOld(t *testing.T) {
	const old = `{"version":1,"run":"06a68cf8","suite":"smoke","place":"lab","seed":1,
"verdict":"valid","exit":0,"reasons":["linearizable: fine"],
"checks":[{"check":"linearizable","verdict":"valid",
"reason":"fine"}],"gates":null,"summary":{"duration":9000000000,"operations":4,"ok":4,
"kinds":[{"kind":"read","ok":4,"fail":0,"info":0}],"keys":1,"longestGap":{"from":1,"to":9},
"faults":[],"heals":[{"fault":1,"at":5000000000,"available":true,"after":40000000}],
"leaders":null}}`
	page, err := HTML(fstest.MapFS{ResultsFile: {Data: []byte(old)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, lack := range []string{"of the load", "p99", "transport", "Incident", "Timeline"} {
		if strings.Contains(string(page), lack) {
			t.Errorf("the page of an old run speaks of %q", lack)
		}
	}
	var r checker.Results
	if err := json.Unmarshal([]byte(old), &r); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Text(&b, &r); err != nil || !strings.Contains(b.String(), "40 ms after fault 1\n") ||
		strings.Contains(b.String(), "\n  availability ") {
		t.Errorf("%v:\n%s", err, &b)
	}
}

// Goal: the recovery that is shown is the worst that can be held against the target, and says what
// is known of its parts. Method: a table.
func TestSlowestRecovery(t *testing.T) {
	heal := func(fault int, after time.Duration) checker.Heal {
		return checker.Heal{Fault: fault, Available: after > 0, After: after}
	}
	disturbed, waited, early := heal(8, second), heal(9, 2*second), heal(10, second)
	disturbed.Interrupted = true
	waited.Heard, waited.Transport, waited.Protocol = true, second, second
	early.Heard, early.Transport = true, 3*second
	deaf := heal(11, 0)
	deaf.Heard, deaf.Transport = true, 4*second
	for _, test := range []struct {
		heals []checker.Heal
		want  string
	}{
		{nil, "none"},
		{[]checker.Heal{disturbed}, "none"},
		{[]checker.Heal{heal(1, 2*millisecond), heal(2, 30*millisecond),
			heal(3, millisecond), disturbed}, "30 ms after fault 2"},
		{[]checker.Heal{heal(1, second), heal(2, 0), heal(3, second)}, "not seen after fault 2"},
		{[]checker.Heal{waited}, "2.000 s after fault 9 (transport 1.000 s, protocol 1.000 s)"},
		{[]checker.Heal{early}, "1.000 s after fault 10 (transport 3.000 s, not waited for)"},
		{[]checker.Heal{deaf}, "not seen after fault 11"},
	} {
		got := "none"
		if worst := slowest(test.heals); worst != nil {
			got = recoveryText(worst)
		}
		if got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
	if got := splitText(&deaf); got != "transport 4.000 s" {
		t.Errorf("%s", got)
	}
}

// Goal: what is said beside a fault's name is what the name leaves open. Method: a table.
func TestFaultDetails(t *testing.T) {
	cut := func(from, to string, mode history.CutMode, rate, size int) history.Cut {
		return history.Cut{From: from, To: to, Mode: mode, Rate: rate, Size: size}
	}
	for _, test := range []struct {
		fault history.Fault
		name  string
		want  []string
	}{
		{history.Fault{Kind: "pause", Role: "leader"}, "pause leader", nil},
		{history.Fault{Kind: "mtu", Shape: "only", Stage: history.StageFailed}, "mtu only", nil},
		{history.Fault{Kind: "version", Shape: "upgrade"}, "upgrade", nil},
		{history.Fault{Kind: "kill", Cast: map[string]string{"old": "n2", "far": "n1"}}, "kill",
			[]string{"far is n1", "old is n2"}},
		{history.Fault{Kind: "promote", Hosts: []string{"n4"},
			Before: &history.Membership{Voters: []string{"n1"}, Learners: []string{"n4"}},
			After:  &history.Membership{Voters: []string{"n1", "n4"}}}, "promote",
			[]string{"then voters n1 n4"}},
		{history.Fault{Kind: "partition", Shape: "isolate-one", Cuts: []history.Cut{
			cut("n1", "n2", history.CutPackets, 0, 0)}}, "isolate-one", nil},
		{history.Fault{Kind: "partition", Shape: "one-way-in", Cuts: []history.Cut{
			cut("n1", "n2", history.CutPayload, 0, 0)}}, "one-way-in", []string{"payload only"}},
		{history.Fault{Kind: "partition", Shape: "cut", Cuts: []history.Cut{
			cut("n1", "n3", history.CutPayload, 0, 0), cut("n1", "n2", history.CutPackets, 0, 0),
			cut("n2", "n1", history.CutPackets, 0, 0)}}, "cut", []string{"n1→n3, n1–n2"}},
		{history.Fault{Kind: "mtu", Shape: "only", Cuts: []history.Cut{
			cut("n1", "n2", history.CutPackets, 0, 1400)}}, "mtu only",
			[]string{"n1→n2", "1400 bytes or more"}},
		{history.Fault{Kind: "loss", Shape: "all", Cuts: []history.Cut{
			cut("n1", "n2", "", 300, 0), cut("n2", "n1", "", 300, 0)}}, "loss all",
			[]string{"30 % lost"}},
		{history.Fault{Kind: "client-cut", Role: "any", Cuts: []history.Cut{
			cut(history.Clients, "n1", history.CutReject, 0, 0)}}, "client-cut any",
			[]string{"rejected"}},
	} {
		if got := faultName(test.fault); got != test.name {
			t.Errorf("%s, want %s", got, test.name)
		}
		if got := faultDetails(test.fault); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// Goal: a suite that is no timeline, or no YAML, is asked for nothing.
func TestAskedForNothing(t *testing.T) {
	for _, text := range []string{"", "name: x\n", "timeline: 7\n", "timeline: []\n", "{", "\t"} {
		if lines := asked(text); lines != nil {
			t.Errorf("%q asks for %q", text, lines)
		}
	}
}
