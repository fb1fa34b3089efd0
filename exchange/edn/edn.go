// Package edn reads and writes the extensible data notation, in which Clojure programs keep data:
// https://github.com/edn-format/edn, and of Clojure's own reader what printed histories need.
//
//	Decoder   values one after another, bounded in depth and size, errors with their line
//	Append    a value as EDN, in one canonical form
//	AppendJSON  a value as JSON, for those who know no keywords, sets or tags
package edn

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"encoding/json"
)

// Value is one of: nil, bool, int64, float64, Number, string, Char, Keyword, Symbol, Vector, List,
// Set, Map, Tagged.
type Value any

type (
	// Number is a number that neither int64 nor float64 keeps exactly, in decimal digits: an
	// integer beyond int64, a decimal fraction written with M, or a ratio "1/3".
	Number string
	// Char is a character, written \a.
	Char rune
	// Keyword is without its colon: "ok", "foo/bar".
	Keyword string
	// Symbol stands for something that this package does not know.
	Symbol string
	// Vector is written [1 2].
	Vector []Value
	// List is written (1 2).
	List []Value
	// Set is written #{1 2}; in the order of the text, without duplicates.
	Set []Value
	// Map is written {1 2}; in the order of the text, its keys without duplicates.
	Map []Entry
	// Entry is a key of a map with its value.
	Entry struct{ Key, Value Value }
	// Tagged is a value that the text gives a type: #inst "2026-01-01".
	Tagged struct {
		Tag   string // without the #
		Value Value
	}
)

// Get returns what a map has under a keyword, and whether it does.
func (m Map) Get(key Keyword) (Value, bool) {
	for _, e := range m {
		if e.Key == Value(key) {
			return e.Value, true
		}
	}
	return nil, false
}

// Elements returns the elements of a vector, a list or a set.
func Elements(v Value) ([]Value, bool) {
	switch v := v.(type) {
	case Vector:
		return v, true
	case List:
		return v, true
	case Set:
		return v, true
	}
	return nil, false
}

// Text returns what Append writes.
func Text(v Value) string { return string(Append(nil, v)) }

// Append writes a value as EDN in one line. Sets and maps are sorted by their text, so that equal
// values have equal texts.
func Append(to []byte, v Value) []byte {
	switch v := v.(type) {
	case nil:
		return append(to, "nil"...)
	case bool:
		return strconv.AppendBool(to, v)
	case int64:
		return strconv.AppendInt(to, v, 10)
	case float64:
		return appendFloat(to, v)
	case Number:
		to = append(to, v...)
		if strings.ContainsAny(string(v), ".eE") {
			return append(to, 'M')
		}
		if !strings.Contains(string(v), "/") {
			return append(to, 'N')
		}
		return to
	case string:
		return appendString(to, v)
	case Char:
		return appendChar(to, v)
	case Keyword:
		return append(append(to, ':'), v...)
	case Symbol:
		return append(to, v...)
	case Vector:
		return appendTexts(to, "[", texts(v), "]")
	case List:
		return appendTexts(to, "(", texts(v), ")")
	case Set:
		sorted := texts(v)
		slices.Sort(sorted)
		return appendTexts(to, "#{", sorted, "}")
	case Map:
		entries := make([]string, len(v))
		for i, e := range v {
			entries[i] = string(Append(append(Append(nil, e.Key), ' '), e.Value))
		}
		slices.Sort(entries)
		return appendTexts(to, "{", entries, "}")
	case Tagged:
		return Append(append(append(append(to, '#'), v.Tag...), ' '), v.Value)
	}
	return append(to, fmt.Sprintf("#unknown %q", fmt.Sprint(v))...)
}

func texts(values []Value) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = Text(v)
	}
	return list
}

func appendTexts(to []byte, begin string, texts []string, end string) []byte {
	to = append(to, begin...)
	for i, text := range texts {
		if i > 0 {
			to = append(to, ' ')
		}
		to = append(to, text...)
	}
	return append(to, end...)
}

// appendFloat keeps a float apart from an integer.
func appendFloat(to []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(to, "##NaN"...)
	case math.IsInf(f, 1):
		return append(to, "##Inf"...)
	case math.IsInf(f, -1):
		return append(to, "##-Inf"...)
	}
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return append(to, text...)
}

// appendString escapes what the notation must have escaped, and keeps the text on one line.
func appendString(to []byte, s string) []byte {
	to = append(to, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			to = append(to, '\\', byte(r))
		case r == '\n':
			to = append(to, `\n`...)
		case r == '\r':
			to = append(to, `\r`...)
		case r == '\t':
			to = append(to, `\t`...)
		case r < ' ' || r == 0x7f:
			to = fmt.Appendf(to, `\u%04x`, r)
		default:
			to = append(to, string(r)...)
		}
	}
	return append(to, '"')
}

// named are the characters that have names.
var named = map[string]rune{
	"newline": '\n', "return": '\r', "space": ' ', "tab": '\t', "formfeed": '\f', "backspace": '\b',
}

func appendChar(to []byte, c Char) []byte {
	to = append(to, '\\')
	for name, r := range named {
		if r == rune(c) {
			return append(to, name...)
		}
	}
	if c < ' ' || c == 0x7f {
		return fmt.Appendf(to, "u%04x", rune(c))
	}
	return append(to, string(rune(c))...)
}

// AppendJSON writes a value as JSON: keywords and symbols as strings without colon, characters and
// ratios as strings, tagged values without their tag, vectors, lists and sets as arrays in their
// order, a map as an array of [key, value] sorted by their JSON.
func AppendJSON(to []byte, v Value) []byte {
	switch v := v.(type) {
	case nil:
		return append(to, "null"...)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return appendQuoted(to, Text(v)[2:])
		}
	case Number:
		if strings.Contains(string(v), "/") {
			return appendQuoted(to, string(v))
		}
		return append(to, v...)
	case string:
		return appendQuoted(to, v)
	case Char:
		return appendQuoted(to, string(rune(v)))
	case Keyword:
		return appendQuoted(to, string(v))
	case Symbol:
		return appendQuoted(to, string(v))
	case Map:
		entries := make([]string, len(v))
		for i, e := range v {
			entry := append(AppendJSON([]byte{'['}, e.Key), ',')
			entries[i] = string(append(AppendJSON(entry, e.Value), ']'))
		}
		slices.Sort(entries)
		return append(append(append(to, '['), strings.Join(entries, ",")...), ']')
	case Tagged:
		return AppendJSON(to, v.Value)
	}
	elements, ok := Elements(v)
	if !ok {
		return Append(to, v) // bool, int64, float64: the same in both
	}
	to = append(to, '[')
	for i, e := range elements {
		if i > 0 {
			to = append(to, ',')
		}
		to = AppendJSON(to, e)
	}
	return append(to, ']')
}

func appendQuoted(to []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string has no way to fail
	return append(to, quoted...)
}
