package checker

import (
	"fmt"

	"gauntlet/checker/finding"
	"gauntlet/history"
)

// queueStory is what a queue's culprits did.
type queueStory struct {
	in, out map[int64][]effect // enqueues and dequeues, by value
	taken   []effect           // the dequeues that returned something
	empty   []effect           // those that found nothing
	open    []effect           // those that were not answered
	values  []int64            // in the order of their enqueues
}

func newQueueStory(window []effect) *queueStory {
	s := &queueStory{in: make(map[int64][]effect), out: make(map[int64][]effect)}
	for _, e := range window {
		switch a := e.action.(queueAction); {
		case a.enqueues:
			s.in[a.value], s.values = append(s.in[a.value], e), append(s.values, a.value)
		case a.found:
			s.out[a.value], s.taken = append(s.out[a.value], e), append(s.taken, e)
		case a.doubtful:
			s.open = append(s.open, e)
		default:
			s.empty = append(s.empty, e)
		}
	}
	return s
}

// tell says in one sentence what the culprits of a class of violation did.
func (m queueModel) tell(
	class finding.Class, ops []history.Operation, window []effect,
) *Violation {
	s := newQueueStory(window)
	var text string
	switch {
	case class == finding.NeverWritten && len(s.taken) == 1:
		return m.phantom(ops, s.taken[0])
	case class == finding.Future && len(s.taken) == 1:
		out := s.taken[0]
		in := s.in[out.action.(queueAction).value][0]
		text = fmt.Sprintf("%s returned %d, although %s was called only %s later.", title(out),
			out.action.(queueAction).value, in.label(), apart(out.ret, in.call))
	case class == finding.Twice && len(s.taken) == 2:
		text = fmt.Sprintf("Both %s and %s returned %d, which was enqueued once.",
			s.taken[0].label(), s.taken[1].label(), s.taken[0].action.(queueAction).value)
	case class == finding.Reordered && len(s.taken) == 2 && len(s.values) == 2:
		text = s.overtaken()
	case len(s.empty) == 1:
		text = s.wrongly()
	case class == finding.LostWrite && len(s.taken) == 1:
		text = s.passedOver()
	default:
		return explain(m, ops, window)
	}
	return newViolation(text, window...)
}

// title begins a sentence with a dequeue.
func title(e effect) string { return fmt.Sprintf("Dequeue #%d on %s", e.op.ID, e.op.Node) }

// phantom tells of a value from nowhere.
func (m queueModel) phantom(ops []history.Operation, out effect) *Violation {
	value := out.action.(queueAction).value
	for _, op := range ops {
		if op.Outcome != history.OutcomeFail {
			continue
		}
		a, err := m.decode(op, true)
		if err != nil || a != action(queueAction{enqueues: true, value: value}) {
			continue
		}
		refused := effect{op: op, action: a}
		return newViolation(fmt.Sprintf("%s returned %d, although %s had been refused.", title(out),
			value, refused.label()), refused, out)
	}
	return newViolation(fmt.Sprintf("%s returned %d, which nobody enqueued.", title(out), value), out)
}

// overtaken tells of two values that came out in the wrong order.
func (s *queueStory) overtaken() string {
	first, second := s.in[s.values[0]][0], s.in[s.values[1]][0]
	if second.ret < first.call {
		first, second = second, first
	}
	x, y := first.action.(queueAction).value, second.action.(queueAction).value
	return fmt.Sprintf("%s returned %d and had ended %s before %s was called, which returned %d, "+
		"although %s had ended %s before %s was called.",
		title(s.out[y][0]), y, apart(s.out[y][0].ret, s.out[x][0].call), s.out[x][0].label(), x,
		first.label(), apart(first.ret, second.call), second.label())
}

// passedOver tells of values that were never dequeued, though one behind them was.
func (s *queueStory) passedOver() string {
	out := s.taken[0]
	y := s.in[out.action.(queueAction).value][0]
	lost := s.lost()
	if len(lost) == 1 {
		return fmt.Sprintf("%d was never dequeued, although %s had ended %s before %s was called, "+
			"and %s returned %d.", lost[0].action.(queueAction).value, lost[0].label(),
			apart(lost[0].ret, y.call), y.label(), out.label(), out.action.(queueAction).value)
	}
	return fmt.Sprintf("%s returned %d, although the enqueues of %d values that were never dequeued "+
		"had ended before %s was called; %s.", title(out), out.action.(queueAction).value, len(lost),
		y.label(), s.tooFew(len(lost)))
}

// wrongly tells of a dequeue that found nothing.
func (s *queueStory) wrongly() string {
	e, lost := s.empty[0], s.lost()
	text := title(e) + " found the queue empty, although "
	switch {
	case len(lost) == 1 && len(s.taken) == 0:
		x := lost[0]
		return text + fmt.Sprintf("%s had ended %s before it was called, and nobody ever dequeued "+
			"%d.", x.label(), apart(x.ret, e.call), x.action.(queueAction).value)
	case len(lost) == 0 && len(s.taken) == 1:
		out := s.taken[0]
		x := s.in[out.action.(queueAction).value][0]
		return text + fmt.Sprintf("%s had ended %s before it was called, and %s was called only %s "+
			"after it had ended.", x.label(), apart(x.ret, e.call), out.label(),
			apart(e.ret, out.call))
	case len(lost) == 0:
		return text + fmt.Sprintf("at every instant between its call and its return one of %d "+
			"values was in it.", len(s.values))
	}
	text += fmt.Sprintf("%d values were enqueued before it ended and never dequeued", len(lost))
	if len(s.taken) > 0 {
		text += fmt.Sprintf(", and %d others were in it by turns", len(s.taken))
	}
	if len(lost) > 1 {
		text += "; " + s.tooFew(len(lost))
	}
	return text + "."
}

// lost are the enqueues of what nobody is known to have dequeued.
func (s *queueStory) lost() []effect {
	var lost []effect
	for _, v := range s.values {
		if len(s.out[v]) == 0 {
			lost = append(lost, s.in[v][0])
		}
	}
	return lost
}

// tooFew counts the unanswered dequeues that could have taken lost values.
func (s *queueStory) tooFew(lost int) string {
	return fmt.Sprintf("unanswered dequeues can have taken only %d of them by then",
		min(len(s.open), lost-1))
}
