package workload

import (
	"encoding/json"
	"fmt"

	"gauntlet/history"
)

// CounterInput is what an operation on a counter asks. A delta may be negative.
//
//	read  {}
//	add   {"delta":3}
type CounterInput struct {
	Delta int64
}

// CounterOutput is what an operation on a counter with outcome ok answers: of a read the sum, 0 if
// it is absent, and of an add the new sum.
//
//	read, add  {"value":8}
type CounterOutput struct {
	Value int64
}

// Encode returns the input of an operation of that kind as canonical JSON.
func (in CounterInput) Encode(kind string) json.RawMessage {
	if kind == KindAdd {
		return object1("delta", in.Delta)
	}
	return json.RawMessage("{}")
}

// Encode returns the output of an operation of that kind as canonical JSON.
func (out CounterOutput) Encode(string) json.RawMessage { return object1("value", out.Value) }

// DecodeCounterInput is Encode's inverse.
func DecodeCounterInput(kind string, raw json.RawMessage) (CounterInput, error) {
	c := canonical{rest: raw}
	switch kind {
	case KindRead:
		if string(raw) == "{}" {
			return CounterInput{}, nil
		}
	case KindAdd:
		if c.text(`{"delta":`) {
			in := CounterInput{Delta: c.number()}
			if c.text("}") && c.done() {
				return in, nil
			}
		}
	}
	return slowCounterInput(kind, raw)
}

// slowCounterInput decodes any JSON that means an input.
func slowCounterInput(kind string, raw json.RawMessage) (CounterInput, error) {
	var j struct{ Delta *int64 }
	if err := json.Unmarshal(raw, &j); err != nil {
		return CounterInput{}, fmt.Errorf("%s input: %w", kind, err)
	}
	switch {
	case kind == KindRead:
		return CounterInput{}, nil
	case kind != KindAdd:
		return CounterInput{}, fmt.Errorf("kind %q: a counter knows read and add", kind)
	case j.Delta == nil:
		return CounterInput{}, fmt.Errorf("add input: no delta in %s", raw)
	}
	return CounterInput{Delta: *j.Delta}, nil
}

// DecodeCounterOutput is Encode's inverse. A missing key is an error, never 0.
func DecodeCounterOutput(kind string, raw json.RawMessage) (CounterOutput, error) {
	c := canonical{rest: raw}
	if (kind == KindRead || kind == KindAdd) && c.text(`{"value":`) {
		out := CounterOutput{Value: c.number()}
		if c.text("}") && c.done() {
			return out, nil
		}
	}
	return slowCounterOutput(kind, raw)
}

// slowCounterOutput decodes any JSON that means an output.
func slowCounterOutput(kind string, raw json.RawMessage) (CounterOutput, error) {
	var j struct{ Value *int64 }
	if err := json.Unmarshal(raw, &j); err != nil {
		return CounterOutput{}, fmt.Errorf("%s output: %w", kind, err)
	}
	switch {
	case kind != KindRead && kind != KindAdd:
		return CounterOutput{}, fmt.Errorf("kind %q: a counter knows read and add", kind)
	case j.Value == nil:
		return CounterOutput{}, fmt.Errorf("%s output: no value in %s", kind, raw)
	}
	return CounterOutput{Value: *j.Value}, nil
}

// The mix of requests to counters, of mixTotal each.
const (
	counterReads    = 6 // the rest are adds
	counterNegative = 5 // of the adds
)

// counters is the generator of the counter workload.
type counters struct {
	sources
	rotation
}

// NewCounter returns the generator of reads and adds over counters "c0", "c1" and so on. No two
// deltas are of the same size. A number of spec below 1 counts as 1.
func NewCounter(spec Spec, seed uint64) Generator {
	return &counters{newSources(spec, seed, "workload/counter"), newRotation(spec, "c")}
}

// Next implements Generator. Each request takes three draws of its worker's stream.
func (g *counters) Next(worker int) Invocation {
	draws := g.sources[worker].draws
	slot, read := draws.Intn(len(g.slots)), draws.Intn(mixTotal) < counterReads
	negative := draws.Intn(mixTotal) < counterNegative
	delta := g.value(worker)
	if negative {
		delta = -delta
	}
	key, _ := g.take(slot)
	if read {
		return Invocation{Kind: KindRead, Key: key, Input: CounterInput{}.Encode(KindRead)}
	}
	return Invocation{Kind: KindAdd, Key: key, Input: CounterInput{delta}.Encode(KindAdd)}
}

// Observe implements Generator: adds build on nothing.
func (g *counters) Observe(history.Operation) {}

// Final implements Generator.
func (g *counters) Final() []Invocation { return reads(g.used()) }
