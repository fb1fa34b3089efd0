// Package finding is what an engine tells of a history: the noun that all engines of the checker
// share. An engine knows operations by their index in what it was given.
package finding

// Answer is what an engine found. Its zero value says that it could not decide.
type Answer int

// The three answers.
const (
	Undecided Answer = iota
	Linearizable
	Violation
)

// String names the answer in one word.
func (a Answer) String() string {
	switch a {
	case Linearizable:
		return "linearizable"
	case Violation:
		return "violation"
	}
	return "undecided"
}

// Class names what kind of promise is broken, in the order in which a person would look for it.
type Class string

// The classes of violations.
const (
	Contradiction Class = "contradiction"           // one answer that its object can never give
	NeverWritten  Class = "value-never-written"     // a value from nowhere
	Future        Class = "read-from-the-future"    // a value seen before its write was called
	LostWrite     Class = "acknowledged-write-lost" // gone, though nothing replaced it
	Stale         Class = "stale-read"              // an old value, after its replacement was certain
	Twice         Class = "taken-twice"             // one value taken away, or given out, twice
	Reordered     Class = "out-of-order"            // values in force, or handed out, in two orders
	NoOrder       Class = "no-order"                // no order explains it; there is no shorter story
)

// Finding is an engine's answer with its evidence.
//
// Invariants:
//  1. Class and Culprits are set if and only if Answer is Violation.
//  2. Culprits rise strictly. They are a violation by themselves, provided that every value which
//     one of them saw and none of them wrote may have been written at any time; or, if Class is
//     NeverWritten, that nobody wrote it.
type Finding struct {
	Answer   Answer
	Why      string // if undecided, the precondition that is broken or the limit that was spent
	Class    Class
	Culprits []int
}
