package suite

import (
	"os"
	"strings"
	"testing"
)

// Goal: the README's timeline is one. Method: its lines, below the head of a suite for the
// simulator, since flaps are shorter there than hosts can do.
func TestReadmeTimeline(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## Timelines\n")
	_, example, _ := strings.Cut(section, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	s, err := Parse("README.md", []byte(timelineHead+example))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Timeline) != 4+10 || len(s.Cast) != 3 || s.Scale != 0.1 {
		t.Errorf("%d events, cast %v, scale %v", len(s.Timeline), s.Cast, s.Scale)
	}
	readBack(t, s)
}
