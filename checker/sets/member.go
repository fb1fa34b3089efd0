package sets

import (
	"fmt"
	"math"

	"gauntlet/checker/finding"
)

// Kind is what an access asked of an element.
type Kind uint8

// The kinds of access.
const (
	Insert Kind = iota
	Remove
	Contains
)

// Access is one operation on one element of a set, at one instant between its call and its return,
// both included. Of a pending one neither Ret nor Yes means anything: it may have been done or not.
type Access struct {
	Call, Ret int64 // nanoseconds; at equal stamps calls come before returns
	Element   int32 // counted from 0
	Kind      Kind
	Yes       bool // an insert or remove changed the set; contains found the element
	Pending   bool
}

// found reports whether the element was in the set when the access took place.
func (a Access) found() bool { return a.Yes == (a.Kind != Insert) }

// life is the history of one element: absent, then present, then absent again. Its bounds are
// indices of accesses, or none.
type life struct {
	insert, remove int32 // what put it in, and what took it out; unanswered, they may have
	firstSeen      int32 // of those that found it, the one that returned first
	lastSeen       int32 // of those that found it, the one that was called last
	again          int32 // another one that took it out
}

// members is the history of a set by element.
type members struct {
	ops   []Access
	lives []life
}

// Members judges the accesses of one set that begins empty, in any order, in linear time. Elements
// lie from 0 to elements-1, and each is judged apart. It is undecided if an operation makes no
// sense, or if an element may have been inserted more than once.
//
// An element comes at an instant c, between the call and the return of its insert and no later than
// the first return of those that found it, and goes at an instant g >= c, between the call and the
// return of its remove and no earlier than the last call of those that found it. If the latest c
// does not come before the earliest g, then both may be one instant, and nobody has to notice it;
// otherwise who did not find the element must not lie strictly between the two. That c as late and
// g as early as can be is best is plain. (Lee and Mathur, OOPSLA 2025; Abdulla et al., PLDI 2025.)
//
// Of the unanswered removes, the one that was called first can stand for all.
func Members(ops []Access, elements int) finding.Finding {
	m := &members{ops: ops, lives: make([]life, max(elements, 0))}
	for e := range m.lives {
		m.lives[e] = life{none, none, none, none, none}
	}
	for i := range ops {
		if why := m.place(int32(i)); why != "" {
			return finding.Finding{Why: why}
		}
	}
	for _, rule := range []func() *finding.Finding{m.bounds, m.unseen} {
		if found := rule(); found != nil {
			return *found
		}
	}
	return finding.Finding{Answer: finding.Linearizable}
}

// place puts an access where it belongs. It says what keeps it from being judged.
func (m *members) place(i int32) string {
	op := m.ops[i]
	switch {
	case op.Kind > Contains:
		return fmt.Sprintf("operation %d is of no kind that a set knows", i)
	case op.Element < 0 || int(op.Element) >= len(m.lives):
		return fmt.Sprintf("operation %d has element %d, want 0 to %d", i, op.Element,
			len(m.lives)-1)
	case !op.Pending && op.Ret < op.Call:
		return fmt.Sprintf("operation %d returned before it was called", i)
	}
	l := &m.lives[op.Element]
	switch changes := op.Kind != Contains && (op.Pending || op.Yes); {
	case changes && op.Kind == Insert && l.insert != none:
		return "an element may have been inserted twice"
	case changes && op.Kind == Insert:
		l.insert = i
	case changes:
		l.removal(m.ops, i)
	}
	if !op.Pending && op.found() {
		if l.firstSeen == none || op.Ret < m.ops[l.firstSeen].Ret {
			l.firstSeen = i
		}
		if l.lastSeen == none || op.Call > m.ops[l.lastSeen].Call {
			l.lastSeen = i
		}
	}
	return ""
}

// removal takes note of what may have taken the element out.
func (l *life) removal(ops []Access, i int32) {
	switch before := l.remove; {
	case before == none:
		l.remove = i
	case !ops[before].Pending && !ops[i].Pending:
		l.again = i
	case ops[before].Pending && (!ops[i].Pending || ops[i].Call < ops[before].Call):
		l.remove = i
	}
}

// bounds finds an element that was seen before it came or after it went.
func (m *members) bounds() *finding.Finding {
	for _, l := range m.lives {
		switch {
		case l.again != none:
			return violation(finding.Twice, l.remove, l.again)
		case l.firstSeen == none:
		case l.insert == none:
			return violation(finding.NeverWritten, l.firstSeen)
		case m.ops[l.firstSeen].Ret < m.ops[l.insert].Call:
			return violation(finding.Future, l.firstSeen, l.insert)
		case l.removed(m.ops) && m.ops[l.remove].Ret < m.ops[l.lastSeen].Call:
			return violation(finding.Stale, l.remove, l.lastSeen)
		}
	}
	return nil
}

// removed reports whether the element was surely removed.
func (l *life) removed(ops []Access) bool { return l.remove != none && !ops[l.remove].Pending }

// unseen finds an access that missed an element while it was surely there.
func (m *members) unseen() *finding.Finding {
	for i, op := range m.ops {
		if op.Pending || op.found() {
			continue
		}
		l := m.lives[op.Element]
		came, since := l.comes(m.ops)
		goes, until := l.goes(m.ops)
		if since == none || op.Call <= came || op.Ret >= goes {
			continue
		}
		culprits := []int32{int32(i), since}
		if until == none {
			return violation(finding.LostWrite, culprits...)
		}
		if culprits = append(culprits, until); until != l.remove {
			culprits = append(culprits, l.remove)
		}
		return violation(finding.Stale, culprits...)
	}
	return nil
}

// comes is the latest instant at which an element comes, and the access that bounds it; none if
// nothing does.
func (l *life) comes(ops []Access) (at int64, by int32) {
	at, by = math.MaxInt64, none
	if l.insert != none && !ops[l.insert].Pending {
		at, by = ops[l.insert].Ret, l.insert
	}
	if l.firstSeen != none && ops[l.firstSeen].Ret < at {
		at, by = ops[l.firstSeen].Ret, l.firstSeen
	}
	return at, by
}

// goes is the earliest instant at which an element goes, and the access that bounds it; none if
// it stays.
func (l *life) goes(ops []Access) (at int64, by int32) {
	if l.remove == none {
		return math.MaxInt64, none
	}
	at, by = ops[l.remove].Call, l.remove
	if i := l.lastSeen; i != none && ops[i].Call > at {
		at, by = ops[i].Call, i
	}
	return at, by
}
