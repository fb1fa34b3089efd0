package checker

import (
	"encoding/json"
	"slices"

	"pgregory.net/rapid"

	"gauntlet/history"
	"gauntlet/workload"
)

// queueObject is a queue, the first value in front.
type queueObject []int64

func (q queueObject) do(op history.Operation) (json.RawMessage, object) {
	in, _ := workload.DecodeQueueInput(op.Kind, op.Input)
	var out workload.QueueOutput
	switch {
	case op.Kind == workload.KindEnqueue:
		q = append(slices.Clone(q), in.Value)
	case len(q) > 0:
		out.Value, q = &q[0], q[1:]
	}
	return out.Encode(op.Kind), q
}

// askQueue enqueues most values once.
func askQueue(t *rapid.T, n int64) (string, json.RawMessage) {
	kinds := []string{workload.KindEnqueue, workload.KindDequeue}
	kind := rapid.SampledFrom(kinds).Draw(t, "kind")
	in := workload.QueueInput{Value: min(n, rapid.Int64Range(1, 20).Draw(t, "value"))}
	return kind, in.Encode(kind)
}

func lieQueue(t *rapid.T, op history.Operation) json.RawMessage {
	var out workload.QueueOutput
	if value := rapid.Int64Range(0, 5).Draw(t, "value"); value > 0 {
		out.Value = &value
	}
	return out.Encode(op.Kind)
}

// setObject is a set, its elements rising.
type setObject []int64

func (s setObject) do(op history.Operation) (json.RawMessage, object) {
	in, _ := workload.DecodeSetInput(op.Kind, op.Input)
	if op.Kind == workload.KindAdd && !slices.Contains(s, in.Element) {
		s = append(slices.Clone(s), in.Element)
		slices.Sort(s)
	}
	return workload.SetOutput{Elements: s}.Encode(op.Kind), s
}

func askSet(t *rapid.T, _ int64) (string, json.RawMessage) {
	kind := rapid.SampledFrom([]string{workload.KindAdd, workload.KindRead}).Draw(t, "kind")
	return kind, workload.SetInput{Element: rapid.Int64Range(1, 5).Draw(t, "element")}.Encode(kind)
}

// lieSet bends what was read: an element goes, or one comes.
func lieSet(t *rapid.T, op history.Operation) json.RawMessage {
	out, _ := workload.DecodeSetOutput(op.Kind, op.Output)
	element := rapid.Int64Range(1, 6).Draw(t, "element")
	at, found := slices.BinarySearch(out.Elements, element)
	if found {
		out.Elements = slices.Delete(out.Elements, at, at+1)
	} else {
		out.Elements = slices.Insert(out.Elements, at, element)
	}
	return out.Encode(op.Kind)
}
