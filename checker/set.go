package checker

import (
	"fmt"
	"slices"

	"gauntlet/checker/finding"
	"gauntlet/checker/sets"
	"gauntlet/history"
	"gauntlet/workload"
)

// engineSets is the engine of sets.
const engineSets = "sets"

// setModel is a set that begins empty, only grows, and is read as a whole.
type setModel struct{ plain }

func (setModel) initial() any              { return []int64(nil) }
func (setModel) equal(a, b any) bool       { return slices.Equal(a.([]int64), b.([]int64)) }
func (setModel) describe(state any) string { return fmt.Sprint(state) }

func (setModel) hash(state any) uint64 { return queueModel{}.hash(state) }

func (setModel) decode(op history.Operation, pending bool) (action, error) {
	if pending && op.Kind == workload.KindRead {
		return nil, nil
	}
	input, err := workload.DecodeSetInput(op.Kind, op.Input)
	if err != nil {
		return nil, err
	}
	a := &setAction{adds: op.Kind == workload.KindAdd, element: input.Element}
	if pending {
		return a, nil
	}
	output, err := workload.DecodeSetOutput(op.Kind, op.Output)
	if err != nil {
		return nil, err
	}
	a.elements = output.Elements
	slices.Sort(a.elements)
	return a, nil
}

func (m setModel) engines() []engine {
	return []engine{{engineSets, "no element ever leaves", m.growing}}
}

// growing asks the engine of sets, which decides every history, and puts what it finds into words.
func (m setModel) growing(t *task) (finding.Finding, error) {
	effects, err := t.effects()
	if err != nil {
		return finding.Finding{}, err
	}
	ops, elements := compactSet(effects)
	found := sets.Grow(ops, elements)
	if found.Answer == finding.Violation {
		window := blamed(effects, found.Culprits)
		t.told = m.tell(found.Class, t.ops, window)
		found.Culprits = t.positions(window)
	}
	return found, nil
}

// compactSet numbers the elements of a set's history.
func compactSet(effects []effect) (ops []sets.Op, elements int) {
	numbers := make(map[int64]int32)
	number := func(element int64) int32 {
		n, known := numbers[element]
		if !known {
			n = int32(len(numbers))
			numbers[element] = n
		}
		return n
	}
	ops = make([]sets.Op, len(effects))
	for i, e := range effects {
		a := e.action.(*setAction)
		ops[i] = sets.Op{Call: int64(e.call), Ret: int64(e.ret), Pending: e.pending, Read: !a.adds}
		if a.adds {
			ops[i].Element = number(a.element)
			continue
		}
		ops[i].Elements = make([]int32, len(a.elements))
		for j, element := range a.elements {
			ops[i].Elements[j] = number(element)
		}
	}
	return ops, len(numbers)
}

// setAction is what an operation added to a set, or saw in it.
type setAction struct {
	adds     bool
	element  int64
	elements []int64 // rising
}

// apply implements action.
func (a *setAction) apply(state any) (bool, any) {
	content := state.([]int64)
	if !a.adds {
		return slices.Equal(content, a.elements), content
	}
	at, found := slices.BinarySearch(content, a.element)
	if found {
		return true, content
	}
	return true, slices.Insert(slices.Clone(content), at, a.element)
}

// name implements action.
func (a *setAction) name() string {
	if a.adds {
		return fmt.Sprintf("add %d", a.element)
	}
	return "read"
}

// String implements action: "add 3", "read [1 2]".
func (a *setAction) String() string {
	const most = 20
	switch {
	case a.adds:
		return a.name()
	case len(a.elements) > most:
		return fmt.Sprintf("read %d elements, up to %d", len(a.elements), slices.Max(a.elements))
	}
	return fmt.Sprintf("read %d", a.elements)
}

// class implements action. Whatever reads say, none of them changes the set: that two that are
// alike are not known to be costs nothing.
func (a *setAction) class() any {
	if a.adds {
		return a.element
	}
	return a
}
