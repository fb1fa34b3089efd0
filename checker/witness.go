package checker

import (
	"encoding/json"
	"time"

	"gauntlet/history"
)

// mostEvidence is of how many operations a violation holds more than the IDs.
const mostEvidence = 100

// Witness is an operation of a violation, so that results can be read without the history.
type Witness struct {
	ID      int64           `json:"id"`
	Process int             `json:"process"`
	Node    string          `json:"node,omitempty"`
	Kind    string          `json:"kind"`
	Input   json.RawMessage `json:"input,omitempty"`
	Output  json.RawMessage `json:"output,omitempty"` // unless it was not answered
	Call    time.Duration   `json:"call"`
	Return  *time.Duration  `json:"return"` // null: it may take effect at any time to come
	Outcome history.Outcome `json:"outcome"`
}

// valid is text if it is JSON: results must be written whatever an operation holds.
func valid(text json.RawMessage) json.RawMessage {
	if !json.Valid(text) {
		return nil
	}
	return text
}

// testify adds what a person wants to see of the operations of a window.
func (v *Violation) testify(window []effect) {
	if len(window) > mostEvidence {
		return
	}
	for _, e := range window {
		op := e.op
		if op.ID == supposedID {
			continue
		}
		witness := Witness{
			ID: op.ID, Process: op.Process, Node: op.Node, Kind: op.Kind, Input: valid(op.Input),
			Output: valid(op.Output), Call: op.Call, Outcome: op.Outcome,
		}
		if op.Outcome == "" {
			witness.Outcome = history.OutcomeInfo
		}
		if witness.Outcome != history.OutcomeInfo {
			witness.Return = &op.Return
		}
		v.Evidence = append(v.Evidence, witness)
	}
}
