package sums

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
	"sort"

	"gauntlet/checker/finding"
)

// steps is a history in which the sum goes one way only, and silent adds are of one size, the unit.
//
// Every sum that was told, or found by an add that told one, was in force; in order of their size
// they are the levels. From one level to the next leads either one add that told so, or a gap:
// silent adds, as many as there are units between the two. So what was told forms a chain of
// blocks: the reads of the first level, the step to the second, its reads, and so on. There are
// instants for all of it if and only if no operation of a later block precedes one of an earlier.
//
// A silent add fits into a gap if it returned no earlier than the latest call of the blocks before
// the gap, and was called no later than the earliest return of the blocks behind. Both bounds rise
// from gap to gap, so an add fits into consecutive gaps, or the end, which takes any number. Each
// gap wants its number of adds, and each add that returned wants a gap: filling the gaps in their
// order with those whose last gap comes first does it if anything does. That of two silent adds the
// one in the earlier gap is not preceded by the other is no further bound: if it is, both may
// change places.
type steps struct {
	ops    []Op // of the history, mirrored if the sum falls
	told   []int32
	silent []int32
	unit   int64 // 0 if there are no silent adds

	levels []int64
	ups    []int32 // by level: the add that led to the next one, or none
	gaps   []gap
}

// gap is a place for silent adds.
type gap struct {
	need int64
	from int64 // the latest call before it
	to   int64 // the earliest return behind it
}

// none is the index of an operation that is not there.
const none = -1

// huge bounds numbers, so that differences do not overflow.
const huge = math.MaxInt64 / 4

// newSteps returns nil if the history is none of steps.
func newSteps(h *history) *steps {
	s := &steps{ops: h.ops, told: h.told, silent: h.silent}
	rises, falls := false, false
	for _, i := range slices.Concat(h.told, h.silent) {
		op := h.ops[i]
		rises, falls = rises || op.Delta > 0, falls || op.Delta < 0
		if op.Delta > huge || op.Delta < -huge || op.Told && (op.Sum > huge || op.Sum < -huge) {
			return nil
		}
	}
	if rises && falls {
		return nil
	}
	if falls {
		s.ops = slices.Clone(h.ops)
		for i := range s.ops {
			s.ops[i].Delta, s.ops[i].Sum = -s.ops[i].Delta, -s.ops[i].Sum
		}
	}
	for _, i := range s.silent {
		if delta := s.ops[i].Delta; s.unit == 0 {
			s.unit = delta
		} else if s.unit != delta {
			return nil
		}
	}
	return s
}

func (s *steps) decide() Result {
	for _, rule := range []func() *finding.Finding{s.climb, s.order, s.fill} {
		found := rule()
		if found == nil {
			continue
		}
		r := Result{Finding: *found, Stuck: none}
		for _, c := range found.Culprits {
			if r.Stuck == none || s.ops[c].Ret > s.ops[r.Stuck].Ret {
				r.Stuck = c
			}
		}
		return r
	}
	return linearizable()
}

// climb finds the levels, and what leads from one to the next.
func (s *steps) climb() *finding.Finding {
	s.levels = append(s.levels, 0)
	for _, i := range s.told {
		if s.ops[i].before() < 0 {
			return violation(finding.NeverWritten, i)
		}
		s.levels = append(s.levels, s.ops[i].before(), s.ops[i].Sum)
	}
	slices.Sort(s.levels)
	s.levels = slices.Compact(s.levels)
	s.ups = make([]int32, len(s.levels))
	for i := range s.ups {
		s.ups[i] = none
	}
	for _, i := range s.told {
		if s.ops[i].Delta == 0 {
			continue
		}
		level, _ := slices.BinarySearch(s.levels, s.ops[i].before())
		if s.ups[level] != none {
			return violation(finding.Twice, s.ups[level], i)
		}
		if s.levels[level+1] != s.ops[i].Sum {
			return violation(finding.Reordered, i, s.at(s.levels[level+1]))
		}
		s.ups[level] = i
	}
	return nil
}

// at is an operation that knows of a level.
func (s *steps) at(level int64) int32 {
	for _, i := range s.told {
		if s.ops[i].Sum == level || s.ops[i].before() == level {
			return i
		}
	}
	return none
}

// order finds an operation that precedes one of an earlier block, and the gaps with their bounds.
func (s *steps) order() *finding.Finding {
	reads := slices.DeleteFunc(slices.Clone(s.told), func(i int32) bool { return s.ops[i].Delta != 0 })
	slices.SortFunc(reads, func(a, b int32) int { return cmp.Compare(s.ops[a].Sum, s.ops[b].Sum) })
	latest, call := int32(none), int64(math.MinInt64)
	var blocks [][]int32 // nil: a gap
	for level, sum := range s.levels {
		end := sort.Search(len(reads), func(i int) bool { return s.ops[reads[i]].Sum > sum })
		blocks, reads = append(blocks, reads[:end:end]), reads[end:]
		if up := s.ups[level]; up != none {
			blocks = append(blocks, []int32{up})
		} else {
			blocks = append(blocks, nil)
		}
	}
	for at, block := range blocks {
		if block == nil && at%2 == 1 {
			s.gaps = append(s.gaps, gap{need: s.units(at / 2), from: call})
		}
		next := latest
		for _, i := range block {
			if s.ops[i].Ret < call {
				return violation(finding.Stale, i, latest)
			}
			if next == none || s.ops[i].Call > s.ops[next].Call {
				next = i
			}
		}
		if latest = next; latest != none {
			call = s.ops[latest].Call
		}
	}
	s.bound(blocks)
	return nil
}

// units is how many silent adds lead from a level to the next; -1 if none do. The end beyond the
// last level wants none.
func (s *steps) units(level int) int64 {
	if level+1 == len(s.levels) {
		return 0
	}
	difference := s.levels[level+1] - s.levels[level]
	if s.unit == 0 || difference%s.unit != 0 {
		return -1
	}
	return difference / s.unit
}

// bound finds the earliest return behind each gap.
func (s *steps) bound(blocks [][]int32) {
	ret, next := int64(math.MaxInt64), len(s.gaps)-1
	for at, block := range slices.Backward(blocks) {
		if block == nil && at%2 == 1 {
			s.gaps[next].to = ret
			next--
		}
		for _, i := range block {
			ret = min(ret, s.ops[i].Ret)
		}
	}
}

// fill gives each gap its silent adds. The last gap is the end: what is left then must fit there.
func (s *steps) fill() *finding.Finding {
	silent := slices.Clone(s.silent)
	slices.SortFunc(silent, func(a, b int32) int { return cmp.Compare(s.ops[a].Call, s.ops[b].Call) })
	waiting := &deadlines{}
	next := 0
	for at, g := range s.gaps {
		for ; next < len(silent) && s.ops[silent[next]].Call <= g.to; next++ {
			heap.Push(waiting, s.deadline(s.ops[silent[next]]))
		}
		if g.need < 0 || g.need > int64(waiting.Len()) {
			return violation(finding.NoOrder)
		}
		for range g.need {
			if heap.Pop(waiting).(int) < at {
				return violation(finding.NoOrder)
			}
		}
	}
	if waiting.Len() > 0 && (*waiting)[0] < len(s.gaps)-1 {
		return violation(finding.NoOrder)
	}
	return nil
}

// deadline is the last gap into which a silent add fits. One that did not return need not be made.
func (s *steps) deadline(op Op) int {
	if op.Pending {
		return len(s.gaps)
	}
	return sort.Search(len(s.gaps), func(g int) bool { return s.gaps[g].from > op.Ret }) - 1
}

// deadlines is a heap of gaps.
type deadlines []int

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i] < d[j] }
func (d deadlines) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *deadlines) Push(x any)        { *d = append(*d, x.(int)) }

func (d *deadlines) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	*d = (*d)[:last]
	return x
}

// violation sorts the culprits.
func violation(class finding.Class, culprits ...int32) *finding.Finding {
	slices.Sort(culprits)
	var list []int
	for _, c := range culprits {
		list = append(list, int(c))
	}
	return &finding.Finding{Answer: finding.Violation, Class: class, Culprits: list}
}
