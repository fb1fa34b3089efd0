package zones

import (
	"cmp"
	"maps"
	"slices"

	"gauntlet/checker/finding"
	"gauntlet/checker/register"
)

// pinReach is how many values a span goes beyond its window at most, on each side, for one that is
// surely in force at some time.
const pinReach = 64

// span is a part of the history, by time, and what is surely in force at its ends.
type span struct {
	from, to  int64
	low, high int   // in the sequence: what lies in the span belongs to these values
	before    int32 // the value at from, or none if it may be any
	after     int32 // the value at to, or none
}

// span widens a window to times at which it is sure what was in force.
func (s *searcher) span(w window) span {
	from, to := s.borders(&w)
	sp := span{from: from, to: to, low: w.low, high: w.high, before: none, after: none}
	if w.low == 0 {
		sp.before = int32(register.Initial)
	}
	for k := w.low - 1; k >= 0 && w.low-k < pinReach; k-- {
		v := register.Value(s.sequence[k])
		if first, last := s.begun(v), s.lasting(v); first < last && first+1 < last {
			sp.from, sp.low, sp.before = last-1, k, int32(v)
			break
		}
	}
	for k := w.high + 1; k < len(s.sequence) && k-w.high < pinReach; k++ {
		v := register.Value(s.sequence[k])
		if first, last := s.begun(v), s.lasting(v); first < last && first+1 < last {
			sp.to, sp.high, sp.after = first+1, k, int32(v)
			break
		}
	}
	return sp
}

// relaxed searches any order of what happened in the window and near it, whatever happened outside:
// what crosses a border may have taken effect inside or not, and unless it is sure what was in
// force at the beginning that may be anything. All orders of the history contain one of these, so
// without any there is a violation.
func (s *searcher) relaxed(w window) finding.Finding {
	sp := s.span(w)
	sel, answer := s.ask(sp, func(int32) bool { return true }, windowConfigs)
	switch {
	case answer == finding.Violation:
		return *s.proved(sp, sel)
	case w.low == 0 && w.high == len(s.sequence)-1:
		return finding.Finding{Answer: answer} // nothing was left out
	}
	return finding.Finding{}
}

// ask searches an order for some of what surely took effect in a span. The rest of that is not
// asked for, but what it writes may come into force.
func (s *searcher) ask(sp span, some func(i int32) bool, configs int) (*selection, finding.Answer) {
	sel := newSelection()
	needs := s.inside(sel, sp, some)
	s.optional(sel, sp, some, needs)
	var initial []register.Value
	if sp.before != none {
		initial = append(initial, register.Value(sp.before))
	} else {
		for _, v := range slices.Sorted(maps.Keys(sel.asked)) {
			if s.called(v) <= sp.from {
				initial = append(initial, v)
			}
		}
	}
	if sp.after != none {
		sel.add(register.Op{Call: sp.to, Ret: sp.to, Before: register.Value(sp.after)}, none)
	}
	return sel, sel.search(initial, sp.before == none, configs)
}

// called is when the write of a value was called, or register.Forever if it has none.
func (s *searcher) called(v register.Value) int64 {
	switch w := s.values[v].writer; {
	case v == register.Initial:
		return begin
	case w != none:
		return s.ops[w].Call
	}
	return register.Forever
}

// inside selects the operations that surely took effect in the span, if they are among some. It
// returns how many saw any value but one.
func (s *searcher) inside(sel *selection, sp span, some func(i int32) bool) (needs int) {
	take := func(i int32) bool {
		if i == none || !sp.holds(&s.ops[i]) || !some(i) {
			return false
		}
		sel.add(s.ops[i], i)
		return true
	}
	for _, v := range s.sequence[sp.low : sp.high+1] {
		take(s.values[v].writer)
		for _, i := range s.readers.of(v) {
			take(i)
		}
		for _, i := range s.others.of(v) {
			if take(i) {
				needs++
			}
		}
	}
	if sp.after != none {
		sel.asked[register.Value(sp.after)] = true
	}
	return needs
}

// holds reports whether an operation surely took effect in the span, if at all.
func (sp *span) holds(op *register.Op) bool {
	return !op.Pending && sp.from <= op.Call && op.Ret <= sp.to
}

// optional selects what may have taken effect in the span. Of writes that nobody asks for one is as
// good as another, and no order needs more of them than there are operations that saw any value
// but one; those called first can do all that the others can.
func (s *searcher) optional(sel *selection, sp span, some func(i int32) bool, needs int) {
	crossing := s.crossing(sel, sp)
	for _, i := range crossing {
		op := &s.ops[i]
		if swaps(op) {
			sel.asked[op.Before] = true
		}
		if k := s.position[op.After]; k != none && sp.low <= int(k) && int(k) <= sp.high {
			continue // who did not see it is selected
		}
		for _, j := range s.others.of(int32(op.After)) {
			if sp.holds(&s.ops[j]) && some(j) {
				sel.add(s.ops[j], j)
				needs++
			}
		}
	}
	for _, i := range crossing {
		op := s.ops[i]
		if op.Kind == register.Write && !sel.asked[op.After] {
			if needs--; needs < 0 {
				continue
			}
		}
		op.Call, op.Ret, op.Pending = max(op.Call, sp.from), register.Forever, true
		sel.add(op, i)
	}
}

// writer is an operation that writes and completed, with the latest return of those called no
// later.
type writer struct {
	op     int32
	latest int64
}

// crossing lists by call what was open in the span and writes, but is not selected yet.
func (s *searcher) crossing(sel *selection, sp span) []int32 {
	if !s.listed {
		s.listWriters()
	}
	selected := map[int32]bool{}
	for _, i := range sel.source {
		selected[i] = true
	}
	var found []int32
	end, _ := slices.BinarySearchFunc(s.writers, sp.to, func(w writer, to int64) int {
		if s.ops[w.op].Call <= to {
			return -1
		}
		return 1
	})
	for k := end - 1; k >= 0 && s.writers[k].latest >= sp.from; k-- {
		if i := s.writers[k].op; s.ops[i].Ret >= sp.from && !selected[i] && s.possible(i, sp) {
			found = append(found, i)
		}
	}
	for _, i := range s.unanswered {
		if s.ops[i].Call <= sp.to && s.possible(i, sp) {
			found = append(found, i)
		}
	}
	slices.SortFunc(found, func(a, b int32) int { return cmp.Compare(s.ops[a].Call, s.ops[b].Call) })
	return found
}

// listWriters sorts the operations that write.
func (s *searcher) listWriters() {
	s.listed = true
	for i := range s.ops {
		op := &s.ops[i]
		switch {
		case op.Kind != register.Write && !swaps(op):
		case op.Pending:
			s.unanswered = append(s.unanswered, int32(i))
		default:
			s.writers = append(s.writers, writer{op: int32(i)})
		}
	}
	slices.SortFunc(s.writers, func(a, b writer) int {
		return cmp.Compare(s.ops[a.op].Call, s.ops[b.op].Call)
	})
	latest := int64(begin)
	for k := range s.writers {
		latest = max(latest, s.ops[s.writers[k].op].Ret)
		s.writers[k].latest = latest
	}
}

// possible reports whether what an operation wrote may have come into force in the span: not if
// that was before, or is after, what is surely in force at its ends.
func (s *searcher) possible(i int32, sp span) bool {
	v := s.ops[i].After
	if !s.kept(int32(v)) || int32(v) == sp.after {
		return true
	}
	return (sp.before == none || s.begun(v) > sp.from) && (sp.after == none || s.lasting(v) < sp.to)
}
