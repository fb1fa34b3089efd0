package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
)

// Goal: a counterexample is a page that needs nothing else and grows with the contradiction,
// not with the history. Method: three operations of many, and words that are none of a workload's.
func TestCounterexample(t *testing.T) {
	h := &history.History{}
	for i := range 100_000 {
		at := time.Duration(i) * time.Millisecond
		h.Operations = append(h.Operations, history.Operation{ID: int64(i), Process: i % 10, Kind: "get",
			Key: "k<1>", Call: at, Return: at + 5*time.Millisecond, Outcome: history.OutcomeOK})
	}
	h.Operations[70_000].Outcome = history.OutcomeInfo
	c := Counterexample{
		Title: "h<i>story.edn", Facts: []string{"100000 operations", "frontier"}, History: h,
		Words: func(op history.Operation) (asked, answered string) {
			return fmt.Sprintf("asked %d", op.ID), fmt.Sprintf("told %d", op.ID)
		},
	}
	if page, err := c.HTML(); err == nil {
		t.Errorf("no violation was drawn: %s", page)
	}
	c.Violation = &checker.Violation{Text: "Get #90000 lies.", Class: "stale-read", Key: "k<1>",
		Operations: []int64{70_000, 80_000, 90_000}}
	data, err := c.HTML()
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	for _, want := range []string{"<svg viewBox", "asked 80000 ⇒ told 80000", "stale-read", "frontier",
		`Get <a href="#op-90000">#90000</a> lies.`, `class="op get open"`, "h&lt;i&gt;story.edn",
		"key k&lt;1&gt;"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if found := outside.FindString(page); found != "" || len(page) > 50_000 {
		t.Errorf("a page of %d bytes, with %q", len(page), found)
	}
}
