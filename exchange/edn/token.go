package edn

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDigits bounds a number; more would be an attack, not a measurement.
const maxDigits = 1000

// token reads up to the next delimiter. What it returns is good until the next token.
func (d *Decoder) token() ([]byte, error) {
	d.scratch = d.scratch[:0]
	for {
		r, err := d.peek()
		if err != nil {
			return nil, err
		}
		if r == eof || isSpace(r) || isDelimiter(r) {
			return d.scratch, nil
		}
		if r < ' ' || r == 0x7f {
			return nil, d.fail("control character %q", r)
		}
		d.scratch = utf8.AppendRune(d.scratch, r)
		d.take()
	}
}

func isDelimiter(r rune) bool {
	switch r {
	case '(', ')', '[', ']', '{', '}', '"', ';':
		return true
	}
	return false
}

// atom reads a number, a keyword, a symbol, or one of nil, true and false.
func (d *Decoder) atom() (Value, error) {
	token, err := d.token()
	if err != nil {
		return nil, err
	}
	if isNumber(token) {
		return d.number(token)
	}
	if v, known := d.names[string(token)]; known {
		return v, nil
	}
	v, err := d.name(string(token))
	if err == nil && len(d.names) < maxNames && d.names != nil {
		d.names[string(token)] = v
	}
	return v, err
}

// isNumber reports whether a token starts as a number.
func isNumber(t []byte) bool {
	if len(t) > 1 && (t[0] == '+' || t[0] == '-') {
		t = t[1:]
	}
	return len(t) > 0 && '0' <= t[0] && t[0] <= '9'
}

// name makes a value of a token that is no number.
func (d *Decoder) name(t string) (Value, error) {
	switch t {
	case "nil":
		return nil, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
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
func (d *Decoder) number(token []byte) (Value, error) {
	if v, ok := short(token); ok {
		return v, nil
	}
	t := string(token)
	wrong := func() (Value, error) { return nil, d.fail("%s is not a number", shorten(t)) }
	if n := countDigits(t); n > maxDigits {
		return nil, d.fail("a number of %d digits, at most %d", n, maxDigits)
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

// countDigits counts the digits of a number, but for a fraction that is a mere zero: decimal may
// have put it there, and what is written must be read again.
func countDigits(number string) (n int) {
	whole, rest := leadingDigits(strings.TrimLeft(number, "+-"))
	if fraction, after := leadingDigits(strings.TrimPrefix(rest, ".")); fraction == "0" {
		rest = after
	}
	for _, c := range rest {
		if '0' <= c && c <= '9' {
			n++
		}
	}
	return len(whole) + n
}

// short reads an integer of so few digits that it fits for certain.
func short(t []byte) (v int64, ok bool) {
	if len(t) > 18 || len(t) > 1 && t[0] == '0' {
		return 0, false
	}
	for _, c := range t {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	return v, true
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
	token, err := d.token()
	if err != nil {
		return nil, false, err
	}
	tag := string(token)
	if !isName(tag) || !unicode.IsLetter([]rune(tag)[0]) {
		return nil, false, d.fail("%s is not a tag", shorten("#"+tag))
	}
	v, err = d.need(depth+1, "#"+tag)
	return Tagged{tag, v}, false, err
}

// symbolic reads ##Inf, ##-Inf and ##NaN; both # are taken.
func (d *Decoder) symbolic() (Value, error) {
	token, err := d.token()
	if err != nil {
		return nil, err
	}
	switch string(token) {
	case "Inf":
		return math.Inf(1), nil
	case "-Inf":
		return math.Inf(-1), nil
	case "NaN":
		return math.NaN(), nil
	}
	return nil, d.fail("%s is not a value", shorten("##"+string(token)))
}

// namespaced reads #:person{:name 1}, which means {:person/name 1}; the # is taken.
func (d *Decoder) namespaced(depth int) (Value, error) {
	token, err := d.token()
	if err != nil {
		return nil, err
	}
	t := string(token)
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
