package queue

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"gauntlet/checker/finding"
)

// interval is a time in which an element was surely in the queue, its ends left out.
type interval struct {
	from, to int64
	value    int32
}

// nothing finds a dequeue that found nothing although the queue was never empty meanwhile.
func (h *history) nothing() *finding.Finding {
	if len(h.empty) == 0 {
		return nil
	}
	var intervals []interval
	for _, v := range h.inside {
		from := h.entered(v)
		if to, _ := h.left(v); from < to {
			intervals = append(intervals, interval{from: from, to: to, value: v})
		}
	}
	slices.SortFunc(intervals, func(a, b interval) int { return cmp.Compare(a.from, b.from) })
	full := merge(intervals)
	for _, e := range h.empty {
		op := h.ops[e]
		i := sort.Search(len(full), func(i int) bool { return full[i].from >= op.Call }) - 1
		if i >= 0 && full[i].to > op.Ret {
			return h.full(e, intervals)
		}
	}
	return nil
}

// merge makes the union of open intervals, which are sorted by their start: disjoint ones. Two that
// only touch leave one instant free.
func merge(intervals []interval) []interval {
	var union []interval
	for _, next := range intervals {
		if last := len(union) - 1; last >= 0 && next.from < union[last].to {
			union[last].to = max(union[last].to, next.to)
			continue
		}
		union = append(union, next)
	}
	return union
}

// full names the fewest elements that were in the queue one after the other while an operation
// found it empty.
func (h *history) full(empty int32, intervals []interval) *finding.Finding {
	op := h.ops[empty]
	culprits := []int32{empty}
	class := finding.Stale
	next, best := 0, interval{to: math.MinInt64}
	for reach := op.Call; reach <= op.Ret; reach = best.to {
		for ; next < len(intervals) && intervals[next].from < reach; next++ {
			if intervals[next].to > best.to {
				best = intervals[next]
			}
		}
		if best.to <= reach {
			break // never so: all of it is covered
		}
		class = h.class(best.value, class)
		culprits = append(culprits, h.story(best.value)...)
	}
	return violation(class, culprits...)
}
