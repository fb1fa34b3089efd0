package jepsen

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"gauntlet/exchange/edn"
)

// readJSON takes in the records of an array of objects, or of objects one after another. Objects
// become maps with keywords as keys, or strings where no keyword is spelt so.
func readJSON(in *bufio.Reader, p *pairing) error {
	if mark, err := in.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		_, _ = in.Discard(len(byteOrderMark))
	}
	j := newJSON(in)
	opened, err := j.token()
	if err != nil {
		return err
	}
	array := opened == json.Delim('[')
	for first := true; ; first = false {
		token := opened
		if array || !first {
			if token, err = j.token(); err == io.EOF && !array {
				return nil
			} else if err != nil {
				return j.cut(err)
			}
		}
		if array && token == json.Delim(']') {
			break
		}
		line := j.line()
		v, err := j.value(token, 1)
		if err != nil {
			return j.cut(err)
		}
		r, err := parse(line, v)
		if err != nil {
			return err
		}
		if err := p.take(r); err != nil {
			return err
		}
		j.text.left = edn.DefaultLimits.Bytes
	}
	if _, err := j.token(); err != io.EOF {
		return broken(j.line(), "something follows the end of the array")
	}
	return nil
}

// jsonText reads values of JSON, bounded as values of EDN are.
type jsonText struct {
	decoder *json.Decoder
	text    *lines
}

func newJSON(in io.Reader) *jsonText {
	text := &lines{in: in, left: edn.DefaultLimits.Bytes, passed: 1}
	decoder := json.NewDecoder(text)
	decoder.UseNumber()
	return &jsonText{decoder: decoder, text: text}
}

// token returns the next token, its error with the line.
func (j *jsonText) token() (json.Token, error) {
	token, err := j.decoder.Token()
	if err == nil || err == io.EOF {
		return token, err
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return nil, broken(j.text.line(syntax.Offset), "not JSON: %s",
			strings.TrimPrefix(syntax.Error(), "json: "))
	}
	return nil, j.cut(err)
}

// cut words the end of a text that came too early.
func (j *jsonText) cut(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return broken(j.text.line(j.text.read), "cut off within JSON")
	}
	return err
}

// line is where the decoder stands.
func (j *jsonText) line() int { return j.text.line(j.decoder.InputOffset()) }

// value reads the value that starts with a token.
func (j *jsonText) value(token json.Token, depth int) (edn.Value, error) {
	if depth > edn.DefaultLimits.Depth {
		return nil, broken(j.line(), "nested deeper than %d", edn.DefaultLimits.Depth)
	}
	switch t := token.(type) {
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n, nil
		}
		return oneValue(j.line(), t.String())
	case json.Delim:
		if t == '[' {
			return j.array(depth)
		}
		return j.object(depth)
	}
	return token, nil // nil, bool or string
}

func (j *jsonText) array(depth int) (edn.Value, error) {
	elements := edn.Vector{}
	for {
		token, err := j.token()
		if err != nil || token == json.Delim(']') {
			return elements, err
		}
		v, err := j.value(token, depth+1)
		if err != nil {
			return nil, err
		}
		elements = append(elements, v)
	}
}

func (j *jsonText) object(depth int) (edn.Value, error) {
	entries := edn.Map{}
	seen := map[string]bool{}
	for {
		token, err := j.token()
		if err != nil || token == json.Delim('}') {
			return entries, err
		}
		key, _ := token.(string)
		if seen[key] {
			return nil, broken(j.line(), "the key %q stands twice in an object", shorten(key, 60))
		}
		seen[key] = true
		if token, err = j.token(); err != nil {
			return nil, err
		}
		v, err := j.value(token, depth+1)
		if err != nil {
			return nil, err
		}
		entries = append(entries, edn.Entry{Key: keyword(key), Value: v})
	}
}

// lines passes a text on, and knows where its lines end. It refuses what is not UTF-8, and to read
// on when left is used up.
type lines struct {
	in      io.Reader
	left    int
	read    int64   // bytes passed on
	ends    []int64 // offsets of newlines, as far as not yet passed
	passed  int     // lines that end before the first of ends
	partial []byte  // start of a character that the last block cut
}

// Read implements io.Reader.
func (l *lines) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, broken(l.passed, "a value of more than %d bytes", edn.DefaultLimits.Bytes)
	}
	n, err := l.in.Read(b)
	l.left -= n
	for i, c := range b[:n] {
		if c == '\n' {
			l.ends = append(l.ends, l.read+int64(i))
		}
	}
	whole := append(l.partial, b[:n]...)
	for len(whole) > 0 {
		r, size := utf8.DecodeRune(whole)
		if r == utf8.RuneError && size == 1 {
			if utf8.FullRune(whole) || err == io.EOF {
				bad := l.read + int64(n-len(whole))
				return 0, broken(l.line(bad), "not valid UTF-8")
			}
			break
		}
		whole = whole[size:]
	}
	l.partial = append(l.partial[:0], whole...)
	l.read += int64(n)
	return n, err
}

// line is the number of the line that holds an offset; offsets must not fall.
func (l *lines) line(offset int64) int {
	n := sort.Search(len(l.ends), func(i int) bool { return l.ends[i] >= offset })
	l.passed += n
	l.ends = l.ends[n:]
	return l.passed
}
