package checker

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"gauntlet/history"
	"gauntlet/workload"
)

// Goal: every way in which a register or an election can lie is found and told in plain words,
// and every odd but legal history passes. Method: transcripts of small histories written by
// hand, one line an operation or a claim:
//
//	ID NODE CALL-RETURN OUTCOME KIND ARGUMENTS      milliseconds; "cas 1 2 current 3" failed on 3,
//	                                                "cas 1 2 silent" does not say on what
//	TERM NODE AT SOURCE                             a claim to lead
//
// A list is written "[1 2]"; a transaction is the steps in their own words, joined by semicolons:
// "txn t0.0 [1 2]; t0.1 append 7; t0.0 write 8".
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "leaders":
				return leaderTranscript(t, d.Input)
			default:
				return checkTranscript(t, d.Cmd, d.Input, d.HasArg("class"))
			}
		})
	})
}

func checkTranscript(t *testing.T, model, input string, class bool) string {
	result := Linearizable(model, parseOperations(t, model, input), time.Minute)
	text := result.Verdict.String()
	if result.Reason != "" {
		text += "\n" + result.Reason
	}
	if result.Violation != nil {
		if class {
			text += fmt.Sprintf("\n%s by %s", result.Violation.Class, result.Engine)
		}
		text += fmt.Sprintf("\nwindow %v", result.Violation.Operations)
	}
	return text + "\n"
}

func leaderTranscript(t *testing.T, input string) string {
	var h history.History
	for line := range strings.Lines(input) {
		f := strings.Fields(line)
		h.Observations = append(h.Observations, history.Observation{
			Term: uint64(number(t, f[0])), Node: f[1], At: millis(t, f[2]),
			Source: f[3], Role: history.RoleLeader,
		})
	}
	result := LeaderPerTerm(&h)
	return fmt.Sprintf("%s\n%s\n", result.Verdict, result.Reason)
}

func parseOperations(t *testing.T, model, input string) []history.Operation {
	var ops []history.Operation
	for line := range strings.Lines(input) {
		if line = strings.TrimSpace(line); line != "" {
			ops = append(ops, parseOperation(t, model, strings.Fields(line)))
		}
	}
	return ops
}

func parseOperation(t *testing.T, model string, f []string) history.Operation {
	id := number(t, f[0])
	call, ret, _ := strings.Cut(f[2], "-")
	op := history.Operation{
		ID: id, Process: int(id), Node: f[1], Key: "r0", Kind: f[4],
		Call: millis(t, call), Outcome: history.Outcome(f[3]),
	}
	if ret != "" {
		op.Return = millis(t, ret)
	}
	switch arguments := f[5:]; model {
	case workload.ModelRegister:
		parseRegister(t, &op, arguments)
	case workload.ModelAppend:
		in, out := workload.AppendInput{}, workload.AppendOutput{}
		if op.Kind == workload.KindAppend {
			in.Value = number(t, arguments[0])
		} else if len(arguments) > 0 {
			out.Values = numbers(t, arguments)
		}
		op.Input, op.Output = in.Encode(op.Kind), out.Encode(op.Kind)
	case workload.ModelCounter:
		in, out := workload.CounterInput{}, workload.CounterOutput{}
		if op.Kind == workload.KindAdd {
			in.Delta, arguments = number(t, arguments[0]), arguments[1:]
		}
		if len(arguments) > 0 {
			out.Value = number(t, arguments[len(arguments)-1])
		}
		op.Input, op.Output = in.Encode(op.Kind), out.Encode(op.Kind)
	case workload.ModelTxn:
		parseTxn(t, &op, strings.Join(arguments, " "))
	case workload.ModelQueue, workload.ModelSet:
		parseCollection(t, &op, arguments)
	}
	if op.Outcome != history.OutcomeOK {
		op.Output = nil
	}
	return op
}

func parseRegister(t *testing.T, op *history.Operation, arguments []string) {
	var in workload.RegisterInput
	var out workload.RegisterOutput
	swapped := true
	switch op.Kind {
	case workload.KindRead:
		if len(arguments) > 0 {
			out.Value = content(t, arguments[0])
		}
	case workload.KindWrite:
		in.Value = content(t, arguments[0])
	case workload.KindCAS:
		in.Expected, in.Value = content(t, arguments[0]), content(t, arguments[1])
		if len(arguments) > 3 {
			swapped, out.Current = false, content(t, arguments[3])
		} else if len(arguments) > 2 {
			swapped, out.Silent = false, true
		}
		out.Swapped = &swapped
	}
	op.Input, op.Output = in.Encode(op.Kind), out.Encode(op.Kind)
}

// parseCollection reads an operation on a queue or a set: "enqueue 5", "dequeue 5", "dequeue" of an
// empty queue, "add 3", "read [1 2]".
func parseCollection(t *testing.T, op *history.Operation, arguments []string) {
	op.Input, op.Output = json.RawMessage("null"), json.RawMessage("null")
	switch op.Kind {
	case workload.KindEnqueue, workload.KindAdd:
		op.Input = json.RawMessage(arguments[0])
	case workload.KindDequeue:
		if len(arguments) > 0 {
			op.Output = json.RawMessage(arguments[0])
		}
	case workload.KindRead:
		op.Output = workload.SetOutput{Elements: numbers(t, arguments)}.Encode(op.Kind)
	}
}

func parseTxn(t *testing.T, op *history.Operation, text string) {
	var in workload.TxnInput
	var out workload.TxnOutput
	for step := range strings.SplitSeq(text, ";") {
		f := strings.Fields(step)
		s, list := workload.TxnStep{Kind: workload.KindRead, Key: f[0]}, []int64(nil)
		if strings.HasPrefix(f[1], "[") {
			list = numbers(t, f[1:])
		} else {
			s.Kind, s.Value = f[1], number(t, f[2])
		}
		in.Steps, out.Reads = append(in.Steps, s), append(out.Reads, list)
	}
	op.Input, op.Output = in.Encode(op.Kind), out.Encode(op.Kind)
}

// numbers reads a list; an empty one is not nil.
func numbers(t *testing.T, fields []string) []int64 {
	list := []int64{}
	for _, f := range strings.Fields(strings.Trim(strings.Join(fields, " "), "[]")) {
		list = append(list, number(t, f))
	}
	return list
}

func content(t *testing.T, text string) *int64 {
	if text == "nil" {
		return nil
	}
	n := number(t, text)
	return &n
}

func millis(t *testing.T, text string) time.Duration {
	return time.Duration(number(t, text)) * time.Millisecond
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
