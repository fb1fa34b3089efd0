package checker

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gauntlet/history"
	"gauntlet/workload"
)

// object is a sequential object, the twin of a model: do returns what it answers to an operation,
// and the object afterwards. Objects do not change.
type object interface {
	do(op history.Operation) (json.RawMessage, object)
}

// registerObject is a register; 0 is absent.
type registerObject int64

func (r registerObject) do(op history.Operation) (json.RawMessage, object) {
	in, _ := workload.DecodeRegisterInput(op.Kind, op.Input)
	swapped := false
	out := workload.RegisterOutput{Value: orNothing(int64(r)), Swapped: &swapped,
		Current: orNothing(int64(r))}
	switch {
	case op.Kind == workload.KindWrite:
		r = registerObject(*in.Value)
	case op.Kind == workload.KindCAS && (in.Expected == nil && r == 0 ||
		in.Expected != nil && *in.Expected == int64(r)):
		swapped, r = true, registerObject(*in.Value)
	}
	return out.Encode(op.Kind), r
}

func orNothing(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

// counterObject is a sum.
type counterObject int64

func (c counterObject) do(op history.Operation) (json.RawMessage, object) {
	in, _ := workload.DecodeCounterInput(op.Kind, op.Input)
	c += counterObject(in.Delta)
	return workload.CounterOutput{Value: int64(c)}.Encode(op.Kind), c
}

// listObject is lists by key; the plain list has the key "".
type listObject map[string][]int64

func (l listObject) do(op history.Operation) (json.RawMessage, object) {
	next := maps.Clone(l)
	if op.Kind == workload.KindTxn {
		in, _ := workload.DecodeTxnInput(op.Kind, op.Input)
		var out workload.TxnOutput
		for _, s := range in.Steps {
			out.Reads = append(out.Reads, next.step(s))
		}
		return out.Encode(op.Kind), next
	}
	in, _ := workload.DecodeAppendInput(op.Kind, op.Input)
	read := next.step(workload.TxnStep{Kind: op.Kind, Value: in.Value})
	return workload.AppendOutput{Values: read}.Encode(op.Kind), next
}

func (l listObject) step(s workload.TxnStep) []int64 {
	switch s.Kind {
	case workload.KindRead:
		return append([]int64{}, l[s.Key]...)
	case workload.KindAppend:
		l[s.Key] = append(slices.Clone(l[s.Key]), s.Value)
	case workload.KindWrite:
		l[s.Key] = []int64{s.Value}
	}
	return nil
}

// twins are the models with their twins, and how to draw what an operation asks: its number makes
// what it writes unique where it has to be.
var twins = []struct {
	model string
	new   object
	ask   func(t *rapid.T, n int64) (kind string, input json.RawMessage)
	lie   func(t *rapid.T, op history.Operation) json.RawMessage // some answer, likely or not
}{
	{workload.ModelRegister, registerObject(0), askRegister, lieRegister},
	{workload.ModelAppend, listObject{}, askAppend, lieList},
	{workload.ModelCounter, counterObject(0), askCounter, lieCounter},
	{workload.ModelTxn, listObject{}, askTxn, lieList},
	{workload.ModelQueue, queueObject{}, askQueue, lieQueue},
	{workload.ModelSet, setObject{}, askSet, lieSet},
}

func twinOf(model string) object {
	for _, twin := range twins {
		if twin.model == model {
			return twin.new
		}
	}
	return nil
}

func askRegister(t *rapid.T, n int64) (string, json.RawMessage) {
	kind := rapid.SampledFrom([]string{"read", "write", "cas"}).Draw(t, "kind")
	value := rapid.Int64Range(1, 4).Draw(t, "value")
	if rapid.Bool().Draw(t, "of its own") {
		value = n
	}
	in := workload.RegisterInput{Value: &value}
	if kind == workload.KindCAS {
		in.Expected = orNothing(rapid.Int64Range(0, 4).Draw(t, "expected"))
	}
	return kind, in.Encode(kind)
}

func lieRegister(t *rapid.T, op history.Operation) json.RawMessage {
	swapped, found := rapid.Bool().Draw(t, "swapped"), rapid.Int64Range(0, 4).Draw(t, "found")
	out := workload.RegisterOutput{Value: orNothing(found), Current: orNothing(found),
		Swapped: &swapped, Silent: !swapped && rapid.Bool().Draw(t, "silent")}
	return out.Encode(op.Kind)
}

func askAppend(t *rapid.T, n int64) (string, json.RawMessage) {
	kind := rapid.SampledFrom([]string{"read", "append"}).Draw(t, "kind")
	return kind, workload.AppendInput{Value: n}.Encode(kind)
}

func askTxn(t *rapid.T, n int64) (string, json.RawMessage) {
	var in workload.TxnInput
	for i := range rapid.Int64Range(1, 3).Draw(t, "steps") {
		kind := rapid.SampledFrom([]string{"read", "read", "append", "append", "write"})
		key := rapid.SampledFrom([]string{"x", "y"})
		s := workload.TxnStep{Kind: kind.Draw(t, "step"), Key: key.Draw(t, "key")}
		if s.Kind != workload.KindRead {
			s.Value = 10*n + i
		}
		in.Steps = append(in.Steps, s)
	}
	return workload.KindTxn, in.Encode(workload.KindTxn)
}

// lieList bends the lists that were read: a value goes, comes, or changes place with its neighbour.
func lieList(t *rapid.T, op history.Operation) json.RawMessage {
	bend := func(list []int64) []int64 {
		if list == nil {
			return nil
		}
		at := rapid.IntRange(0, len(list)).Draw(t, "at")
		switch how := rapid.IntRange(0, 3).Draw(t, "how"); {
		case how == 0 && at < len(list):
			return slices.Delete(list, at, at+1)
		case how == 1 && at+1 < len(list):
			list[at], list[at+1] = list[at+1], list[at]
			return list
		case how == 2 && at < len(list):
			return list[:at]
		}
		return slices.Insert(list, at, rapid.Int64Range(1, 7).Draw(t, "value"))
	}
	if op.Kind == workload.KindTxn {
		out, _ := workload.DecodeTxnOutput(op.Kind, op.Output)
		for i, read := range out.Reads {
			out.Reads[i] = bend(read)
		}
		return out.Encode(op.Kind)
	}
	out, _ := workload.DecodeAppendOutput(op.Kind, op.Output)
	return workload.AppendOutput{Values: bend(out.Values)}.Encode(op.Kind)
}

func askCounter(t *rapid.T, _ int64) (string, json.RawMessage) {
	kind := rapid.SampledFrom([]string{"read", "add", "add"}).Draw(t, "kind")
	return kind, workload.CounterInput{Delta: rapid.Int64Range(-3, 4).Draw(t, "delta")}.Encode(kind)
}

func lieCounter(t *rapid.T, op history.Operation) json.RawMessage {
	return workload.CounterOutput{Value: rapid.Int64Range(-4, 8).Draw(t, "sum")}.Encode(op.Kind)
}

// Goal: for every model, the decoding, the dropping of what nobody saw, the preparing and porcupine
// together decide linearizability exactly, and shrinking ends in a window that is a violation and
// from which nothing can be taken away. Method: random histories of up to seven operations, some
// unanswered or refused, answered by the twin at random instants and then perhaps bent; against a
// search that tries every order of the twin's operations by brute force.
func TestAgainstBruteForce(t *testing.T) {
	for _, twin := range twins {
		t.Run(twin.model, func(t *testing.T) {
			var verdicts [3]int
			check := func(t *rapid.T) {
				ops := drawOperations(t, twin.new, twin.ask)
				bent := rapid.IntRange(0, 7).Draw(t, "bent") // a lie or more, in half of all cases
				for i := range ops {
					if bent >= 4 && ops[i].Outcome == history.OutcomeOK && i%4 <= bent-4 {
						ops[i].Output = twin.lie(t, ops[i])
					}
				}
				result := Linearizable(twin.model, ops, 0)
				if result.Verdict == Unknown {
					t.Fatalf("undecided: %s", result.Reason)
				}
				verdicts[result.Verdict]++
				want := bruteForce(ops, make([]bool, len(ops)), twin.new)
				if want != (result.Verdict == Valid) {
					t.Fatalf("twin says %v, checker %v: %s", want, result.Verdict, result.Reason)
				}
				checkWindow(t, twin.model, ops, result)
			}
			for range 10 {
				rapid.Check(t, check)
			}
			if verdicts[Valid] < 100 || verdicts[Invalid] < 100 {
				t.Fatalf("the histories are one-sided: %v", verdicts)
			}
		})
	}
}

// drawOperations draws a history that an object answered: each operation takes effect at a random
// instant between its call and its return, unless it was refused; if unanswered, later or never.
func drawOperations(
	t *rapid.T, twin object, ask func(*rapid.T, int64) (string, json.RawMessage),
) []history.Operation {
	ops := make([]history.Operation, rapid.IntRange(1, 7).Draw(t, "n"))
	points := make([]time.Duration, len(ops))
	outcomes := []history.Outcome{"ok", "ok", "ok", "ok", "ok", "info", "fail", ""}
	for i := range ops {
		op := &ops[i]
		op.Call = time.Duration(rapid.IntRange(0, 12).Draw(t, "call"))
		op.Return = op.Call + time.Duration(rapid.IntRange(0, 7).Draw(t, "length"))
		op.Outcome = rapid.SampledFrom(outcomes).Draw(t, "outcome")
		op.Kind, op.Input = ask(t, int64(i+1))
		points[i] = op.Call + time.Duration(rapid.IntRange(0, 7).Draw(t, "point"))
		if op.Outcome == history.OutcomeOK {
			points[i] = min(points[i], op.Return)
		}
	}
	order := make([]int, len(ops))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return int(points[i] - points[j]) })
	for _, i := range order {
		if ops[i].Outcome == history.OutcomeFail {
			continue
		}
		output, next := twin.do(ops[i])
		if ops[i].Outcome == history.OutcomeOK {
			ops[i].Output, twin = output, next
		} else if rapid.Bool().Draw(t, "happened") {
			twin = next
		}
	}
	slices.SortStableFunc(ops, func(a, b history.Operation) int { return int(a.Call - b.Call) })
	for i := range ops {
		ops[i].ID, ops[i].Process, ops[i].Key, ops[i].Node = int64(i), i, "k0", "n1"
	}
	return ops
}

// bruteForce tries every order of the operations that respects real time.
func bruteForce(ops []history.Operation, done []bool, twin object) bool {
	finished := true
	for i, op := range ops {
		if done[i] || op.Outcome == history.OutcomeFail {
			continue
		}
		answered := op.Outcome == history.OutcomeOK
		finished = finished && !answered
		if mustWait(ops, done, i) {
			continue
		}
		output, next := twin.do(op)
		if answered && !agrees(string(output), string(op.Output)) {
			continue
		}
		done[i] = true
		found := bruteForce(ops, done, next)
		done[i] = false
		if found {
			return true
		}
	}
	return finished
}

// agrees also to an answer that tells less than the twin: a cas that failed may not say on what.
func agrees(twin, told string) bool {
	return twin == told || told == `{"swapped":false}` && strings.HasPrefix(twin, `{"swapped":false`)
}

// mustWait tells whether some other operation, not done yet, returned before operation i was
// called.
func mustWait(ops []history.Operation, done []bool, i int) bool {
	for j, other := range ops {
		if j != i && !done[j] && other.Outcome == history.OutcomeOK && other.Return < ops[i].Call {
			return true
		}
	}
	return false
}

// Goal: states of lists are equal when all lists end the same, whether or not a state reaches to
// those that are empty. Method: both ways.
func TestListStates(t *testing.T) {
	m, x := listModel{}, tailOf(1)
	same := [][]tail{nil, {}, {{}}, {{}, {}}}
	for i, other := range [][]tail{{x}, {{}, x}, {x, x}, {{present: true}}, {tailOf(2)}} {
		for _, empty := range same {
			if m.equal(empty, other) || m.equal(other, empty) || !m.equal(empty, []tail{{}}) {
				t.Errorf("%d: %v and %v", i, empty, other)
			}
		}
		if longer := append(other, tail{}); !m.equal(other, longer) || !m.equal(longer, other) ||
			m.hash(other) != m.hash(longer) {
			t.Errorf("%d: %v is not what it is with an empty list more", i, other)
		}
	}
}
