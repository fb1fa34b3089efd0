package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// DefaultTimeout bounds one request, dialling included.
const DefaultTimeout = time.Second

// maxBody bounds what is read of an answer; a register's is far smaller.
const maxBody = 64 << 10

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
	node      string
	base      string
	transport *http.Transport
	timeout   time.Duration
}

// NewRaftd returns a client of the raftd node at addr, "host:port". A nil dial is net.Dialer's, a
// timeout of 0 DefaultTimeout. It keeps connections alive, follows no redirect, and sends nothing a
// second time.
func NewRaftd(node, addr string, dial DialFunc, timeout time.Duration) Client {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	// The transport detaches a dial from its request's deadline; bound it again, so that dials to a
	// node that answers nothing do not pile up.
	bounded := func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return dial(ctx, network, address)
	}
	return &raftd{node: node, base: "http://" + addr + "/v1/kv/", timeout: timeout,
		transport: &http.Transport{
			DialContext:            bounded,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    256,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: maxBody,
		}}
}

// Close implements Client.
func (c *raftd) Close() { c.transport.CloseIdleConnections() }

// Do implements Client.
func (c *raftd) Do(ctx context.Context, inv workload.Invocation) Answer {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	connected := false // written and read by this goroutine only
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected = true },
	})
	req, err := c.request(ctx, inv)
	if err != nil {
		return Answer{Outcome: history.OutcomeFail, Error: oneLine(err.Error())}
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return c.lost(ctx, err, connected).asked(inv.Kind)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return c.lost(ctx, err, true).asked(inv.Kind)
	}
	return interpret(inv.Kind, resp.StatusCode, body).asked(inv.Kind)
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
	req, err := http.NewRequestWithContext(ctx, method, c.base+url.PathEscape(inv.Key)+suffix, nil)
	if err != nil {
		return nil, err
	}
	// http.Transport repeats a request on a new connection when a kept-alive one dies under it, if
	// it thinks that harmless. It must not think so: a body it cannot rewind, even an empty one,
	// makes every request one that goes out once.
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.ContentLength = int64(len(body))
	req.GetBody = nil
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// lost classifies a request without a whole answer: without a connection it was certainly not sent.
func (c *raftd) lost(ctx context.Context, err error, connected bool) Answer {
	text := err.Error()
	// Seen from inside the transport, a request that timed out can look like a broken connection.
	if errors.Is(err, context.DeadlineExceeded) || ctx.Err() == context.DeadlineExceeded {
		text = "no answer within " + c.timeout.String()
	}
	if connected {
		return Answer{Outcome: history.OutcomeInfo, Error: oneLine(text)}
	}
	text = "no connection to " + c.node + ": " + text
	return Answer{Outcome: history.OutcomeFail, Error: oneLine(text)}
}

// interpret classifies a whole answer.
func interpret(kind string, status int, body []byte) Answer {
	if len(body) > maxBody {
		return Answer{Outcome: history.OutcomeInfo, Error: "an answer beyond all bounds"}
	}
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

// oneLine folds white space and bounds the length, so that an error fits a line of the history.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "..."
	}
	return text
}
