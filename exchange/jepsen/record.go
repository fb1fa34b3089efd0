package jepsen

import (
	"math"
	"strings"

	"gauntlet/exchange/edn"
)

// record is one line of a history: an invocation, or what came of it.
type record struct {
	line int
	kind string // invoke, ok, fail, info
	f    string // "" if it does not say

	skipped   bool // of a process that is not numbered
	process   int
	processed bool // it says of which process
	node      string

	value   edn.Value
	key     edn.Value
	keyed   bool
	time    int64
	timed   bool
	index   int64
	indexed bool
	error   string
	found   edn.Value // see foundKey
	finds   bool
	compare bool // a fail that says: the register held another value than the cas expected
}

// The types of records.
const (
	typeInvoke = "invoke"
	typeOK     = "ok"
	typeFail   = "fail"
	typeInfo   = "info"
)

// maxStamp leaves room to set equal times apart.
const maxStamp = math.MaxInt64 / 2

// parse makes a record of a map with keywords or strings as keys. Keys that mean nothing here are
// ignored.
func parse(line int, v edn.Value) (record, error) {
	r := record{line: line}
	if t, ok := v.(edn.Tagged); ok {
		v = t.Value // #jepsen.history.Op{...}
	}
	m, ok := v.(edn.Map)
	if !ok {
		return r, broken(line, "%s is no operation: want a map", excerpt(v))
	}
	if process, ok := m.Get("process"); ok && foreign(process) {
		r.skipped = true
		return r, nil
	}
	for _, e := range m {
		if err := r.set(e); err != nil {
			return r, err
		}
	}
	switch r.kind {
	case typeInvoke, typeOK, typeFail, typeInfo:
		return r, nil
	case "":
		return r, broken(line, "no :type: want :invoke, :ok, :fail or :info")
	}
	return r, broken(line, "type %q, want invoke, ok, fail or info", r.kind)
}

// foreign reports whether a process is not one of the clients', which are numbered.
func foreign(process edn.Value) bool {
	_, ok := word(process)
	return ok
}

// set takes in one key of the map.
func (r *record) set(e edn.Entry) error {
	name, _ := e.Key.(edn.Keyword)
	var ok bool
	switch name {
	case "type":
		if r.kind, ok = word(e.Value); !ok {
			return broken(r.line, "type %s, want :invoke, :ok, :fail or :info", excerpt(e.Value))
		}
	case "f":
		if r.f, ok = word(e.Value); !ok && e.Value != nil {
			return broken(r.line, "f %s, want a keyword", excerpt(e.Value))
		}
	case "value":
		r.value = e.Value
	case "key":
		r.key, r.keyed = e.Value, true
	case "node":
		r.node, _ = word(e.Value)
	case "error":
		r.error = errorText(e.Value)
	case foundKey:
		r.found, r.finds = e.Value, true
	case "process":
		if e.Value == nil {
			return nil
		}
		n, ok := e.Value.(int64)
		if !ok || n < 0 || n > math.MaxInt32 {
			return broken(r.line, "process %s, want a number of 0 to %d, or a keyword",
				excerpt(e.Value), math.MaxInt32)
		}
		r.process, r.processed = int(n), true
	case "time":
		return r.number(e, &r.time, &r.timed)
	case "index":
		return r.number(e, &r.index, &r.indexed)
	}
	return nil
}

// number takes in an integer that may be missing.
func (r *record) number(e edn.Entry, into *int64, given *bool) error {
	if e.Value == nil {
		return nil
	}
	n, ok := e.Value.(int64)
	if !ok || n > maxStamp || n < -maxStamp {
		return broken(r.line, "%s %s, want an integer of less than 63 bits",
			e.Key, excerpt(e.Value))
	}
	*into, *given = n, true
	return nil
}

// word returns the name that a keyword, a symbol or a string spells.
func word(v edn.Value) (string, bool) {
	switch v := v.(type) {
	case edn.Keyword:
		return string(v), true
	case edn.Symbol:
		return string(v), true
	case string:
		return v, true
	}
	return "", false
}

// errorText is what a client says went wrong, on one line.
func errorText(v edn.Value) string {
	text, ok := word(v)
	if !ok && v != nil {
		text = edn.Text(v)
	}
	return shorten(strings.Join(strings.Fields(text), " "), 200)
}

// excerpt is the text of a value, short enough for a message.
func excerpt(v edn.Value) string { return shorten(edn.Text(v), 60) }

func shorten(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}
