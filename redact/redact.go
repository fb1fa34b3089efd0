// Package redact takes secrets out of text that people will see or that is kept: private keys,
// passwords in URLs, and the values of words such as password, token and secret. It is the one
// place that knows what a secret looks like, and it would rather remove too much.
package redact

import (
	"bytes"
	"io"
	"regexp"
	"strings"
)

// Mark stands where a secret was.
const Mark = "[redacted]"

// maxLine is how much of a line without an end is held back before it is passed on in parts.
const maxLine = 256 << 10

const word = `(?:pass(?:word|phrase)|(?:\b|_)passwd|secret|token|(?:api|access|secret)[-_]?key)`

const value = `(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"',;&}\]]+)`

// rules keep what is in their first group and remove the rest of what they match.
var rules = []*regexp.Regexp{
	// scheme://user:password@host, and user:password@host
	regexp.MustCompile(`(://[^\s/?#"':@]*:)[^\s/?#"'@]+@`),
	regexp.MustCompile(`((?:^|[\s"'=])[A-Za-z0-9._-]+:)[^\s/"':@]+@`),
	// Authorization: Basic eA==
	regexp.MustCompile(`(?i)(\bauthorization["']?\s*[:=]\s*["']?)[^"'\r\n]+`),
	regexp.MustCompile(`(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}`),
	// PASSWORD=x, "token": "x", db_secret: x
	regexp.MustCompile(`(?i)(` + word + `["']?\s*[:=]\s*)` + value),
	// --password x, and as elements of a list
	regexp.MustCompile(`(?i)(--?[a-z0-9-]*` + word + `["']?,?\s+)` + value),
}

// signs are in every line that a rule matches, in lower case.
var signs = [][]byte{
	[]byte("@"), []byte("authorization"), []byte("bearer"), []byte("pass"), []byte("secret"),
	[]byte("token"), []byte("key"),
}

var (
	keyBegin = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----`)
	keyEnd   = regexp.MustCompile(`-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----`)
)

// String is text without its secrets.
func String(text string) string {
	var out strings.Builder
	w := NewWriter(&out)
	_, _ = io.WriteString(w, text) // neither can fail
	_ = w.Flush()
	return out.String()
}

// Writer passes text on without its secrets, line by line. A line over 256 KiB is looked at in
// parts, so that a secret across two of them may be missed.
type Writer struct {
	to    io.Writer
	line  []byte // not passed on yet: it has no end
	inKey bool   // between the first and the last line of a private key
}

// NewWriter makes a Writer to to.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// Write takes all of p, or fails as the writer behind it did.
func (w *Writer) Write(p []byte) (int, error) {
	w.line = append(w.line, p...)
	whole := bytes.LastIndexByte(w.line, '\n') + 1
	if whole == 0 && len(w.line) > maxLine {
		whole = len(w.line)
	}
	if whole == 0 {
		return len(p), nil
	}
	var out []byte
	for line := range bytes.Lines(w.line[:whole]) {
		out = append(out, w.clean(line)...)
	}
	w.line = append(w.line[:0], w.line[whole:]...)
	if _, err := w.to.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush passes on the last line, if it had no end.
func (w *Writer) Flush() error {
	rest := w.clean(w.line)
	w.line = nil
	if len(rest) == 0 {
		return nil
	}
	_, err := w.to.Write(rest)
	return err
}

// clean is a line without its secrets.
func (w *Writer) clean(line []byte) []byte {
	var out []byte
	for {
		if w.inKey {
			end := keyEnd.FindIndex(line)
			if end == nil {
				return out
			}
			w.inKey, line = false, line[end[1]:]
		}
		begin := keyBegin.FindIndex(line)
		if begin == nil {
			return append(out, values(line)...)
		}
		out = append(append(out, values(line[:begin[0]])...), Mark...)
		w.inKey, line = true, line[begin[1]:]
	}
}

// values removes secrets that stand within a line.
func values(line []byte) []byte {
	if !suspect(line) {
		return line
	}
	for i, rule := range rules {
		with := "${1}" + Mark
		if i < 2 {
			with += "@"
		}
		line = rule.ReplaceAll(line, []byte(with))
	}
	return line
}

func suspect(line []byte) bool {
	lower := bytes.ToLower(line)
	for _, sign := range signs {
		if bytes.Contains(lower, sign) {
			return true
		}
	}
	return false
}
