package checker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"gauntlet/history"
)

// multiModel is a group of registers, all read and written at one instant by a transaction, as
// Knossos and its users have it. Keys and values are any JSON. A read that was told nothing (null)
// says nothing.
//
//	txn [["read","x",null],["write","y",2]] -> [["read","x",0],["write","y",2]]
type multiModel struct {
	plain
	first multiState // what it begins with
	rest  string     // JSON of what registers begin with that are not in first
}

// multiState maps registers to what they hold, both as JSON, in one text: states are compared and
// hashed as they are.
type multiState string

// These bytes stand in no JSON.
const (
	multiEnd = "\x00" // after each register
	multiIs  = "\x01" // between a register and what it holds
)

// packMulti is unpack's inverse.
func packMulti(held map[string]string) multiState {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(held)) {
		b.WriteString(key + multiIs + held[key] + multiEnd)
	}
	return multiState(b.String())
}

func (s multiState) unpack() map[string]string {
	held := map[string]string{}
	for entry := range strings.SplitSeq(string(s), multiEnd) {
		if key, value, found := strings.Cut(entry, multiIs); found {
			held[key] = value
		}
	}
	return held
}

func (m multiModel) initial() any      { return m.first }
func (multiModel) equal(a, b any) bool { return a == b }

func (multiModel) hash(state any) uint64 {
	return maphash.String(kvSeed, string(state.(multiState)))
}

func (multiModel) describe(state any) string {
	return strings.NewReplacer(multiIs, " ", multiEnd, ", ").Replace(string(state.(multiState)))
}

// relevant drops pending transactions that were called when all others had returned.
func (multiModel) relevant(effects []effect) []effect { return withoutLate(effects) }

func (m multiModel) decode(op history.Operation, pending bool) (action, error) {
	switch op.Kind {
	case "txn", "read", "write":
	default:
		return nil, fmt.Errorf("kind %q: a multi-register knows txn, read and write", op.Kind)
	}
	steps, err := decodeSteps(op.Input)
	if err != nil {
		return nil, err
	}
	for i := range steps {
		if !steps[i].writes {
			steps[i].value = nothing
		}
	}
	if !pending && len(op.Output) > 0 && string(op.Output) != nothing {
		answers, err := decodeSteps(op.Output)
		if err != nil {
			return nil, err
		}
		if !slices.EqualFunc(steps, answers, step.asks) {
			return nil, fmt.Errorf("was answered with other steps than were asked for")
		}
		steps = answers
	}
	said := slices.DeleteFunc(steps, func(s step) bool { return !s.writes && s.value == nothing })
	if len(said) == 0 {
		return nil, nil
	}
	return newMultiAction(said, m.rest), nil
}

// nothing is the JSON of what a read has not been told.
const nothing = "null"

// step is a micro-operation: it reads or writes one register.
type step struct {
	writes bool
	key    string // JSON
	value  string // JSON; nothing: a read that says nothing, or a write that clears
}

// asks reports whether an answer belongs to a step.
func (s step) asks(answer step) bool {
	return s.writes == answer.writes && s.key == answer.key && (!s.writes || s.value == answer.value)
}

// decodeSteps reads [["read","x",null],["w","y",2]].
func decodeSteps(raw json.RawMessage) ([]step, error) {
	wrong := fmt.Errorf("no transaction of reads and writes: %.60s", raw)
	var list [][]json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, wrong
	}
	steps := make([]step, len(list))
	for i, parts := range list {
		if len(parts) != 3 {
			return nil, wrong
		}
		switch string(parts[0]) {
		case `"r"`, `"read"`:
		case `"w"`, `"write"`:
			steps[i].writes = true
		default:
			return nil, fmt.Errorf("step %.20s: a multi-register knows read and write", parts[0])
		}
		steps[i].key, steps[i].value = compactJSON(parts[1]), compactJSON(parts[2])
	}
	return steps, nil
}

// compactJSON is JSON without space: equal values of a history are spelt alike.
func compactJSON(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

// multiAction is the steps of a transaction that say something, in order.
type multiAction struct {
	steps []step
	text  string // of them all
	rest  string // see multiModel
}

func newMultiAction(steps []step, rest string) *multiAction {
	words := make([]string, len(steps))
	for i, s := range steps {
		if words[i] = "read " + s.key + " = " + s.value; s.writes {
			words[i] = "write " + s.key + " = " + s.value
		}
	}
	return &multiAction{steps: steps, text: strings.Join(words, ", "), rest: rest}
}

// apply implements action. A step sees what those before it wrote.
func (a *multiAction) apply(state any) (bool, any) {
	held := state.(multiState).unpack()
	for _, s := range a.steps {
		now, is := held[s.key]
		if !is {
			now = a.rest
		}
		if !s.writes && now != s.value {
			return false, state
		}
		if s.writes {
			held[s.key] = s.value
		}
	}
	return true, packMulti(held)
}

func (a *multiAction) name() string   { return a.text }
func (a *multiAction) String() string { return a.text }
func (a *multiAction) class() any     { return a.text }
