package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"gauntlet/raft/kv"
	"gauntlet/raft/replica"
)

// readAnswer is the success of a GET.
type readAnswer struct {
	Found bool    `json:"found"`
	Value *string `json:"value,omitempty"` // nil: not found
}

// casAnswer is the success of a compare-and-set, which a failed comparison is, too: it is then a
// read of the current value.
type casAnswer struct {
	Swapped bool    `json:"swapped"`
	Found   bool    `json:"found"`
	Current *string `json:"current,omitempty"` // not swapped; nil: not found
}

// sumAnswer is the success of an add.
type sumAnswer struct {
	Value string `json:"value"`
}

// txnAnswer is the success of a transaction.
type txnAnswer struct {
	Steps []stepAnswer `json:"steps"`
}

// stepAnswer tells what a step found: a get both, an add its sum, any other nothing.
type stepAnswer struct {
	Found *bool   `json:"found,omitempty"`
	Value *string `json:"value,omitempty"`
}

// errorAnswer is every answer that is not a success.
type errorAnswer struct {
	Error string `json:"error"`
	// Outcome is "fail": it certainly had and will have no effect, or "unknown": it may.
	Outcome string `json:"outcome"`
	Leader  string `json:"leader,omitempty"` // who might know better
}

// reasonConflict is what a client is told whose command contradicts what its keys hold.
const reasonConflict = "conflict, nothing was changed: what an add finds and its sum must be " +
	"64-bit integers, and no append may make a value longer than the limit"

func text(b []byte) *string {
	s := string(b)
	return &s
}

func nothing(kv.Command, kv.Result) any { return struct{}{} }

func readAnswerOf(r kv.Result) readAnswer {
	answer := readAnswer{Found: r.Found}
	if r.Found {
		answer.Value = text(r.Value)
	}
	return answer
}

func casAnswerOf(_ kv.Command, r kv.Result) any {
	answer := casAnswer{Swapped: r.Swapped, Found: r.Found}
	if r.Found {
		answer.Current = text(r.Value)
	}
	return answer
}

func sumAnswerOf(_ kv.Command, r kv.Result) any { return sumAnswer{string(r.Value)} }

func txnAnswerOf(cmd kv.Command, r kv.Result) any {
	var answer txnAnswer
	for i, step := range cmd.Steps {
		found := r.Steps[i]
		var told stepAnswer
		if step.Op == kv.Get {
			told.Found = &found.Found
		}
		if found.Found {
			told.Value = text(found.Value)
		}
		answer.Steps = append(answer.Steps, told)
	}
	return answer
}

// refused answers with what the replica, or the server for it, said.
func (s *Server) refused(w http.ResponseWriter, r *replica.Refusal) {
	status, body := s.refusalAnswer(r)
	reply(w, status, body)
}

func (s *Server) refusalAnswer(r *replica.Refusal) (status int, body errorAnswer) {
	body = errorAnswer{Error: r.Reason, Outcome: "fail", Leader: s.directory.name(r.Leader)}
	if r.Unknown {
		body.Outcome = "unknown"
	}
	if r.Reason == reasonTimeout {
		return http.StatusGatewayTimeout, body
	}
	return http.StatusServiceUnavailable, body
}

// refuseInput answers a request that makes no sense.
func refuseInput(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	var bad *badInput
	if errors.As(err, &bad) {
		status = bad.status
	}
	refuse(w, status, err.Error())
}

// refuse answers a request that never reached the replica.
func refuse(w http.ResponseWriter, status int, reason string) {
	reply(w, status, errorAnswer{Error: reason, Outcome: "fail"})
}

func reply(w http.ResponseWriter, status int, body any) {
	text := encode(body)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(text)
}

// encode returns the JSON of an answer, and the end of its line.
func encode(body any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic(fmt.Sprintf("answer of type %T: %v", body, err)) // only our own types come here
	}
	return b.Bytes()
}
