package jepsen

import (
	"fmt"
	"strings"

	"gauntlet/exchange/edn"
	"gauntlet/history"
	"gauntlet/workload"
)

// family is how inputs and outputs are written: as a register's, or as they stand.
type family struct {
	register bool
	initial  edn.Value // of a register, if the model's name says so
	knows    []string  // the :f of its clients
}

// familyOf reads a model's name: cas-register, cas-register(0), register(nil), set, ...
func familyOf(model string) family {
	name, state, _ := strings.Cut(model, "(")
	f := family{
		register: name == "register" || name == "cas-register", knows: knownTo(name),
	}
	if v, err := edn.Parse(strings.TrimSuffix(state, ")"), edn.DefaultLimits); err == nil {
		f.initial = v
	}
	return f
}

// asks checks what an invocation asks, as far as the family knows.
func (f family) asks(op operation) error {
	if !f.register {
		return nil
	}
	switch op.f {
	case workload.KindRead, workload.KindWrite, workload.KindCAS:
		return nil
	}
	return fmt.Errorf("f %q: a register knows read, write and cas", op.f)
}

// encoder returns what fills in the input and the output of an operation.
func (f family) encoder(
	ops []operation, warn func(string, ...any),
) (func(*operation, *history.Operation) error, error) {
	if !f.register {
		return asJSON, nil
	}
	if err := untagged(ops); err != nil {
		return nil, err
	}
	numbers, err := numberValues(f.initial, ops)
	if err != nil {
		return nil, err
	}
	numbers.describe(warn)
	return numbers.encode, nil
}

// asJSON writes the values as they stand.
func asJSON(op *operation, out *history.Operation) error {
	out.Input = edn.AppendJSON(nil, op.asked)
	if out.Outcome == history.OutcomeOK {
		out.Output = edn.AppendJSON(nil, op.answered)
	}
	return nil
}

// isTransaction reports whether a value is a sequence of micro-operations, [[:r 1 nil] ...].
func isTransaction(v edn.Value) bool {
	steps, ok := edn.Elements(v)
	for _, step := range steps {
		if _, is := edn.Elements(step); !is {
			return false
		}
	}
	return ok
}

// keyNames gives each key a name of its own: a string or a keyword by what it spells, any other
// value as EDN; where that is taken, as EDN with as many strokes as it needs.
type keyNames struct {
	names map[string]string // by the key's text
	taken map[string]bool
}

func (k *keyNames) name(op *operation) string {
	if !op.keyed {
		return ""
	}
	text := edn.Text(op.key)
	if name, known := k.names[text]; known {
		return name
	}
	name, ok := word(op.key)
	if !ok || k.taken[name] {
		name = text
	}
	for k.taken[name] {
		name += "'"
	}
	k.names[text], k.taken[name] = name, true
	return name
}
