package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// request is what a program reads.
type request struct {
	ID        int64           `json:"id"`
	Node      string          `json:"node"`
	Address   string          `json:"address"`
	Kind      string          `json:"kind"`
	Key       string          `json:"key"`
	Input     json.RawMessage `json:"input"`
	TimeoutMs int64           `json:"timeoutMs"`
}

// line is the request as it is written.
func (r request) line() ([]byte, error) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(r)
	return line.Bytes(), err
}

func milliseconds(d time.Duration) int64 { return max(1, d.Milliseconds()) }

// readAnswer decodes what a program says of the request of that id and kind. What breaks the
// contract is trouble, and of the operation nothing is known then.
func readAnswer(line []byte, id int64, kind string) (Answer, *trouble) {
	var said struct {
		ID      *int64
		Outcome history.Outcome
		Output  json.RawMessage
		Error   string
	}
	if err := json.Unmarshal(line, &said); err != nil || !bytes.HasPrefix(line, []byte("{")) {
		return broke(clauseLine, "says what is no JSON object of an answer: %q", clip(line))
	}
	if said.ID == nil {
		return broke(clauseID, "answers without an id: %s", clip(line))
	}
	if *said.ID != id {
		if *said.ID < id { // a second answer that came so late that the next request was out
			return broke(clauseOnce, "answers request %d again when asked %d", *said.ID, id)
		}
		return broke(clauseID, "answers request %d when asked %d", *said.ID, id)
	}
	answer := Answer{Outcome: said.Outcome, Error: oneLine(said.Error)}
	switch said.Outcome {
	case history.OutcomeFail, history.OutcomeInfo:
		return answer, nil
	case history.OutcomeOK:
	default:
		return broke(clauseAnswer, "answers with outcome %q, want ok, fail or info",
			clip([]byte(said.Outcome)))
	}
	out, err := workload.DecodeRegisterOutput(kind, said.Output)
	if err == nil && out.Silent {
		err = errors.New("a cas that did not swap must say what it found, as current")
	}
	if err != nil {
		return broke(clauseAnswer, "says ok, but %s", oneLine(err.Error()))
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, said.Output); err != nil {
		return broke(clauseAnswer, "says ok, but %s", oneLine(err.Error()))
	}
	return Answer{Outcome: history.OutcomeOK, Output: compact.Bytes()}, nil
}

// broke is the answer to an operation whose program broke a clause.
func broke(clause Clause, format string, args ...any) (Answer, *trouble) {
	t := &trouble{clause, fmt.Sprintf(format, args...)}
	return Answer{Outcome: history.OutcomeInfo, Error: oneLine("the client program " + t.what)}, t
}

// clip shortens what a program said to what fits a message.
func clip(text []byte) string {
	return oneLine(string(bytes.ToValidUTF8(text[:min(len(text), 80)], []byte("?"))))
}
