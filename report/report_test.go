package report

import (
	"bytes"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
)

// With -pages DIR the pages of the samples are kept, to be looked at.
var pages = flag.String("pages", "", "directory to write the sample pages to")

// Goal: the page shows the verdict first, what was injected and, for a violation, what
// contradicts itself; and it is one file that refers to nothing outside. Method: pages of
// made-up runs, judged by the real checker, searched for the words and the marks that carry the
// message.
func TestPages(t *testing.T) {
	tests := []struct {
		name string
		bend func(*sample)
		want []string
	}{
		{"valid", func(*sample) {}, []string{
			"<h1>Valid</h1>", "1 × isolate-leader", "5 of 5", `class="hero good"`, "n4 · term 3",
		}},
		{"stale", (*sample).bend, []string{
			"<h1>Violation</h1>", `class="hero bad"`, "although", "The contradiction", "⇒",
			"srcdoc=", `<circle class="flag"`, `<tr id="op-`,
		}},
		{"split", (*sample).split, []string{
			"<h1>Violation</h1>", "both led term 2", "leader of term 2", "n1 · term 2",
		}},
		{"unbitten", func(s *sample) { s.faults[1].Evidence[0].Bit = false }, []string{
			"<h1>Inconclusive</h1>", `class="hero doubt"`, "fault 2 (pause of any) did not bite",
			"unproven",
		}},
		{"hostile", func(s *sample) { s.header.Suite = "<script>alert(1)</script>" }, []string{
			"&lt;script&gt;",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSample()
			test.bend(s)
			page, err := HTML(s.dir(t))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range test.want {
				if !bytes.Contains(page, []byte(want)) {
					t.Errorf("the page lacks %q", want)
				}
			}
			selfContained(t, page)
			keep(t, test.name, page)
		})
	}
}

func keep(t *testing.T, name string, page []byte) {
	if *pages == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*pages, name+".html"), page, 0o644); err != nil {
		t.Fatal(err)
	}
}

var (
	frame   = regexp.MustCompile(`srcdoc="[^"]*"`)
	outside = regexp.MustCompile(`(?i)<script|<link|@import|https?://|src="`)
)

// selfContained wants no reference to anything outside, but for names of namespaces inside the
// frame.
func selfContained(t *testing.T, page []byte) {
	t.Helper()
	if found := outside.Find(frame.ReplaceAll(page, nil)); found != nil {
		t.Errorf("the page refers to something outside: %q", found)
	}
}

// Goal: a run directory that is damaged still yields a page with the verdict, and one without
// results yields an error. Method: take files away or cut them.
func TestDamagedDirectory(t *testing.T) {
	whole := newSample().dir(t)
	without := func(name string, data []byte) fstest.MapFS {
		dir := fstest.MapFS{}
		for path, file := range whole {
			dir[path] = file
		}
		delete(dir, name)
		if data != nil {
			dir[name] = &fstest.MapFile{Data: data}
		}
		return dir
	}
	for name, dir := range map[string]fstest.MapFS{
		"no history":      without(HistoryFile, nil),
		"empty history":   without(HistoryFile, []byte{}),
		"corrupt history": without(HistoryFile, []byte("{\"type\":\"header\"}\nnonsense\n{}\n")),
	} {
		page, err := HTML(dir)
		if err != nil || !bytes.Contains(page, []byte("<h1>Valid</h1>")) {
			t.Errorf("%s: the verdict is lost: %v", name, err)
		}
		if !bytes.Contains(page, []byte("The history could not be read")) {
			t.Errorf("%s: the page does not say so", name)
		}
	}
	for name, dir := range map[string]fstest.MapFS{
		"no results":      without(ResultsFile, nil),
		"corrupt results": without(ResultsFile, []byte("{")),
	} {
		if _, err := HTML(dir); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Goal: no run is too poor to be drawn. Method: histories that hold nothing, or one thing.
func TestPoorHistories(t *testing.T) {
	for name, s := range map[string]*sample{
		"nothing": {header: history.Header{Version: history.Version}},
		"a fault that never healed": {
			header: history.Header{Version: history.Version, Nodes: []string{"n1"}},
			faults: []history.Fault{{ID: 1, Kind: "kill", Hosts: []string{"n1"}, Start: time.Second,
				Stage: history.StageInjected}},
		},
		"an operation that never returned": {
			header: history.Header{Version: history.Version},
			ops: []history.Operation{{Kind: "odd", Key: "k", Node: "n9", Input: []byte(`{"x":1}`),
				Outcome: history.OutcomeInfo}},
		},
	} {
		page, err := HTML(s.dir(t))
		if err != nil || !bytes.Contains(page, []byte("<h1>Inconclusive</h1>")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Goal: a machine reads the verdict from JUnit: failures for what the target did, errors for
// what we could not tell. Method: one result of each sort, decoded again.
func TestJUnit(t *testing.T) {
	r := results()
	out, err := JUnit(r)
	if err != nil {
		t.Fatal(err)
	}
	var suites junitSuites
	if err := xml.Unmarshal(out, &suites); err != nil {
		t.Fatal(err)
	}
	suite := suites.Suites[0]
	if suite.Tests != 7 || suite.Failures != 2 || suite.Errors != 3 {
		t.Errorf("tests %d, failures %d, errors %d", suite.Tests, suite.Failures, suite.Errors)
	}
	r.Refused = []string{"n1 has not consented"}
	if out, err = JUnit(r); err != nil || !strings.Contains(string(out), r.Refused[0]) {
		t.Errorf("%v; a refusal is not told:\n%s", err, out)
	}
	if got := suite.Cases[0].Failure.Message; !strings.Contains(got, "<bad>") {
		t.Errorf("the message was not kept: %q", got)
	}
}

// results has one of everything.
func results() *checker.Results {
	r := &checker.Results{
		Version: checker.Version, Run: "5eed0001", Suite: "smoke", Place: "lab", Seed: 7,
		Checks: []checker.Result{
			{Check: checker.CheckLinearizable, Verdict: checker.Invalid,
				Reason: "key r1: <bad> \u0001"},
			{Check: checker.CheckLeaderPerTerm, Verdict: checker.Valid, Reason: "3 terms"},
		},
		Gates: []checker.Result{
			{Check: checker.GateFaultsBit,
				Reason: "fault 2 (pause of any) has no evidence of its end"},
			{Check: checker.GateAvailableAfterHeal, Verdict: checker.Invalid,
				Reason: "only after 9s"},
		},
		Harness: []string{"n3: unreachable"},
		Cleanup: []string{"n4: a rule is left"},
		Summary: checker.Summary{
			Operations: 14809, OK: 14739,
			Kinds:   []checker.KindCount{{Kind: "read", OK: 14739, Info: 70}},
			Faults:  []checker.FaultCount{{Kind: "partition", Injected: 3, Proven: 2}},
			Leaders: []checker.Leadership{{Term: 1, Node: "n2", At: time.Second}},
			LongestGap: checker.Gap{
				From: time.Second, To: 2500 * time.Millisecond, Faults: []int{1, 2},
			},
		},
	}
	r.Decide()
	return r
}

// Goal: the lines at the end of a run say the verdict, why, and what happened. Method: compare
// with what a person wrote down.
func TestText(t *testing.T) {
	r := results()
	r.Checks[0].Reason = "key r1: bad"
	r.Decide()
	var b bytes.Buffer
	if err := Text(&b, r); err != nil {
		t.Fatal(err)
	}
	const want = `VIOLATION   smoke on lab, seed 7, run 5eed0001
  linearizable: key r1: bad
  n3: unreachable
  available-after-heal: only after 9s
  n4: a rule is left
  faults-bit: fault 2 (pause of any) has no evidence of its end

  linearizable            invalid
  leader-per-term         valid    3 terms
  faults-bit              unknown
  available-after-heal    missed
  operations              14,739 ok of 14,809: 14,739 read; 0 fail, 70 unknown
  faults                  partition 2 of 3 proven
  leaders                 n2 (term 1)
  longest unavailability  1.500 s, from 1.000 s to 2.500 s, with faults 1, 2
`
	if got := b.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
