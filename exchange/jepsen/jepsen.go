// Package jepsen reads histories of other tools, and writes ours for them: those that Jepsen,
// Knossos and Elle keep as EDN or JSON, and the logs and key-value histories that porcupine is
// tested with.
//
//	Read   a history of any of these formats, or of our own
//	Write  a history of ours as EDN
//
// What the formats mean: https://github.com/jepsen-io/history#histories.
package jepsen

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"gauntlet/exchange/edn"
	"gauntlet/history"
)

// Read reads a history in the format that its first characters show:
//
//   - EDN: one vector or list of operations, or operations one after another, each a map, tagged or
//     not (#jepsen.history.Op{...});
//   - JSON: the same with arrays and objects;
//   - a log of Jepsen's: lines of "INFO  jepsen.util - 0 :invoke :write 2";
//   - our own history.jsonl, which is given back as it is.
//
// path is for messages only. model names what the operations are of, as the manifest of a
// collection has it: what stands in parentheses after the name is the initial state, and matters to
// Read only in that it is a value in use.
//
// Operations come in the order of their invocations. An operation's Kind is its :f. Its Key is its
// :key, or what stands before the value in an independent tuple. The inputs and outputs of models
// "register" and "cas-register" are workload.RegisterInput and workload.RegisterOutput, with values
// that are no integers replaced by integers that the history does not hold. Those of all other
// models are the JSON of the invocation's and of the answer's :value, as edn.AppendJSON writes it.
//
// The order of the operations is that of the text. The times of the text are kept if they do not
// contradict that order; equal times are set apart by a nanosecond. Otherwise the i-th record
// happens at i nanoseconds, and Untimed is true.
//
// What :info answers may still happen: the operation is info, a read is fail, and the process is
// retired: where the text uses its number again, that is another process. An operation that never
// returns is the same. Records of processes that are not numbered (the nemesis) are skipped. A cas
// with :fail is fail, and so says nothing; but in a log it says that it found another value than
// it expected.
//
// Warnings tell what was assumed, skipped and replaced. The error is one line; what is wrong with
// the text itself is a *history.FormatError with the line. If nothing is left because records that
// look like a client's were skipped, it is a *SkippedError. A last line of our own that was cut off
// is wrong here, as nobody knows what else is missing: history.Read is for what a run left.
func Read(r io.Reader, path, model string) (*history.History, error) {
	in := bufio.NewReaderSize(r, peekBytes)
	start, err := in.Peek(peekBytes)
	if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p := newPairing(familyOf(model))
	switch detect(start) {
	case formatOwn:
		return readOwn(in, path)
	case formatEDN:
		err = readEDN(in, p)
	case formatJSON:
		err = readJSON(in, p)
	case formatLog:
		err = readLog(in, p)
	case formatEmpty:
		err = &history.FormatError{Line: 1, Problem: "empty: no operation at all"}
	default:
		err = &history.FormatError{Line: 1,
			Problem: "neither EDN nor JSON nor a log of operations"}
	}
	var h *history.History
	if err == nil {
		h, err = p.history()
	}
	if err != nil {
		return nil, place(err, path)
	}
	return h, nil
}

// peekBytes is how much of a text is looked at to tell its format.
const peekBytes = 64 << 10

// place puts the path into an error, and what the text put there onto one line.
func place(err error, path string) error {
	var ours *history.FormatError
	var notation *edn.Error
	var skipped *SkippedError
	line, problem := 0, ""
	switch {
	case errors.As(err, &ours):
		line, problem = ours.Line, ours.Problem
	case errors.As(err, &notation):
		line, problem = notation.Line, notation.Problem
	case errors.As(err, &skipped):
		skipped.Path = path
		return skipped
	default:
		return fmt.Errorf("%s: %w", path, err)
	}
	problem = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, problem)
	return &history.FormatError{Path: path, Line: line, Problem: problem}
}

// broken is what is wrong with a line.
func broken(line int, format string, args ...any) error {
	return &history.FormatError{Line: line, Problem: fmt.Sprintf(format, args...)}
}

type format int

const (
	formatUnknown format = iota
	formatEmpty
	formatOwn
	formatEDN
	formatJSON
	formatLog
)

// detect tells a format by how a text starts.
func detect(start []byte) format {
	text := bytes.TrimLeft(bytes.TrimPrefix(start, []byte(byteOrderMark)), " \t\r\n,")
	if len(text) == 0 {
		return formatEmpty
	}
	switch text[0] {
	case '(', ';', '#', '^':
		return formatEDN
	case '[', '{':
		inner := bytes.TrimLeft(text[1:], " \t\r\n[{")
		switch {
		case text[0] == '{' && isOwn(text):
			return formatOwn
		case len(inner) > 0 && inner[0] == '"':
			return formatJSON
		}
		return formatEDN
	}
	first, _, _ := strings.Cut(string(text), "\n")
	if _, ok := logRecord(strings.TrimRight(first, "\r")); ok || strings.Contains(first, logger) {
		return formatLog
	}
	return formatUnknown
}

// byteOrderMark stands before some texts, and means nothing in UTF-8.
const byteOrderMark = "\ufeff"

// readEDN takes in the records of an EDN text.
func readEDN(in *bufio.Reader, p *pairing) error {
	if mark, err := in.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		_, _ = in.Discard(len(byteOrderMark))
	}
	return edn.NewDecoder(in, edn.DefaultLimits).Each(func(line int, v edn.Value) error {
		r, err := parse(line, v)
		if err != nil {
			return err
		}
		return p.take(r)
	})
}
