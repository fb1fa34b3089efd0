package history

import (
	"os"
	"strings"
	"testing"
)

// Goal: the README's example is a history. Method: read its indented lines and check the laws.
func TestReadmeExample(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var file strings.Builder
	for line := range strings.Lines(string(text)) {
		if example, ok := strings.CutPrefix(line, "    "); ok {
			file.WriteString(example)
		}
	}
	h, err := Read(strings.NewReader(file.String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Valid(); err != nil {
		t.Error(err)
	}
	if len(h.Operations) != 2 || len(h.Faults) != 1 || len(h.Observations) != 1 ||
		len(h.Phases) != 1 || len(h.Warnings) != 0 {
		t.Errorf("the example reads as %+v", h)
	}
}
