package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"gauntlet/history"
)

// DefaultTimeout bounds one request, dialling included.
const DefaultTimeout = time.Second

// maxBody bounds what is read of an answer; a register's is far smaller.
const maxBody = 64 << 10

// exchange is what clients over HTTP have in common: each request goes out exactly once, or not at
// all, and ends within the timeout. These rows of a client's table are its:
//
//	what happened                                           writes      read
//	no connection: refused, unreachable, dial timed out     fail        fail
//	request could not be built (unknown kind, bad input)    fail        fail
//	an answer too long                                      info        fail
//	timed out, reset or closed once a connection was had    info        fail
type exchange struct {
	node      string
	transport *http.Transport
	timeout   time.Duration
}

// newExchange makes an exchange with one node. A nil dial is net.Dialer's, a timeout of 0
// DefaultTimeout.
func newExchange(node string, dial DialFunc, timeout time.Duration) exchange {
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
	return exchange{node: node, timeout: timeout, transport: &http.Transport{
		DialContext:            bounded,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxBody,
	}}
}

// Close implements Client.
func (e *exchange) Close() { e.transport.CloseIdleConnections() }

// do makes the request that build gives, and has a whole answer classified by interpret.
func (e *exchange) do(
	ctx context.Context, build func(context.Context) (*http.Request, error),
	interpret func(status int, body []byte) Answer,
) Answer {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	connected := false // written and read by this goroutine only
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected = true },
	})
	req, err := build(ctx)
	if err != nil {
		return Answer{Outcome: history.OutcomeFail, Error: oneLine(err.Error())}
	}
	resp, err := e.transport.RoundTrip(req)
	if err != nil {
		return e.lost(ctx, err, connected)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return e.lost(ctx, err, true)
	}
	if len(body) > maxBody {
		return Answer{Outcome: history.OutcomeInfo, Error: "an answer beyond all bounds"}
	}
	return interpret(resp.StatusCode, body)
}

// lost classifies a request without a whole answer: without a connection it was certainly not sent.
func (e *exchange) lost(ctx context.Context, err error, connected bool) Answer {
	text := err.Error()
	// Seen from inside the transport, a request that timed out can look like a broken connection.
	if errors.Is(err, context.DeadlineExceeded) || ctx.Err() == context.DeadlineExceeded {
		text = "no answer within " + e.timeout.String()
	}
	if connected {
		return Answer{Outcome: history.OutcomeInfo, Error: oneLine(text)}
	}
	text = "no connection to " + e.node + ": " + text
	return Answer{Outcome: history.OutcomeFail, Error: oneLine(text)}
}

// once builds a request that goes out once. A nil body is none, any other is JSON.
func once(ctx context.Context, method, url string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
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

// onceJSON is once with a body that encoding/json writes.
func onceJSON(ctx context.Context, method, url string, body any) (*http.Request, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return once(ctx, method, url, text)
}

// oneLine folds white space and bounds the length, so that an error fits a line of the history.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "..."
	}
	return text
}
