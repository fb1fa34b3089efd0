package report

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"gauntlet/checker"
)

// Goal: every node's builds stand on the terminal and on the page; nodes that went the same way
// share a line, and a target that says nothing of builds costs none. Refusals and warnings stand
// on the page too.
func TestVersionsAreTold(t *testing.T) {
	at := func(node, version string, seconds int) checker.NodeVersion {
		return checker.NodeVersion{Node: node, Version: version,
			At: time.Duration(seconds) * time.Second}
	}
	results := &checker.Results{Suite: "rolling", Exit: checker.ExitRefused,
		Refused: []string{"n4 has not consented"}, Warnings: []string{"n5 is shared with mail"}}
	results.Summary.Versions = []checker.NodeVersion{
		at("n1", "old", 1), at("n1", "new", 9), at("n2", "old", 1), at("n2", "<new>", 9),
		at("n3", "old", 1), at("n3", "new", 12),
	}
	var text strings.Builder
	if err := Text(&text, results); err != nil {
		t.Fatal(err)
	}
	const line = "  versions                n1 n3: old, then new; n2: old, then <new>\n"
	if !strings.Contains(text.String(), line) {
		t.Errorf("no line %q in:\n%s", line, &text)
	}
	data, err := json.Marshal(results)
	if err != nil {
		t.Fatal(err)
	}
	page, err := HTML(fstest.MapFS{ResultsFile: {Data: data}})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"<h2>Versions", "&lt;new&gt;", "12.000 s",
		"<h1>Refused</h1>", "<li>n4 has not consented", "<li>n5 is shared with mail"} {
		if !strings.Contains(string(page), part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	results.Summary.Versions = nil
	text.Reset()
	if err := Text(&text, results); err != nil || strings.Contains(text.String(), "versions") {
		t.Errorf("%v, versions of nobody:\n%s", err, &text)
	}
}
