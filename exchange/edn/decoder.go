package edn

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits bound what a text can ask for.
type Limits struct {
	Depth int // of values within values, tags and discarded ones included
	Bytes int // of one value of the sequence that Each walks
}

// DefaultLimits is far beyond what histories hold.
var DefaultLimits = Limits{Depth: 100, Bytes: 16 << 20}

// Error says where a text is not EDN.
type Error struct {
	Line    int // from 1
	Problem string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Problem) }

// Decoder reads values from a text.
type Decoder struct {
	in     *bufio.Reader
	limits Limits

	line    int  // of the next character, from 1
	ahead   rune // the next character, if known
	peeked  bool
	used    int // bytes of the present value of the sequence
	started int // the line on which the latest value starts

	scratch []byte           // the present token
	names   map[string]Value // keywords and symbols met so far: texts repeat a few
	pending []Value          // elements of the sequences that are not closed
}

// maxNames bounds what a decoder remembers of names.
const maxNames = 1000

// eof stands where a text ends.
const eof rune = -1

// NewDecoder returns a decoder of the text in r.
func NewDecoder(r io.Reader, limits Limits) *Decoder {
	return &Decoder{
		in: bufio.NewReaderSize(r, 64<<10), limits: limits, line: 1, names: map[string]Value{},
	}
}

// Parse returns the one value that a text holds.
func Parse(text string, limits Limits) (Value, error) {
	d := &Decoder{in: bufio.NewReaderSize(strings.NewReader(text), 16), limits: limits, line: 1}
	v, end, err := d.value(1)
	if err == nil && end != 0 {
		err = d.fail("%s is not one value", shorten(text))
	}
	if err == nil {
		_, end, err = d.value(1)
	}
	if err == nil && end != eof {
		err = d.fail("%s is not one value", shorten(text))
	}
	return v, err
}

// Each gives every value of a sequence to yield, with the line on which it starts, and never holds
// more than one: the elements of the vector or list that the text begins with, and which then must
// be all of it, or else all values of the text. It returns yield's error as it is, and its own as
// *Error; what reading fails with is wrapped.
func (d *Decoder) Each(yield func(line int, v Value) error) error {
	first, err := d.space()
	if err != nil {
		return err
	}
	closer := eof
	switch first {
	case '[':
		closer = ']'
	case '(':
		closer = ')'
	}
	opened := d.line
	if closer != eof {
		d.take()
	}
	for {
		d.used = 0
		v, end, err := d.value(1)
		if err != nil {
			return err
		}
		switch {
		case end == 0:
			if err := yield(d.started, v); err != nil {
				return err
			}
		case end != closer:
			return d.unclosed(end, closer, opened)
		case closer == eof:
			return nil
		default:
			return d.last()
		}
	}
}

// last checks that nothing follows.
func (d *Decoder) last() error {
	d.used = 0
	_, end, err := d.value(1)
	if err == nil && end != eof {
		return d.fail("something follows the end of the sequence that the text began with")
	}
	return err
}

// fail is an error at the present line.
func (d *Decoder) fail(format string, args ...any) error {
	return &Error{Line: d.line, Problem: fmt.Sprintf(format, args...)}
}

// unclosed words the wrong end of a sequence.
func (d *Decoder) unclosed(end, closer rune, opened int) error {
	switch {
	case closer == eof:
		return d.fail("%q closes nothing", end)
	case end == eof:
		return d.fail("cut off: %q is missing, to close line %d", closer, opened)
	}
	return d.fail("%q, want %q to close line %d", end, closer, opened)
}

// peek returns the next character, eof at the end.
func (d *Decoder) peek() (rune, error) {
	if d.peeked {
		return d.ahead, nil
	}
	r, size, err := d.in.ReadRune()
	switch {
	case err == io.EOF:
		r = eof
	case err != nil:
		return 0, fmt.Errorf("line %d: %w", d.line, err)
	case r == utf8.RuneError && size == 1:
		return 0, d.fail("not valid UTF-8")
	}
	if d.used += size; d.used > d.limits.Bytes {
		return 0, d.fail("a value of more than %d bytes", d.limits.Bytes)
	}
	d.ahead, d.peeked = r, true
	return r, nil
}

// take moves past the character that was peeked.
func (d *Decoder) take() {
	d.peeked = false
	if d.ahead == '\n' {
		d.line++
	}
}

// space skips white space and comments, and peeks at what follows.
func (d *Decoder) space() (rune, error) {
	comment := false
	for {
		r, err := d.peek()
		if err != nil || r == eof {
			return r, err
		}
		switch {
		case comment:
			comment = r != '\n'
		case r == ';':
			comment = true
		case !isSpace(r):
			return r, nil
		}
		d.take()
	}
}

func isSpace(r rune) bool {
	return r == ' ' || r == ',' || '\t' <= r && r <= '\r'
}

// value reads the next value. Where a sequence or the text ends instead, end is the closing
// character or eof, else 0.
func (d *Decoder) value(depth int) (v Value, end rune, err error) {
	for {
		r, err := d.space()
		if err != nil {
			return nil, 0, err
		}
		switch r {
		case eof:
			return nil, eof, nil
		case ')', ']', '}':
			d.take()
			return nil, r, nil
		}
		if depth > d.limits.Depth {
			return nil, 0, d.fail("nested deeper than %d", d.limits.Depth)
		}
		line := d.line
		v, discarded, err := d.form(r, depth)
		if err != nil || !discarded {
			d.started = line
			return v, 0, err
		}
	}
}

// need reads a value that must be there.
func (d *Decoder) need(depth int, after string) (Value, error) {
	v, end, err := d.value(depth)
	if err == nil && end != 0 {
		err = d.fail("%s is not followed by a value", after)
	}
	return v, err
}

// form reads the value that starts with r, which was peeked.
func (d *Decoder) form(r rune, depth int) (v Value, discarded bool, err error) {
	switch r {
	case '[':
		d.take()
		elements, err := d.sequence(']', depth)
		return Vector(elements), false, err
	case '(':
		d.take()
		elements, err := d.sequence(')', depth)
		return List(elements), false, err
	case '{':
		d.take()
		m, err := d.pairs(depth)
		return m, false, err
	case '"':
		d.take()
		s, err := d.text()
		return s, false, err
	case '\\':
		d.take()
		c, err := d.char()
		return c, false, err
	case '^':
		d.take()
		if _, err := d.need(depth+1, "metadata"); err != nil {
			return nil, false, err
		}
		v, err := d.need(depth+1, "metadata")
		return v, false, err
	case '#':
		d.take()
		return d.dispatch(depth)
	}
	v, err = d.atom()
	return v, false, err
}

// sequence reads values up to the closing character; the opening one is taken.
func (d *Decoder) sequence(closer rune, depth int) ([]Value, error) {
	opened, from := d.line, len(d.pending)
	defer func() { d.pending = d.pending[:from] }()
	for {
		v, end, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if end == closer {
			return append([]Value{}, d.pending[from:]...), nil
		}
		if end != 0 {
			return nil, d.unclosed(end, closer, opened)
		}
		d.pending = append(d.pending, v)
	}
}

// pairs reads a map; its brace is taken.
func (d *Decoder) pairs(depth int) (Map, error) {
	opened := d.line
	elements, err := d.sequence('}', depth)
	if err != nil {
		return nil, err
	}
	if len(elements)%2 != 0 {
		return nil, d.fail("the map of line %d has a key without a value", opened)
	}
	m := make(Map, len(elements)/2)
	for i := range m {
		m[i] = Entry{elements[2*i], elements[2*i+1]}
	}
	keys := elements[:len(m)] // no longer needed as they are
	for i := range m {
		keys[i] = m[i].Key
	}
	if twice, found := duplicate(keys); found {
		return nil, d.fail("the map of line %d has the key %s twice", opened, excerpt(twice))
	}
	return m, nil
}

// duplicate finds a value that stands twice among others.
func duplicate(values []Value) (Value, bool) {
	if len(values) <= 8 && !slices.ContainsFunc(values, holdsOthers) {
		for i, v := range values {
			if slices.Contains(values[:i], v) {
				return v, true
			}
		}
		return nil, false
	}
	seen := make(map[any]bool, len(values))
	for _, v := range values {
		var key any = v
		if holdsOthers(v) {
			key = composite(Text(v))
		}
		if seen[key] {
			return v, true
		}
		seen[key] = true
	}
	return nil, false
}

// holdsOthers reports whether a value is made of others, and cannot be compared as it is.
func holdsOthers(v Value) bool {
	switch v.(type) {
	case Vector, List, Set, Map, Tagged:
		return true
	}
	return false
}

// composite keeps the text of a value apart from strings.
type composite string

// excerpt is a value's text, short enough for a message.
func excerpt(v Value) string {
	text := []rune(Text(v))
	if len(text) > 40 {
		return string(text[:40]) + "..."
	}
	return string(text)
}
