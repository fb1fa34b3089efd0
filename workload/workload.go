// Package workload decides what clients ask: generators, and the inputs and outputs of the models
// that judge the answers. It is pure; package client carries its invocations out.
package workload

import (
	"encoding/json"
	"errors"
	"fmt"

	"gauntlet/history"
)

// Invocation is one request to make: the fields of a history.Operation that a generator chooses.
type Invocation struct {
	Kind  string
	Key   string
	Input json.RawMessage
}

// Generator chooses the next request of each worker.
//
// What it returns is a function of its seed, the calls before, and what it has observed; it knows
// no clock and no network. Its memory is bounded, however long the run. It is not safe for
// concurrent use.
type Generator interface {
	// Next returns the next invocation of a worker, counted from 0.
	Next(worker int) Invocation
	// Observe takes in a finished operation, so that the next ones can build on it.
	Observe(op history.Operation)
	// Final returns the reads that close a run: every key in use, and those retired of late.
	Final() []Invocation
}

// RegisterSpec describes a workload of reads, writes and compare-and-sets over registers.
type RegisterSpec struct {
	Clients   int     // workers, each with one request at a time; >= 1
	Rate      float64 // requests per second of all workers together; 0: as fast as answers come
	Keys      int     // registers in use at a time; >= 1
	OpsPerKey int     // requests after which a register gives way to a new one; >= 1
}

// Valid returns every broken bound, joined.
func (s RegisterSpec) Valid() error {
	var errs []error
	for _, bound := range []struct {
		name  string
		value int
	}{{"clients", s.Clients}, {"keys", s.Keys}, {"ops-per-key", s.OpsPerKey}} {
		if bound.value < 1 {
			errs = append(errs, fmt.Errorf("%s is %d, want >= 1", bound.name, bound.value))
		}
	}
	if !(s.Rate >= 0) || s.Rate > maxRate {
		errs = append(errs, fmt.Errorf("rate is %v, want 0 to %v per second", s.Rate, maxRate))
	}
	return errors.Join(errs...)
}

// maxRate is far beyond what one controller can send, and keeps pacing free of overflow.
const maxRate = 1e6
