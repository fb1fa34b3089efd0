package suite

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Goal: the README's timeline is one, at any place. Method: its lines, below the head of a suite
// with the options of "make run".
func TestReadmeTimeline(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## Timelines\n")
	_, example, _ := strings.Cut(section, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	for _, place := range []string{PlaceSim, PlaceLab, PlaceHosts} {
		head := strings.NewReplacer("place: sim", "place: "+place, "100ms", "300ms").
			Replace(timelineHead)
		s, err := Parse("README.md", []byte(head+example))
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Timeline) != 4+8 || len(s.Cast) != 3 || s.Scale != 0.1 {
			t.Errorf("%d events, cast %v, scale %v", len(s.Timeline), s.Cast, s.Scale)
		}
		readBack(t, s)
	}
}

// Goal: the README's faults are series as they stand there, and the simulator has those operations
// that it is said to have. Method: each that is written as "KIND: {...}" in the section, with when
// and how long added as its first line says.
func TestReadmeFaults(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## Faults\n")
	section, _, _ = strings.Cut(section, "\n## ")
	found := regexp.MustCompile("`([a-z-]+): {([^`]*)}`").FindAllStringSubmatch(section, -1)
	series := 0
	for _, f := range found {
		if !slices.Contains(faultKinds, f[1]) {
			continue
		}
		series++
		const head = "name: x\ntarget: {raftd: {nodes: 5, spares: 3}}\nworkload: {register: {}}\n" +
			"phases: {load: 40s}\n"
		example := head + "faults: [" + f[1] + ": {every: 8s, for: 3s, " + f[2] + "}]\n"
		s, err := Parse("README.md", []byte(example))
		if err != nil {
			t.Errorf("%s: %v", f[0], err)
			continue
		}
		readBack(t, s)
		example = strings.Replace(example, "name: x", "name: x\nplace: sim", 1)
		_, err = Parse("README.md", []byte(strings.Replace(example, ", spares: 3", "", 1)))
		if f[1] == "transfer" != (err == nil) {
			t.Errorf("%s at place sim: %v", f[0], err)
		}
	}
	if series < 8 {
		t.Errorf("%d series in the README: %q", series, found)
	}
}
