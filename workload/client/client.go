// Package client makes a workload's requests over the network and classifies every answer.
package client

import (
	"context"
	"encoding/json"
	"net"

	"gauntlet/history"
	"gauntlet/workload"
)

// Client makes requests of one node. It is safe for concurrent use.
type Client interface {
	// Do makes one request, exactly once, and returns within the client's timeout.
	// It ends early if ctx does.
	Do(ctx context.Context, inv workload.Invocation) Answer
	// Close drops idle connections.
	Close()
}

// Answer is what came of a request. Output is set, and valid JSON, only with outcome ok.
type Answer struct {
	Outcome history.Outcome
	Output  json.RawMessage
	Error   string // why it is fail or info, in one line
}

// DialFunc opens a connection, like net.Dialer.DialContext.
type DialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// asked tightens an answer by the kind of its request: a read has no effect that could still come,
// so one without an answer carries no information and is fail, never info.
func (a Answer) asked(kind string) Answer {
	if a.Outcome == history.OutcomeInfo && kind == workload.KindRead {
		a.Outcome = history.OutcomeFail
	}
	return a
}
