package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// raftd is the client of one raftd node.
//
// The table of its errors. Whatever it does not list is info.
//
//	what happened                                           writes      read
//	no connection: refused, unreachable, dial timed out     fail        fail
//	request could not be built (unknown kind, bad input)    fail        fail
//	4xx, 5xx with {"outcome":"fail"}                        fail        fail
//	4xx, 5xx with {"outcome":"unknown"}                     info        fail
//	any other status, or one without a readable outcome     info        fail
//	200 whose body is garbage, incomplete or too long       info        fail
//	timed out, reset or closed once a connection was had    info        fail
type raftd struct {
	exchange
	base  string
	model workload.Model
}

// NewRaftd returns a client of the raftd node at addr, "host:port", for the invocations of one
// model. A nil dial is net.Dialer's, a timeout of 0 DefaultTimeout. It keeps connections alive,
// follows no redirect, and sends nothing a second time.
func NewRaftd(
	node, addr string, model workload.Model, dial DialFunc, timeout time.Duration,
) Client {
	return &raftd{newExchange(node, dial, timeout), "http://" + addr + "/v1/", model}
}

// Do implements Client.
func (c *raftd) Do(ctx context.Context, inv workload.Invocation) Answer {
	asked, err := c.model.Request(inv)
	if err != nil {
		return Answer{Outcome: history.OutcomeFail, Error: oneLine(err.Error())}
	}
	build := func(ctx context.Context) (*http.Request, error) { return c.request(ctx, asked) }
	answer := c.do(ctx, build, func(status int, body []byte) Answer {
		return c.interpret(inv, asked, status, body)
	})
	return answer.asked(inv.Kind)
}

// raftdStep is one step of a transaction on the wire.
type raftdStep struct {
	Op    string `json:"op"`
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
}

// raftdOps are the names of the steps of a transaction.
var raftdOps = map[workload.Op]string{
	workload.OpGet: "get", workload.OpPut: "put", workload.OpAppend: "append",
}

// request builds the request of an invocation.
func (c *raftd) request(ctx context.Context, asked workload.Request) (*http.Request, error) {
	at := c.base + "kv/" + url.PathEscape(asked.Key)
	value := string(asked.Value)
	switch asked.Op {
	case workload.OpGet:
		return once(ctx, http.MethodGet, at+"?read=linearizable", nil)
	case workload.OpPut:
		return onceJSON(ctx, http.MethodPut, at, struct {
			Value string `json:"value"`
		}{value})
	case workload.OpCAS:
		var expected *string
		if asked.Expected != nil {
			text := string(asked.Expected)
			expected = &text
		}
		return onceJSON(ctx, http.MethodPost, at+"/cas", struct {
			Value    string  `json:"value"`
			Expected *string `json:"expected"`
		}{value, expected})
	case workload.OpAppend:
		return onceJSON(ctx, http.MethodPost, at+"/append", struct {
			Value string `json:"value"`
		}{value})
	case workload.OpAdd:
		return onceJSON(ctx, http.MethodPost, at+"/add", struct {
			Delta string `json:"delta"`
		}{value})
	case workload.OpTxn:
		steps := make([]raftdStep, len(asked.Steps))
		for i, s := range asked.Steps {
			steps[i] = raftdStep{raftdOps[s.Op], s.Key, string(s.Value)}
		}
		return onceJSON(ctx, http.MethodPost, c.base+"txn", struct {
			Steps []raftdStep `json:"steps"`
		}{steps})
	}
	return nil, fmt.Errorf("raftd has no request %d", asked.Op)
}

// interpret classifies a whole answer.
func (c *raftd) interpret(
	inv workload.Invocation, asked workload.Request, status int, body []byte,
) Answer {
	if status == http.StatusOK {
		output, err := c.output(inv, asked, body)
		if err != nil {
			return Answer{Outcome: history.OutcomeInfo, Error: oneLine("200: " + err.Error())}
		}
		return Answer{Outcome: history.OutcomeOK, Output: output}
	}
	var refusal struct{ Error, Outcome string }
	err := json.Unmarshal(body, &refusal)
	answer := Answer{Outcome: history.OutcomeInfo}
	answer.Error = oneLine(fmt.Sprintf("%d: %s", status, refusal.Error))
	if err == nil && status >= 400 && refusal.Outcome == "fail" {
		answer.Outcome = history.OutcomeFail
	}
	return answer
}

// output makes the operation's output of the body of a 200.
func (c *raftd) output(
	inv workload.Invocation, asked workload.Request, body []byte,
) (json.RawMessage, error) {
	var answered raftdAnswer
	if err := json.Unmarshal(body, &answered); err != nil {
		return nil, err
	}
	reply, err := answered.reply(asked)
	if err != nil {
		return nil, err
	}
	return c.model.Output(inv, reply)
}

// raftdAnswer is the body of a 200. A nil field was not in it.
type raftdAnswer struct {
	Found, Swapped *bool
	Value, Current *string
	Steps          []raftdAnswer
}

// reply puts an answer in the terms of a key-value store. Every field that decides something must
// be there.
func (a raftdAnswer) reply(asked workload.Request) (workload.Reply, error) {
	switch asked.Op {
	case workload.OpGet:
		return content(a.Found, a.Value)
	case workload.OpAdd:
		found := true
		return content(&found, a.Value)
	case workload.OpCAS:
		if a.Swapped == nil {
			return workload.Reply{}, errors.New("no swapped in the answer")
		}
		if *a.Swapped {
			return workload.Reply{Swapped: true}, nil
		}
		return content(a.Found, a.Current)
	case workload.OpTxn:
		if len(a.Steps) != len(asked.Steps) {
			return workload.Reply{}, fmt.Errorf("%d answers to %d steps", len(a.Steps),
				len(asked.Steps))
		}
		r := workload.Reply{Steps: make([]workload.Reply, len(a.Steps))}
		for i, step := range a.Steps {
			var err error
			if r.Steps[i], err = step.reply(asked.Steps[i]); err != nil {
				return workload.Reply{}, fmt.Errorf("step %d: %w", i, err)
			}
		}
		return r, nil
	}
	return workload.Reply{}, nil
}

// content is what a key holds.
func content(found *bool, text *string) (workload.Reply, error) {
	switch {
	case found == nil:
		return workload.Reply{}, errors.New("no found in the answer")
	case !*found:
		return workload.Reply{}, nil
	case text == nil:
		return workload.Reply{}, errors.New("found, but no value in the answer")
	}
	return workload.Reply{Found: true, Value: []byte(*text)}, nil
}
