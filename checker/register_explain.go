package checker

import (
	"fmt"
	"math"
	"time"

	"gauntlet/checker/finding"
	"gauntlet/history"
	"gauntlet/workload"
)

// obvious finds a compare-and-set that failed on the value it expected, or a value that no
// operation could have written.
func (m registerModel) obvious(ops []history.Operation, effects []effect) *Violation {
	written := map[value]bool{m.first: true}
	all := registerEffects(effects)
	for _, e := range all {
		written[e.after] = written[e.after] || e.writes
	}
	for _, e := range all {
		switch {
		case e.absurd:
			text := e.found() + ", the very value it expected, and still did not swap."
			violation := newViolation(text, *e.effect)
			violation.Class = finding.Contradiction
			return violation
		case e.observes && !e.pending && !written[e.before]:
			return m.phantom(ops, e)
		}
	}
	return nil
}

// phantom explains a value from nowhere, or one whose only write was refused.
func (m registerModel) phantom(ops []history.Operation, read registerEffect) *Violation {
	violation := newViolation(read.found()+", which no client ever wrote.", *read.effect)
	for _, op := range ops {
		if op.Outcome != history.OutcomeFail {
			continue
		}
		action, err := m.decode(op, true)
		if err != nil || action == nil || action.(*registerAction).after != read.before {
			continue
		}
		write := effect{op: op, action: action}
		text := fmt.Sprintf("%s, although %s had been refused and no other operation wrote it.",
			read.found(), write.label())
		violation = newViolation(text, write, *read.effect)
		break
	}
	violation.Class = finding.NeverWritten
	return violation
}

// mostTold bounds the windows that are explained: stories are tried with any four operations.
const mostTold = 40

// explain tries the stories that people know, the simplest first; each holds only if the values it
// speaks of have a single writer in the window.
func (m registerModel) explain(_ []history.Operation, window []effect) *Violation {
	if len(window) > mostTold {
		return nil
	}
	s := story{
		first: m.first, window: registerEffects(window),
		writers: make(map[value][]registerEffect),
	}
	for _, e := range s.window {
		if e.writes {
			s.writers[e.after] = append(s.writers[e.after], e)
		}
	}
	for _, known := range []struct {
		class finding.Class
		tell  func() string
	}{
		{finding.NeverWritten, s.orphan}, {finding.Future, s.early}, {finding.Twice, s.twice},
		{finding.Stale, s.stale}, {finding.Stale, s.backwards}, {finding.Reordered, s.revived},
		{finding.Stale, s.relapsed}, {finding.Reordered, s.crossed}, {finding.NoOrder, s.unmoved},
	} {
		if text := known.tell(); text != "" {
			violation := newViolation(text, window...)
			violation.Class = known.class
			return violation
		}
	}
	return nil
}

type story struct {
	first   value
	window  []registerEffect
	writers map[value][]registerEffect
}

// writer returns when v was written: the sole writer, or the beginning of time for the initial
// value. It is false if v was written more than once, or both initial and written.
func (s *story) writer(v value) (registerEffect, bool) {
	switch writers := s.writers[v]; {
	case v == s.first && len(writers) == 0:
		dawn := time.Duration(math.MinInt64)
		begin := registerEffect{&effect{call: dawn, ret: dawn}, &registerAction{writes: true}}
		return begin, true
	case v != s.first && len(writers) == 1:
		return writers[0], true
	}
	return registerEffect{}, false
}

// observers calls f for each pair of completed observations, b not returned before a was
// called.
func (s *story) observers(f func(a, b registerEffect) string) string {
	for i := range s.window {
		for j := range s.window {
			a, b := s.window[i], s.window[j]
			if i == j || !a.observes || !b.observes || a.pending || b.pending {
				continue
			}
			if text := f(a, b); text != "" {
				return text
			}
		}
	}
	return ""
}

// orphan: a value could only come from an unanswered compare-and-set that expects what was
// never there.
func (s *story) orphan() string {
	for i := range s.window {
		read := s.window[i]
		write, known := s.writer(read.before)
		if !read.observes || read.pending || !known || !write.pending || !write.observes {
			continue
		}
		if write.before != s.first && len(s.writers[write.before]) == 0 {
			return fmt.Sprintf("%s, which only %s could have written, but %s was never there.",
				read.found(), write.label(), write.before)
		}
	}
	return ""
}

// early: a value was seen before its write was called.
func (s *story) early() string {
	for i := range s.window {
		read := s.window[i]
		write, known := s.writer(read.before)
		if read.observes && !read.pending && known && read.ret < write.call {
			return fmt.Sprintf("%s, %s before %s was even called.",
				read.found(), apart(read.ret, write.call), write.label())
		}
	}
	return ""
}

// twice: two compare-and-sets took the same value away, which was written once.
func (s *story) twice() string {
	return s.observers(func(a, b registerEffect) string {
		_, known := s.writer(a.before)
		if !known || a.before != b.before || !a.writes || !b.writes {
			return ""
		}
		if a.before == s.first {
			return fmt.Sprintf("Both %s and %s swapped, although the register was %s only "+
				"once.", a.label(), b.label(), nothingOr(a.before))
		}
		return fmt.Sprintf("Both %s and %s swapped %s away, and nobody brought it back.",
			a.label(), b.label(), a.before)
	})
}

// stale: an overwritten value was seen after the write that replaced it had been acknowledged.
func (s *story) stale() string {
	for i := range s.window {
		read := s.window[i]
		old, known := s.writer(read.before)
		if !known || !read.observes || read.pending {
			continue
		}
		for j := range s.window {
			write := s.window[j]
			replaced := write.writes && write.after != read.before && write.ret < read.call &&
				(old.ret < write.call || write.observes && write.before == read.before)
			if replaced {
				return fmt.Sprintf("%s, although %s had been acknowledged %s before.",
					read.found(), write.label(), apart(write.ret, read.call))
			}
		}
	}
	return ""
}

// backwards: an operation saw the newer of two values, and a later one saw the older again.
func (s *story) backwards() string {
	return s.observers(func(a, b registerEffect) string {
		older, known := s.writer(b.before)
		newer, also := s.writer(a.before)
		if !known || !also || a.before == b.before || a.ret >= b.call {
			return ""
		}
		if older.ret >= newer.call && !(newer.observes && newer.before == b.before) {
			return ""
		}
		return fmt.Sprintf("%s, although %s had already seen the newer %s %s before.",
			b.found(), a.label(), a.before, apart(a.ret, b.call))
	})
}

// revived: a value was seen, then another, then the first again, which was written once.
func (s *story) revived() string {
	for i := range s.window {
		first := s.window[i]
		if !first.observes || first.pending {
			continue
		}
		text := s.observers(func(between, again registerEffect) string {
			if _, known := s.writer(again.before); !known || first.before != again.before ||
				between.before == again.before ||
				first.ret >= between.call || between.ret >= again.call {
				return ""
			}
			return fmt.Sprintf("%s, as %s had before, but in between %s saw %s, and "+
				"nobody brought %s back.",
				again.found(), first.label(), between.label(), between.before, again.before)
		})
		if text != "" {
			return text
		}
	}
	return ""
}

// nothingOr is a value in a sentence about what a register was.
func nothingOr(v value) string {
	if !v.present {
		return "empty"
	}
	return v.String()
}

// found begins a sentence with what the operation saw: "Read #205 on n1 returned 17".
func (e registerEffect) found() string {
	verb := "returned"
	what := "Read"
	if e.kind == workload.KindCAS {
		what, verb = "Cas", "found"
	}
	return fmt.Sprintf("%s #%d on %s %s %s", what, e.op.ID, e.op.Node, verb, e.before)
}
