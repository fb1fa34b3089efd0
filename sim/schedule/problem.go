package schedule

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with a schedule, where it stands and how to mend it.
type Problem struct {
	File string // "": it comes from no file
	Line int    // 1 is the first; 0: the file as a whole
	Path string // of the value: "options.raft.heartbeatInterval", "faults[2]"; "": the schedule
	What string // lower case, naming the values and the relation they break
	Hint string // what to do instead; may be empty
}

// String returns "file:line: path what", and the hint on a second line.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + " ")
	}
	b.WriteString(p.What)
	if p.Hint != "" {
		b.WriteString("\n  hint: " + p.Hint)
	}
	return b.String()
}

// Problems is everything wrong with a schedule, but never more than a person reads. It is never
// empty as an error.
type Problems []Problem

// Error returns all problems, each on a line of its own.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// mostProblems is how many problems are told at once.
const mostProblems = 30

func (p *Problems) full() bool { return len(*p) >= mostProblems }

// add notes a problem, unless there are too many already.
func (p *Problems) add(path, hint, format string, args ...any) {
	if !p.full() {
		*p = append(*p, Problem{Path: path, What: fmt.Sprintf(format, args...), Hint: hint})
	}
}

// err is the problems as an error: nil if there are none.
func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}
