package jepsen

import (
	"bytes"
	"encoding/json"
	"errors"
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

// ReadRun reads what a run left in its directory: a history of ours, whose last line may be cut
// off, as a kill leaves it. Otherwise it is as strict as Read.
func ReadRun(r io.Reader, path string) (*history.History, error) {
	return lawful(r, path)
}

// readOwn reads a history of ours that somebody gives. Its last line is held to what all are:
// nobody knows what else is missing of a text that was cut off.
func readOwn(in io.Reader, path string) (*history.History, error) {
	whole := &ended{in: in}
	h, err := lawful(whole, path)
	if err == nil && len(h.Operations) == 0 && h.Header.Run == "" {
		err = place(broken(1, "empty: no operation at all"), path)
	}
	if err != nil {
		return nil, whole.cut(err)
	}
	return h, nil
}

// lawful reads a history of ours, and holds it to its laws.
func lawful(in io.Reader, path string) (*history.History, error) {
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

// ended ends the last line of a text, if the text does not.
type ended struct {
	in    io.Reader
	lines int
	last  byte
	torn  bool // it did not
}

// Read implements io.Reader.
func (e *ended) Read(b []byte) (int, error) {
	if e.torn || len(b) == 0 {
		return 0, io.EOF
	}
	n, err := e.in.Read(b)
	if n > 0 {
		e.lines += bytes.Count(b[:n], []byte("\n"))
		e.last = b[n-1]
		return n, nil // an error comes again
	}
	if err == io.EOF && e.last != '\n' {
		b[0], e.torn = '\n', true
		e.lines++
		return 1, nil
	}
	return 0, err
}

// cut words an error of a last line that has no end, neither of the line nor of its object.
func (e *ended) cut(err error) error {
	var format *history.FormatError
	if e.torn && e.last != '}' && errors.As(err, &format) && format.Line == e.lines {
		format.Problem = "cut off: " + format.Problem
	}
	return err
}
