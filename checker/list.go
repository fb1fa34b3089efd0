package checker

import (
	"fmt"
	"slices"
	"strings"

	"gauntlet/history"
	"gauntlet/workload"
)

// listAction is what an operation did to a group of lists, step by step at one instant. A plain
// list is a group of one, whose key has no name.
type listAction struct {
	steps []listStep
	moves []listMove // set by prepare: the steps as the search takes them
}

// listStep is one step, and what a read was told.
type listStep struct {
	workload.TxnStep
	list []int64
	told bool // of a read: it was answered, and can be judged
}

// listMove is a step in the terms of the search.
type listMove struct {
	key    int  // number of the list within the group
	needs  tail // how the list must end before, unless it is free
	free   bool
	writes bool
	after  tail // how it ends then
	absurd bool // no list reads so, whatever the order
}

// tail is how a list ends. The zero value is the empty list.
//
// Every value is written once. So whatever stood before a value when it was written stands before
// it for every reader, until the list is written over: whoever read a value has told the whole list
// up to it, and the search need not carry lists around. A value that nobody read has no name: no
// read can match a list that has it.
type tail struct {
	present bool
	read    bool
	value   int64
}

func (t tail) String() string {
	switch {
	case !t.present:
		return "empty"
	case !t.read:
		return "unread"
	}
	return fmt.Sprintf("…%d", t.value)
}

// element is a value in a list.
type element struct {
	key   string
	value int64
}

// listModel is a group of lists, all empty at first.
type listModel struct{}

// A state is a []tail, by the number of the list; what it does not reach to is empty.
func (listModel) initial() any { return []tail(nil) }

func (listModel) equal(a, b any) bool {
	short, long := a.([]tail), b.([]tail)
	if len(short) > len(long) {
		short, long = long, short
	}
	for _, t := range long[len(short):] {
		if t.present {
			return false
		}
	}
	return slices.Equal(short, long[:len(short)])
}

func (listModel) hash(state any) uint64 {
	var h uint64
	for i, t := range state.([]tail) {
		if t.present {
			h += (uint64(t.value)*2 + uint64(i)*0x9e3779b97f4a7c15 + 1) * 0xbf58476d1ce4e5b9
		}
	}
	return h
}

func (listModel) describe(state any) string {
	var words []string
	for _, t := range state.([]tail) {
		words = append(words, t.String())
	}
	return strings.Join(words, ", ")
}

// decode takes a plain list for a group of one.
func (listModel) decode(op history.Operation, pending bool) (action, error) {
	var a *listAction
	var err error
	if op.Kind == workload.KindTxn {
		a, err = decodeTxn(op, pending)
	} else {
		a, err = decodeList(op, pending)
	}
	if err != nil || pending && !a.writes() {
		return nil, err
	}
	return a, nil
}

func decodeTxn(op history.Operation, pending bool) (*listAction, error) {
	in, err := workload.DecodeTxnInput(op.Kind, op.Input)
	if err != nil {
		return nil, err
	}
	a := &listAction{steps: make([]listStep, len(in.Steps))}
	for i, step := range in.Steps {
		a.steps[i].TxnStep = step
	}
	if pending {
		return a, nil
	}
	out, err := workload.DecodeTxnOutput(op.Kind, op.Output)
	if err != nil {
		return nil, err
	}
	if len(out.Reads) != len(in.Steps) {
		return nil, fmt.Errorf("%d answers to %d steps", len(out.Reads), len(in.Steps))
	}
	for i, read := range out.Reads {
		s := &a.steps[i]
		if s.told = s.Kind == workload.KindRead; s.told != (read != nil) {
			return nil, fmt.Errorf("step %d: a list is the answer to a read, and to nothing else", i)
		}
		s.list = read
	}
	return a, nil
}

func decodeList(op history.Operation, pending bool) (*listAction, error) {
	in, err := workload.DecodeAppendInput(op.Kind, op.Input)
	if err != nil {
		return nil, err
	}
	step := listStep{TxnStep: workload.TxnStep{Kind: op.Kind, Value: in.Value}}
	if !pending {
		out, err := workload.DecodeAppendOutput(op.Kind, op.Output)
		if err != nil {
			return nil, err
		}
		step.list, step.told = out.Values, op.Kind == workload.KindRead
	}
	return &listAction{steps: []listStep{step}}, nil
}

// writes reports whether any step changes a list.
func (a *listAction) writes() bool {
	return slices.ContainsFunc(a.steps, listStep.writes)
}

func (s listStep) writes() bool { return s.Kind != workload.KindRead }

func (s listStep) element() element { return element{s.Key, s.Value} }

// judgeable wants every value to be written once: the search rests on it.
func (listModel) engines() []engine { return nil }

func (listModel) judgeable(effects []effect) error {
	writer := make(map[element]int64)
	for _, e := range listEffects(effects) {
		for _, s := range e.steps {
			if !s.writes() {
				continue
			}
			if first, twice := writer[s.element()]; twice {
				return fmt.Errorf("operations %d and %d both write %d%s: lists are judged by values "+
					"that are written once", first, e.op.ID, s.Value, in(s.Key))
			}
			writer[s.element()] = e.op.ID
		}
	}
	return nil
}

// apply implements action.
func (a *listAction) apply(state any) (bool, any) {
	tails, owned := state.([]tail), false
	for _, m := range a.moves {
		var now tail
		if m.key < len(tails) {
			now = tails[m.key]
		}
		if m.absurd || !m.free && now != m.needs {
			return false, state
		}
		if !m.writes {
			continue
		}
		if !owned {
			next := make([]tail, max(len(tails), m.key+1))
			copy(next, tails)
			tails, owned = next, true
		}
		for len(tails) <= m.key {
			tails = append(tails, tail{})
		}
		tails[m.key] = m.after
	}
	return true, tails
}

// relevant drops each pending operation of which nobody read a value. If a read came after it, the
// list had been written over, and that hides whether it happened.
func (listModel) relevant(effects []effect) []effect {
	read := make(map[element]bool)
	for _, e := range listEffects(effects) {
		for _, s := range e.steps {
			for _, v := range s.list {
				read[element{s.Key, v}] = true
			}
		}
	}
	unseen := make([]bool, len(effects))
	for i, e := range listEffects(effects) {
		unseen[i] = e.pending && !slices.ContainsFunc(e.steps, func(s listStep) bool {
			return s.writes() && read[s.element()]
		})
	}
	return remove(effects, unseen)
}

// prepare sets the moves of every action, from what all of them were told.
func (listModel) prepare(effects []effect) []effect {
	order, numbers := newListOrder(effects), make(map[string]int)
	moves := make([][]listMove, len(effects))
	all := listEffects(effects)
	for i, e := range all {
		moves[i] = make([]listMove, len(e.steps))
		for j, s := range e.steps {
			if _, known := numbers[s.Key]; !known {
				numbers[s.Key] = len(numbers)
			}
			moves[i][j] = listMove{key: numbers[s.Key], free: true}
			if s.told {
				_, flaw := order.take(s)
				moves[i][j].absurd = flaw != flawNone
			}
		}
	}
	ready := slices.Clone(effects)
	for i, e := range all {
		for j, s := range e.steps {
			order.move(s, &moves[i][j])
		}
		ready[i].action = &listAction{e.steps, moves[i]}
	}
	return ready
}

// without takes the values that the removed effects appended out of every list read, as if they had
// never been. Where they wrote a list over, nobody can say what it would have been: the reads of
// what they wrote are forgotten.
func (listModel) without(window []effect, gone []bool) []effect {
	appended, wrote := make(map[element]bool), make(map[element]bool)
	removed := slices.Clone(gone)
	for i, e := range listEffects(window) {
		if !gone[i] {
			continue
		}
		for _, s := range e.steps {
			appended[s.element()] = appended[s.element()] || s.Kind == workload.KindAppend
			wrote[s.element()] = wrote[s.element()] || s.Kind == workload.KindWrite
		}
	}
	rest := slices.Clone(window)
	for i, e := range listEffects(window) {
		if removed[i] {
			continue
		}
		a := &listAction{steps: slices.Clone(e.steps)}
		says := a.writes()
		for j := range a.steps {
			s := &a.steps[j]
			has := func(these map[element]bool) func(int64) bool {
				return func(v int64) bool { return these[element{s.Key, v}] }
			}
			if slices.ContainsFunc(s.list, has(wrote)) {
				s.list, s.told = nil, false
			} else if slices.ContainsFunc(s.list, has(appended)) {
				s.list = slices.DeleteFunc(slices.Clone(s.list), has(appended))
			}
			says = says || s.told
		}
		rest[i].action, removed[i] = a, !says
	}
	return remove(rest, removed)
}

// listEffect is an effect on a group of lists.
type listEffect struct {
	*effect
	*listAction
}

func listEffects(effects []effect) []listEffect {
	list := make([]listEffect, len(effects))
	for i := range effects {
		list[i] = listEffect{&effects[i], effects[i].action.(*listAction)}
	}
	return list
}

// class implements action: no two operations append the same values.
func (a *listAction) class() any { return a }
