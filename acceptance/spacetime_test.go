//go:build lab

package acceptance

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/checker"
	"gauntlet/mutants"
	"gauntlet/nemesis"
	"gauntlet/sim/schedule"
)

// Goal: a person who opens the page of a failure sees what happened: lanes, terms, what was lost,
// and the operations that contradict each other; everything on it can be asked for its past; it
// needs no network, and names that look like markup do no harm.
// Method: the simulator with a planted bug, under which a leader that is cut off answers reads from
// memory, draws a schedule made for it, with keys that are markup. A headless browser opens the
// page; mouse and keyboard go through it.
func TestSpacetimePage(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	mutant, err := mutants.Find("leader-local-read")
	verify := filepath.Join(t.TempDir(), "verify")
	if err == nil {
		err = mutant.Build(t.Context(), root, mutants.Verify, verify)
	}
	if err != nil {
		t.Fatal(err)
	}
	replay := exec.Command(verify, "replay", cutOffLeader(t), "--page", page)
	output, err := replay.CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != int(checker.ExitViolation) {
		t.Fatalf("%v\n%s", err, output)
	}
	if info, err := os.Stat(page); err != nil || info.Size() > 2_000_000 {
		t.Fatalf("the page is too large: %v, %v", info, err)
	}
	b := browse(t, page)
	if title := b.text("document.title"); !strings.Contains(title, "stale-answer") {
		t.Errorf("the title is %q", title)
	}
	t.Run("drawn", func(t *testing.T) { seesTheRun(t, b) })
	t.Run("past", func(t *testing.T) { asksForThePast(t, b) })
	t.Run("keys", func(t *testing.T) { walksByKeys(t, b) })
	t.Run("complete", func(t *testing.T) { seesEveryRecord(t, b) })
	if n := b.count("img"); n != 0 {
		t.Errorf("names became %d images", n)
	}
	b.clean()
}

// What the page says of itself.
const (
	status = `document.getElementById("status").textContent`
	detail = `document.getElementById("detail").textContent`
	shown  = `document.querySelector("#overview .shown").getAttribute("width")`
)

// seesTheRun counts what the picture shows of the whole run.
func seesTheRun(t *testing.T, b *tab) {
	b.eval(`document.getElementById("fit").click(), 1`, new(int))
	for selector, want := range map[string]int{
		"#picture .member":             3, // lanes
		"#picture .violation":          1,
		"#picture .operation.violates": 2,
	} {
		if n := b.count(selector); n != want {
			t.Errorf("%s: %d on the page, want %d", selector, n, want)
		}
	}
	for _, selector := range []string{
		"#picture .band.leader[data-term='1']", "#picture .band.leader[data-term='2']",
		"#picture .band.candidate", "#picture .message.append.delivered",
		"#picture .message.dropped", "#picture rect.fault", "#picture .sync.durable",
		"#picture .commit", "#overview .band", ".moment.bad",
	} {
		if b.count(selector) == 0 {
			t.Errorf("%s: not on the page", selector)
		}
	}
	marked := b.text(`[...document.querySelectorAll(".operation.violates")]
		.map((operation) => operation.textContent).join()`)
	if strings.Count(marked, "✗ read "+hostileKey) == 0 {
		t.Errorf("no read among those marked as violating: %s", marked)
	}
}

// asksForThePast clicks the violation, and again.
func asksForThePast(t *testing.T, b *tab) {
	before := b.count("#picture .message")
	place := func() (x, y float64) {
		var at [2]float64
		b.eval(`(() => { document.getElementById("picture").scrollIntoView();
			const box = document.querySelector("#picture path.violation").getBoundingClientRect();
			return [box.x + box.width / 2, box.y + box.height / 2]; })()`, &at)
		return at[0], at[1]
	}
	b.click(place())
	if said := b.text(status); !strings.Contains(said, "could have influenced") {
		t.Errorf("after a click the page says %q", said)
	}
	if n := b.count("#picture .message"); n == 0 || n >= before {
		t.Errorf("%d messages in the past, %d in all", n, before)
	}
	b.click(place())
	if n := b.count("#picture .message"); n != before {
		t.Errorf("%d messages after the second click, %d before the first", n, before)
	}
}

// walksByKeys goes back in time, asks for the past there, and lifts it.
func walksByKeys(t *testing.T, b *tab) {
	b.eval("document.getElementById('picture').focus(), 1", new(int))
	first := b.text(detail)
	b.press("ArrowLeft")
	if again := b.text(detail); again == first || again == "" {
		t.Errorf("after ← the details are still %q", again)
	}
	b.press("Enter")
	if b.text(status) == "" {
		t.Error("Enter does not ask for the past")
	}
	b.press("Escape")
	if said := b.text(status); said != "" {
		t.Errorf("after Escape the page says %q", said)
	}
	wide := b.text(shown)
	b.press("+")
	if b.text(shown) == wide {
		t.Error("+ does not zoom")
	}
}

// seesEveryRecord switches everything on, shows all of the time, and looks for each record.
func seesEveryRecord(t *testing.T, b *tab) {
	var missing []string
	b.eval(`(() => {
		for (const box of document.querySelectorAll("#filters input")) if (!box.checked) box.click();
		document.getElementById("fit").click();
		const drawn = new Set();
		for (const e of document.querySelectorAll("[data-r]")) {
			for (const n of e.getAttribute("data-r").split(" ")) drawn.add(Number(n));
		}
		const records = JSON.parse(document.getElementById("data").textContent).records;
		return records.map((r, n) => drawn.has(n) ? "" : n + ": " + r).filter(Boolean);
	})()`, &missing)
	if len(missing) > 0 {
		t.Errorf("%d records are not drawn, such as %v", len(missing), missing[:min(5, len(missing))])
	}
}

// hostileKey is a key that would run a script, were it ever taken for markup.
const hostileKey = `</script><img src=x onerror=alert(1)>`

// cutOffLeader is a schedule that isolates the leader of three while each member has a client, who
// writes and reads in turn.
func cutOffLeader(t *testing.T) string {
	t.Helper()
	const ms = time.Millisecond
	s := &schedule.Schedule{
		Version: schedule.Version, Seed: 1,
		Options: schedule.Options{
			Nodes: 3,
			Raft: schedule.Raft{ElectionTimeoutMin: 150 * ms, ElectionTimeoutMax: 300 * ms,
				HeartbeatInterval: 50 * ms, MaxAppendBytes: 1 << 20, MaxInflightBytes: 1 << 20,
				MaxUncommittedBytes: 1 << 20},
			Network: schedule.Network{DelayMin: ms, DelayMax: 5 * ms},
			Disk:    schedule.Disk{SyncMin: ms, SyncMax: 4 * ms, SegmentBytes: 64 << 10},
			Workload: schedule.Workload{Kind: "register", Clients: 3, Keys: 1, OpsPerKey: 100,
				ThinkMin: ms, ThinkMax: ms, Timeout: 500 * ms, DelayMax: ms},
			Load: 3 * time.Second,
		},
		Faults: nemesis.Plan{{ID: 1, At: time.Second, For: time.Second, Kind: nemesis.KindPartition,
			Shape: nemesis.ShapeIsolateLeader}},
	}
	for i := range 75 {
		op := schedule.Operation{Worker: i % 3, At: 700*ms + time.Duration(i/3)*50*ms, Key: hostileKey,
			Kind: "read", Input: json.RawMessage(`{}`)}
		if i/3%2 == 0 {
			op.Kind, op.Input = "write", json.RawMessage(fmt.Sprintf(`{"value":%d}`, i+1))
		}
		s.Operations = append(s.Operations, op)
	}
	file := filepath.Join(t.TempDir(), "schedule.json")
	if err := errors.Join(s.Valid(), s.Write(file)); err != nil {
		t.Fatal(err)
	}
	return file
}
