// Package register holds the history of one register in the compact form that engines work on: no
// strings, no pointers, 32 bytes an operation.
package register

import "math"

// Value numbers the values of a history. Initial is what the register begins with; all others are
// counted from 1, without gaps.
type Value int32

// Initial is the value that nobody had to write.
const Initial Value = 0

// Forever is the return of an operation that may take effect at any time to come.
const Forever = math.MaxInt64

// Kind is what an operation did to the register.
type Kind uint8

// The kinds of operation.
const (
	Read     Kind = iota // saw Before
	Write                // wrote After
	CAS                  // saw Before and wrote After at the same instant
	NotEqual             // saw any value but Before: a cas that failed and did not say on what
)

// Op is one operation, at one instant between its call and its return, both included.
//
// Invariants:
//  1. Call <= Ret.
//  2. Pending implies Ret == Forever. A pending operation may as well never have happened; a
//     pending CAS may also have found another value than Before, and done nothing.
//  3. Reads and NotEquals are never pending: an answer that never came says nothing.
type Op struct {
	Call, Ret     int64 // nanoseconds; at equal stamps calls come before returns
	Before, After Value
	Kind          Kind
	Pending       bool
}

// Observes reports whether the operation saw Before.
func (o Op) Observes() bool { return o.Kind == Read || o.Kind == CAS }

// Writes reports whether the operation left After behind.
func (o Op) Writes() bool { return o.Kind == Write || o.Kind == CAS }
