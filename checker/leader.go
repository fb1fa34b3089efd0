package checker

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/anishathalye/porcupine"

	"gauntlet/history"
)

// LeaderPerTerm checks election safety: no two nodes lead in one term (Ongaro and Ousterhout
// 2014, figure 3). It takes every node's own claims, from status and from event logs, and
// decides twice: with a porcupine model partitioned by term, and directly. If the two
// disagreed, that would be a bug here: Unknown.
func LeaderPerTerm(h *history.History) Result {
	result := Result{Check: CheckLeaderPerTerm}
	claims := claims(h)
	if len(claims) == 0 {
		result.Reason = fmt.Sprintf("no node claimed to lead in %d observations",
			len(h.Observations))
		return result
	}
	first, second, split := twoLeaders(claims)
	agrees := porcupine.CheckOperations(leaderModel(), claimOperations(claims))
	switch {
	case agrees == split:
		result.Reason = fmt.Sprintf("the two deciders disagree: porcupine %v, direct %v",
			agrees, !split)
	case split:
		result.Verdict = Invalid
		result.Violation = &Violation{
			Text: fmt.Sprintf("%s and %s both led term %d: %s said so at %s (%s), %s at %s (%s).",
				first.Node, second.Node, first.Term, first.Node, stamp(first.At), first.Source,
				second.Node, stamp(second.At), second.Source),
			Term:    first.Term,
			Leaders: []history.Observation{first, second},
		}
		result.Reason = result.Violation.Text
	default:
		terms := make(map[uint64]bool)
		for _, claim := range claims {
			terms[claim.Term] = true
		}
		result.Verdict = Valid
		result.Reason = fmt.Sprintf("%d terms had one leader each, in %d observations",
			len(terms), len(h.Observations))
	}
	return result
}

// claims lists the claims to lead, the first of each node, term and source, by time.
func claims(h *history.History) []history.Observation {
	type identity struct {
		term         uint64
		node, source string
	}
	seen := make(map[identity]history.Observation)
	for _, o := range h.Observations {
		id := identity{o.Term, o.Node, o.Source}
		if known, found := seen[id]; o.Role == history.RoleLeader && (!found || o.At < known.At) {
			seen[id] = o
		}
	}
	return slices.SortedFunc(maps.Values(seen), func(a, b history.Observation) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Term, b.Term),
			cmp.Compare(a.Node, b.Node), cmp.Compare(a.Source, b.Source))
	})
}

// twoLeaders finds the earliest claim that contradicts an earlier one, in one pass.
func twoLeaders(claims []history.Observation) (first, second history.Observation, found bool) {
	leader := make(map[uint64]history.Observation)
	for _, claim := range claims {
		known, led := leader[claim.Term]
		if led && known.Node != claim.Node {
			return known, claim, true
		}
		if !led {
			leader[claim.Term] = claim
		}
	}
	return history.Observation{}, history.Observation{}, false
}

// leaderModel is the same rule as a sequential object: its state is the term's leader, and a
// claim by any other node has no place in it.
func leaderModel() porcupine.Model {
	return porcupine.Model{
		Partition: func(claims []porcupine.Operation) [][]porcupine.Operation {
			byTerm := make(map[uint64][]porcupine.Operation)
			for _, op := range claims {
				term := op.Input.(history.Observation).Term
				byTerm[term] = append(byTerm[term], op)
			}
			return slices.Collect(maps.Values(byTerm))
		},
		Init: func() any { return "" },
		Step: func(state, input, _ any) (bool, any) {
			node := input.(history.Observation).Node
			return state == "" || state == node, node
		},
	}
}

func claimOperations(claims []history.Observation) []porcupine.Operation {
	ops := make([]porcupine.Operation, len(claims))
	for i, claim := range claims {
		ops[i] = porcupine.Operation{Input: claim, Call: int64(claim.At), Return: int64(claim.At)}
	}
	return ops
}
