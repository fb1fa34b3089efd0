package checker

import (
	"fmt"
	"slices"

	"gauntlet/checker/finding"
	"gauntlet/checker/queue"
	"gauntlet/history"
	"gauntlet/workload"
)

// engineQueue is the engine of queues to which every value was enqueued once.
const engineQueue = "queue"

// queueModel is a first-in-first-out queue that begins empty.
type queueModel struct{ plain }

func (queueModel) initial() any              { return []int64(nil) }
func (queueModel) equal(a, b any) bool       { return slices.Equal(a.([]int64), b.([]int64)) }
func (queueModel) describe(state any) string { return fmt.Sprint(state) }

func (queueModel) hash(state any) uint64 {
	sum := uint64(0)
	for _, v := range state.([]int64) {
		sum = (sum + uint64(v) + 1) * 0x9e3779b97f4a7c15
	}
	return sum
}

func (queueModel) decode(op history.Operation, pending bool) (action, error) {
	input, err := workload.DecodeQueueInput(op.Kind, op.Input)
	if err != nil {
		return nil, err
	}
	a := queueAction{enqueues: op.Kind == workload.KindEnqueue, value: input.Value}
	if pending {
		a.doubtful = !a.enqueues
		return a, nil
	}
	output, err := workload.DecodeQueueOutput(op.Kind, op.Output)
	if err != nil {
		return nil, err
	}
	if output.Value != nil {
		a.value, a.found = *output.Value, true
	}
	return a, nil
}

func (m queueModel) engines() []engine {
	return []engine{{engineQueue, "no value is enqueued twice", m.inOrder}}
}

// inOrder asks the engine of queues, and puts what it finds into words.
func (m queueModel) inOrder(t *task) (finding.Finding, error) {
	effects, err := t.effects()
	if err != nil {
		return finding.Finding{}, err
	}
	ops, values := compactQueue(effects)
	found := queue.Check(ops, values)
	if found.Answer == finding.Violation {
		window := blamed(effects, found.Culprits)
		t.told = m.tell(found.Class, t.ops, window)
		found.Culprits = t.positions(window)
	}
	return found, nil
}

// compactQueue numbers the values of a queue's history.
func compactQueue(effects []effect) (ops []queue.Op, values int) {
	numbers := make(map[int64]int32)
	ops = make([]queue.Op, len(effects))
	for i, e := range effects {
		a := e.action.(queueAction)
		ops[i] = queue.Op{Call: int64(e.call), Ret: int64(e.ret), Pending: e.pending}
		switch {
		case !a.enqueues && !a.found && !e.pending:
			ops[i].Kind = queue.Empty
			continue
		case !a.enqueues:
			ops[i].Kind = queue.Dequeue
		}
		if a.doubtful {
			continue
		}
		number, known := numbers[a.value]
		if !known {
			number = int32(len(numbers))
			numbers[a.value] = number
		}
		ops[i].Value = number
	}
	return ops, len(numbers)
}

// blamed are the effects that an engine blames.
func blamed(effects []effect, culprits []int) []effect {
	window := make([]effect, len(culprits))
	for i, c := range culprits {
		window[i] = effects[c]
	}
	return window
}

// positions are the places of a window's operations among those of the task.
func (t *task) positions(window []effect) []int {
	at := make([]int, 0, len(window))
	for i, op := range t.ops {
		if len(at) < len(window) && op.ID == window[len(at)].op.ID {
			at = append(at, i)
		}
	}
	return at
}

// relevant drops pending enqueues of values that nobody is known to have dequeued: without them,
// whatever else was in the queue comes out in the same order, and no later.
func (queueModel) relevant(effects []effect) []effect {
	taken := make(map[int64]bool)
	for _, e := range effects {
		if a := e.action.(queueAction); a.found {
			taken[a.value] = true
		}
	}
	unseen := make([]bool, len(effects))
	for i, e := range effects {
		a := e.action.(queueAction)
		unseen[i] = e.pending && a.enqueues && !taken[a.value]
	}
	return remove(effects, unseen)
}

// queueAction is what an operation put into a queue, or took out of it.
type queueAction struct {
	enqueues bool
	value    int64 // enqueued, or dequeued if found
	found    bool  // of a dequeue; if not, the queue was empty
	doubtful bool  // an unanswered dequeue: it took what was there, if anything
}

// apply implements action.
func (a queueAction) apply(state any) (bool, any) {
	content := state.([]int64)
	switch {
	case a.enqueues:
		return true, append(slices.Clip(content), a.value)
	case a.doubtful:
		return true, content[min(1, len(content)):]
	case !a.found:
		return len(content) == 0, content
	case len(content) == 0 || content[0] != a.value:
		return false, content
	}
	return true, content[1:]
}

// name implements action.
func (a queueAction) name() string {
	if a.enqueues {
		return fmt.Sprintf("enqueue %d", a.value)
	}
	return "dequeue"
}

// String implements action: "enqueue 17", "dequeue 17", "dequeue, empty".
func (a queueAction) String() string {
	switch {
	case a.found:
		return fmt.Sprintf("dequeue %d", a.value)
	case !a.enqueues && !a.doubtful:
		return "dequeue, empty"
	}
	return a.name()
}

// class implements action.
func (a queueAction) class() any { return a }
