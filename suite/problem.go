package suite

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with a suite, where it stands and how to mend it.
type Problem struct {
	File string
	Line int    // 1 is the first; 0: the file as a whole
	What string // lower case, naming both values and the relation they break
	Hint string // what to write instead; may be empty

	Missing string // the capability that the place lacks, if that is all that is wrong
}

// String returns "file:line: what", and the hint on a second line.
func (p Problem) String() string {
	text := fmt.Sprintf("%s: %s", p.File, p.What)
	if p.Line > 0 {
		text = fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.What)
	}
	if p.Hint != "" {
		text += "\n  hint: " + p.Hint
	}
	return text
}

// Problems is everything wrong with a suite, in the order of its lines. It is never empty as an
// error.
type Problems []Problem

// Error returns all problems, each on a line of its own.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Missing lists what a place lacks for a suite that has no other problem: whoever can do without
// the run may skip it, and say so. Otherwise it is not ok.
func Missing(err error) (capabilities []string, ok bool) {
	var problems Problems
	if !errors.As(err, &problems) {
		return nil, false
	}
	for _, problem := range problems {
		if problem.Missing == "" {
			return nil, false
		}
		if !slices.Contains(capabilities, problem.Missing) {
			capabilities = append(capabilities, problem.Missing)
		}
	}
	return capabilities, len(capabilities) > 0
}
