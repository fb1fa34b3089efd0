package jepsen

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gauntlet/exchange/edn"
)

// logger is what a line of Jepsen's log names as its author before an operation.
const logger = "jepsen.util"

// maxLine bounds a line of a log.
const maxLine = 1 << 20

// readLog takes in the operations of a log. Other lines are skipped, but a last one that was cut
// off is an error.
func readLog(in *bufio.Reader, p *pairing) error {
	for line := 1; ; line++ {
		text, err := logLine(in, line)
		if err != nil && err != io.EOF {
			return err
		}
		last := err == io.EOF
		fields, ok := logRecord(strings.TrimRight(strings.TrimPrefix(text, byteOrderMark), "\r"))
		switch {
		case ok:
			r, err := parseLog(line, fields)
			if err != nil {
				return err
			}
			if err := p.take(r); err != nil {
				return err
			}
		case strings.TrimSpace(text) == "":
		case last, strings.Contains(text, logger):
			return broken(line, "%q is not an operation: want process, type, f and value",
				shorten(text, 60))
		default:
			p.skipped.records++
		}
		if last {
			return nil
		}
	}
}

// logLine reads a line without its newline. io.EOF comes with the last one.
func logLine(in *bufio.Reader, line int) (string, error) {
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		if long = append(long, part...); len(long) > maxLine {
			return "", broken(line, "longer than %d bytes", maxLine)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if !utf8.Valid(long) {
			return "", broken(line, "not valid UTF-8")
		}
		return strings.TrimSuffix(string(long), "\n"), err
	}
}

// logRecord splits a line of a log into process, type, f, value and what follows, which stand apart
// by tabs, or by spaces where somebody replaced these; before them "jepsen.util - ", or nothing.
func logRecord(text string) ([]string, bool) {
	if _, after, found := strings.Cut(text, logger); found {
		text = strings.TrimLeft(strings.TrimPrefix(after, ":"), " -")
	}
	fields := strings.Split(text, "\t")
	if len(fields) == 1 {
		fields = spaced(text)
	}
	if len(fields) < 3 || len(fields) > 5 || !strings.HasPrefix(fields[1], ":") ||
		!strings.HasPrefix(fields[2], ":") || strings.ContainsAny(fields[0], " ") {
		return nil, false
	}
	return fields, true
}

// spaced splits a line in which spaces stand for tabs. A value may hold some.
func spaced(text string) []string {
	var fields []string
	rest := strings.TrimLeft(text, " ")
	for range 3 {
		field, after, _ := strings.Cut(rest, " ")
		fields, rest = append(fields, field), strings.TrimLeft(after, " ")
	}
	if !slices.Contains([]string{":invoke", ":ok", ":fail", ":info"}, fields[1]) {
		return nil // words of some other line
	}
	if rest = strings.TrimRight(rest, " "); rest == "" {
		return fields
	}
	v, err := edn.Parse("["+rest+"\n]", edn.DefaultLimits)
	values, ok := v.(edn.Vector)
	if err != nil || !ok || len(values) > 2 {
		return append(fields, rest) // which parseLog refuses
	}
	for _, value := range values {
		fields = append(fields, edn.Text(value))
	}
	return fields
}

// parseLog makes a record of the fields of a line. A cas that failed, and says nothing else than
// what it was, has found another value.
func parseLog(line int, fields []string) (record, error) {
	r := record{line: line, kind: fields[1][1:], f: fields[2][1:]}
	if name, ok := strings.CutPrefix(fields[0], ":"); ok && foreign(edn.Keyword(name)) {
		if r.skipped = true; name != nemesis {
			r.stranger = name
		}
		return r, nil
	}
	switch r.kind {
	case typeInvoke, typeOK, typeFail, typeInfo:
	default:
		return r, broken(line, "type %q, want invoke, ok, fail or info", r.kind)
	}
	process, err := strconv.ParseUint(strings.TrimPrefix(fields[0], ":"), 10, 31)
	if err != nil {
		return r, broken(line, "process %q, want a number below %d", shorten(fields[0], 60),
			int64(1)<<31)
	}
	r.process, r.processed = int(process), true
	var values [2]edn.Value
	for i, text := range fields[3:] {
		if values[i], err = oneValue(line, text); err != nil {
			return r, err
		}
	}
	r.value = values[0]
	if r.kind == typeInvoke || r.kind == typeOK {
		return r, nil
	}
	if len(fields) == 5 {
		r.error = errorText(values[1])
	} else if _, ok := r.value.(edn.Keyword); ok {
		r.error, r.value = errorText(r.value), nil
	}
	r.compare = r.kind == typeFail && r.error == "" && r.value != nil
	return r, nil
}

// oneValue reads the one value of a field.
func oneValue(line int, text string) (edn.Value, error) {
	v, err := edn.Parse(text, edn.DefaultLimits)
	var notation *edn.Error
	if errors.As(err, &notation) {
		err = broken(line, "%s", notation.Problem)
	}
	return v, err
}
