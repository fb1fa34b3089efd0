// Package workload decides what clients ask: generators, and the inputs and outputs of the models
// that judge the answers. It is pure; package client carries its invocations out.
//
//	Models    the one table of the workloads: register, append, counter, txn
//	Generator chooses each next request, from a seed
//	Request   an invocation in the terms of a key-value store, and Reply its answer
//	Describe  (of a Model) an operation in words
package workload

import (
	"encoding/json"
	"errors"
	"fmt"

	"gauntlet/history"
)

// The names of the models, as suites write them.
const (
	ModelRegister = "register"
	ModelAppend   = "append"
	ModelCounter  = "counter"
	ModelTxn      = "txn"
)

// The kinds of operation.
const (
	KindRead   = "read"   // of a register, a list or a counter
	KindWrite  = "write"  // of a register; in a transaction, of a list
	KindCAS    = "cas"    // compare-and-set of a register
	KindAppend = "append" // to a list
	KindAdd    = "add"    // to a counter
	KindTxn    = "txn"    // reads, appends and writes of lists, at one instant
)

// Model is one workload: what its clients ask, and how that lives on a key-value store. What an
// operation means is the checker's.
type Model struct {
	Name  string
	Kinds []string // of its operations
	New   func(spec Spec, seed uint64) Generator

	// MostOpsPerKey bounds Spec.OpsPerKey, so that what a key holds fits into an answer.
	MostOpsPerKey int

	// Request puts an invocation in the terms of a key-value store. An error says what of the
	// invocation makes no sense.
	Request func(inv Invocation) (Request, error)
	// Output makes the operation's output of the store's reply to that request. An error says
	// that no store of this model answers so.
	Output func(inv Invocation, reply Reply) (json.RawMessage, error)

	words func(op history.Operation) (asked, answered string, err error) // see Describe
}

// Models is the table of the workloads.
var Models = []Model{
	{
		Name: ModelRegister, Kinds: []string{KindRead, KindWrite, KindCAS}, New: NewRegister,
		MostOpsPerKey: 100_000, Request: registerRequest, Output: registerOutput,
		words: registerWords,
	},
	{
		Name: ModelAppend, Kinds: []string{KindRead, KindAppend}, New: NewAppend,
		MostOpsPerKey: 1000, Request: appendRequest, Output: appendOutput, words: appendWords,
	},
	{
		Name: ModelCounter, Kinds: []string{KindRead, KindAdd}, New: NewCounter,
		MostOpsPerKey: 100_000, Request: counterRequest, Output: counterOutput,
		words: counterWords,
	},
	{
		Name: ModelTxn, Kinds: []string{KindTxn}, New: NewTxn,
		MostOpsPerKey: 1000, Request: txnRequest, Output: txnOutput, words: txnWords,
	},
}

// Find returns the model of that name.
func Find(name string) (Model, error) {
	for _, m := range Models {
		if m.Name == name {
			return m, nil
		}
	}
	return Model{}, fmt.Errorf("no workload is called %q", name)
}

// Invocation is one request to make: the fields of a history.Operation that a generator chooses.
type Invocation struct {
	Kind  string
	Key   string
	Input json.RawMessage
}

// Generator chooses the next request of each worker.
//
// What it returns is a function of its seed, the calls before, and what it has observed; it knows
// no clock and no network. Every value it writes is unique in the run. Its memory is bounded,
// however long the run. It is not safe for concurrent use.
type Generator interface {
	// Next returns the next invocation of a worker, counted from 0.
	Next(worker int) Invocation
	// Observe takes in a finished operation, so that the next ones can build on it.
	Observe(op history.Operation)
	// Final returns the reads that close a run: every key in use, and those retired of late.
	Final() []Invocation
}

// Spec describes what a generator makes. For transactions a key is a group of keys.
type Spec struct {
	Clients      int     // workers, each with one request at a time; >= 1
	Rate         float64 // requests per second of all workers together; 0: as fast as answers come
	Keys         int     // keys in use at a time; >= 1
	OpsPerKey    int     // requests after which a key gives way to a new one; >= 1
	KeysPerGroup int     // txn: keys of one group; 0: DefaultKeysPerGroup
}

// DefaultKeysPerGroup is how many keys the transactions of one group share.
const DefaultKeysPerGroup = 3

// Valid returns every broken bound, joined.
func (s Spec) Valid() error {
	var errs []error
	for _, bound := range []struct {
		name         string
		value, least int
	}{
		{"clients", s.Clients, 1}, {"keys", s.Keys, 1}, {"ops-per-key", s.OpsPerKey, 1},
		{"keys-per-group", s.KeysPerGroup, 0},
	} {
		if bound.value < bound.least {
			errs = append(errs, fmt.Errorf("%s is %d, want >= %d", bound.name, bound.value, bound.least))
		}
	}
	if !(s.Rate >= 0) || s.Rate > maxRate {
		errs = append(errs, fmt.Errorf("rate is %v, want 0 to %v per second", s.Rate, maxRate))
	}
	return errors.Join(errs...)
}

// maxRate is far beyond what one controller can send, and keeps pacing free of overflow.
const maxRate = 1e6
