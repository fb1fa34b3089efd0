package jepsen

import (
	"slices"
	"strings"

	"gauntlet/exchange/edn"
	"gauntlet/history"
)

// tupleTags are how a tuple of jepsen.independent is printed, where its type is not lost: a key
// before the value of an operation on it. Some print a slash before the last name.
var tupleTags = []string{"jepsen.independent.Tuple", "clojure.lang.MapEntry"}

// tuples takes keys out of the values: of tagged tuples, and of plain ones if everything is one.
//
// Printed as EDN, Jepsen's tuples are vectors like any other. They are recognised by this: every
// operation asks for [key value], a read for [key nil], and what is answered has the same key.
func (p *pairing) tuples(warn func(string, ...any)) error {
	for i := range p.ops {
		if err := p.ops[i].untag(); err != nil {
			return err
		}
	}
	if !p.allTuples() {
		return nil
	}
	for i := range p.ops {
		op := &p.ops[i]
		op.key, op.asked, _ = plainTuple(op.asked)
		op.keyed = true
		if op.outcome == history.OutcomeOK {
			_, op.answered, _ = plainTuple(op.answered)
		}
	}
	warn("every value is a pair [key value]: taken as operations on independent keys")
	return nil
}

// untag takes the key out of a tagged tuple.
func (op *operation) untag() error {
	key, value, ok := taggedTuple(op.asked)
	if !ok {
		return nil
	}
	op.key, op.asked, op.keyed = key, value, true
	key, value, ok = taggedTuple(op.answered)
	if !ok {
		if op.answered != nil {
			return broken(op.answer, "answers %s, but line %d asks for a tuple",
				excerpt(op.answered), op.line)
		}
		return nil
	}
	if edn.Text(key) != edn.Text(op.key) {
		return broken(op.answer, "answers for key %s, but line %d asks for key %s", excerpt(key),
			op.line, excerpt(op.key))
	}
	op.answered = value
	return nil
}

func taggedTuple(v edn.Value) (key, value edn.Value, ok bool) {
	t, ok := v.(edn.Tagged)
	if !ok || !slices.Contains(tupleTags, strings.ReplaceAll(t.Tag, "/", ".")) {
		return nil, nil, false
	}
	return plainTuple(t.Value)
}

// plainTuple splits [key value].
func plainTuple(v edn.Value) (key, value edn.Value, ok bool) {
	pair, ok := v.(edn.Vector)
	if !ok || len(pair) != 2 {
		return nil, nil, false
	}
	return pair[0], pair[1], true
}

// allTuples reports whether every value can only be a plain tuple.
func (p *pairing) allTuples() bool {
	empty := false // some operation asks for [key nil]
	for i := range p.ops {
		op := &p.ops[i]
		key, value, ok := plainTuple(op.asked)
		if !ok || op.keyed || !scalar(key) {
			return false
		}
		empty = empty || value == nil
		if op.outcome == history.OutcomeOK {
			other, _, ok := plainTuple(op.answered)
			if !ok || edn.Text(other) != edn.Text(key) {
				return false
			}
		}
	}
	return empty
}

// scalar reports whether a value holds no others, and is one.
func scalar(v edn.Value) bool {
	switch v.(type) {
	case nil, edn.Vector, edn.List, edn.Set, edn.Map, edn.Tagged:
		return false
	}
	return true
}
