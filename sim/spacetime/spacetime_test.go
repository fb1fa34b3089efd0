package spacetime

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gauntlet/chance"
	"gauntlet/history"
	"gauntlet/sim/failure"
	"gauntlet/sim/trace"
)

var (
	rewrite = flag.Bool("rewrite", false, "write the expected files anew")
	keep    = flag.String("keep", "", "write the drawn pages into this directory, to look at them")
)

// Goal: a page tells everything of a short run, and marks what cannot be.
// Method: draw the stale read and read the page's data back: every record, in its order, with what
// it followed from, and the violating operations alone flagged.
func TestPageHoldsEveryRecord(t *testing.T) {
	run := staleRead()
	show(t, "stale-read", run.page())
	log, d := run.log(), dataOf(t, run.page())
	if len(d.Records) != len(log.Records) {
		t.Fatalf("%d records on the page, %d in the run", len(d.Records), len(log.Records))
	}
	at := int64(0)
	for i, r := range log.Records {
		row := slices.Concat(d.Records[i], make([]int64, 12))
		at += row[1]
		label := r.Label
		if r.Kind == trace.Role {
			label = r.Role
		}
		got := []any{row[0], at, row[2], row[3], row[4], d.Labels[row[5]], row[6], row[7], row[8], row[9]}
		want := []any{int64(1), int64(r.At), int64(r.Kind), int64(r.Node + 1), int64(r.Peer + 1), label,
			int64(r.Term), int64(r.Index), r.Operation, int64(r.Fault)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("record %d (-run +page):\n%s", i, diff)
		}
		if r.Cause >= 0 && int64(i)-row[10] != int64(r.Cause) {
			t.Errorf("record %d follows from %d on the page, from %d in the run", i,
				int64(i)-row[10], r.Cause)
		}
	}
	var violating []int64
	for _, row := range d.Operations {
		if len(row) == 12 {
			violating = append(violating, row[0])
		}
	}
	if diff := cmp.Diff(run.failure.Operations, violating); diff != "" {
		t.Errorf("violating operations (-run +page):\n%s", diff)
	}
	for _, text := range []string{
		"stale-answer", "4711", run.about.Replay, "n1 leads in term 1", "n3 leads in term 2",
		"partition isolate-leader n1", "150ms to 300ms", "n3 answers client 2: write x 2 (ok)",
	} {
		if !bytes.Contains(run.page(), []byte(text)) {
			t.Errorf("the page does not say %q", text)
		}
	}
}

// Goal: however long the run, the page stays small, and what it leaves out is said and is not what
// led to the failure.
// Method: storms of chance, one with a long text in every record. Below the bound nothing is left
// out; above it, all is there around the failure, and before that the causal past.
func TestLongRunsAreBounded(t *testing.T) {
	run := storm(7, 60_000)
	page := run.page()
	show(t, "storm", page)
	if len(page) > mostBytes {
		t.Errorf("%d bytes, at most %d are allowed", len(page), mostBytes)
	}
	a := newAccount(run.log(), run.history(), run.failure)
	w := a.window(mostRecords)
	if len(w.keep) > mostRecords || !bytes.Contains(page, []byte("The run has 60")) {
		t.Errorf("%d records kept of %d, and the page does not say so", len(w.keep), len(a.records))
	}
	past := a.past(a.focus)
	for i := range a.records {
		must := i >= w.full && i < w.to
		must = must || i >= w.first && i < w.full && (past[i] || lasting(a.records[i].Kind))
		if _, kept := slices.BinarySearch(w.keep, i); kept != must {
			t.Fatalf("record %d: kept %v, want %v", i, kept, must)
		}
	}
	for i := range run.records {
		run.records[i].Label += strings.Repeat(fmt.Sprint(" wide", i), 300)
	}
	if page := run.page(); len(page) > mostBytes || !bytes.Contains(page, []byte("Texts are cut")) {
		t.Errorf("%d bytes with long texts, at most %d are allowed", len(page), mostBytes)
	}
	small := storm(3, 300)
	show(t, "small-storm", small.page())
	if bytes.Contains(small.page(), []byte(`id="leftout"`)) {
		t.Error("a short run leaves something out")
	}
}

// Goal: a single text cannot make the page too large either.
// Method: a panic's worth of text in each place that takes one, far above the bound.
func TestLongTextsAreCut(t *testing.T) {
	wide := strings.Repeat("wide ", mostBytes)
	run := staleRead()
	run.failure.Text, run.records[9].Label, run.operations[2].Error = wide, wide, wide
	if n := len(run.page()); n > mostBytes {
		t.Errorf("%d bytes, at most %d are allowed", n, mostBytes)
	}
	if n := len(Text(run.log(), run.history(), run.failure, run.about)); n > 20_000 {
		t.Errorf("%d bytes of text", n)
	}
}

// Goal: inputs and outputs read as people write them, always in the same order.
// Method: one of each shape, several times, as maps have no order.
func TestCompact(t *testing.T) {
	for raw, want := range map[string]string{
		``: "", `{}`: "", `{"value":3}`: "3", `[1,2]`: "[1,2]",
		`{"old":1,"new":2,"also":null}`: "also null new 2 old 1",
	} {
		for range 20 {
			if got := compact(json.RawMessage(raw)); got != want {
				t.Errorf("%s is %q, want %q", raw, got, want)
			}
		}
	}
}

// Goal: of a long run the story tells what a person would: what cannot be, the faults that are
// still on, and the latest; and no start but those after a fall.
// Method: a fault that stays, a violating answer, then many leaders and short faults.
func TestStory(t *testing.T) {
	run := &tale{nodes: []string{"n1", "n2"}}
	run.label(0, trace.Start, 0, "")
	run.add(ms, trace.FaultStart, -1, func(r *line) { r.Fault, r.Label = 1, "stays" })
	run.operation(7, 0, 0, 2*ms, 3*ms, "read", "x", `{}`, `{"value":1}`)
	for i := range 40 {
		at := time.Duration(10+10*i) * ms
		run.add(at, trace.FaultStart, -1, func(r *line) { r.Fault, r.Label = 2+i, "passes" })
		run.add(at+ms, trace.FaultStop, -1, func(r *line) { r.Fault = 2 + i })
		run.role(at+2*ms, i%2, "leader", uint64(i))
	}
	run.label(450*ms, trace.Crash, 1, "power")
	run.label(460*ms, trace.Start, 1, "all")
	run.failure = &failure.Failure{At: 500 * ms, Operations: []int64{7}, Signature: "s", Text: "t"}
	var got []string
	for _, m := range newAccount(run.log(), run.history(), run.failure).story() {
		got = append(got, m.Text)
	}
	want := []string{
		"fault 1 strikes: stays", "n1 answers client 0: read x → 1, asked at 2.000 ms",
		"n2 leads in term 35", "fault 38 strikes: passes, for 1.000 ms", "n1 leads in term 36",
		"fault 39 strikes: passes, for 1.000 ms", "n2 leads in term 37",
		"fault 40 strikes: passes, for 1.000 ms", "n1 leads in term 38",
		"fault 41 strikes: passes, for 1.000 ms", "n2 leads in term 39",
		"n2 goes down: power", "n2 starts: all", "s: t",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Goal: a fault that began before the part shown, and is still on, is on the page.
// Method: a fault before thousands of messages; a second one that is over before they begin.
func TestFaultsThatAreStillOn(t *testing.T) {
	run := &tale{nodes: []string{"n1", "n2"}}
	for id := range 2 {
		run.add(time.Duration(id), trace.FaultStart, -1, func(r *line) { r.Fault = id + 1 })
	}
	run.add(3, trace.FaultStop, -1, func(r *line) { r.Fault = 2 })
	for i := range 3 * mostRecords {
		run.send(time.Duration(i+1)*ms, 1, 0, 1, "Append")
	}
	var faults []int64
	for _, row := range dataOf(t, run.page()).Records {
		if row[2] == int64(trace.FaultStart) {
			faults = append(faults, row[9])
		}
	}
	if diff := cmp.Diff([]int64{1}, faults); diff != "" {
		t.Errorf("faults (-want +page):\n%s", diff)
	}
}

// Goal: whatever a run says is text to the page, never markup or script.
// Method: hostile texts wherever a run can put one; the page must have no more tags than without,
// and its data must give the texts back.
func TestTextsAreNeverMarkup(t *testing.T) {
	hostile := `</script><script>alert(1)</script><img src=x onerror=alert(1)>"'` + "`${1}\u2028-->"
	tags := func(page []byte) []string {
		return regexp.MustCompile(`</?(script|img|svg|style)|<!--`).FindAllString(string(page), -1)
	}
	run := staleRead()
	want := tags(run.page())
	for i := range run.nodes {
		run.nodes[i] += hostile
	}
	for i := range run.records {
		run.records[i].Label += hostile
		run.records[i].Role += hostile
	}
	for i := range run.operations {
		op := &run.operations[i]
		op.Key, op.Kind, op.Error = op.Key+hostile, op.Kind+hostile, hostile
		op.Input = json.RawMessage(fmt.Sprintf(`{"value":%q}`, hostile))
	}
	run.failure.Text, run.failure.Signature = hostile, failure.Signature(hostile)
	run.about.Replay, run.about.Build = hostile, hostile
	run.about.Options.Workload.Kind, run.about.Options.Liveness.Others = hostile, hostile
	run.about.Options.Liveness.Within = 1
	page := run.page()
	if diff := cmp.Diff(want, tags(page)); diff != "" {
		t.Errorf("tags (-without +with hostile texts):\n%s", diff)
	}
	if d := dataOf(t, page); d.Nodes[0] != "n1"+hostile || !slices.Contains(d.Labels, "x"+hostile) {
		t.Errorf("the page's data lost the texts: %q", d.Nodes[0])
	}
}

// Goal: the page needs nothing from anywhere, and lets the browser fetch nothing.
// Method: no address in any attribute, and a policy that names its own script alone.
func TestPageIsSelfContained(t *testing.T) {
	page := string(staleRead().page())
	links := regexp.MustCompile(`(src|href|action|url|@import)\s*[=(]\s*["']?[a-z/]`)
	if link := links.FindString(page); link != "" {
		t.Errorf("the page reaches outside: %s", link)
	}
	if !regexp.MustCompile(`content="default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; ` +
		`script-src &#39;sha256-[^"]*&#39;"`).MatchString(page) {
		t.Error("no policy keeps the page from fetching")
	}
}

// Goal: the same run gives the same bytes.
// Method: draw two runs several times.
func TestSameBytes(t *testing.T) {
	for _, run := range []*tale{staleRead(), storm(5, 20_000)} {
		first := run.page()
		text := Text(run.log(), run.history(), run.failure, run.about)
		for range 3 {
			if !bytes.Equal(first, run.page()) {
				t.Error("another page of the same run")
			}
			if Text(run.log(), run.history(), run.failure, run.about) != text {
				t.Error("another text of the same run")
			}
		}
	}
}

// Goal: nothing that a run's account can hold breaks the drawing.
// Method: nothing at all, a failure without a run, and records of pure chance.
func TestAnyAccountIsDrawn(t *testing.T) {
	Page(nil, nil, nil, About{})
	Page(&trace.Log{}, &history.History{}, &failure.Failure{Nodes: []int{3}, At: ms}, About{})
	draw := chance.New(1, "any", 0)
	any := func() int { return draw.Intn(12) - 3 }
	for range 50 {
		log := &trace.Log{Nodes: []string{"a", "b", "c"}}
		for i := range 40 {
			log.Add(trace.Record{
				At: time.Duration(i), Kind: trace.Kind(draw.Intn(24)), Node: any(), Peer: any(),
				Cause: any() + i - 4, Operation: int64(any()), Fault: any(), Label: fmt.Sprint(any()),
				Role: "leader", Term: uint64(draw.Intn(4)),
			})
		}
		f := &failure.Failure{At: time.Duration(any()), Nodes: []int{any(), any()},
			Operations: []int64{int64(any())}}
		h := &history.History{Operations: []history.Operation{{ID: 2, Node: "z"}, {ID: 3, Node: "a"}}}
		d := dataOf(t, Page(log, h, f, About{}))
		for n, row := range d.Records {
			for _, back := range row[min(len(row), 10):] {
				if back < 0 || int(back) > n {
					t.Fatalf("record %d follows from one %d before it", n, back)
				}
			}
		}
		Text(log, h, f, About{})
	}
}

// Goal: the text form tells the stale read as a person would want to read it in an issue.
// Method: a file holds it; -rewrite writes the file anew.
func TestText(t *testing.T) {
	run := staleRead()
	got := Text(run.log(), run.history(), run.failure, run.about)
	file := filepath.Join("testdata", "stale-read.txt")
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Goal: the text form fits an issue, however long the run.
// Method: storms; count the lines of events and their letters.
func TestTextIsBounded(t *testing.T) {
	run := storm(11, 30_000)
	text := Text(run.log(), run.history(), run.failure, run.about)
	_, table, _ := strings.Cut(text, " event\n")
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	if len(lines) != mostLines || !strings.Contains(lines[mostLines-1], "two-leaders") {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
	for _, line := range lines {
		if len([]rune(line)) > mostColumns {
			t.Errorf("too wide: %s", line)
		}
	}
}

// dataOf reads the data that a page embeds.
func dataOf(t *testing.T, page []byte) data {
	t.Helper()
	_, rest, _ := bytes.Cut(page, []byte(`<script type="application/json" id="data">`))
	encoded, _, _ := bytes.Cut(rest, []byte("</script>"))
	var d data
	if err := json.Unmarshal(encoded, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// show keeps a page for a person who asked for it.
func show(t *testing.T, name string, page []byte) {
	if *keep == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*keep, name+".html"), page, 0o644); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkPage(b *testing.B) {
	run := storm(7, 60_000)
	log, h := run.log(), run.history()
	b.ReportAllocs()
	for b.Loop() {
		Page(log, h, run.failure, run.about)
	}
}
