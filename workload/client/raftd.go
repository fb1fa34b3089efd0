package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// raftd is the client of one raftd node.
//
// The table of its errors. Whatever it does not list is info.
//
//	what happened                                           write, cas  read
//	no connection: refused, unreachable, dial timed out     fail        fail
//	request could not be built (unknown kind, bad input)    fail        fail
//	4xx, 5xx with {"outcome":"fail"}                        fail        fail
//	4xx, 5xx with {"outcome":"unknown"}                     info        fail
//	any other status, or one without a readable outcome     info        fail
//	200 whose body is garbage, incomplete or too long       info        fail
//	timed out, reset or closed once a connection was had    info        fail
type raftd struct {
	exchange
	base string
}

// NewRaftd returns a client of the raftd node at addr, "host:port". A nil dial is net.Dialer's, a
// timeout of 0 DefaultTimeout. It keeps connections alive, follows no redirect, and sends nothing a
// second time.
func NewRaftd(node, addr string, dial DialFunc, timeout time.Duration) Client {
	return &raftd{newExchange(node, dial, timeout), "http://" + addr + "/v1/kv/"}
}

// Do implements Client.
func (c *raftd) Do(ctx context.Context, inv workload.Invocation) Answer {
	build := func(ctx context.Context) (*http.Request, error) { return c.request(ctx, inv) }
	answer := c.do(ctx, build, func(status int, body []byte) Answer {
		return interpret(inv.Kind, status, body)
	})
	return answer.asked(inv.Kind)
}

// request builds the request of an invocation.
func (c *raftd) request(ctx context.Context, inv workload.Invocation) (*http.Request, error) {
	in, err := workload.DecodeRegisterInput(inv.Kind, inv.Input)
	if err != nil {
		return nil, err
	}
	method, suffix := http.MethodGet, "?read=linearizable"
	var body []byte
	switch inv.Kind {
	case workload.KindWrite:
		method, suffix = http.MethodPut, ""
		body = fmt.Appendf(nil, `{"value":"%d"}`, *in.Value)
	case workload.KindCAS:
		method, suffix = http.MethodPost, "/cas"
		expected := "null"
		if in.Expected != nil {
			expected = `"` + strconv.FormatInt(*in.Expected, 10) + `"`
		}
		body = fmt.Appendf(nil, `{"value":"%d","expected":%s}`, *in.Value, expected)
	}
	return once(ctx, method, c.base+url.PathEscape(inv.Key)+suffix, body)
}

// interpret classifies a whole answer.
func interpret(kind string, status int, body []byte) Answer {
	if status == http.StatusOK {
		out, err := output(kind, body)
		if err != nil {
			return Answer{Outcome: history.OutcomeInfo, Error: oneLine("200: " + err.Error())}
		}
		return Answer{Outcome: history.OutcomeOK, Output: out.Encode(kind)}
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

// output decodes the body of a 200. Every field that decides something must be there.
func output(kind string, body []byte) (workload.RegisterOutput, error) {
	var j struct {
		Found, Swapped *bool
		Value, Current *string
	}
	var out workload.RegisterOutput
	if err := json.Unmarshal(body, &j); err != nil {
		return out, err
	}
	var err error
	switch kind {
	case workload.KindRead:
		out.Value, err = value(j.Found, j.Value)
	case workload.KindCAS:
		if j.Swapped == nil {
			return out, errors.New("no swapped in the answer")
		}
		out.Swapped = j.Swapped
		if !*j.Swapped {
			out.Current, err = value(j.Found, j.Current)
		}
	}
	return out, err
}

// value decodes a register: nil when it was not found.
func value(found *bool, text *string) (*int64, error) {
	switch {
	case found == nil:
		return nil, errors.New("no found in the answer")
	case !*found:
		return nil, nil
	case text == nil:
		return nil, errors.New("found, but no value in the answer")
	}
	v, err := strconv.ParseInt(*text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("not a register's value: %q", *text)
	}
	return &v, nil
}
