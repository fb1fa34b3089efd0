package jepsen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sort"

	"gauntlet/history"
)

// isOwn reports whether the first line is the header of a history of ours.
func isOwn(text []byte) bool {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	var header struct{ Type string }
	return bytes.HasPrefix(first, []byte(`{"type":"header"`)) ||
		json.Unmarshal(first, &header) == nil && header.Type == "header"
}

// readOwn reads a history of ours, and holds it to its laws.
func readOwn(in io.Reader, path string) (*history.History, error) {
	var invocations invocationLines
	h, err := history.Read(io.TeeReader(in, &invocations))
	if err != nil {
		return nil, place(err, path)
	}
	err = h.Valid()
	if err == nil {
		return h, nil
	}
	// The laws hold of a history up to some operation, and not of any longer one.
	ops := h.Operations
	n := sort.Search(len(ops), func(n int) bool {
		return (&history.History{Operations: ops[:n+1]}).Valid() != nil
	})
	if line, ok := invocations.line(n); ok {
		return nil, place(broken(line, "%v", err), path)
	}
	return nil, fmt.Errorf("%s: %w", path, err) // it is about a fault or a phase
}

// invocationLines notes on which lines of a history operations are invoked.
type invocationLines struct {
	lines int // that have begun
	start []byte
	at    []int
}

// invocationMark is how such a line starts, as our writer spells it.
const invocationMark = `{"type":"invoke"`

// Write implements io.Writer.
func (l *invocationLines) Write(text []byte) (int, error) {
	n := len(text)
	for len(text) > 0 {
		line, rest, ended := bytes.Cut(text, []byte("\n"))
		room := len(invocationMark) - len(l.start)
		l.start = append(l.start, line[:min(room, len(line))]...)
		if ended {
			l.end()
		}
		text = rest
	}
	return n, nil
}

func (l *invocationLines) end() {
	l.lines++
	if string(l.start) == invocationMark {
		l.at = append(l.at, l.lines)
	}
	l.start = l.start[:0]
}

// line is where the n-th operation, from 0, is invoked.
func (l *invocationLines) line(n int) (int, bool) {
	l.end()
	if n < len(l.at) {
		return l.at[n], true
	}
	return 0, false
}
