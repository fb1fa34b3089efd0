package checker

import (
	"fmt"
	"slices"
	"strings"

	"gauntlet/history"
	"gauntlet/workload"
)

// obvious finds a list that nobody can have written like that, or two that contradict each other.
func (m listModel) obvious(ops []history.Operation, effects []effect) *Violation {
	order := newListOrder(effects)
	readers := make(map[element]*effect) // who showed first what stood before a value
	for _, e := range listEffects(effects) {
		for _, s := range e.steps {
			at, flaw := order.take(s)
			if flaw != flawNone {
				return m.flawed(ops, order, readers, e, s, at, flaw)
			}
			for _, v := range s.list {
				if readers[element{s.Key, v}] == nil {
					readers[element{s.Key, v}] = e.effect
				}
			}
		}
	}
	return nil
}

// flawed explains a flaw of one list.
func (m listModel) flawed(ops []history.Operation, order *listOrder, readers map[element]*effect,
	e listEffect, s listStep, at int, flaw listFlaw,
) *Violation {
	v, where := element{s.Key, s.list[at]}, in(s.Key)
	found := fmt.Sprintf("%s returned %d", e.title(), v.value)
	place := "as the first" + where
	if at > 0 {
		place = fmt.Sprintf("right after %d%s", s.list[at-1], where)
	}
	writer := order.writers[v].effect
	switch flaw {
	case flawTwice:
		return newViolation(fmt.Sprintf("%s twice%s, which was written once.", found, where),
			*e.effect)
	case flawPhantom:
		if refused := m.refused(ops, v); refused != nil {
			text := fmt.Sprintf("%s%s, although %s had been refused.", found, where, refused.label())
			return newViolation(text, *refused, *e.effect)
		}
		return newViolation(fmt.Sprintf("%s%s, which no client ever wrote.", found, where), *e.effect)
	case flawOverwrite:
		return newViolation(fmt.Sprintf("%s %s, although %s had replaced whatever was there.",
			found, place, writer.label()), *writer, *e.effect)
	}
	other := readers[v]
	if other == nil || other == e.effect { // its own steps contradict each other
		return newViolation(fmt.Sprintf("%s %s, and elsewhere in another place.", found, place),
			*e.effect)
	}
	elsewhere := "as the first"
	if before := order.before[v]; before.present {
		elsewhere = fmt.Sprintf("right after %d", before.value)
	}
	text := fmt.Sprintf("%s %s, although %s had returned it %s.", found, place,
		lower(listEffect{other, other.action.(*listAction)}.title()), elsewhere)
	return newViolation(text, *other, *e.effect)
}

// refused finds the operation that would have written a value, had it not been refused.
func (m listModel) refused(ops []history.Operation, v element) *effect {
	for _, op := range ops {
		if op.Outcome != history.OutcomeFail {
			continue
		}
		a, err := m.decode(op, true)
		if err != nil || a == nil {
			continue
		}
		if slices.ContainsFunc(a.(*listAction).steps, func(s listStep) bool {
			return s.writes() && s.element() == v
		}) {
			return &effect{op: op, action: a}
		}
	}
	return nil
}

// mostReasoned bounds the windows that are explained: reasons are between any two operations, and a
// cycle through many says nothing to anybody.
const mostReasoned = 100

// listReason is why one operation must come before another.
type listReason struct {
	from, to int
	sort     listSort
	text     string
}

// listSort is what a reason rests on, the most telling first.
type listSort int

const (
	sortMissed listSort = iota
	sortSaw
	sortOrder
	sortClock
)

// explain finds operations each of which must come before the next, and the last before the first:
// the shortest such cycle.
func (m listModel) explain(_ []history.Operation, window []effect) *Violation {
	if len(window) > mostReasoned {
		return nil
	}
	all := listEffects(window)
	reasons := listReasons(all)
	var shortest []listReason
	for start := range all {
		cycle := listCycle(reasons, start)
		if cycle != nil && (shortest == nil || len(cycle) < len(shortest)) {
			shortest = cycle
		}
	}
	if shortest == nil {
		return nil
	}
	first := 0
	for i, r := range shortest {
		if r.sort < shortest[first].sort {
			first = i
		}
	}
	shortest = slices.Concat(shortest[first:], shortest[:first])
	var texts []string
	for i, r := range shortest {
		if i > 0 {
			r.text = lower(r.text)
		}
		texts = append(texts, r.text)
	}
	return newViolation(texts[0]+", although "+strings.Join(texts[1:], ", and ")+".", window...)
}

// listReasons are all reasons, by the operation that must come first; what was read before what the
// clock says.
func listReasons(all []listEffect) [][]listReason {
	reasons := make([][]listReason, len(all))
	add := func(r listReason, format string, args ...any) {
		r.text = fmt.Sprintf(format, args...)
		reasons[r.from] = append(reasons[r.from], r)
	}
	writers := make(map[element]int)
	for i, e := range all {
		for _, s := range e.steps {
			if s.writes() {
				writers[s.element()] = i
			}
		}
	}
	for i, e := range all {
		for _, s := range e.steps {
			for j, v := range s.list {
				w, known := writers[element{s.Key, v}]
				if !known || w == i {
					continue
				}
				add(listReason{w, i, sortSaw, ""}, "%s saw %s", e.title(),
					element{s.Key, v}.of(all[w]))
				for _, later := range s.list[j+1:] {
					next, known := writers[element{s.Key, later}]
					if known && next != w && next != i {
						add(listReason{w, next, sortOrder, ""}, "%s saw %d before %d%s", e.title(),
							v, later, in(s.Key))
					}
				}
			}
		}
	}
	for a, reader := range all {
		for b, writer := range all {
			if v, missing := missed(all, a, b); missing {
				add(listReason{a, b, sortMissed, ""}, "%s did not see %s", reader.title(),
					v.of(writer))
			}
		}
	}
	for a, first := range all {
		for b, second := range all {
			if first.ret < second.call {
				add(listReason{a, b, sortClock, ""},
					"%s had ended %s before %s was called", first.label(),
					apart(first.ret, second.call), second.label())
			}
		}
	}
	return reasons
}

// of names a value and, where an operation can write many, who wrote it.
func (v element) of(writer listEffect) string {
	if v.key == "" {
		return fmt.Sprint(v.value)
	}
	return fmt.Sprintf("%d of #%d%s", v.value, writer.op.ID, in(v.key))
}

// missed finds a value of operation b that a's read should hold if b came before a: it does not,
// and nobody can have written the list over in between.
func missed(all []listEffect, a, b int) (element, bool) {
	reader, writer := all[a], all[b]
	if a == b {
		return element{}, false
	}
	for i, s := range reader.steps {
		if !s.told || overwrites(reader.steps[:i], s.Key) {
			continue
		}
		for j, w := range writer.steps {
			if !w.writes() || w.Key != s.Key || slices.Contains(s.list, w.Value) ||
				overwrites(writer.steps[j+1:], s.Key) {
				continue
			}
			hidden := false
			for c, other := range all {
				hidden = hidden || c != a && c != b && overwrites(other.steps, s.Key) &&
					other.ret >= writer.call && other.call <= reader.ret
			}
			if !hidden {
				return w.element(), true
			}
		}
	}
	return element{}, false
}

// overwrites reports whether one of the steps writes a list over.
func overwrites(steps []listStep, key string) bool {
	return slices.ContainsFunc(steps, func(s listStep) bool {
		return s.Kind == workload.KindWrite && s.Key == key
	})
}

// listCycle finds the shortest cycle of reasons through one operation, breadth first.
func listCycle(reasons [][]listReason, start int) []listReason {
	came := make([]*listReason, len(reasons))
	for queue := []int{start}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for i := range reasons[at] {
			r := &reasons[at][i]
			if came[r.to] != nil {
				continue
			}
			came[r.to] = r
			if r.to != start {
				queue = append(queue, r.to)
				continue
			}
			var cycle []listReason
			for back := r; ; back = came[back.from] {
				cycle = append(cycle, *back)
				if back.from == start {
					slices.Reverse(cycle)
					return cycle
				}
			}
		}
	}
	return nil
}

// title begins a sentence: "Read #9 on n1", "Txn #9 on n1", "Append 17 (#5, n2)".
func (e listEffect) title() string {
	switch {
	case e.op.Kind == workload.KindTxn:
		return fmt.Sprintf("Txn #%d on %s", e.op.ID, e.op.Node)
	case e.writes():
		return fmt.Sprintf("Append %d (#%d, %s)", e.steps[0].Value, e.op.ID, e.op.Node)
	}
	return fmt.Sprintf("Read #%d on %s", e.op.ID, e.op.Node)
}

// lower takes back the capital of a title.
func lower(title string) string { return strings.ToLower(title[:1]) + title[1:] }

func upper(title string) string { return strings.ToUpper(title[:1]) + title[1:] }

// in names a list, unless it is the only one.
func in(key string) string {
	if key == "" {
		return ""
	}
	return " in " + key
}

// name implements action.
func (a *listAction) name() string {
	if len(a.steps) != 1 || a.steps[0].Key != "" {
		return "txn"
	}
	if a.writes() {
		return fmt.Sprintf("append %d", a.steps[0].Value)
	}
	return "read"
}

// String implements action: "append 17", "read [3 17]", "t0.1 append 17, t0.2 = [5]".
func (a *listAction) String() string {
	var words []string
	for _, s := range a.steps {
		text := s.Key + " "
		switch {
		case s.writes():
			text += fmt.Sprintf("%s %d", s.Kind, s.Value)
		case s.told:
			text += "= " + fmt.Sprint(s.list)
		default:
			text += "read"
		}
		words = append(words, strings.TrimSpace(text))
	}
	return strings.Join(words, ", ")
}
