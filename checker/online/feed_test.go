package online

import (
	"iter"
	"time"

	"gauntlet/checker/register"
	"gauntlet/checker/synth"
	"gauntlet/history"
	"gauntlet/workload"
)

// feed turns the events of a generated history into what a Watch is shown during a run.
type feed struct {
	key   string
	first int64               // ID of the first operation
	asked map[int]register.Op // open
}

// lines generates a history of one key.
func lines(s synth.Spec, key string, first int64) iter.Seq[history.Operation] {
	f := feed{key, first, map[int]register.Op{}}
	return func(yield func(history.Operation) bool) {
		for e := range synth.Events(s) {
			if !yield(f.line(e)) {
				return
			}
		}
	}
}

// line is one event as an operation.
func (f *feed) line(e synth.Event) history.Operation {
	op := history.Operation{ID: f.first + int64(e.ID), Key: f.key, Process: e.Process, Node: "n1"}
	asked := f.asked[e.ID]
	if e.Kind == synth.Invoke {
		asked = e.Op
		f.asked[e.ID] = asked
	}
	in := workload.RegisterInput{Value: pointer(asked.After)}
	switch op.Kind = workload.KindRead; asked.Kind {
	case register.Write:
		op.Kind = workload.KindWrite
	case register.CAS:
		op.Kind, in.Expected = workload.KindCAS, pointer(asked.Before)
	}
	op.Input, op.Call = in.Encode(op.Kind), time.Duration(e.Op.Call)
	switch e.Kind {
	case synth.Invoke:
		return op
	case synth.Info:
		op.Outcome, op.Return = history.OutcomeInfo, time.Duration(e.Time)
	default:
		swapped := e.Op.Kind == register.CAS
		out := workload.RegisterOutput{Value: pointer(e.Op.Before), Current: pointer(e.Op.Before),
			Swapped: &swapped, Silent: e.Op.Kind == register.NotEqual}
		op.Outcome, op.Return = history.OutcomeOK, time.Duration(e.Op.Ret)
		op.Output = out.Encode(op.Kind)
	}
	delete(f.asked, e.ID)
	return op
}

func pointer(v register.Value) *int64 {
	if v == register.Initial {
		return nil
	}
	n := int64(v)
	return &n
}
