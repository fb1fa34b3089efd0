package workload

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// ModelSet is the name of the model of a set that only grows and is read as a whole. No generator
// of ours asks for one; histories from elsewhere and clients of others do.
const ModelSet = "set"

// SetInput is what an operation on a set asks.
//
//	add   3
//	read  null, or nothing at all
type SetInput struct {
	Element int64
}

// SetOutput is what an operation on a set with outcome ok answers.
//
//	add   null, or nothing at all, or a number that says nothing
//	read  [1,2], in any order
type SetOutput struct {
	Elements []int64 // of a read: not nil
}

// Encode returns the input of an operation of that kind as canonical JSON.
func (in SetInput) Encode(kind string) json.RawMessage {
	if kind == KindAdd {
		return strconv.AppendInt(nil, in.Element, 10)
	}
	return json.RawMessage("null")
}

// Encode returns the output of an operation of that kind as canonical JSON.
func (out SetOutput) Encode(kind string) json.RawMessage {
	if kind == KindRead {
		return appendList(nil, out.Elements)
	}
	return json.RawMessage("null")
}

// DecodeSetInput is Encode's inverse.
func DecodeSetInput(kind string, raw json.RawMessage) (SetInput, error) {
	switch kind {
	case KindAdd:
		element, err := optionalNumber(raw)
		switch {
		case err != nil:
			return SetInput{}, fmt.Errorf("add input: %w", err)
		case element == nil:
			return SetInput{}, fmt.Errorf("add input: no element in %q", raw)
		}
		return SetInput{Element: *element}, nil
	case KindRead:
		if err := nothing(raw); err != nil {
			return SetInput{}, fmt.Errorf("read input: %w", err)
		}
		return SetInput{}, nil
	}
	return SetInput{}, fmt.Errorf("kind %q: a set knows add and read", kind)
}

// DecodeSetOutput is Encode's inverse. No output at all is an error for a read, never empty.
func DecodeSetOutput(kind string, raw json.RawMessage) (SetOutput, error) {
	switch kind {
	case KindAdd:
		if _, err := optionalNumber(raw); err != nil {
			return SetOutput{}, fmt.Errorf("add output: %w", err)
		}
		return SetOutput{}, nil
	case KindRead:
		c := canonical{rest: raw}
		if elements := c.list(); c.done() {
			return SetOutput{Elements: elements}, nil
		}
		var elements list
		if err := elements.UnmarshalJSON(raw); err != nil {
			return SetOutput{}, fmt.Errorf("read output: %w", err)
		}
		return SetOutput{Elements: elements}, nil
	}
	return SetOutput{}, fmt.Errorf("kind %q: a set knows add and read", kind)
}
