package jepsen

import (
	"math"
	"strconv"
	"strings"

	"gauntlet/exchange/edn"
)

// record is one line of a history: an invocation, or what came of it.
type record struct {
	line int
	kind string // invoke, ok, fail, info
	f    string // "" if it does not say

	skipped   bool   // of a process that is not numbered
	stranger  string // its name, if it is not the nemesis
	process   int
	processed bool // it says of which process
	node      string

	value   edn.Value
	key     edn.Value
	keyed   bool
	time    int64
	timed   bool
	odd     bool // it has a time that is no whole number of nanoseconds
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
		return passed(r, m, process), nil
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

// foreign reports whether a process is not one of the clients', which are numbered, as a number or
// as a word that spells one.
func foreign(process edn.Value) bool {
	name, ok := word(process)
	_, err := strconv.ParseInt(name, 10, 64)
	return ok && err != nil
}

// nemesis is the process that Jepsen's faults are of.
const nemesis = "nemesis"

// passed is a record to be skipped: what it asks for tells a client from what is not.
func passed(r record, m edn.Map, process edn.Value) record {
	r.skipped = true
	for _, key := range []edn.Keyword{"type", "f"} {
		v, _ := m.Get(key)
		name, _ := word(v)
		if key == "f" {
			r.f = name
		} else {
			r.kind = name
		}
	}
	if name, _ := word(process); name != nemesis {
		r.stranger = name
	}
	return r
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
		if name, isWord := word(e.Value); isWord {
			var err error
			n, err = strconv.ParseInt(name, 10, 64)
			ok = err == nil
		}
		if !ok || n < 0 || n > math.MaxInt32 {
			return broken(r.line, "process %s, want a number of 0 to %d, or a keyword",
				excerpt(e.Value), math.MaxInt32)
		}
		r.process, r.processed = int(n), true
	case "time":
		r.time, r.timed = stamp(e.Value)
		r.odd = !r.timed && e.Value != nil
	case "index":
		r.index, r.indexed = stamp(e.Value)
		r.indexed = r.indexed && r.index >= 0 // Jepsen writes -1 where there is none
	}
	return nil
}

// stamp is a whole number of less than 63 bits. Nothing hangs on any other, as the order of the
// text says all that is needed.
func stamp(v edn.Value) (int64, bool) {
	n, ok := v.(int64)
	return n, ok && n <= maxStamp && n >= -maxStamp
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
