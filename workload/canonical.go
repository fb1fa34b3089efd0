package workload

import (
	"encoding/json"
	"strconv"
)

// canonical reads JSON in the one form that the Encode methods write: fixed order of keys, no
// space, plain numbers and keys. Decoding runs several times for every operation, and this form is
// all it meets in practice. Whatever differs in any way is left to encoding/json, so that the two
// never disagree: after a mismatch every method returns false.
type canonical struct {
	rest  []byte
	wrong bool
}

// text reads exactly this.
func (c *canonical) text(want string) bool {
	if c.wrong || len(c.rest) < len(want) || string(c.rest[:len(want)]) != want {
		c.wrong = true
		return false
	}
	c.rest = c.rest[len(want):]
	return true
}

// next reports whether this comes next, and reads it if so. It is no mismatch if not.
func (c *canonical) next(want string) bool {
	if c.wrong || len(c.rest) < len(want) || string(c.rest[:len(want)]) != want {
		return false
	}
	c.rest = c.rest[len(want):]
	return true
}

// mostDigits is how many decimal digits fit into an int64 for certain.
const mostDigits = 18

// number reads an integer of at most mostDigits digits, without leading zeros.
func (c *canonical) number() int64 {
	negative := c.next("-")
	var v int64
	digits := 0
	for digits < len(c.rest) && '0' <= c.rest[digits] && c.rest[digits] <= '9' {
		v = v*10 + int64(c.rest[digits]-'0')
		if digits++; digits > mostDigits {
			break
		}
	}
	if digits == 0 || digits > mostDigits || digits > 1 && c.rest[0] == '0' {
		c.wrong = true
		return 0
	}
	c.rest = c.rest[digits:]
	if negative {
		return -v
	}
	return v
}

// quoted reads a string of printable ASCII that JSON writes as it is.
func (c *canonical) quoted() string {
	if !c.text(`"`) {
		return ""
	}
	for i, b := range c.rest {
		if b == '"' {
			s := string(c.rest[:i])
			c.rest = c.rest[i+1:]
			return s
		}
		if !plain(b) {
			break
		}
	}
	c.wrong = true
	return ""
}

// list reads [1,2,3]; an empty list is not nil.
func (c *canonical) list() []int64 {
	if !c.text("[") || c.next("]") {
		return []int64{}
	}
	count := 1
	for _, b := range c.rest {
		if b == ']' {
			break
		}
		if b == ',' {
			count++
		}
	}
	values := make([]int64, 0, count)
	for !c.wrong {
		values = append(values, c.number())
		if c.next("]") {
			break
		}
		c.text(",")
	}
	return values
}

// done reports whether all was read, and all as it should be.
func (c *canonical) done() bool { return !c.wrong && len(c.rest) == 0 }

// plain reports whether JSON, as encoding/json writes it, has this byte of a string as it is.
func plain(b byte) bool {
	return 0x20 <= b && b < 0x7f && b != '"' && b != '\\' && b != '<' && b != '>' && b != '&'
}

// appendQuoted writes a string as JSON.
func appendQuoted(to []byte, s string) []byte {
	for i := range len(s) {
		if !plain(s[i]) {
			quoted, _ := json.Marshal(s) // a string has no way to fail
			return append(to, quoted...)
		}
	}
	return append(append(append(to, '"'), s...), '"')
}

// appendList writes [1,2,3]; a nil list is empty.
func appendList(to []byte, values []int64) []byte {
	to = append(to, '[')
	for i, v := range values {
		if i > 0 {
			to = append(to, ',')
		}
		to = strconv.AppendInt(to, v, 10)
	}
	return append(to, ']')
}
