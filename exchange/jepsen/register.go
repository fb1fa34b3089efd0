package jepsen

import (
	"fmt"
	"slices"
	"strings"

	"gauntlet/exchange/edn"
	"gauntlet/history"
	"gauntlet/workload"
)

// foundKey is an addition of ours to a :fail of a cas: the value that the register held instead of
// the expected one, or :other if the answer did not say.
const (
	foundKey   edn.Keyword = "gauntlet/found"
	foundOther edn.Keyword = "gauntlet/other"
)

// numbers are integers that stand for the values of a register that are none.
type numbers struct {
	known map[string]int64 // by text
	order []string         // texts, as they were numbered
	// written says that nil is a value like any other, as something was there before it. What a read
	// says by nil is still nothing at all, as it is to Knossos.
	written bool
}

// numberValues looks at all values first, so that no number stands for two.
func numberValues(initial edn.Value, ops []operation) (*numbers, error) {
	n := &numbers{known: map[string]int64{}, written: initial != nil && writesNil(ops)}
	others := false
	look := func(v edn.Value) {
		if _, ok := v.(int64); !ok && (v != nil || n.written) {
			others = true
		}
	}
	if err := registerValues(ops, look); err != nil || !others {
		return n, err
	}
	used := map[int64]bool{}
	keep := func(v edn.Value) {
		if i, ok := v.(int64); ok {
			used[i] = true
		}
	}
	keep(initial)
	if err := registerValues(ops, keep); err != nil {
		return nil, err
	}
	var next int64 // 0 is left out: many a register begins with it
	return n, registerValues(ops, func(v edn.Value) {
		if _, ok := v.(int64); ok || v == nil && !n.written {
			return
		}
		text := edn.Text(v)
		if _, ok := n.known[text]; ok {
			return
		}
		for next++; used[next]; next++ {
		}
		n.known[text] = next
		n.order = append(n.order, text)
	})
}

// writesNil reports whether some operation may leave nil behind.
func writesNil(ops []operation) bool {
	return slices.ContainsFunc(ops, func(op operation) bool {
		if op.f == workload.KindCAS {
			_, value, err := casOf(op.line, op.asked)
			return err == nil && value == nil
		}
		return op.f == workload.KindWrite && op.asked == nil
	})
}

// knownTags are of values that are as good as any other.
var knownTags = []string{"inst", "uuid"}

// untagged holds that no value has a tag that may mean anything, a key beside the value say.
func untagged(ops []operation) error {
	for i := range ops {
		op := &ops[i]
		for _, at := range []struct {
			line  int
			value edn.Value
		}{{op.line, op.asked}, {op.answer, op.answered}} {
			t, tagged := at.value.(edn.Tagged)
			if tagged && !slices.Contains(knownTags, t.Tag) {
				return broken(at.line, "value %s: nobody knows what the tag #%s means",
					excerpt(at.value), shorten(t.Tag, 60))
			}
		}
	}
	return nil
}

// registerValues visits every value that a register is said to hold.
func registerValues(ops []operation, visit func(edn.Value)) error {
	for i := range ops {
		op := &ops[i]
		switch op.f {
		case workload.KindRead:
			if op.outcome == history.OutcomeOK {
				visit(op.answered)
			}
		case workload.KindWrite:
			visit(op.asked)
		case workload.KindCAS:
			expected, value, err := casOf(op.line, op.asked)
			if err != nil {
				return err
			}
			visit(expected)
			visit(value)
			if op.finds && op.found != edn.Value(foundOther) {
				visit(op.found)
			}
		}
	}
	return nil
}

// casOf splits [expected value].
func casOf(line int, v edn.Value) (expected, value edn.Value, err error) {
	pair, ok := edn.Elements(v)
	if _, set := v.(edn.Set); !ok || set || len(pair) != 2 {
		return nil, nil, broken(line, "cas %s, want [expected new]", excerpt(v))
	}
	return pair[0], pair[1], nil
}

// of returns the integer of a value, nil for none.
func (n *numbers) of(v edn.Value) *int64 {
	if v == nil && !n.written {
		return nil
	}
	i, ok := v.(int64)
	if !ok {
		i = n.known[edn.Text(v)]
	}
	return &i
}

// encode fills in a register's input and output.
func (n *numbers) encode(op *operation, out *history.Operation) error {
	var in workload.RegisterInput
	switch op.f {
	case workload.KindWrite:
		in.Value = n.of(op.asked)
	case workload.KindCAS:
		expected, value, err := casOf(op.line, op.asked)
		if err != nil {
			return err
		}
		in.Expected, in.Value = n.of(expected), n.of(value)
	}
	if in.Value == nil && op.f != workload.KindRead {
		return broken(op.line, "%s of nil: a register is absent only before its first write, unless "+
			"it begins with a number", op.f)
	}
	out.Input = in.Encode(op.f)
	swapped := out.Outcome == history.OutcomeOK
	if op.f == workload.KindCAS && out.Outcome == history.OutcomeFail && (op.compare || op.finds) {
		out.Outcome, out.Error = history.OutcomeOK, ""
	}
	if out.Outcome != history.OutcomeOK {
		return nil
	}
	if err := sameAnswer(op); err != nil {
		return err
	}
	answer := workload.RegisterOutput{Swapped: &swapped}
	switch {
	case op.f == workload.KindRead && op.answered == nil:
	case op.f == workload.KindRead:
		answer.Value = n.of(op.answered)
	case op.finds && op.found != edn.Value(foundOther):
		answer.Current = n.of(op.found)
	default:
		answer.Silent = true
	}
	out.Output = answer.Encode(op.f)
	return nil
}

// sameAnswer checks that what was acknowledged is what was asked for. An answer may leave it out.
func sameAnswer(op *operation) error {
	if op.f == workload.KindRead || op.answered == nil {
		return nil
	}
	if asked, answered := edn.Text(op.asked), edn.Text(op.answered); asked != answered {
		return broken(op.answer, "ok of %s %s, but line %d asks for %s", op.f,
			shorten(answered, 60), op.line, shorten(asked, 60))
	}
	return nil
}

// describe says what the first numbers stand for.
func (n *numbers) describe(warn func(string, ...any)) {
	if len(n.order) == 0 {
		return
	}
	const most = 5
	var list []string
	for _, text := range n.order[:min(most, len(n.order))] {
		list = append(list, fmt.Sprintf("%d for %s", n.known[text], shorten(text, 20)))
	}
	if len(n.order) > most {
		list = append(list, "...")
	}
	warn("values that are no integers: %d, replaced by integers that the history does not hold: %s",
		len(n.order), strings.Join(list, ", "))
}
