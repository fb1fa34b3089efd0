package spacetime

import (
	"strings"

	"gauntlet/sim/trace"
)

// link finds what could have influenced each record directly, which is Lamport's "happened before"
// without what follows from it by transitivity:
//
//   - its Cause: a message's Send, a sync's Write;
//   - the event before it on its lane;
//   - the fault that it is due to;
//   - at a call, what the same client was told last; at an answer, the call;
//   - at the violation, whatever the failure names: its members and its operations.
//
// A message that was dropped, or an answer on its way to a client, is on no member's lane.
func (a *account) link() {
	l := linker{
		account: a,
		last:    make([]int, len(a.nodes)),
		faults:  make(map[int]int),
		calls:   make(map[int64]int),
		returns: make(map[int64]int),
		before:  a.operationsBefore(),
	}
	for i := range l.last {
		l.last[i] = -1
	}
	a.causes = make([][]int, len(a.records))
	for i := range a.records {
		a.causes[i] = l.causes(i)
		l.remember(i)
	}
}

// linker walks the records in their order and knows what came last.
type linker struct {
	*account
	last    []int         // record on each lane
	faults  map[int]int   // their starts
	calls   map[int64]int // of operations
	returns map[int64]int
	before  map[int64]int64 // the operation that the same client made before
}

func (l *linker) causes(i int) []int {
	r := &l.records[i]
	list := []int{r.Cause}
	add := func(j int, known bool) {
		if !known || j < 0 {
			return
		}
		for _, k := range list {
			if k == j {
				return
			}
		}
		list = append(list, j)
	}
	if r.Fault != 0 {
		start, known := l.faults[r.Fault]
		add(start, known)
	}
	switch {
	case onLane(r.Kind) || r.Kind == trace.Violation:
		if r.Node >= 0 {
			add(l.last[r.Node], true)
		}
	case r.Kind == trace.Return:
		call, known := l.calls[r.Operation]
		add(call, known)
		if r.Node >= 0 && strings.HasPrefix(r.Label, "ok") {
			add(l.last[r.Node], true)
		}
	}
	if r.Kind == trace.Call {
		if before, known := l.before[r.Operation]; known {
			told, answered := l.returns[before]
			add(told, answered)
		}
	}
	if i == l.focus && l.failure != nil {
		for _, node := range l.failureNodes() {
			add(l.last[node], true)
		}
		for _, op := range l.failure.Operations {
			told, answered := l.returns[op]
			add(told, answered)
		}
	}
	return list
}

func (l *linker) remember(i int) {
	r := &l.records[i]
	switch r.Kind {
	case trace.FaultStart:
		l.faults[r.Fault] = i
	case trace.Call:
		l.calls[r.Operation] = i
	case trace.Return:
		l.returns[r.Operation] = i
	}
	if r.Node >= 0 && onLane(r.Kind) {
		l.last[r.Node] = i
	}
}

// onLane reports whether a record is something that its node lived through, in order.
func onLane(kind trace.Kind) bool {
	switch kind {
	case trace.Drop, trace.Duplicate, trace.Return, trace.FaultStart, trace.FaultStop,
		trace.Violation, trace.Phase:
		return false
	}
	return true
}

// operationsBefore maps each operation to the one that its client made before.
func (a *account) operationsBefore() map[int64]int64 {
	before := make(map[int64]int64)
	latest := make(map[int]int64)
	for _, op := range a.operations {
		if id, known := latest[op.Process]; known {
			before[op.ID] = id
		}
		latest[op.Process] = op.ID
	}
	return before
}

// past marks the records that could have influenced one, itself among them.
func (a *account) past(of int) []bool {
	marked := make([]bool, len(a.records))
	if of < 0 {
		return marked
	}
	marked[of] = true
	for i := of; i >= 0; i-- { // what a record followed from stands before it
		if !marked[i] {
			continue
		}
		for _, j := range a.causes[i] {
			if j >= 0 {
				marked[j] = true
			}
		}
	}
	return marked
}
