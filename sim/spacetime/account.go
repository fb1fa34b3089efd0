package spacetime

import (
	"slices"
	"strings"

	"gauntlet/history"
	"gauntlet/sim/failure"
	"gauntlet/sim/trace"
)

// account is a run made ready to be drawn.
//
// Invariants:
//  1. Nodes and peers of records are lanes or -1; what a record followed from stands before it.
//  2. If the run failed, exactly one record is the focus, of kind Violation; else it is the last.
type account struct {
	nodes      []string
	records    []trace.Record
	causes     [][]int // of each record; the first is its Cause, or -1
	focus      int     // -1: there is no record
	operations []history.Operation
	failure    *failure.Failure
}

func newAccount(log *trace.Log, h *history.History, f *failure.Failure) *account {
	a := &account{failure: f, focus: -1}
	if log != nil {
		a.nodes, a.records = log.Nodes, slices.Clone(log.Records)
	}
	if h != nil {
		a.operations = h.Operations
	}
	a.check()
	a.mend()
	a.focus = len(a.records) - 1
	if f != nil {
		a.focus = a.violation()
	}
	a.link()
	return a
}

// check makes the records hold invariant 1, whoever wrote them.
func (a *account) check() {
	lane := func(node int) int {
		if node < 0 || node >= len(a.nodes) {
			return -1
		}
		return node
	}
	for i := range a.records {
		r := &a.records[i]
		r.Node, r.Peer = lane(r.Node), lane(r.Peer)
		if r.Cause < 0 || r.Cause >= i {
			r.Cause = -1
		}
	}
}

// mend names causes that a record does not name itself: of a sync the write that was under way, of
// a message's second arrival the Duplicate.
func (a *account) mend() {
	writes := make(map[int]int) // under way, by node
	copies := make(map[int]int) // by send
	arrived := make(map[int]bool)
	for i := range a.records {
		r := &a.records[i]
		switch r.Kind {
		case trace.Write:
			writes[r.Node] = i
		case trace.Crash:
			delete(writes, r.Node)
		case trace.Synced, trace.DiskError:
			if write, known := writes[r.Node]; known && r.Cause < 0 {
				r.Cause = write
			}
			delete(writes, r.Node)
		case trace.Duplicate:
			copies[r.Cause] = i
		case trace.Deliver, trace.Drop:
			if copied, known := copies[r.Cause]; known && arrived[r.Cause] {
				r.Cause = copied
			}
			arrived[r.Cause] = true
		}
	}
}

// message is what the message of a record said: of a drop, the label says why.
func (a *account) message(r *trace.Record) string {
	for r.Cause >= 0 && (r.Kind == trace.Drop || r.Kind == trace.Duplicate) {
		r = &a.records[r.Cause]
	}
	return r.Label
}

// violation returns the record of the failure: the last of that kind by then, or else a new one.
func (a *account) violation() int {
	at := len(a.records)
	for at > 0 && a.records[at-1].At > a.failure.At {
		at--
	}
	for i := at - 1; i >= 0 && a.records[i].At == a.failure.At; i-- {
		if a.records[i].Kind == trace.Violation {
			return i
		}
	}
	record := trace.Record{
		At: a.failure.At, Kind: trace.Violation, Node: -1, Peer: -1, Cause: -1,
		Label: string(a.failure.Signature) + ": " + a.failure.Text,
	}
	if nodes := a.failureNodes(); len(nodes) > 0 {
		record.Node = nodes[0]
	}
	a.records = slices.Insert(a.records, at, record)
	for i := range a.records {
		if i > at && a.records[i].Cause >= at {
			a.records[i].Cause++
		}
	}
	return at
}

// failureNodes are the lanes that the failure is about.
func (a *account) failureNodes() []int {
	if a.failure == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(a.failure.Nodes), func(node int) bool {
		return node < 0 || node >= len(a.nodes)
	})
}

// violates reports whether an operation is one of those that cannot be.
func (a *account) violates(op int64) bool {
	return a.failure != nil && slices.Contains(a.failure.Operations, op)
}

// node is the name of a lane.
func (a *account) node(i int) string {
	if i < 0 || i >= len(a.nodes) {
		return ""
	}
	return a.nodes[i]
}

// isHeartbeat reports whether a message only says that a leader lives, or answers that.
func isHeartbeat(label string) bool {
	word, _, _ := strings.Cut(label, " ")
	return strings.HasPrefix(strings.ToLower(word), "heartbeat")
}
