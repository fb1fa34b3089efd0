package checker

import (
	"fmt"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// unexplained finds an answer that contradicts the register without any search: a
// compare-and-set that failed on the value it expected, or a value that no operation could have
// written.
func unexplained(ops []history.Operation, effects []effect) *Violation {
	written := map[value]bool{{}: true}
	for _, e := range effects {
		written[e.after] = written[e.after] || e.writes
	}
	for i := range effects {
		e := &effects[i]
		switch {
		case e.absurd:
			text := e.found() + ", the very value it expected, and still did not swap."
			return newViolation(text, *e)
		case e.observes && !e.pending && !written[e.before]:
			return phantom(ops, e)
		}
	}
	return nil
}

// phantom explains a value from nowhere, or one whose only write was refused.
func phantom(ops []history.Operation, read *effect) *Violation {
	for _, op := range ops {
		if op.Outcome != history.OutcomeFail || op.Kind == workload.KindRead {
			continue
		}
		write := effect{op: op, call: op.Call, ret: op.Return, pending: true}
		if write.decode() != nil || write.after != read.before {
			continue
		}
		text := fmt.Sprintf("%s, although %s had been refused and no other operation wrote it.",
			read.found(), write.label())
		return newViolation(text, write, *read)
	}
	return newViolation(fmt.Sprintf("%s, which no client ever wrote.", read.found()), *read)
}

func newViolation(text string, window ...effect) *Violation {
	violation := &Violation{Text: text, Key: window[0].op.Key}
	for _, e := range window {
		violation.Operations = append(violation.Operations, e.op.ID)
	}
	return violation
}

// explain says in one sentence what is wrong with a minimal window. It tries the stories that
// people know, the simplest first; each holds only if the values it speaks of have a single
// writer in the window.
func explain(window []effect) *Violation {
	stories := story{window: window, writers: make(map[value][]*effect)}
	for i := range window {
		if e := &window[i]; e.writes {
			stories.writers[e.after] = append(stories.writers[e.after], e)
		}
	}
	for _, tell := range []func() string{
		stories.orphan, stories.early, stories.twice,
		stories.stale, stories.backwards, stories.revived,
	} {
		if text := tell(); text != "" {
			return newViolation(text, window...)
		}
	}
	text := fmt.Sprintf("No order of these %d operations, each taking effect between its call and "+
		"its return, explains what they returned.", len(window))
	return newViolation(text, window...)
}

type story struct {
	window  []effect
	writers map[value][]*effect
}

// writer returns when v was written: the sole writer, or the beginning of time for the initial
// value. It is false if v was written more than once, or both initial and written.
func (s *story) writer(v value) (effect, bool) {
	switch writers := s.writers[v]; {
	case !v.present && len(writers) == 0:
		return effect{call: -1, ret: -1, writes: true}, true
	case v.present && len(writers) == 1:
		return *writers[0], true
	}
	return effect{}, false
}

// observers calls f for each pair of completed observations, b not returned before a was
// called.
func (s *story) observers(f func(a, b *effect) string) string {
	for i := range s.window {
		for j := range s.window {
			a, b := &s.window[i], &s.window[j]
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
		read := &s.window[i]
		write, known := s.writer(read.before)
		if !read.observes || read.pending || !known || !write.pending || !write.observes {
			continue
		}
		if write.before.present && len(s.writers[write.before]) == 0 {
			return fmt.Sprintf("%s, which only %s could have written, but %s was never there.",
				read.found(), write.label(), write.before)
		}
	}
	return ""
}

// early: a value was seen before its write was called.
func (s *story) early() string {
	for i := range s.window {
		read := &s.window[i]
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
	return s.observers(func(a, b *effect) string {
		_, known := s.writer(a.before)
		if !known || a.before != b.before || !a.writes || !b.writes {
			return ""
		}
		if !a.before.present {
			return fmt.Sprintf("Both %s and %s swapped, although the register was empty only once.",
				a.label(), b.label())
		}
		return fmt.Sprintf("Both %s and %s swapped %s away, which was written only once.",
			a.label(), b.label(), a.before)
	})
}

// stale: an overwritten value was seen after the write that replaced it had been acknowledged.
func (s *story) stale() string {
	for i := range s.window {
		read := &s.window[i]
		old, known := s.writer(read.before)
		if !known || !read.observes || read.pending {
			continue
		}
		for j := range s.window {
			write := &s.window[j]
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
	return s.observers(func(a, b *effect) string {
		older, known := s.writer(b.before)
		newer, also := s.writer(a.before)
		follows := older.ret < newer.call || newer.observes && newer.before == b.before
		if !known || !also || a.before == b.before || a.ret >= b.call || !follows {
			return ""
		}
		return fmt.Sprintf("%s, although %s had already seen the newer %s %s before.",
			b.found(), a.label(), a.before, apart(a.ret, b.call))
	})
}

// revived: a value was seen, then another, then the first again, which was written once.
func (s *story) revived() string {
	for i := range s.window {
		first := &s.window[i]
		if !first.observes || first.pending {
			continue
		}
		text := s.observers(func(between, again *effect) string {
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

// label names the operation: "write 17 (#204, n3)".
func (e *effect) label() string { return fmt.Sprintf("%s (#%d, %s)", e.name(), e.op.ID, e.op.Node) }

func (e *effect) name() string {
	switch {
	case e.op.Kind == workload.KindCAS && e.writes:
		return fmt.Sprintf("cas %s → %s", e.before, e.after)
	case e.op.Kind == workload.KindCAS:
		return "failed cas"
	case e.writes:
		return fmt.Sprintf("write %s", e.after)
	default:
		return "read"
	}
}

// found begins a sentence with what the operation saw: "Read #205 on n1 returned 17".
func (e *effect) found() string {
	verb := "returned"
	what := "Read"
	if e.op.Kind == workload.KindCAS {
		what, verb = "Cas", "found"
	}
	return fmt.Sprintf("%s #%d on %s %s %s", what, e.op.ID, e.op.Node, verb, e.before)
}

// apart is a distance in time for people: three digits, no more.
func apart(from, to time.Duration) string {
	d := to - from
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	default:
		return d.String()
	}
}

// stamp is an instant of the run for people: "12.301s".
func stamp(at time.Duration) string { return fmt.Sprintf("%.3fs", at.Seconds()) }
