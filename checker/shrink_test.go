package checker

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"

	"gauntlet/checker/finding"
	"gauntlet/history"
	"gauntlet/workload"
)

// checkWindow wants nothing that is given up of a valid history to make it a violation; and of an
// invalid one, that its shrunk window is a violation which does not outlive the loss of anything,
// and that its evidence is one by itself.
func checkWindow(t *rapid.T, name string, ops []history.Operation, result KeyResult) {
	m, err := findModel(name)
	if err != nil {
		t.Fatal(err)
	}
	effects, err := decode(m, ops)
	if err != nil {
		t.Fatal(err)
	}
	if result.Verdict == Valid {
		checkLoosened(t, m, ops, effects)
		return
	}
	checkSmallest(t, m, effects)
	checkEvidence(t, m, twinOf(name), ops, effects, result)
}

// checkLoosened also wants nothing in a valid history that must come both before and after
// something else.
func checkLoosened(t *rapid.T, m model, ops []history.Operation, effects []effect) {
	if _, lists := m.(listModel); lists && m.explain(ops, m.relevant(effects)) != nil {
		t.Fatalf("a reason is none: %s", m.explain(ops, effects).Text)
	}
	for range 4 {
		s := newSmaller(m, effects, time.Now().Add(time.Minute))
		if free, ok := m.(enumerable); ok && rapid.Bool().Draw(t, "in any state") {
			s.states = free.states(s.window)
		}
		for size := -1; len(s.window) != size; {
			size = len(s.window)
			gone, from := make([]bool, size), rapid.IntRange(0, size).Draw(t, "from")
			for i := range gone {
				gone[i] = i < from || rapid.IntRange(0, 3).Draw(t, "gone") == 0
			}
			before := s.window
			if rapid.Bool().Draw(t, "the model's way") {
				s.window = s.without(gone)
			} else {
				s.window = s.loose(gone)
			}
			answer, _ := settle(m, s.window, s.starts(s.window), time.Minute)
			if answer != finding.Linearizable {
				t.Fatalf("%v is valid, %v is %s", labels(before), labels(s.window), answer)
			}
		}
	}
}

func checkSmallest(t *rapid.T, m model, effects []effect) {
	s := newSmaller(m, effects, time.Now().Add(time.Minute))
	s.run(0)
	if !s.fails(s.window) {
		t.Fatalf("the window is no violation: %v", labels(s.window))
	}
	for i, e := range s.window {
		gone := marked(s.window, i)
		if s.own && s.fails(m.relevant(m.without(s.window, gone))) {
			t.Fatalf("the window %v needs no %s", labels(s.window), e.label())
		}
		if !e.pending && s.fails(s.loose(gone)) {
			t.Fatalf("the window %v needs no answer to %s", labels(s.window), e.label())
		}
	}
}

// checkEvidence wants the operations of the evidence to be a violation as they are; those that an
// engine named, even if what they saw and did not write was written at any time. Where sums and
// lists tell of operations that are no part of it, these are taken out in the model's way.
func checkEvidence(t *rapid.T, m model, twin object, ops []history.Operation, effects []effect,
	result KeyResult,
) {
	violation := result.Violation
	var evidence []history.Operation
	for _, op := range ops {
		if slices.Contains(violation.Operations, op.ID) {
			evidence = append(evidence, op)
		}
	}
	if result.Engine == engineZones && violation.Class != finding.NeverWritten {
		evidence = append(evidence, supposed(m, evidence)...)
	}
	if !bruteForce(evidence, make([]bool, len(evidence)), twin) {
		return
	}
	if _, ok := m.(enumerable); ok || m.obvious(ops, effects) != nil {
		t.Fatalf("the evidence %v is no violation: %s", violation.Operations, violation.Text)
	}
	for i := len(effects) - 1; i >= 0; i-- {
		if i < len(effects) && !slices.Contains(violation.Operations, effects[i].op.ID) {
			effects = m.without(effects, marked(effects, i))
			i = len(effects)
		}
	}
	if search(m, effects, 0) != porcupine.Illegal {
		t.Fatalf("the evidence %v is no violation: %s", labels(effects), violation.Text)
	}
}

// supposed are unanswered operations that make whatever the evidence saw and did not make.
func supposed(m model, evidence []history.Operation) (made []history.Operation) {
	window, err := decode(m, evidence)
	if suppose, ok := m.(supposing); ok && err == nil {
		for _, e := range suppose.suppose(window) {
			write := workload.RegisterInput{Value: orNothing(e.action.(*registerAction).after.number)}
			made = append(made, history.Operation{ID: supposedID, Call: -1, Kind: workload.KindWrite,
				Input: write.Encode(workload.KindWrite), Outcome: history.OutcomeInfo})
		}
	}
	return made
}

// marked marks window[i].
func marked(window []effect, i int) []bool {
	gone := make([]bool, len(window))
	gone[i] = true
	return gone
}

func labels(window []effect) (all []string) {
	for i := range window {
		all = append(all, window[i].label())
	}
	return all
}

// beforehand are writes, one after the other, with the IDs 101 and so on.
func beforehand(values ...int64) (ops []history.Operation) {
	for i, value := range values {
		at := time.Duration(2 * i)
		ops = append(ops, history.Operation{ID: int64(101 + i), Process: 101 + i, Key: "k0",
			Node: "n1", Kind: workload.KindWrite, Call: at, Return: at + 1,
			Input:   workload.RegisterInput{Value: &value}.Encode(workload.KindWrite),
			Output:  workload.RegisterOutput{}.Encode(workload.KindWrite),
			Outcome: history.OutcomeOK})
	}
	return ops
}

// Goal: of a register of few values, too, whose windows begin in any state, nothing is left of a
// violation but what is one by itself. Method: reads, writes and swaps of two values, of which one
// answer or more is bent, against brute force.
func TestFewValues(t *testing.T) {
	ask := func(t *rapid.T, _ int64) (string, json.RawMessage) {
		kinds := []string{"read", "read", "read", "write", "write", "cas"}
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		value := rapid.Int64Range(1, 2).Draw(t, "value")
		return kind, workload.RegisterInput{Value: &value, Expected: orNothing(3 - value)}.Encode(kind)
	}
	var verdicts [3]int
	late := 0
	check := func(t *rapid.T) {
		ops := drawOperations(t, registerObject(2), ask)
		for i := range ops {
			ops[i].Call, ops[i].Return = ops[i].Call+4, ops[i].Return+4
			if ops[i].Outcome != history.OutcomeOK {
				continue
			}
			found, swapped := rapid.Int64Range(1, 2).Draw(t, "found"), false
			failed := strings.HasPrefix(string(ops[i].Output), `{"swapped":false`)
			out := workload.RegisterOutput{Value: &found, Swapped: &swapped, Current: &found,
				Silent: failed && rapid.Bool().Draw(t, "silent")}
			if out.Silent || rapid.IntRange(0, 3).Draw(t, "bent") == 0 {
				ops[i].Output = out.Encode(ops[i].Kind)
			}
		}
		ops = append(beforehand(1, 2), ops...)
		result := Linearizable(workload.ModelRegister, ops, 0)
		verdicts[result.Verdict]++
		checkWindow(t, workload.ModelRegister, ops, result)
		if result.Verdict == Invalid && len(result.Violation.Operations) > 2 {
			late++
		}
	}
	for range 10 {
		rapid.Check(t, check)
	}
	if verdicts[Valid] < 100 || verdicts[Invalid] < 100 || late < 50 {
		t.Fatalf("the histories are one-sided: %v, %d of more than two operations", verdicts, late)
	}
}

// Goal: when the time for shrinking is up no candidate is made any more: each is as long as the
// window. Method: count the candidates, in time and after it.
func TestShrinkingEnds(t *testing.T) {
	for _, test := range []struct {
		left time.Duration
		want bool
	}{{time.Hour, true}, {-1, false}} {
		s := &smaller{model: kvModel{}, until: time.Now().Add(test.left)}
		var made int
		kept := s.subset(1000, func([]int) []effect { made++; return nil })
		if (made > 0) != test.want || len(kept) != 1000 {
			t.Errorf("with %v left: %d candidates, %d parts kept", test.left, made, len(kept))
		}
	}
}
