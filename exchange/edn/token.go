package edn

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDigits bounds a number; more would be an attack, not a measurement.
const maxDigits = 1000

// token reads up to the next delimiter.
func (d *Decoder) token() (string, error) {
	var b strings.Builder
	for {
		r, err := d.peek()
		if err != nil {
			return "", err
		}
		if r == eof || isSpace(r) || strings.ContainsRune(`()[]{}";`, r) {
			return b.String(), nil
		}
		if r < ' ' || r == 0x7f {
			return "", d.fail("control character %q", r)
		}
		b.WriteRune(r)
		d.take()
	}
}

// atom reads a number, a keyword, a symbol, or one of nil, true and false.
func (d *Decoder) atom() (Value, error) {
	t, err := d.token()
	if err != nil {
		return nil, err
	}
	switch t {
	case "nil":
		return nil, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	digits := strings.TrimLeft(t, "+-")
	if len(t)-len(digits) <= 1 && digits != "" && '0' <= digits[0] && digits[0] <= '9' {
		return d.number(t)
	}
	if name, ok := strings.CutPrefix(t, ":"); ok {
		if name == "" || name[0] == ':' || !isName(name) {
			return nil, d.fail("%s is not a keyword", shorten(t))
		}
		return Keyword(name), nil
	}
	if !isName(t) {
		return nil, d.fail("%s is not a symbol", shorten(t))
	}
	return Symbol(t), nil
}

// isName reports whether a token can name something, as Clojure's reader sees it.
func isName(t string) bool {
	return t != "" && !strings.ContainsAny(t[:1], "#'`@~") && !strings.ContainsAny(t, "\\^")
}

func shorten(t string) string {
	if len(t) > 40 {
		return strconv.Quote(t[:40]) + "..."
	}
	return strconv.Quote(t)
}

// number reads 7, -7N, 1.5, 1e9, 1.5M and 1/3.
func (d *Decoder) number(t string) (Value, error) {
	wrong := func() (Value, error) { return nil, d.fail("%s is not a number", shorten(t)) }
	if len(t) > maxDigits {
		return nil, d.fail("a number of %d digits, at most %d", len(t), maxDigits)
	}
	sign, rest := "", t
	if rest[0] == '+' || rest[0] == '-' {
		sign, rest = strings.TrimPrefix(rest[:1], "+"), rest[1:]
	}
	whole, rest := leadingDigits(rest)
	if len(whole) > 1 && whole[0] == '0' {
		return wrong() // to Clojure octal, to others decimal
	}
	switch {
	case rest == "" || rest == "N":
		if v, err := strconv.ParseInt(sign+whole, 10, 64); err == nil {
			return v, nil
		}
		return Number(sign + whole), nil
	case rest[0] == '/':
		under, rest := leadingDigits(rest[1:])
		if rest != "" || under == "" || strings.Trim(under, "0") == "" {
			return wrong()
		}
		return Number(sign + whole + "/" + under), nil
	}
	exact := strings.HasSuffix(rest, "M")
	text, ok := decimal(sign+whole, strings.TrimSuffix(rest, "M"))
	if !ok {
		return wrong()
	}
	if exact {
		return Number(text), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return wrong()
	}
	return f, nil
}

// decimal puts the parts of a decimal fraction together as JSON has them: what follows the whole
// part is nothing, or a dot and digits, and an exponent of at most three digits.
func decimal(whole, rest string) (string, bool) {
	fraction := ""
	if strings.HasPrefix(rest, ".") {
		fraction, rest = leadingDigits(rest[1:])
	}
	if fraction == "" {
		fraction = "0"
	}
	text := whole + "." + fraction
	if rest == "" {
		return text, true
	}
	if rest[0] != 'e' && rest[0] != 'E' {
		return "", false
	}
	exponent := rest[1:]
	if exponent != "" && (exponent[0] == '+' || exponent[0] == '-') {
		exponent = exponent[1:]
	}
	digits, rest2 := leadingDigits(exponent)
	return text + rest, digits != "" && len(digits) <= 3 && rest2 == ""
}

func leadingDigits(s string) (digits, rest string) {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return s[:n], s[n:]
}

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
	rest, err := d.token()
	if err != nil {
		return 0, err
	}
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

// dispatch reads what follows a #, which is taken.
func (d *Decoder) dispatch(depth int) (v Value, discarded bool, err error) {
	r, err := d.peek()
	if err != nil {
		return nil, false, err
	}
	switch r {
	case '{':
		d.take()
		opened := d.line
		elements, err := d.sequence('}', depth)
		if err != nil {
			return nil, false, err
		}
		if twice, found := duplicate(elements); found {
			return nil, false, d.fail("the set of line %d has %s twice", opened, excerpt(twice))
		}
		return Set(elements), false, nil
	case '_':
		d.take()
		_, err := d.need(depth+1, "#_")
		return nil, true, err
	case '#':
		d.take()
		v, err := d.symbolic()
		return v, false, err
	case ':':
		v, err := d.namespaced(depth)
		return v, false, err
	case '^':
		return d.form(r, depth)
	}
	tag, err := d.token()
	if err != nil {
		return nil, false, err
	}
	if !isName(tag) || !unicode.IsLetter([]rune(tag)[0]) {
		return nil, false, d.fail("%s is not a tag", shorten("#"+tag))
	}
	v, err = d.need(depth+1, "#"+tag)
	return Tagged{tag, v}, false, err
}

// symbolic reads ##Inf, ##-Inf and ##NaN; both # are taken.
func (d *Decoder) symbolic() (Value, error) {
	t, err := d.token()
	if err != nil {
		return nil, err
	}
	switch t {
	case "Inf":
		return math.Inf(1), nil
	case "-Inf":
		return math.Inf(-1), nil
	case "NaN":
		return math.NaN(), nil
	}
	return nil, d.fail("%s is not a value", shorten("##"+t))
}

// namespaced reads #:person{:name 1}, which means {:person/name 1}; the # is taken.
func (d *Decoder) namespaced(depth int) (Value, error) {
	t, err := d.token()
	if err != nil {
		return nil, err
	}
	space := strings.TrimLeft(t, ":")
	v, err := d.need(depth+1, "#"+shorten(t))
	if err != nil {
		return nil, err
	}
	m, ok := v.(Map)
	if !ok || space == "" || !isName(space) {
		return nil, d.fail("#%s is not a namespace before a map", shorten(t))
	}
	for i, e := range m {
		if key, ok := e.Key.(Keyword); ok {
			m[i].Key = qualify(space, key)
		}
	}
	return m, nil
}

// qualify puts a keyword into a namespace; _ means: into none.
func qualify(space string, key Keyword) Keyword {
	own, name, found := strings.Cut(string(key), "/")
	switch {
	case !found || name == "":
		return Keyword(space + "/" + string(key))
	case own == "_":
		return Keyword(name)
	}
	return key
}
