// Package synth makes histories of a register that are as long and as busy as one likes, from a
// seed: clients in a closed loop on a true register, so that every history is linearizable but for
// the one stale read that may be asked for.
package synth

import (
	"iter"

	"gauntlet/checker/register"
)

// Spec says what to generate. The same Spec gives the same history, everywhere.
type Spec struct {
	Clients    int     // each has one operation open at almost any time; below 1 counts as 1
	Operations int     // how many are invoked in all
	Domain     int     // values are drawn from 1 to Domain; 0: no value is written twice
	CAS        bool    // a third of the operations are compare-and-set; else half read, half write
	Silent     bool    // a failed compare-and-set does not say what it found
	Pending    float64 // share of the writes and compare-and-sets that are never answered
	Stale      bool    // one read from 90 % on, if there is room for it, is of a value replaced before
	Seed       uint64
}

// EventKind is what happened to an operation.
type EventKind uint8

// The kinds of events.
const (
	Invoke EventKind = iota // it was called
	OK                      // it was answered
	Info                    // its client gave up waiting, and was replaced by a new process
)

// Event is one line of a history as it grows.
//
// Op of an Invoke is what is asked: Call, Kind, After, and the Before that a cas expects. Its Ret
// is not known yet. Op of an OK is the operation as it was: a cas that failed has become a Read of
// what it found, or a NotEqual. Op of an Info is the pending operation.
type Event struct {
	Kind    EventKind
	Time    int64 // nanoseconds, never falling; at equal stamps invocations come first
	ID      int   // of the operation: from 0, in the order of the invocations
	Process int   // who invoked it; a process that gave up does nothing more
	Op      register.Op
}

// Events generates a history in the order of time, in memory that does not grow with it. Unique
// values are counted from 1 in the order in which they are asked for; those of failed
// compare-and-sets are gaps.
func Events(s Spec) iter.Seq[Event] {
	return func(yield func(Event) bool) { newGenerator(s).run(yield) }
}

// Register generates a history as a whole: operations by Call, values without gaps unless a Domain
// is given.
func Register(s Spec) []register.Op {
	ops := make([]register.Op, 0, max(s.Operations, 0))
	for e := range Events(s) {
		if e.Kind == Invoke {
			ops = append(ops, e.Op)
		} else {
			ops[e.ID] = e.Op
		}
	}
	if s.Domain == 0 {
		closeGaps(ops)
	}
	return ops
}

// Values is the number of values of a history, the initial one included: one more than the
// greatest.
func Values(ops []register.Op) int {
	var greatest register.Value
	for _, op := range ops {
		greatest = max(greatest, op.Before, op.After)
	}
	return int(greatest) + 1
}

// closeGaps counts the values anew in the order of those who wrote them. Nothing else than a write
// brings a value into a history.
func closeGaps(ops []register.Op) {
	number := make([]register.Value, Values(ops))
	var last register.Value
	for _, op := range ops {
		if op.Writes() {
			last++
			number[op.After] = last
		}
	}
	for i := range ops {
		ops[i].Before, ops[i].After = number[ops[i].Before], number[ops[i].After]
	}
}
