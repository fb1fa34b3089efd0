package zones

import (
	"cmp"
	"slices"

	"gauntlet/checker/finding"
	"gauntlet/checker/register"
)

// Limits of the search in a window.
const (
	windowConfigs  = 1 << 12
	windowValues   = 1 << 12
	windowPatience = 8 // values on both sides before a violation is thought of
)

// window is a part of the schedule, sequence[low] to sequence[high], whose operations may be
// ordered otherwise.
type window struct {
	low, high int
	used      []int32 // spare operations that may have helped
}

// searcher finds instants for operations that saw any value but one, by ordering windows of the
// schedule anew.
//
// Invariant: between two windows that have an order there is a value that is in neither, so each
// may be ordered without regard for the other.
type searcher struct {
	*history
	*schedule
	readers grouped // by the value that they saw
	others  grouped // by the value that they did not see
	spare   []int32 // unanswered writes that nobody observed, by call
	swaps   grouped // and such compare-and-sets, by the value that they expect
	taken   map[int32]bool
	settled []window

	// All operations that write, once they are asked for; see crossing.
	listed     bool
	writers    []writer // by call
	unanswered []int32
}

// windows decides about the operations that the schedule leaves unsatisfied. For each it orders a
// window of the history anew, with the schedule frozen outside: if that works, so does the whole.
// Otherwise it asks whether any order of the rest could help; if not, that is a violation.
// Otherwise the window doubles.
func (h *history) windows(sc *schedule, left []int32) finding.Finding {
	s := h.searcher(sc)
	slices.SortFunc(left, func(a, b int32) int {
		return cmp.Compare(sc.position[h.ops[a].Before], sc.position[h.ops[b].Before])
	})
	for _, i := range left {
		if found := s.place(i); found.Answer != finding.Linearizable {
			return found
		}
	}
	return finding.Finding{Answer: finding.Linearizable}
}

func (h *history) searcher(sc *schedule) *searcher {
	s := &searcher{
		history: h, schedule: sc, readers: h.group(reads), taken: map[int32]bool{},
		others: h.group(func(op *register.Op) bool {
			return op.Kind == register.NotEqual && !op.Pending
		}),
		swaps: h.group(func(op *register.Op) bool {
			return op.Pending && swaps(op) && !h.observed(op.After)
		}),
	}
	for i := range h.ops {
		op := &h.ops[i]
		if op.Pending && op.Kind == register.Write && !h.observed(op.After) {
			s.spare = append(s.spare, int32(i))
		}
	}
	slices.SortFunc(s.spare, func(a, b int32) int { return cmp.Compare(h.ops[a].Call, h.ops[b].Call) })
	return s
}

// place finds a window for one operation.
func (s *searcher) place(i int32) finding.Finding {
	k := int(s.position[s.ops[i].Before])
	if n := len(s.settled); n > 0 && k <= s.settled[n-1].high {
		return finding.Finding{Answer: finding.Linearizable} // it was searched with another
	}
	w := window{low: k, high: k}
	for size := 1; ; size *= 2 {
		w.low, w.high = max(0, k-size), min(len(s.sequence)-1, k+size)
		for n := len(s.settled); n > 0 && s.settled[n-1].high+1 >= w.low; n-- {
			w.low = min(w.low, s.settled[n-1].low)
			for _, j := range s.settled[n-1].used {
				delete(s.taken, j)
			}
			s.settled = s.settled[:n-1]
		}
		if s.frozen(&w) {
			s.settled = append(s.settled, w)
			return finding.Finding{Answer: finding.Linearizable}
		}
		last := w.high-w.low >= min(len(s.sequence)-1, windowValues)
		if size < windowPatience && !last {
			continue
		}
		if found := s.relaxed(w); found.Answer != finding.Undecided {
			return found
		}
		if last {
			return undecided(i)
		}
	}
}

// borders are the times between which the window is in force.
func (s *searcher) borders(w *window) (from, to int64) {
	from, to = s.start[w.low], register.Forever
	if w.high+1 < len(s.start) {
		to = s.start[w.high+1]
	}
	return from, to
}

// frozen searches an order of the window that fits the schedule before and after. If there is none
// otherwise, it takes spare operations to help.
func (s *searcher) frozen(w *window) bool {
	from, to := s.borders(w)
	sel, needs := s.between(w)
	first := []register.Value{register.Initial}
	if w.low > 0 {
		first[0] = register.Value(s.sequence[w.low-1])
	}
	w.used = nil
	if to == register.Forever && w.high+1 < len(s.sequence) {
		return false // there is no time after the window
	}
	if sel.search(first, false, windowConfigs) == finding.Linearizable {
		return true
	}
	offered := s.offer(w, needs, to)
	for _, i := range offered {
		op := s.ops[i]
		op.Call = max(op.Call, from)
		sel.add(op, i)
		for _, j := range s.others.of(int32(op.After)) {
			if other := s.ops[j]; s.within(other, w.low, w) {
				sel.add(other, j)
			}
		}
	}
	if len(offered) == 0 || sel.search(first, false, windowConfigs) != finding.Linearizable {
		return false
	}
	w.used = offered
	for _, i := range offered {
		s.taken[i] = true
	}
	return true
}

// between selects the operations of a window, to take effect between its borders, and one that sees
// the last of its values at its end if a compare-and-set follows. It returns how many saw any value
// but one.
func (s *searcher) between(w *window) (sel *selection, needs int) {
	from, to := s.borders(w)
	sel = newSelection()
	for k := w.low; k <= w.high; k++ {
		v := s.sequence[k]
		if writer := s.values[v].writer; writer != none {
			sel.add(clip(s.ops[writer], from, to), writer)
		}
		for _, i := range s.readers.of(v) {
			sel.add(clip(s.ops[i], from, to), i)
		}
	}
	for k := max(0, w.low-1); k <= w.high; k++ {
		for _, i := range s.others.of(s.sequence[k]) {
			if op := s.ops[i]; s.within(op, k, w) {
				sel.add(clip(op, from, to), i)
				needs++
			}
		}
	}
	if w.high+1 < len(s.sequence) && !s.root(s.sequence[w.high+1]) && to < register.Forever {
		last := register.Value(s.sequence[w.high])
		sel.add(register.Op{Call: to + 1, Ret: to + 1, Before: last}, none)
	}
	return sel, needs
}

// clip has an operation take effect between two times.
func clip(op register.Op, from, to int64) register.Op {
	op.Call, op.Ret, op.Pending = max(op.Call, from), min(op.Ret, to), false
	return op
}

// within reports whether an operation that did not see sequence[k] must find its instant in the
// window. Otherwise it has one outside: the window begins with another value than its own, and all
// of its values are replaced at its end.
func (s *searcher) within(op register.Op, k int, w *window) bool {
	from, to := s.borders(w)
	if k < w.low {
		from = s.start[k]
	}
	return op.Call > from && (op.Ret < to || to == register.Forever)
}

// offer lists spare operations that may help in a window, if it takes them: for each of its needs a
// write, and what compare-and-sets could make of its values.
func (s *searcher) offer(w *window, needs int, to int64) []int32 {
	var offered []int32
	for k := max(0, w.low-1); k <= w.high; k++ {
		for _, i := range s.swaps.of(s.sequence[k]) {
			if s.ops[i].Call <= to && !s.taken[i] {
				offered = append(offered, i)
			}
		}
	}
	for _, i := range s.spare {
		if needs == 0 || s.ops[i].Call > to {
			break
		}
		if !s.taken[i] {
			offered = append(offered, i)
			needs--
		}
	}
	return offered
}
