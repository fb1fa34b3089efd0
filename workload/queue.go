package workload

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// ModelQueue is the name of the model of a first-in-first-out queue. No generator of ours asks for
// one; histories from elsewhere and clients of others do.
const ModelQueue = "queue"

// The kinds of operation on a queue.
const (
	KindEnqueue = "enqueue"
	KindDequeue = "dequeue"
)

// QueueInput is what an operation on a queue asks.
//
//	enqueue  17
//	dequeue  null, or nothing at all
type QueueInput struct {
	Value int64
}

// QueueOutput is what an operation on a queue with outcome ok answers.
//
//	enqueue  null, or nothing at all, or a number that says nothing
//	dequeue  17, or null if the queue was empty
type QueueOutput struct {
	Value *int64 // of a dequeue; nil: empty
}

// Encode returns the input of an operation of that kind as canonical JSON.
func (in QueueInput) Encode(kind string) json.RawMessage {
	if kind == KindEnqueue {
		return strconv.AppendInt(nil, in.Value, 10)
	}
	return json.RawMessage("null")
}

// Encode returns the output of an operation of that kind as canonical JSON.
func (out QueueOutput) Encode(kind string) json.RawMessage {
	if kind == KindDequeue && out.Value != nil {
		return strconv.AppendInt(nil, *out.Value, 10)
	}
	return json.RawMessage("null")
}

// DecodeQueueInput is Encode's inverse.
func DecodeQueueInput(kind string, raw json.RawMessage) (QueueInput, error) {
	switch kind {
	case KindEnqueue:
		value, err := optionalNumber(raw)
		switch {
		case err != nil:
			return QueueInput{}, fmt.Errorf("enqueue input: %w", err)
		case value == nil:
			return QueueInput{}, fmt.Errorf("enqueue input: no value in %q", raw)
		}
		return QueueInput{Value: *value}, nil
	case KindDequeue:
		if err := nothing(raw); err != nil {
			return QueueInput{}, fmt.Errorf("dequeue input: %w", err)
		}
		return QueueInput{}, nil
	}
	return QueueInput{}, fmt.Errorf("kind %q: a queue knows enqueue and dequeue", kind)
}

// DecodeQueueOutput is Encode's inverse. No output at all is an error for a dequeue, never empty.
func DecodeQueueOutput(kind string, raw json.RawMessage) (QueueOutput, error) {
	if kind != KindEnqueue && kind != KindDequeue {
		return QueueOutput{}, fmt.Errorf("kind %q: a queue knows enqueue and dequeue", kind)
	}
	value, err := optionalNumber(raw)
	switch {
	case err != nil:
		return QueueOutput{}, fmt.Errorf("%s output: %w", kind, err)
	case kind == KindEnqueue:
		return QueueOutput{}, nil
	case len(raw) == 0:
		return QueueOutput{}, fmt.Errorf("dequeue output: there is none")
	}
	return QueueOutput{Value: value}, nil
}

// optionalNumber reads an integer, or null or nothing at all, which are nil.
func optionalNumber(raw json.RawMessage) (*int64, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	c := canonical{rest: raw}
	if v := c.number(); c.done() {
		return &v, nil
	}
	var v *int64
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, err
	}
	return v, nil
}

// nothing wants null, or nothing at all.
func nothing(raw json.RawMessage) error {
	value, err := optionalNumber(raw)
	if err != nil || value != nil {
		return fmt.Errorf("%.60q, want null", raw)
	}
	return nil
}
