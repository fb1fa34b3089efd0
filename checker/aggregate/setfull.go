package aggregate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"gauntlet/checker/finding"
	"gauntlet/history"
)

// SetFull follows each element of a set that only grows through all reads, as
// jepsen.checker/set-full does. An element is known once an add of it was acknowledged, or a read
// saw it. It is lost if it is known and missing from a read that was called later, and later than
// every read that saw it. It is stable if the read that was called last of those that could tell
// saw it; and then stale, if an earlier one that was called when it was known missed it, which only
// a set that must be linearizable may not do. All others were never read.
//
// No stable element, and none lost, is undecided. A read that returned an element twice is
// a violation. An error names the operation that makes no sense.
func SetFull(ops []history.Operation, linearizable bool) (Result, error) {
	if err := sensible(ops, "set", kindAdd, kindRead); err != nil {
		return Result{}, err
	}
	s := fullSet{ops: ops, number: map[string]int{}}
	for i, op := range ops {
		if op.Kind == kindAdd {
			if err := s.add(i, op); err != nil {
				return Result{}, err
			}
		}
	}
	for i, op := range ops {
		if op.Kind == kindRead && answered(op) {
			if err := s.read(i, op); err != nil {
				return Result{}, err
			}
		}
	}
	s.look()
	s.miss()
	return s.judge(linearizable), nil
}

// fullSet is what is known of each element of a set.
type fullSet struct {
	ops     []history.Operation
	number  map[string]int // element to its place in members
	members []member
	reads   []reading // by call
	twice   []string  // elements that a read returned more than once
	doubled int       // the first such read
	strange int       // elements that were read, and never added by anyone
}

// member is one element: indices of operations, -1 if there is none.
type member struct {
	name        string
	add         int           // the first attempt
	known       int           // what first showed that it is there
	since       time.Duration // when that returned
	lastPresent int           // the read that was called last of those that saw it
	lastAbsent  int           // the read that was called last of those that missed it
}

// reading is an answered read: its index, and what it saw, as places in members.
type reading struct {
	at   int
	seen []int
}

func (s *fullSet) add(i int, op history.Operation) error {
	if blank(op.Input) {
		return fmt.Errorf("operation %d: add of no element", op.ID)
	}
	name := element(op.Input)
	n, tried := s.number[name]
	if !tried {
		n = len(s.members)
		s.number[name] = n
		s.members = append(s.members, member{
			name: name, add: i, known: -1, since: math.MaxInt64, lastPresent: -1, lastAbsent: -1,
		})
	}
	if answered(op) {
		s.members[n].learn(i, op)
	}
	return nil
}

// learn takes in that an operation shows the element.
func (m *member) learn(i int, op history.Operation) {
	if op.Return < m.since {
		m.known, m.since = i, op.Return
	}
}

func (s *fullSet) read(i int, op history.Operation) error {
	names, err := elements(op)
	if err != nil || names == nil {
		return err
	}
	r := reading{at: i}
	once := make(map[string]bool, len(names))
	for _, name := range names {
		if once[name] {
			if len(s.twice) == 0 {
				s.doubled = i
			}
			s.twice = append(s.twice, name)
			continue
		}
		once[name] = true
		n, tried := s.number[name]
		switch {
		case !tried:
			s.strange++
		case op.Return >= s.ops[s.members[n].add].Call: // else Jepsen does not know it yet
			r.seen = append(r.seen, n)
			s.members[n].learn(i, op)
		}
	}
	s.reads = append(s.reads, r)
	return nil
}

// look finds the last read that saw each element.
func (s *fullSet) look() {
	for _, r := range s.reads {
		for _, n := range r.seen {
			s.members[n].lastPresent = r.at
		}
	}
}

// miss finds the last read that missed each element. It goes back from the last read with the
// elements that all reads so far have seen, so that it takes no longer than the reads are long.
func (s *fullSet) miss() {
	open := make([]int, len(s.members))
	for n := range open {
		open[n] = n
	}
	ends := make([]time.Duration, len(s.reads)) // the latest return of the reads up to this
	for i, r := range s.reads {
		ends[i] = s.ops[r.at].Return
		if i > 0 {
			ends[i] = max(ends[i], ends[i-1])
		}
	}
	seen := make([]bool, len(s.members))
	for i := len(s.reads) - 1; i >= 0 && len(open) > 0; i-- {
		r := s.reads[i]
		for _, n := range r.seen {
			seen[n] = true
		}
		still := open[:0]
		for _, n := range open {
			m := &s.members[n]
			added := s.ops[m.add].Call
			switch {
			case added > ends[i]: // no read that is left could have seen it
			case seen[n] || added > s.ops[r.at].Return:
				still = append(still, n)
			default:
				m.lastAbsent = r.at
			}
		}
		open = still
		for _, n := range r.seen {
			seen[n] = false
		}
	}
}

// lost reports whether the element was known, and then gone for good.
func (s *fullSet) lost(m member) bool {
	return m.lastAbsent >= 0 && m.lastPresent < m.lastAbsent && s.late(m)
}

// stable reports whether the last read that could tell saw the element.
func (m member) stable() bool { return m.lastPresent >= 0 && m.lastAbsent < m.lastPresent }

// late reports whether the last read that missed the element was called when it was known.
func (s *fullSet) late(m member) bool {
	return m.known >= 0 && s.ops[m.lastAbsent].Call > m.since
}

func (s *fullSet) judge(linearizable bool) Result {
	var lost, stale []member
	stable := 0
	for _, m := range s.members {
		switch {
		case s.lost(m):
			lost = append(lost, m)
		case m.stable():
			stable++
			if m.lastAbsent >= 0 && s.late(m) {
				stale = append(stale, m)
			}
		}
	}
	unread := len(s.members) - len(lost) - stable
	var r Result
	switch {
	case len(s.twice) > 0:
		r = broken(finding.Twice, []int{s.doubled}, "Read #%d returned %s more than once.",
			s.ops[s.doubled].ID, few(s.twice))
	case len(lost) > 0:
		r = s.missed(finding.LostWrite, lost[0], "nor did a later read see it")
	case linearizable && len(stale) > 0:
		worst := s.worst(stale)
		r = s.missed(finding.Stale, worst, "though a later one holds it")
	case stable == 0:
		r = open("no element was seen by a read that could tell: %d were added", len(s.members))
	default:
		r = kept("%d of %d elements are stable, and none is lost", stable, len(s.members))
	}
	r.note(len(lost), "lost: %d, namely %s", len(lost), few(names(lost)))
	r.note(len(stale), "stale for a while: %d, namely %s; at worst for %s", len(stale),
		few(names(stale)), s.staleness(stale))
	r.note(unread, "never read: %d", unread)
	r.note(s.strange, "read, yet never added: %d", s.strange)
	return r
}

// missed words that a read does not hold an element that was known.
func (s *fullSet) missed(class finding.Class, m member, after string) Result {
	known, read := s.ops[m.known], s.ops[m.lastAbsent]
	how := "was acknowledged"
	if known.Kind == kindRead {
		how = "was seen"
	}
	return broken(class, []int{m.add, m.known, m.lastAbsent},
		"Element %s %s by %s #%d, but read #%d, called %s later, does not hold it, %s.", m.name, how,
		known.Kind, known.ID, read.ID, apart(m.since, read.Call), after)
}

// worst returns the element that was missed longest after it was known.
func (s *fullSet) worst(stale []member) member {
	return slices.MaxFunc(stale, func(a, b member) int {
		return cmp.Compare(s.behind(a), s.behind(b))
	})
}

// behind is how long after it was known an element was still missed.
func (s *fullSet) behind(m member) time.Duration { return s.ops[m.lastAbsent].Call - m.since }

// staleness words the quantiles of how long elements were stale.
func (s *fullSet) staleness(stale []member) string {
	if len(stale) == 0 {
		return ""
	}
	lags := make([]time.Duration, len(stale))
	for i, m := range stale {
		lags[i] = s.behind(m)
	}
	slices.Sort(lags)
	at := func(q float64) string { return apart(0, lags[min(len(lags)-1, int(q*float64(len(lags))))]) }
	return fmt.Sprintf("%s (half %s, 95 %% %s)", at(1), at(0.5), at(0.95))
}

func names(members []member) []string {
	list := make([]string, len(members))
	for i, m := range members {
		list[i] = m.name
	}
	return list
}
