package zones

import (
	"gauntlet/checker/finding"
	"gauntlet/checker/frontier"
	"gauntlet/checker/register"
)

// grouped is operations by the value that they saw, or did not.
type grouped struct{ first, ops []int32 }

func (g *grouped) of(v int32) []int32 { return g.ops[g.first[v]:g.first[v+1]] }

// group gathers the operations that it is told to, by Before.
func (h *history) group(wanted func(op *register.Op) bool) grouped {
	first := make([]int32, len(h.values)+2)
	for i := range h.ops {
		if wanted(&h.ops[i]) {
			first[h.ops[i].Before+2]++
		}
	}
	for v := 2; v < len(first); v++ {
		first[v] += first[v-1]
	}
	g := grouped{first: first[:len(h.values)+1], ops: make([]int32, first[len(first)-1])}
	for i := range h.ops {
		if wanted(&h.ops[i]) {
			at := &first[h.ops[i].Before+1]
			g.ops[*at] = int32(i)
			*at++
		}
	}
	return g
}

// selection is operations to be searched, with their values counted anew.
type selection struct {
	ops     []register.Op
	source  []int32
	numbers map[register.Value]register.Value
	asked   map[register.Value]bool // values that operations saw, or did not see
}

func newSelection() *selection {
	return &selection{
		numbers: map[register.Value]register.Value{}, asked: map[register.Value]bool{},
	}
}

func (s *selection) number(v register.Value) register.Value {
	n, known := s.numbers[v]
	if !known {
		n = register.Value(len(s.numbers))
		s.numbers[v] = n
	}
	return n
}

// add takes in an operation, which may be changed from what the source says.
func (s *selection) add(op register.Op, source int32) {
	if op.Kind != register.Write {
		s.asked[op.Before] = true
		op.Before = s.number(op.Before)
	}
	if op.Writes() {
		op.After = s.number(op.After)
	}
	s.ops, s.source = append(s.ops, op), append(s.source, source)
}

// search asks whether the operations are linearizable if the register begins with one of some
// values, or, if strange, with one that they do not speak of.
func (s *selection) search(initial []register.Value, strange bool, configs int) finding.Answer {
	first := make([]register.Value, 0, len(initial)+1)
	for _, v := range initial {
		first = append(first, s.number(v))
	}
	if strange {
		first = append(first, register.Value(len(s.numbers)))
	}
	object, states, ops := frontier.Register(s.ops, len(s.numbers)+1, first)
	return frontier.Search(object, states, ops, frontier.Limit{Configs: configs}).Answer
}
