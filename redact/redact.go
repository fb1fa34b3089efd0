// Package redact takes secrets out of text that people will see or that is kept: private keys,
// passwords in URLs, and the values of words such as password, token and secret. It is the one
// place that knows what a secret looks like, and it would rather remove too much.
package redact

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Mark stands where a secret was.
const Mark = "[redacted]"

// maxLine is how much of a line without an end is held back before it is passed on in parts.
const maxLine = 256 << 10

const word = `(?:pass(?:word|phrase)|(?:\b|_)passwd|secret|token|(?:api|access|secret)[-_]?key)`

// rule keeps what is in the first group of a match, and puts end after the mark.
type rule struct {
	match *regexp.Regexp
	end   string
}

func keep(pattern, end string) rule { return rule{regexp.MustCompile(pattern), end} }

// assigned is how a value follows its name: PASSWORD=x, "token": "x", db_secret: x, and the same
// inside of a JSON string.
const assigned = `(?i)(` + word + `\\*["']?\s*[:=]\s*`

// flag is how a value follows an option: --password x, and as elements of a list.
const flag = `(?i)(--?[a-z0-9-]*` + word + `["']?,?\s+`

// The rest of a value in quotes, and a value without them.
const (
	inQuotes      = `")(?:[^"\\]|\\.)*"`
	inApostrophes = `')[^']*'`
	bare          = `)[^\s"',;&}\]\\\[][^\s"',;&}\]\\]*`
)

// rules are tried in this order, on lines that hold one of their signs, in lower case: few do. What
// stood in quotes stays in quotes, so that JSON remains JSON.
var rules = []struct {
	signs [][]byte
	rules []rule
}{
	{signs("@"), []rule{ // scheme://user:password@host, and user:password@host
		keep(`(://[^\s/?#"':@]*:)[^\s/?#"'@]+@`, "@"),
		keep(`((?:^|[\s"'=])[A-Za-z0-9._-]+:)[^\s/"':@]+@`, "@"),
	}},
	{signs("authorization", "bearer"), []rule{
		keep(`(?i)(\bauthorization["']?\s*[:=]\s*["']?)[^"'\r\n]+`, ""),
		keep(`(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}`, ""),
	}},
	{signs("passw", "passphrase", "secret", "token", "api", "access"), []rule{
		keep(assigned+inQuotes, `"`),
		keep(assigned+inApostrophes, "'"),
		keep(assigned+`\\+")[^"\\]*`, ""),
		keep(assigned+bare, ""),
		keep(flag+inQuotes, `"`),
		keep(flag+inApostrophes, "'"),
		keep(flag+bare, ""),
	}},
}

func signs(texts ...string) (all [][]byte) {
	for _, text := range texts {
		all = append(all, []byte(text))
	}
	return all
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
		var begin []int
		if bytes.Contains(line, []byte("-----BEGIN")) {
			begin = keyBegin.FindIndex(line)
		}
		if begin == nil {
			return append(out, values(line)...)
		}
		out = append(append(out, values(line[:begin[0]])...), Mark...)
		w.inKey, line = true, line[begin[1]:]
	}
}

// values removes secrets that stand within a line.
func values(line []byte) []byte {
	lower := bytes.ToLower(line)
	for _, kind := range rules {
		shows := func(sign []byte) bool { return bytes.Contains(lower, sign) }
		if !slices.ContainsFunc(kind.signs, shows) {
			continue
		}
		for _, r := range kind.rules {
			line = r.match.ReplaceAll(line, []byte("${1}"+Mark+r.end))
		}
	}
	return line
}
