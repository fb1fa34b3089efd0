package jepsen

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"gauntlet/exchange/edn"
	"gauntlet/history"
	"gauntlet/workload"
)

// said is an operation in Jepsen's words.
type said struct {
	f               string
	asked, answered edn.Value
	named           bool      // the value names the keys itself
	compared        bool      // a cas that did not swap
	found           edn.Value // by such a cas
}

// shape is how operations of a model are put.
type shape struct {
	name string
	of   func(history.Operation) (said, error)
}

// shapes are tried in turn; the last suits all.
var shapes = []shape{
	{workload.ModelRegister, registerSaid},
	{workload.ModelCounter, counterSaid},
	{workload.ModelAppend, appendSaid},
	{workload.ModelTxn, txnSaid},
	{"as it stands", plainSaid},
}

// shapeOf returns the first shape that suits every operation.
func shapeOf(ops []history.Operation) (shape, error) {
	var err error
	for _, s := range shapes {
		err = nil
		for _, op := range ops {
			if _, err = s.of(op); err != nil {
				err = fmt.Errorf("operation %d: %w", op.ID, err)
				break
			}
		}
		if err == nil {
			return s, nil
		}
	}
	return shape{}, err
}

func registerSaid(op history.Operation) (said, error) {
	in, err := workload.DecodeRegisterInput(op.Kind, op.Input)
	s := said{f: op.Kind}
	switch op.Kind {
	case workload.KindWrite:
		s.asked = optional(in.Value)
	case workload.KindCAS:
		s.asked = edn.Vector{optional(in.Expected), optional(in.Value)}
	}
	if err != nil || op.Outcome != history.OutcomeOK {
		return s, err
	}
	out, err := workload.DecodeRegisterOutput(op.Kind, op.Output)
	s.answered = s.asked
	switch {
	case err != nil:
	case op.Kind == workload.KindRead:
		s.answered = optional(out.Value)
	case op.Kind == workload.KindCAS && !*out.Swapped:
		s.compared, s.found = true, optional(out.Current)
		if out.Silent {
			s.found = foundOther
		}
	}
	return s, err
}

func optional(number *int64) edn.Value {
	if number == nil {
		return nil
	}
	return *number
}

func counterSaid(op history.Operation) (said, error) {
	in, err := workload.DecodeCounterInput(op.Kind, op.Input)
	s := said{f: op.Kind}
	if op.Kind == workload.KindAdd {
		s.asked = in.Delta
	}
	if err != nil || op.Outcome != history.OutcomeOK {
		return s, err
	}
	out, err := workload.DecodeCounterOutput(op.Kind, op.Output)
	if s.answered = s.asked; op.Kind == workload.KindRead {
		s.answered = out.Value
	}
	return s, err
}

func appendSaid(op history.Operation) (said, error) {
	in, err := workload.DecodeAppendInput(op.Kind, op.Input)
	s := said{f: workload.KindTxn, named: true}
	if op.Kind == workload.KindAppend {
		s.asked = edn.Vector{step("append", op.Key, in.Value)}
	} else {
		s.asked = edn.Vector{step("r", op.Key, nil)}
	}
	if err != nil || op.Outcome != history.OutcomeOK {
		return s, err
	}
	out, err := workload.DecodeAppendOutput(op.Kind, op.Output)
	if s.answered = s.asked; op.Kind == workload.KindRead {
		s.answered = edn.Vector{step("r", op.Key, integers(out.Values))}
	}
	return s, err
}

// step is a micro-operation of a transaction.
func step(what, key string, value edn.Value) edn.Vector {
	return edn.Vector{edn.Keyword(what), key, value}
}

func integers(values []int64) edn.Vector {
	v := make(edn.Vector, len(values))
	for i, n := range values {
		v[i] = n
	}
	return v
}

func txnSaid(op history.Operation) (said, error) {
	in, err := workload.DecodeTxnInput(op.Kind, op.Input)
	if err != nil {
		return said{}, err
	}
	asked := edn.Vector{}
	for _, s := range in.Steps {
		switch s.Kind {
		case workload.KindAppend:
			asked = append(asked, step("append", s.Key, s.Value))
		case workload.KindWrite:
			asked = append(asked, step("w", s.Key, s.Value))
		default:
			asked = append(asked, step("r", s.Key, nil))
		}
	}
	s := said{f: workload.KindTxn, asked: asked, named: true}
	if op.Outcome != history.OutcomeOK {
		return s, nil
	}
	out, err := workload.DecodeTxnOutput(op.Kind, op.Output)
	if err == nil && len(out.Reads) != len(asked) {
		err = fmt.Errorf("%d answers to %d steps", len(out.Reads), len(asked))
	}
	if err != nil {
		return said{}, err
	}
	answered := edn.Vector{}
	for i, read := range out.Reads {
		if in.Steps[i].Kind == workload.KindRead {
			answered = append(answered, step("r", in.Steps[i].Key, integers(read)))
		} else {
			answered = append(answered, asked[i])
		}
	}
	s.answered = answered
	return s, nil
}

// plainSaid puts an operation as it stands, but for transactions, whose steps begin with keywords.
func plainSaid(op history.Operation) (said, error) {
	s := said{f: op.Kind}
	var err error
	if s.asked, err = fromJSON(op.Input); err != nil {
		return s, fmt.Errorf("input: %w", err)
	}
	if s.answered, err = fromJSON(op.Output); err != nil {
		return s, fmt.Errorf("output: %w", err)
	}
	if op.Kind == workload.KindTxn {
		s.named = op.Key == ""
		for _, v := range []edn.Value{s.asked, s.answered} {
			steps, _ := v.(edn.Vector)
			for _, step := range steps {
				if step, ok := step.(edn.Vector); ok && len(step) > 0 {
					if name, ok := step[0].(string); ok {
						step[0] = keyword(name)
					}
				}
			}
		}
	}
	return s, nil
}

// keyword is a keyword of that name; where none can be called so, a string.
func keyword(name string) edn.Value {
	plain := name != "" && (name[0] < '0' || name[0] > '9') && !strings.ContainsFunc(name,
		func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') &&
				!strings.ContainsRune("-_.*+!?<>=", r)
		})
	if plain {
		return edn.Keyword(name)
	}
	return name
}

// fromJSON is the value that JSON holds; nothing is nil.
func fromJSON(raw json.RawMessage) (edn.Value, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	j := newJSON(strings.NewReader(string(raw)))
	token, err := j.token()
	if err != nil {
		return nil, unplaced(err)
	}
	v, err := j.value(token, 1)
	if err != nil {
		return nil, unplaced(err)
	}
	if _, err := j.token(); err != io.EOF {
		return nil, fmt.Errorf("more than one value")
	}
	return v, nil
}

// unplaced is an error without its line, where there is only one.
func unplaced(err error) error {
	var format *history.FormatError
	if errors.As(err, &format) {
		return errors.New(format.Problem)
	}
	return err
}
