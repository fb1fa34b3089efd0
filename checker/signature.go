package checker

import "time"

// Signature is what of a run counts as an incident seen again: all that is set must be so. The zero
// value is any violation.
type Signature struct {
	Violation   string        // the safety check that is invalid, or ViolationAny
	Gap         time.Duration // nothing was acknowledged for so long
	Recovery    time.Duration // the target was not available again within so long after the last heal
	Unavailable int           // permille of the time with faults in which nothing was acknowledged
	Terms       int           // so many new terms began
}

// ViolationAny is the signature of whichever safety check is invalid.
const ViolationAny = "any"
