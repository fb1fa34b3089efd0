package aggregate

import (
	"fmt"
	"time"

	"gauntlet/checker/finding"
	"gauntlet/history"
)

// Set checks a set that only grows by its last answered read, as jepsen.checker/set does: every
// acknowledged add must be in it, and nothing that nobody tried to add. Unacknowledged adds may be
// in it or not, and so may refused ones, which are noted. A set that was never read is undecided.
// An error names the operation that makes no sense.
func Set(ops []history.Operation) (Result, error) {
	if err := sensible(ops, "set", kindAdd, kindRead); err != nil {
		return Result{}, err
	}
	s := finalSet{attempts: map[string]int{}, added: map[string]int{}, final: -1}
	for i, op := range ops {
		if err := s.take(i, op); err != nil {
			return Result{}, err
		}
	}
	if s.final < 0 {
		return open("the set was never read"), nil
	}
	members, err := elements(ops[s.final])
	if err != nil {
		return Result{}, err
	}
	if members == nil {
		return open("the last read of the set, #%d, returned nothing", ops[s.final].ID), nil
	}
	return s.judge(ops, members), nil
}

// finalSet is what is known of a set before its last read.
type finalSet struct {
	attempts map[string]int // element to the first add of it
	added    map[string]int // element to the first acknowledged add of it
	order    []string       // the elements of added, in the order of their adds
	final    int            // the answered read that returned last; or -1
	finished time.Duration  // when it returned
}

func (s *finalSet) take(i int, op history.Operation) error {
	if op.Kind == kindRead {
		if answered(op) && (s.final < 0 || op.Return >= s.finished) {
			s.final, s.finished = i, op.Return
		}
		return nil
	}
	if blank(op.Input) {
		return fmt.Errorf("operation %d: add of no element", op.ID)
	}
	e := element(op.Input)
	if _, seen := s.attempts[e]; !seen {
		s.attempts[e] = i
	}
	if _, seen := s.added[e]; !seen && answered(op) {
		s.added[e] = i
		s.order = append(s.order, e)
	}
	return nil
}

func (s *finalSet) judge(ops []history.Operation, members []string) Result {
	read := ops[s.final]
	present := make(map[string]bool, len(members))
	var unexpected, recovered, refusals []string
	for _, e := range members {
		if present[e] {
			continue
		}
		present[e] = true
		add, tried := s.attempts[e]
		_, acknowledged := s.added[e]
		switch {
		case !tried:
			unexpected = append(unexpected, e)
		case !acknowledged && refused(ops[add]):
			refusals = append(refusals, e)
		case !acknowledged:
			recovered = append(recovered, e)
		}
	}
	var lost []string
	for _, e := range s.order {
		if !present[e] {
			lost = append(lost, e)
		}
	}
	var r Result
	switch {
	case len(unexpected) > 0:
		r = broken(finding.NeverWritten, []int{s.final},
			"The last read, #%d, holds %s, which nobody tried to add.", read.ID, few(unexpected))
	case len(lost) > 0:
		add := s.added[lost[0]]
		r = broken(finding.LostWrite, []int{add, s.final},
			"Add #%d of %s was acknowledged, but the last read, #%d, does not hold it.",
			ops[add].ID, lost[0], read.ID)
	default:
		r = kept("the last read, #%d, holds all %s whose add was acknowledged", read.ID,
			several(len(s.added), "element"))
	}
	r.note(len(lost), "lost: %d, namely %s", len(lost), few(lost))
	r.note(len(unexpected), "unexpected: %d, namely %s", len(unexpected), few(unexpected))
	r.note(len(recovered), "recovered, never acknowledged: %d, namely %s", len(recovered),
		few(recovered))
	r.note(len(refusals), "refused, yet there: %d, namely %s", len(refusals), few(refusals))
	return r
}
