package workload

import (
	"encoding/json"
	"fmt"
	"strconv"

	"gauntlet/history"
)

// AppendInput is what an operation on a list asks.
//
//	read    {}
//	append  {"value":17}
type AppendInput struct {
	Value int64
}

// AppendOutput is what an operation on a list with outcome ok answers. An absent list is empty.
//
//	read    {"values":[3,17]}
//	append  {}
type AppendOutput struct {
	Values []int64 // of a read: not nil
}

// Encode returns the input of an operation of that kind as canonical JSON.
func (in AppendInput) Encode(kind string) json.RawMessage {
	if kind == KindAppend {
		return object1("value", in.Value)
	}
	return json.RawMessage("{}")
}

// Encode returns the output of an operation of that kind as canonical JSON.
func (out AppendOutput) Encode(kind string) json.RawMessage {
	if kind == KindRead {
		return append(appendList([]byte(`{"values":`), out.Values), '}')
	}
	return json.RawMessage("{}")
}

// DecodeAppendInput is Encode's inverse.
func DecodeAppendInput(kind string, raw json.RawMessage) (AppendInput, error) {
	c := canonical{rest: raw}
	switch kind {
	case KindRead:
		if string(raw) == "{}" {
			return AppendInput{}, nil
		}
	case KindAppend:
		if c.text(`{"value":`) {
			in := AppendInput{Value: c.number()}
			if c.text("}") && c.done() {
				return in, nil
			}
		}
	}
	return slowAppendInput(kind, raw)
}

// slowAppendInput decodes any JSON that means an input.
func slowAppendInput(kind string, raw json.RawMessage) (AppendInput, error) {
	var j struct{ Value *int64 }
	if err := json.Unmarshal(raw, &j); err != nil {
		return AppendInput{}, fmt.Errorf("%s input: %w", kind, err)
	}
	switch {
	case kind == KindRead:
		return AppendInput{}, nil
	case kind != KindAppend:
		return AppendInput{}, fmt.Errorf("kind %q: a list knows read and append", kind)
	case j.Value == nil:
		return AppendInput{}, fmt.Errorf("append input: no value in %s", raw)
	}
	return AppendInput{Value: *j.Value}, nil
}

// DecodeAppendOutput is Encode's inverse. A missing key is an error, never an empty list.
func DecodeAppendOutput(kind string, raw json.RawMessage) (AppendOutput, error) {
	c := canonical{rest: raw}
	switch kind {
	case KindAppend:
		if string(raw) == "{}" {
			return AppendOutput{}, nil
		}
	case KindRead:
		if c.text(`{"values":`) {
			out := AppendOutput{Values: c.list()}
			if c.text("}") && c.done() {
				return out, nil
			}
		}
	}
	return slowAppendOutput(kind, raw)
}

// slowAppendOutput decodes any JSON that means an output.
func slowAppendOutput(kind string, raw json.RawMessage) (AppendOutput, error) {
	var j struct{ Values *list }
	if err := json.Unmarshal(raw, &j); err != nil {
		return AppendOutput{}, fmt.Errorf("%s output: %w", kind, err)
	}
	switch {
	case kind == KindAppend:
		return AppendOutput{}, nil
	case kind != KindRead:
		return AppendOutput{}, fmt.Errorf("kind %q: a list knows read and append", kind)
	case j.Values == nil:
		return AppendOutput{}, fmt.Errorf("read output: no values in %s", raw)
	}
	return AppendOutput{Values: *j.Values}, nil
}

// list is a JSON list of numbers, in which null is no number, and which null itself is not.
type list []int64

func (l *list) UnmarshalJSON(raw []byte) error {
	var values []*int64
	if err := json.Unmarshal(raw, &values); err != nil {
		return err
	}
	if values == nil {
		return fmt.Errorf("not a list: %s", raw)
	}
	*l = make(list, len(values))
	for i, v := range values {
		if v == nil {
			return fmt.Errorf("not a list of numbers: %s", raw)
		}
		(*l)[i] = *v
	}
	return nil
}

// object1 writes {"key":value}.
func object1(key string, value int64) json.RawMessage {
	b := append(append([]byte(`{"`), key...), `":`...)
	return append(strconv.AppendInt(b, value, 10), '}')
}

// appendReads is how many requests to lists are reads, of mixTotal; the rest are appends.
const appendReads = 6

// lists is the generator of the append workload.
type lists struct {
	sources
	rotation
}

// NewAppend returns the generator of reads and appends over lists "a0", "a1" and so on. A number of
// spec below 1 counts as 1.
func NewAppend(spec Spec, seed uint64) Generator {
	return &lists{newSources(spec, seed, "workload/append"), newRotation(spec, "a")}
}

// Next implements Generator. Each request takes two draws of its worker's stream.
func (g *lists) Next(worker int) Invocation {
	draws := g.sources[worker].draws
	slot, read := draws.Intn(len(g.slots)), draws.Intn(mixTotal) < appendReads
	value := g.value(worker)
	key, _ := g.take(slot)
	if read {
		return Invocation{Kind: KindRead, Key: key, Input: AppendInput{}.Encode(KindRead)}
	}
	return Invocation{Kind: KindAppend, Key: key, Input: AppendInput{value}.Encode(KindAppend)}
}

// Observe implements Generator: appends build on nothing.
func (g *lists) Observe(history.Operation) {}

// Final implements Generator.
func (g *lists) Final() []Invocation { return reads(g.used()) }

// reads are reads of whole keys.
func reads(keys []string) []Invocation {
	var all []Invocation
	for _, key := range keys {
		all = append(all, Invocation{Kind: KindRead, Key: key, Input: json.RawMessage("{}")})
	}
	return all
}
