package workload

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// TxnInput is what a transaction asks: steps over the lists of one group, all at one instant, each
// seeing those before it. Every value is unique in the run.
//
//	{"steps":[["read","t3.0"],["append","t3.1",17],["write","t3.2",5]]}
type TxnInput struct {
	Steps []TxnStep
}

// TxnStep is one step: a read, an append of Value, or a write, which makes the list [Value].
type TxnStep struct {
	Kind  string
	Key   string
	Value int64 // append, write
}

// TxnOutput is what a transaction with outcome ok answers: for each step the list that it read,
// empty if the key is absent, and null where it read nothing.
//
//	{"steps":[[1,2],null,null]}
type TxnOutput struct {
	Reads [][]int64
}

// Encode returns the input as canonical JSON.
func (in TxnInput) Encode(string) json.RawMessage {
	b := []byte(`{"steps":[`)
	for i, step := range in.Steps {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendQuoted(append(b, '['), step.Kind), ',')
		b = appendQuoted(b, step.Key)
		if step.Kind != KindRead {
			b = strconv.AppendInt(append(b, ','), step.Value, 10)
		}
		b = append(b, ']')
	}
	return append(b, `]}`...)
}

// Encode returns the output as canonical JSON.
func (out TxnOutput) Encode(string) json.RawMessage {
	b := []byte(`{"steps":[`)
	for i, read := range out.Reads {
		if i > 0 {
			b = append(b, ',')
		}
		if read == nil {
			b = append(b, "null"...)
		} else {
			b = appendList(b, read)
		}
	}
	return append(b, `]}`...)
}

// DecodeTxnInput is Encode's inverse. A transaction has at least one step.
func DecodeTxnInput(kind string, raw json.RawMessage) (TxnInput, error) {
	if c := (canonical{rest: raw}); kind == KindTxn && c.text(`{"steps":[`) {
		steps := make([]TxnStep, 0, 4)
		for !c.wrong {
			steps = append(steps, c.step())
			if c.next("]}") {
				break
			}
			c.text(",")
		}
		if c.done() {
			return TxnInput{steps}, nil
		}
	}
	return slowTxnInput(kind, raw)
}

// step reads one step of a transaction.
func (c *canonical) step() TxnStep {
	var s TxnStep
	switch {
	case c.next(`["read",`):
		s = TxnStep{Kind: KindRead, Key: c.quoted()}
	case c.next(`["append",`):
		s = TxnStep{Kind: KindAppend, Key: c.quoted()}
	case c.next(`["write",`):
		s = TxnStep{Kind: KindWrite, Key: c.quoted()}
	default:
		c.wrong = true
	}
	if s.Kind != KindRead && c.text(",") {
		s.Value = c.number()
	}
	c.text("]")
	return s
}

// slowTxnInput decodes any JSON that means an input.
func slowTxnInput(kind string, raw json.RawMessage) (TxnInput, error) {
	if kind != KindTxn {
		return TxnInput{}, fmt.Errorf("kind %q: transactions know txn only", kind)
	}
	var j struct{ Steps [][]json.RawMessage }
	if err := json.Unmarshal(raw, &j); err != nil {
		return TxnInput{}, fmt.Errorf("txn input: %w", err)
	}
	if len(j.Steps) == 0 {
		return TxnInput{}, fmt.Errorf("txn input: no steps in %s", raw)
	}
	in := TxnInput{Steps: make([]TxnStep, len(j.Steps))}
	for i, fields := range j.Steps {
		if err := in.Steps[i].decode(fields); err != nil {
			return TxnInput{}, fmt.Errorf("txn input: step %d: %w", i, err)
		}
	}
	return in, nil
}

func (s *TxnStep) decode(fields []json.RawMessage) error {
	var kind, key *string
	var value *int64
	into := []any{&kind, &key, &value}
	if len(fields) > len(into) {
		return fmt.Errorf("%d fields, want at most %d", len(fields), len(into))
	}
	for i, field := range fields {
		if err := json.Unmarshal(field, into[i]); err != nil {
			return err
		}
	}
	if kind == nil || key == nil {
		return errors.New("want a kind and a key")
	}
	s.Kind, s.Key = *kind, *key
	switch s.Kind {
	case KindRead:
		if len(fields) > 2 {
			return errors.New("a read has no value")
		}
		return nil
	case KindAppend, KindWrite:
		if value == nil {
			return fmt.Errorf("a %s needs a value", s.Kind)
		}
		s.Value = *value
		return nil
	}
	return fmt.Errorf("kind %q: a transaction knows read, append and write", s.Kind)
}

// DecodeTxnOutput is Encode's inverse.
func DecodeTxnOutput(kind string, raw json.RawMessage) (TxnOutput, error) {
	if c := (canonical{rest: raw}); kind == KindTxn && c.text(`{"steps":[`) {
		reads := make([][]int64, 0, 4)
		for !c.wrong {
			if c.next("null") {
				reads = append(reads, nil)
			} else {
				reads = append(reads, c.list())
			}
			if c.next("]}") {
				break
			}
			c.text(",")
		}
		if c.done() {
			return TxnOutput{reads}, nil
		}
	}
	return slowTxnOutput(kind, raw)
}

// slowTxnOutput decodes any JSON that means an output.
func slowTxnOutput(kind string, raw json.RawMessage) (TxnOutput, error) {
	if kind != KindTxn {
		return TxnOutput{}, fmt.Errorf("kind %q: transactions know txn only", kind)
	}
	var j struct{ Steps []*list }
	if err := json.Unmarshal(raw, &j); err != nil {
		return TxnOutput{}, fmt.Errorf("txn output: %w", err)
	}
	if len(j.Steps) == 0 {
		return TxnOutput{}, fmt.Errorf("txn output: no steps in %s", raw)
	}
	out := TxnOutput{Reads: make([][]int64, len(j.Steps))}
	for i, read := range j.Steps {
		if read != nil {
			out.Reads[i] = *read
		}
	}
	return out, nil
}
