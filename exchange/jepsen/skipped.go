package jepsen

import (
	"fmt"
	"slices"
	"strings"

	"gauntlet/history"
	"gauntlet/workload"
)

// SkippedError says that a text holds no operation of a numbered process, but records that may well
// be a client's. Whether they keep any promise is not known.
type SkippedError struct {
	Path    string
	Line    int // of the first such record
	Process string
	Records int
}

func (e *SkippedError) Error() string {
	return fmt.Sprintf("%s:%d: no operation is left: records that look like a client's were "+
		"skipped, %d in all, as process %q of this line is no number", e.Path, e.Line, e.Records,
		shorten(e.Process, 60))
}

// skipped counts the records that are of no numbered process.
type skipped struct {
	records int
	clients int // of these, those that do not look like the nemesis'
	line    int // of the first of them
	process string
}

// add counts a record. It looks like a client's if its process is not the nemesis, or if it asks
// for what the model knows.
func (s *skipped) add(r record, f family) {
	s.records++
	name := r.stranger
	if name == "" && r.kind == typeInvoke && slices.Contains(f.knows, r.f) {
		name = nemesis
	}
	if name == "" {
		return
	}
	if s.clients++; s.clients == 1 {
		s.line, s.process = r.line, name
	}
}

// tell warns of what was skipped. The error is that nothing is left, and that nothing was there.
func (s *skipped) tell(operations int, warn func(string, ...any)) error {
	switch {
	case operations == 0 && s.records == 0:
		return &history.FormatError{Line: 1, Problem: "empty: no operation at all"}
	case operations == 0 && s.clients > 0:
		return &SkippedError{Line: s.line, Process: s.process, Records: s.clients}
	case s.clients > 0:
		warn("records of processes that are not numbered: %d, skipped; %d of them look like a "+
			"client's, the first in line %d", s.records, s.clients, s.line)
	case s.records > 0:
		warn("records of processes that are not numbered: %d, skipped", s.records)
	}
	return nil
}

// knownTo are what clients of a model ask for, as far as Jepsen's workloads have a name for it.
func knownTo(model string) []string {
	switch strings.TrimSpace(model) {
	case "mutex":
		return []string{"acquire", "release"}
	case "kv":
		return []string{"get", "put", "append"}
	case "queue":
		return []string{"enqueue", "dequeue"}
	case "set", "set-full", "counter":
		return []string{workload.KindAdd, workload.KindRead}
	case "bank":
		return []string{workload.KindRead, "transfer"}
	}
	return []string{workload.KindRead, workload.KindWrite, workload.KindCAS, workload.KindTxn,
		workload.KindAppend}
}
