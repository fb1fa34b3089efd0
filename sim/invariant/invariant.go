// Package invariant watches a simulated cluster from outside and says which promise of Raft broke
// first, at the event that broke it.
package invariant

import (
	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/sim/failure"
)

// Watch is one run under watch. It is told everything in the order in which it happens, and keeps
// none of the slices it is given. It is not safe for concurrent use.
type Watch struct {
	failed *failure.Failure
}

// New returns a watch that must be Reset before its first use.
func New() *Watch { return &Watch{} }

// Reset forgets everything but its memory, for a run of a cluster of this size.
func (w *Watch) Reset(nodes int) { w.failed = nil }

// Started tells with what a member begins a life.
func (w *Watch) Started(node int, restored *raft.Restored) {}

// Crashed tells that a life ended; with power, what was not synced may be lost, too.
func (w *Watch) Crashed(node int, power bool) {}

// Changed tells what an input changed, before anything of it is carried out.
func (w *Watch) Changed(node int, e *replica.Effects, s raft.Status) {}

// Durable tells that the sync of a write ended, before the replica hears of it.
func (w *Watch) Durable(node int, hard *raft.HardState, entries []raft.Entry) {}

// Leaves tells that a message is about to leave its sender.
func (w *Watch) Leaves(node int, m *raft.Message) {}

// Failure returns the first thing that broke, nil if nothing did. What came after it is ignored.
func (w *Watch) Failure() *failure.Failure { return w.failed }

// Committed returns the entries that some member was first to commit since the last call, in
// order. They are the caller's until Reset.
func (w *Watch) Committed() (first uint64, entries []raft.Entry) { return 0, nil }
