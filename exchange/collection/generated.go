package main

import (
	"bytes"
	"fmt"

	"gauntlet/checker"
	"gauntlet/checker/synth"
	"gauntlet/exchange/jepsen"
	"gauntlet/history"
)

// spec is a history to be generated. It is written as other tools keep theirs, and read again.
type spec synth.Spec

// generated stands in for a collection: unique and few values, with and without unanswered
// operations, right and with one stale read.
var generated = []spec{
	{Clients: 5, Operations: 2000, Seed: 1},
	{Clients: 5, Operations: 2000, Stale: true, Seed: 2},
	{Clients: 25, Operations: 2000, CAS: true, Pending: 0.01, Seed: 3},
	{Clients: 25, Operations: 2000, CAS: true, Pending: 0.01, Stale: true, Seed: 4},
	{Clients: 10, Operations: 2000, CAS: true, Silent: true, Seed: 5},
	{Clients: 10, Operations: 2000, Domain: 5, Seed: 6},
	{Clients: 10, Operations: 2000, Domain: 5, Stale: true, Seed: 7},
}

// entry is what the manifest would say of it.
func (s spec) entry() entry {
	e := entry{
		file:     fmt.Sprintf("(%d clients, %d values, seed %d)", s.Clients, s.Domain, s.Seed),
		model:    checker.Foreign{Model: "cas-register(nil)"},
		expected: "ok",
	}
	if s.Stale {
		e.expected = "illegal"
	}
	return e
}

// read generates the history.
func (s spec) read() (*history.History, error) {
	h := &history.History{Operations: synth.Operations(synth.Register(synth.Spec(s)), "")}
	var text bytes.Buffer
	if err := jepsen.Write(&text, h); err != nil {
		return nil, err
	}
	return jepsen.Read(&text, "generated", "cas-register(nil)")
}
