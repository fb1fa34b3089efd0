package history

import (
	"bufio"
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"time"
)

// Write writes a history that is known as a whole, its lines in the order of their stamps: what a
// Recorder would have written, had it seen the run. Read reads it back, but for the warnings, which
// are a reader's own.
func (h *History) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	encode := json.NewEncoder(out)
	encode.SetEscapeHTML(false)
	header := h.Header
	header.Version = Version
	if err := encode.Encode(headerLine{typeHeader, header}); err != nil {
		return err
	}
	for _, line := range h.stamped() {
		if err := encode.Encode(line.line); err != nil {
			return err
		}
	}
	return out.Flush()
}

type stampedLine struct {
	at   time.Duration
	line any
}

// stamped returns the lines of a history in the order of their stamps. Those of one instant keep
// their order here: a process returns from one operation before it calls the next.
func (h *History) stamped() []stampedLine {
	var lines []stampedLine
	add := func(at time.Duration, line any) { lines = append(lines, stampedLine{at, line}) }
	for _, p := range h.Phases {
		add(p.At, phaseLine{typePhase, p})
	}
	for _, f := range h.Faults {
		add(max(f.Start, f.Stop, f.Heard, f.Resumed), faultLine{typeFault, f})
	}
	for _, op := range h.Operations {
		add(op.Call, invokeLine{
			Type: typeInvoke, Time: op.Call, ID: op.ID, Process: op.Process,
			Node: op.Node, Kind: op.Kind, Key: op.Key, Input: op.Input,
		})
		if op.Outcome != "" {
			add(op.Return, returnLine{
				Type: typeReturn, Time: op.Return, ID: op.ID, Process: op.Process,
				Outcome: op.Outcome, Output: op.Output, Error: op.Error,
			})
		}
	}
	for _, o := range h.Observations {
		add(o.At, observationLine{typeObservation, o})
	}
	slices.SortStableFunc(lines, func(a, b stampedLine) int { return cmp.Compare(a.at, b.at) })
	return lines
}
