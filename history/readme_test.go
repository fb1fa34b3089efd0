package history

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
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
	if len(h.Operations) != 2 || len(h.Faults) != 4 || len(h.Observations) != 1 ||
		len(h.Phases) != 1 || len(h.Warnings) != 0 {
		t.Errorf("the example reads as %+v", h)
	}
	loss, refused := h.Faults[1], h.Faults[2]
	if loss.Heard != 6140*time.Microsecond || loss.Resumed != 6200*time.Microsecond ||
		!slices.Equal(loss.Cuts, []Cut{{From: "n2", To: "n1", Mode: CutPayload, Rate: 300}}) {
		t.Errorf("the loss reads as %+v", loss)
	}
	if was, votes := h.Faults[3].Before.Has("n6"); !was || votes {
		t.Errorf("the promotion reads as %+v", h.Faults[3])
	}
	if _, votes := h.Faults[3].After.Has("n6"); !votes {
		t.Errorf("the promotion reads as %+v", h.Faults[3])
	}
	if !slices.Equal(refused.Cuts, []Cut{{From: Clients, To: "n1", Mode: CutReject}}) {
		t.Errorf("the cut from clients reads as %+v", refused)
	}
}
