package workload

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Op is what a request asks of a key-value store.
type Op uint8

// The requests. Numbers and lists live in a store as text: a number in decimals, a list as its
// numbers, each followed by a comma.
const (
	OpGet    Op = 1
	OpPut    Op = 2
	OpCAS    Op = 3 // puts Value if the key holds Expected
	OpAppend Op = 4 // Value's bytes go to the end of what the key holds
	OpAdd    Op = 5 // Value, in decimals, is added to what the key holds, in decimals
	OpTxn    Op = 6 // Steps, in order, at one instant
)

// Request is an invocation in the terms of a key-value store, whatever protocol it speaks.
type Request struct {
	Op       Op
	Key      string    // "" of OpTxn
	Value    []byte    // OpPut, OpCAS, OpAppend, OpAdd
	Expected []byte    // OpCAS; nil: the key must be absent
	Steps    []Request // OpTxn: gets, puts and appends
}

// Reply is what the store answered. Only what its request asks for is set.
type Reply struct {
	Found   bool    // OpGet, OpAdd, and OpCAS that did not swap: the key is there, and holds ...
	Value   []byte  // ... this
	Swapped bool    // OpCAS
	Steps   []Reply // OpTxn: one for each step
}

func registerRequest(inv Invocation) (Request, error) {
	in, err := DecodeRegisterInput(inv.Kind, inv.Input)
	if err != nil {
		return Request{}, err
	}
	r := Request{Op: OpGet, Key: inv.Key}
	switch inv.Kind {
	case KindWrite:
		r.Op, r.Value = OpPut, decimal(*in.Value)
	case KindCAS:
		r.Op, r.Value = OpCAS, decimal(*in.Value)
		if in.Expected != nil {
			r.Expected = decimal(*in.Expected)
		}
	}
	return r, nil
}

func registerOutput(inv Invocation, reply Reply) (json.RawMessage, error) {
	var out RegisterOutput
	var err error
	switch inv.Kind {
	case KindRead:
		out.Value, err = reply.register()
	case KindCAS:
		if out.Swapped = &reply.Swapped; !reply.Swapped {
			out.Current, err = reply.register()
		}
	}
	return out.Encode(inv.Kind), err
}

// register reads a register: nil when it is absent.
func (r Reply) register() (*int64, error) {
	if !r.Found {
		return nil, nil
	}
	v, err := parseDecimal(r.Value)
	return &v, err
}

func appendRequest(inv Invocation) (Request, error) {
	in, err := DecodeAppendInput(inv.Kind, inv.Input)
	if err != nil || inv.Kind == KindRead {
		return Request{Op: OpGet, Key: inv.Key}, err
	}
	return Request{Op: OpAppend, Key: inv.Key, Value: element(in.Value)}, nil
}

func appendOutput(inv Invocation, reply Reply) (json.RawMessage, error) {
	var out AppendOutput
	var err error
	if inv.Kind == KindRead {
		out.Values, err = reply.list()
	}
	return out.Encode(inv.Kind), err
}

// list reads a list: empty when it is absent, never nil.
func (r Reply) list() ([]int64, error) {
	values := []int64{}
	for rest := r.Value; r.Found && len(rest) > 0; {
		end := 0
		for end < len(rest) && rest[end] != ',' {
			end++
		}
		v, err := parseDecimal(rest[:end])
		if err != nil || end == len(rest) {
			return values, fmt.Errorf("not a list of numbers, each before a comma: %.40q", r.Value)
		}
		values, rest = append(values, v), rest[end+1:]
	}
	return values, nil
}

func counterRequest(inv Invocation) (Request, error) {
	in, err := DecodeCounterInput(inv.Kind, inv.Input)
	if err != nil || inv.Kind == KindRead {
		return Request{Op: OpGet, Key: inv.Key}, err
	}
	return Request{Op: OpAdd, Key: inv.Key, Value: decimal(in.Delta)}, nil
}

func counterOutput(inv Invocation, reply Reply) (json.RawMessage, error) {
	var out CounterOutput
	if !reply.Found {
		if inv.Kind == KindAdd {
			return nil, errors.New("an add that tells no sum")
		}
		return out.Encode(inv.Kind), nil
	}
	var err error
	out.Value, err = parseDecimal(reply.Value)
	return out.Encode(inv.Kind), err
}

func txnRequest(inv Invocation) (Request, error) {
	in, err := DecodeTxnInput(inv.Kind, inv.Input)
	if err != nil {
		return Request{}, err
	}
	r := Request{Op: OpTxn, Steps: make([]Request, len(in.Steps))}
	for i, step := range in.Steps {
		r.Steps[i] = Request{Op: OpGet, Key: step.Key}
		switch step.Kind {
		case KindAppend:
			r.Steps[i].Op, r.Steps[i].Value = OpAppend, element(step.Value)
		case KindWrite:
			r.Steps[i].Op, r.Steps[i].Value = OpPut, element(step.Value)
		}
	}
	return r, nil
}

func txnOutput(inv Invocation, reply Reply) (json.RawMessage, error) {
	in, err := DecodeTxnInput(inv.Kind, inv.Input)
	if err != nil {
		return nil, err
	}
	if len(reply.Steps) != len(in.Steps) {
		return nil, fmt.Errorf("%d answers to %d steps", len(reply.Steps), len(in.Steps))
	}
	out := TxnOutput{Reads: make([][]int64, len(in.Steps))}
	for i, step := range in.Steps {
		if step.Kind != KindRead {
			continue
		}
		if out.Reads[i], err = reply.Steps[i].list(); err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
	}
	return out.Encode(inv.Kind), nil
}

func decimal(v int64) []byte { return strconv.AppendInt(nil, v, 10) }

func element(v int64) []byte { return append(decimal(v), ',') }

// parseDecimal reads a number as decimal writes it, and nothing else.
func parseDecimal(text []byte) (int64, error) {
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || string(text) != strconv.FormatInt(v, 10) {
		return 0, fmt.Errorf("not a number: %.40q", text)
	}
	return v, nil
}
