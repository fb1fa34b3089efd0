package history

import (
	"encoding/json"
	"fmt"
	"time"
)

// recordType is the value of the first key of every line, "type".
type recordType string

const (
	typeHeader      recordType = "header"
	typeInvoke      recordType = "invoke"
	typeReturn      recordType = "return"
	typeFault       recordType = "fault"
	typeObservation recordType = "observation"
	typePhase       recordType = "phase"
)

// kindRead is the one kind whose lost answer carries no information.
const kindRead = "read"

// The lines of a history, one JSON object each. Keys of an operation are spelt here and not on
// Operation, because an operation is two lines.
type (
	headerLine struct {
		Type recordType `json:"type"`
		Header
	}
	invokeLine struct {
		Type    recordType      `json:"type"`
		Time    time.Duration   `json:"time"`
		ID      int64           `json:"id"`
		Process int             `json:"process"`
		Node    string          `json:"node"`
		Kind    string          `json:"kind"`
		Key     string          `json:"key"`
		Input   json.RawMessage `json:"input,omitempty"`
	}
	returnLine struct {
		Type    recordType      `json:"type"`
		Time    time.Duration   `json:"time"`
		ID      int64           `json:"id"`
		Process int             `json:"process"`
		Outcome Outcome         `json:"outcome"`
		Output  json.RawMessage `json:"output,omitempty"`
		Error   string          `json:"error,omitempty"`
	}
	faultLine struct {
		Type recordType `json:"type"`
		Fault
	}
	observationLine struct {
		Type recordType `json:"type"`
		Observation
	}
	phaseLine struct {
		Type recordType `json:"type"`
		Phase
	}
)

// FormatError says where a history stops making sense.
type FormatError struct {
	Path    string // "" when the history did not come from a named file
	Line    int    // from 1
	Problem string
}

func (e *FormatError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("history line %d: %s", e.Line, e.Problem)
	}
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Problem)
}
