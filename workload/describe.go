package workload

import (
	"fmt"
	"strings"

	"gauntlet/history"
)

// Describe puts an operation into words for people: what was asked ("append 17", "cas 5 → 9") and
// what was answered ("[3 17]", "not swapped, is 7", "no answer"). What makes no sense to the model
// is given as it stands.
func (m Model) Describe(op history.Operation) (asked, answered string) {
	asked, answered = op.Kind+" "+string(op.Input), string(op.Output)
	if m.words != nil {
		if a, r, err := m.words(op); err == nil {
			asked, answered = a, r
		}
	}
	switch op.Outcome {
	case history.OutcomeOK:
		return asked, answered
	case history.OutcomeFail:
		return asked, "refused"
	}
	return asked, "no answer"
}

func registerWords(op history.Operation) (asked, answered string, err error) {
	in, err := DecodeRegisterInput(op.Kind, op.Input)
	if err != nil {
		return "", "", err
	}
	switch asked = op.Kind; op.Kind {
	case KindWrite:
		asked = "write " + content(in.Value)
	case KindCAS:
		asked = fmt.Sprintf("cas %s → %s", content(in.Expected), content(in.Value))
	}
	if op.Outcome != history.OutcomeOK {
		return asked, "", nil
	}
	out, err := DecodeRegisterOutput(op.Kind, op.Output)
	switch {
	case err != nil:
	case op.Kind == KindRead:
		answered = content(out.Value)
	case op.Kind == KindWrite:
		answered = "acknowledged"
	case *out.Swapped:
		answered = "swapped"
	case out.Silent:
		answered = "not swapped"
	default:
		answered = "not swapped, is " + content(out.Current)
	}
	return asked, answered, err
}

// content is what a register holds.
func content(number *int64) string {
	if number == nil {
		return "nothing"
	}
	return fmt.Sprint(*number)
}

func appendWords(op history.Operation) (asked, answered string, err error) {
	in, err := DecodeAppendInput(op.Kind, op.Input)
	if err != nil {
		return "", "", err
	}
	if asked = op.Kind; op.Kind == KindAppend {
		asked = fmt.Sprintf("append %d", in.Value)
	}
	if op.Outcome != history.OutcomeOK {
		return asked, "", nil
	}
	out, err := DecodeAppendOutput(op.Kind, op.Output)
	if answered = "acknowledged"; op.Kind == KindRead {
		answered = fmt.Sprint(out.Values)
	}
	return asked, answered, err
}

func counterWords(op history.Operation) (asked, answered string, err error) {
	in, err := DecodeCounterInput(op.Kind, op.Input)
	if err != nil {
		return "", "", err
	}
	if asked = op.Kind; op.Kind == KindAdd {
		asked = fmt.Sprintf("add %d", in.Delta)
	}
	if op.Outcome != history.OutcomeOK {
		return asked, "", nil
	}
	out, err := DecodeCounterOutput(op.Kind, op.Output)
	return asked, fmt.Sprint(out.Value), err
}

func txnWords(op history.Operation) (asked, answered string, err error) {
	in, err := DecodeTxnInput(op.Kind, op.Input)
	if err != nil {
		return "", "", err
	}
	var steps []string
	for _, s := range in.Steps {
		switch s.Kind {
		case KindAppend:
			steps = append(steps, fmt.Sprintf("append %d to %s", s.Value, s.Key))
		case KindWrite:
			steps = append(steps, fmt.Sprintf("write %d to %s", s.Value, s.Key))
		default:
			steps = append(steps, "read "+s.Key)
		}
	}
	asked = strings.Join(steps, ", ")
	if op.Outcome != history.OutcomeOK {
		return asked, "", nil
	}
	out, err := DecodeTxnOutput(op.Kind, op.Output)
	if err == nil && len(out.Reads) != len(in.Steps) {
		err = fmt.Errorf("%d answers to %d steps", len(out.Reads), len(in.Steps))
	}
	if err != nil {
		return "", "", err
	}
	var lists []string
	for i, read := range out.Reads {
		if read != nil {
			lists = append(lists, fmt.Sprintf("%s %d", in.Steps[i].Key, read))
		}
	}
	if len(lists) == 0 {
		lists = []string{"acknowledged"}
	}
	return asked, strings.Join(lists, ", "), nil
}
