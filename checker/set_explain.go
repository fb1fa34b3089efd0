package checker

import (
	"cmp"
	"fmt"
	"slices"

	"gauntlet/checker/finding"
	"gauntlet/history"
)

// tell says in one sentence what the culprits of a class of violation did.
func (m setModel) tell(class finding.Class, ops []history.Operation, window []effect) *Violation {
	var reads, adds []effect
	for _, e := range window {
		if e.action.(*setAction).adds {
			adds = append(adds, e)
		} else {
			reads = append(reads, e)
		}
	}
	slices.SortStableFunc(reads, func(a, b effect) int { return cmp.Compare(a.ret, b.ret) })
	var text string
	switch {
	case len(reads) == 1 && class == finding.NeverWritten:
		return m.phantom(ops, reads[0])
	case len(reads) == 1 && class == finding.Contradiction:
		text = fmt.Sprintf("%s returned %d twice, which no set holds twice.", readTitle(reads[0]),
			repeated(reads[0].action.(*setAction).elements))
	case len(reads) == 1 && len(adds) == 1 && class == finding.Future:
		text = fmt.Sprintf("%s returned %d, although %s was called only %s later.",
			readTitle(reads[0]), adds[0].action.(*setAction).element, adds[0].label(),
			apart(reads[0].ret, adds[0].call))
	case len(reads) == 1 && len(adds) == 1:
		text = fmt.Sprintf("%s did not see %d, although %s had ended %s before it was called.",
			readTitle(reads[0]), adds[0].action.(*setAction).element, adds[0].label(),
			apart(adds[0].ret, reads[0].call))
	case len(reads) == 1 && len(adds) == 2:
		text = outOfTurn(reads[0], adds[0], adds[1])
	case len(reads) == 2:
		text = incomparable(reads[0], reads[1])
	default:
		return explain(m, ops, window)
	}
	return newViolation(text, window...)
}

// outOfTurn tells of a read that saw the later one of two adds, and not the earlier one.
func outOfTurn(read, missed, seen effect) string {
	if seen.ret < missed.call {
		missed, seen = seen, missed
	}
	return fmt.Sprintf("%s saw %d but not %d, although %s had ended %s before %s was called.",
		readTitle(read), seen.action.(*setAction).element, missed.action.(*setAction).element,
		missed.label(), apart(missed.ret, seen.call), seen.label())
}

// readTitle begins a sentence with a read.
func readTitle(e effect) string { return fmt.Sprintf("Read #%d on %s", e.op.ID, e.op.Node) }

// incomparable tells of two reads of which the second does not see what the first one saw.
func incomparable(first, second effect) string {
	a, b := first.action.(*setAction).elements, second.action.(*setAction).elements
	if first.ret < second.call {
		return fmt.Sprintf("%s did not see %d, although %s, which did, had ended %s before it was "+
			"called.", readTitle(second), missing(a, b), first.label(),
			apart(first.ret, second.call))
	}
	return fmt.Sprintf("%s saw %d but not %d, and %s saw %d but not %d: they belong into no order.",
		readTitle(first), missing(a, b), missing(b, a), second.label(), missing(b, a), missing(a, b))
}

// phantom tells of an element that nobody added.
func (m setModel) phantom(ops []history.Operation, read effect) *Violation {
	added, refused := make(map[int64]bool), make(map[int64]effect)
	for _, op := range ops {
		a, err := m.decode(op, true)
		if err != nil || a == nil {
			continue
		}
		element := a.(*setAction).element
		if op.Outcome == history.OutcomeFail {
			refused[element] = effect{op: op, action: a}
			continue
		}
		added[element] = true
	}
	for _, element := range read.action.(*setAction).elements {
		e, was := refused[element]
		switch {
		case added[element]:
		case was:
			text := fmt.Sprintf("%s returned %d, although %s had been refused.", readTitle(read),
				element, e.label())
			return newViolation(text, e, read)
		default:
			text := fmt.Sprintf("%s returned %d, which nobody added.", readTitle(read), element)
			return newViolation(text, read)
		}
	}
	return newViolation(readTitle(read)+" returned what nobody added.", read)
}

// missing is the first element of one rising list that another one lacks.
func missing(from, in []int64) int64 {
	for _, element := range from {
		if _, found := slices.BinarySearch(in, element); !found {
			return element
		}
	}
	return 0
}

// repeated is the first element of a rising list that stands in it twice.
func repeated(elements []int64) int64 {
	for i := 1; i < len(elements); i++ {
		if elements[i] == elements[i-1] {
			return elements[i]
		}
	}
	return 0
}
