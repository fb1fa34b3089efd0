package zones

import (
	"maps"
	"slices"

	"gauntlet/checker/finding"
	"gauntlet/checker/register"
	"gauntlet/shrink"
)

// Limits of what is tried to name few operations, once it is sure that there is a violation.
const (
	proofConfigs = 1 << 9  // in one attempt with fewer operations
	proofEffort  = 200_000 // attempts, times operations
)

// proved is the finding about a span for whose operations there is no order. It names few of them
// that rule out every order whatever the others did, and those outside that make sure what was in
// force at its ends.
func (s *searcher) proved(sp span, sel *selection) *finding.Finding {
	inside := slices.DeleteFunc(slices.Clone(sel.source), func(i int32) bool {
		return i == none || !sp.holds(&s.ops[i])
	})
	slices.Sort(inside)
	pick := func(kept []int) []int32 {
		some := make([]int32, len(kept))
		for k, i := range kept {
			some[k] = inside[i]
		}
		return some
	}
	fails := func(sp span, some []int32) bool {
		_, answer := s.ask(sp, func(i int32) bool {
			_, found := slices.BinarySearch(some, i)
			return found
		}, proofConfigs)
		return answer == finding.Violation
	}
	few := inside
	if fails(sp, inside) {
		budget := shrink.Budget{Left: proofEffort / max(1, len(inside))}
		few = pick(shrink.Subset(len(inside), &budget, func(kept []int) bool {
			return fails(sp, pick(kept))
		}))
	}
	for _, border := range []*int32{&sp.before, &sp.after} {
		value := *border
		if *border = none; !fails(sp, few) {
			*border = value
		}
	}
	return s.complete(sp, few, sel)
}

// complete adds to operations of a span what makes them a violation by themselves.
func (s *searcher) complete(sp span, few []int32, sel *selection) *finding.Finding {
	named := slices.Clone(few)
	if sp.before != none && sp.from != begin {
		named = append(named, s.proof(register.Value(sp.before), sp.from, sp.from)...)
	}
	if sp.after != none {
		named = append(named, s.proof(register.Value(sp.after), sp.to, sp.to)...)
	}
	extra := func(v register.Value) []int32 { return []int32{s.values[v].writer} }
	for range 3 {
		named = s.grounded(named)
		if s.contradict(named) {
			return violation(finding.NoOrder, s.without(named, few))
		}
		for _, v := range slices.Sorted(maps.Keys(sel.asked)) {
			named = append(named, extra(v)...)
		}
		extra = func(v register.Value) []int32 {
			if !s.kept(int32(v)) {
				return nil
			}
			return s.proof(v, s.begun(v)+1, s.lasting(v)-1)
		}
	}
	all := make([]int32, len(s.ops))
	for i := range all {
		all[i] = int32(i)
	}
	return violation(finding.NoOrder, all)
}

// without leaves out operations that are not needed, but for the few that are.
func (s *searcher) without(named, few []int32) []int32 {
	for k := len(named) - 1; k >= 0; k-- {
		if slices.Contains(few, named[k]) {
			continue
		}
		if rest := slices.Delete(slices.Clone(named), k, k+1); s.contradict(rest) {
			named = rest
		}
	}
	return named
}

// contradict reports whether operations are a violation, though every value that one of them saw
// and none of them wrote may have been written at any time.
func (s *searcher) contradict(named []int32) bool {
	sel := newSelection()
	free := map[register.Value]bool{}
	for _, i := range ascending(named) {
		sel.add(s.ops[i], int32(i))
		if op := &s.ops[i]; op.Kind != register.Write {
			free[op.Before] = true
		}
	}
	delete(free, register.Initial)
	for _, i := range sel.source {
		if op := &s.ops[i]; op.Kind == register.Write || swaps(op) {
			delete(free, op.After)
		}
	}
	for _, v := range slices.Sorted(maps.Keys(free)) {
		sel.add(register.Op{Call: begin, Ret: register.Forever, After: v, Kind: register.Write,
			Pending: true}, none)
	}
	answer := sel.search([]register.Value{register.Initial}, false, windowConfigs)
	return answer == finding.Violation
}
