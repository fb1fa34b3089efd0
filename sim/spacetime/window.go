package spacetime

import (
	"slices"
	"time"

	"gauntlet/history"
	"gauntlet/sim/trace"
)

// What a page holds at most: a browser must draw it without a pause, and an issue must take it.
const (
	mostBytes   = 2_000_000
	mostRecords = 10_000
	mostLetters = 240 // of one label, input or output, if the page would be too large otherwise
)

// window is the part of a run that a page shows: everything in [full, to); before that, from first
// on, whatever could have influenced the failure or changed what a member is; before that, nothing
// but the faults that are still on.
type window struct {
	first, full, to int
	keep            []int // records, rising
	operations      []history.Operation
	short           bool        // long labels are cut
	begin           []condition // of each member, just before first
}

// condition is what a member is at an instant.
type condition struct {
	Role   string `json:"role"`
	Term   uint64 `json:"term"`
	Commit uint64 `json:"commit"`
	Down   bool   `json:"down"`
	Paused bool   `json:"paused"`
}

// window chooses at most the given number of records, and of operations; what is still on at its
// start comes on top.
func (a *account) window(most int) window {
	w := window{to: len(a.records), short: most < mostRecords}
	if len(a.records) > most {
		w.to = min(len(a.records), a.focus+1+most/8)
		w.full = max(0, w.to-most/2)
		w.first = w.full
		past, left := a.past(a.focus), most-(w.to-w.full)
		for i := w.full - 1; i >= 0 && left > 0; i-- {
			if past[i] || lasting(a.records[i].Kind) {
				w.keep = append(w.keep, i)
				left--
			}
			w.first = i
		}
		w.keep = append(w.keep, a.stillOn(w.first)...)
		slices.Sort(w.keep)
	}
	for i := w.full; i < w.to; i++ {
		w.keep = append(w.keep, i)
	}
	w.begin = a.conditions(w.first)
	w.operations = a.operationsWithin(a.span(w), most)
	return w
}

// lasting reports whether a record changes what a member or the world is from then on.
func lasting(kind trace.Kind) bool {
	switch kind {
	case trace.Crash, trace.Start, trace.Refused, trace.Pause, trace.Resume, trace.Role,
		trace.FaultStart, trace.FaultStop, trace.Violation, trace.Phase:
		return true
	}
	return false
}

// stillOn are the starts of faults that are on when a record happens.
func (a *account) stillOn(record int) []int {
	stopped := make(map[int]bool)
	for _, r := range a.records[:record] {
		if r.Kind == trace.FaultStop {
			stopped[r.Fault] = true
		}
	}
	var starts []int
	for i, r := range a.records[:record] {
		if r.Kind == trace.FaultStart && !stopped[r.Fault] {
			starts = append(starts, i)
		}
	}
	return starts
}

// conditions is what each member is just before a record. One whose lane opens with a start was
// down until then.
func (a *account) conditions(record int) []condition {
	list := make([]condition, len(a.nodes))
	for i := range list {
		list[i].Role = string(history.RoleFollower)
	}
	for i := len(a.records) - 1; i >= 0; i-- {
		if r := &a.records[i]; r.Node >= 0 && onLane(r.Kind) {
			list[r.Node].Down = r.Kind == trace.Start
		}
	}
	for _, r := range a.records[:record] {
		if r.Node >= 0 {
			list[r.Node].follow(&r)
		}
	}
	return list
}

// follow is what a member is after a record of its lane.
func (c *condition) follow(r *trace.Record) {
	switch r.Kind {
	case trace.Role:
		c.Role, c.Term = r.Role, r.Term
	case trace.Commit:
		c.Commit = r.Index
	case trace.Crash, trace.Refused:
		*c = condition{Role: string(history.RoleFollower), Term: c.Term, Down: true}
	case trace.Start:
		*c = condition{Role: string(history.RoleFollower), Term: max(c.Term, r.Term)}
	case trace.Pause:
		c.Paused = true
	case trace.Resume:
		c.Paused = false
	}
}

// span is a stretch of time.
type span struct{ From, To time.Duration }

// span is the time that a window shows.
func (a *account) span(w window) span {
	if w.first >= len(a.records) {
		return span{}
	}
	s := span{From: a.records[w.first].At, To: a.records[max(w.to-1, w.first)].At}
	if w.first == 0 {
		s.From = 0
	}
	return s
}

// operationsWithin are those that were open at some time of a span, if there are too many those
// closest to the failure, and the violating ones in any case.
func (a *account) operationsWithin(s span, most int) []history.Operation {
	var list []history.Operation
	for _, op := range a.operations {
		if op.Outcome == "" {
			op.Return = s.To // it was never answered
		}
		if a.violates(op.ID) || (op.Return >= s.From && op.Call <= s.To) {
			list = append(list, op)
		}
	}
	surplus := len(list) - most
	return slices.DeleteFunc(list, func(op history.Operation) bool {
		surplus--
		return surplus >= 0 && !a.violates(op.ID)
	})
}
