package history

import "fmt"

// Valid checks the laws that every checker takes for granted, and returns the first one broken:
//
//  1. An operation's fields keep the invariants of Operation.
//  2. IDs rise strictly, and in the order of the calls.
//  3. A process has one operation open at a time.
//  4. A process that was told info is retired: its operation may still happen, so it stays open.
//  5. Phases and the ends of faults do not precede what they follow.
//
// The error is one line that names the operation.
func (h *History) Valid() error {
	previous := make(map[int]int) // process to the index of its latest operation
	for i, op := range h.Operations {
		if err := op.valid(); err != nil {
			return fmt.Errorf("operation %d: %w", op.ID, err)
		}
		if i > 0 {
			if err := op.follows(h.Operations[i-1]); err != nil {
				return fmt.Errorf("operation %d: %w", op.ID, err)
			}
		}
		if last, seen := previous[op.Process]; seen {
			if err := op.continues(h.Operations[last]); err != nil {
				return fmt.Errorf("operation %d: %w", op.ID, err)
			}
		}
		previous[op.Process] = i
	}
	for _, f := range h.Faults {
		if f.Stop != 0 && f.Stop < f.Start {
			return fmt.Errorf("fault %d: stop %v before start %v", f.ID, f.Stop, f.Start)
		}
	}
	for i := 1; i < len(h.Phases); i++ {
		if a, b := h.Phases[i-1], h.Phases[i]; b.At < a.At {
			return fmt.Errorf("phase %s: at %v, before phase %s at %v", b.Name, b.At, a.Name, a.At)
		}
	}
	return nil
}

// valid checks what one operation says of itself.
func (op Operation) valid() error {
	switch {
	case op.Process < 0:
		return fmt.Errorf("process %d, want 0 or more", op.Process)
	case op.Kind == "":
		return fmt.Errorf("no kind")
	case op.Call < 0:
		return fmt.Errorf("call at %v, before the run's start", op.Call)
	case op.Outcome != "" && !op.Outcome.returned():
		return fmt.Errorf("outcome %q, want ok, fail, info or none", op.Outcome)
	case op.Outcome != "" && op.Return < op.Call:
		return fmt.Errorf("return at %v, before its call at %v", op.Return, op.Call)
	case op.Outcome != OutcomeOK && op.Output != nil:
		return fmt.Errorf("has an output, but its outcome is %q", op.Outcome)
	}
	return nil
}

// follows checks the order of calls against the operation before it in the history.
func (op Operation) follows(before Operation) error {
	if op.ID <= before.ID {
		return fmt.Errorf("follows operation %d: ids must rise", before.ID)
	}
	if op.Call < before.Call {
		return fmt.Errorf("call at %v, before that of operation %d at %v",
			op.Call, before.ID, before.Call)
	}
	return nil
}

// continues checks that op may be its process's next after before.
func (op Operation) continues(before Operation) error {
	switch {
	case before.Outcome == OutcomeInfo || before.Outcome == "":
		return fmt.Errorf("process %d was retired by operation %d, whose outcome is unknown",
			op.Process, before.ID)
	case op.Call < before.Return:
		return fmt.Errorf("call at %v, but process %d had operation %d open until %v",
			op.Call, op.Process, before.ID, before.Return)
	}
	return nil
}
