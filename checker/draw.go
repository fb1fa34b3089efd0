package checker

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"gauntlet/history"
)

// Visualise returns porcupine's own drawing of the operations of one key, an HTML page of its
// own, or an error if they cannot be decoded. Searching stops at the budget; what was found
// until then is drawn.
func Visualise(name string, ops []history.Operation, budget time.Duration) ([]byte, error) {
	m, err := findModel(name)
	if err != nil {
		return nil, fmt.Errorf("draw: %w", err)
	}
	effects, err := decode(m, ops)
	if err != nil {
		return nil, fmt.Errorf("draw: %w", err)
	}
	effects = m.prepare(effects)
	drawn := porcupineOperations(effects)
	var processes []int
	for _, e := range effects {
		processes = append(processes, e.op.Process)
	}
	slices.Sort(processes)
	processes = slices.Compact(processes)
	for i := range drawn {
		e := &effects[i]
		lane, _ := slices.BinarySearch(processes, e.op.Process)
		drawn[i].ClientId = lane
		drawn[i].Metadata = fmt.Sprintf("#%d on %s, %s", e.op.ID, e.op.Node, e.op.Outcome)
	}
	model := porcupineModel(m)
	_, info := porcupine.CheckOperationsVerbose(model, drawn, max(budget, 0))
	var page bytes.Buffer
	if err := porcupine.Visualize(model, info, &page); err != nil {
		return nil, fmt.Errorf("draw: %w", err)
	}
	return page.Bytes(), nil
}
