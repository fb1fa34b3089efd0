package edn

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string; its first quote is taken.
func (d *Decoder) text() (string, error) {
	var b strings.Builder
	opened := d.line
	for {
		r, err := d.peek()
		if err != nil {
			return "", err
		}
		if r == eof {
			return "", d.fail("cut off: the string of line %d is not closed", opened)
		}
		d.take()
		switch r {
		case '"':
			return b.String(), nil
		case '\\':
			if r, err = d.escape(); err != nil {
				return "", err
			}
		}
		b.WriteRune(r)
	}
}

// escapes are the characters that a letter stands for.
var escapes = map[rune]rune{
	't': '\t', 'r': '\r', 'n': '\n', 'b': '\b', 'f': '\f', '\\': '\\', '"': '"',
}

// escape reads what follows a backslash in a string.
func (d *Decoder) escape() (rune, error) {
	r, err := d.peek()
	if err != nil {
		return 0, err
	}
	if r == eof {
		return 0, d.fail("cut off within a string")
	}
	d.take()
	if plain, ok := escapes[r]; ok {
		return plain, nil
	}
	if r != 'u' {
		return 0, d.fail(`%q after \ is no escape that a string knows`, r)
	}
	high, err := d.unicode()
	if err != nil || !utf16.IsSurrogate(high) {
		return high, err
	}
	for _, want := range `\u` {
		if r, err := d.peek(); err != nil || r != want {
			return 0, d.or(err, `\u%04x stands alone, without its other half`, high)
		}
		d.take()
	}
	low, err := d.unicode()
	if err != nil {
		return 0, err
	}
	if r = utf16.DecodeRune(high, low); r == utf8.RuneError {
		return 0, d.fail(`\u%04x\u%04x is no pair of surrogates`, high, low)
	}
	return r, nil
}

// or keeps an error, if there is one.
func (d *Decoder) or(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return d.fail(format, args...)
}

// unicode reads the four digits after \u.
func (d *Decoder) unicode() (rune, error) {
	var v rune
	for range 4 {
		r, err := d.peek()
		if err != nil {
			return 0, err
		}
		digit := strings.IndexRune("0123456789abcdef", unicode.ToLower(r))
		if r == eof || digit < 0 {
			return 0, d.fail(`\u needs four hexadecimal digits`)
		}
		v = v<<4 | rune(digit)
		d.take()
	}
	return v, nil
}

// char reads a character; its backslash is taken.
func (d *Decoder) char() (Char, error) {
	first, err := d.peek()
	if err != nil {
		return 0, err
	}
	if first == eof || isSpace(first) {
		return 0, d.fail(`\ is not followed by a character`)
	}
	d.take() // even a delimiter: \( is a character
	token, err := d.token()
	if err != nil {
		return 0, err
	}
	rest := string(token)
	name := string(first) + rest
	if rest == "" {
		return Char(first), nil
	}
	if r, ok := named[name]; ok {
		return Char(r), nil
	}
	base, most := 16, 4
	if first == 'o' {
		base, most = 8, 3
	}
	v, err := strconv.ParseUint(rest, base, 16)
	if first != 'u' && first != 'o' || err != nil || len(rest) > most || first == 'u' &&
		len(rest) != most || utf16.IsSurrogate(rune(v)) {
		return 0, d.fail(`%s is not a character`, shorten(`\`+name))
	}
	return Char(v), nil
}
