package sim

import (
	"errors"
	"fmt"

	"gauntlet/nemesis"
	"gauntlet/raft"
)

// timeline is what the events of a timeline hang on.
type timeline struct {
	cast     map[string]string // whom its names mean; nil until the first event that speaks of one
	waiting  int               // events that wait for their conditions
	looks    bool              // they are going to look at this instant
	progress map[string]nemesis.Progress
}

// errNeverHeld is why an event never began that waits for a condition; failedFault says for which.
var errNeverHeld = errors.New("its condition never held")

// passing reports that what keeps a fault from its beginning may pass.
func passing(why error) bool {
	return errors.Is(why, errNeverHeld) || errors.Is(why, nemesis.ErrNoLeader) ||
		errors.Is(why, nemesis.ErrNoHost)
}

// bind turns a fault into members and links, once its condition has held. A condition that speaks
// of somebody by name needs the cast, which is bound as soon as it can be then; all others are
// content if it is bound when they begin.
func (w *World) bind(f *faultState) (nemesis.Action, error) {
	e := &f.event
	if e.When != nil && !f.held {
		if !f.waits {
			f.waits = true
			w.waiting++
		}
		if !w.holds(e) {
			return nemesis.Action{}, errNeverHeld
		}
		f.held, f.waits = true, false
		w.waiting--
		w.saw(conditionMet)
	}
	v := w.view(e.Kind)
	if err := w.bindCast(*e, &v); err != nil {
		return nemesis.Action{}, err
	}
	return nemesis.Bind(*e, v, w.seed)
}

// holds tells whether what an event waits for is so. It is asked whenever something has changed.
func (w *World) holds(e *nemesis.Event) bool {
	if w.outcome.OK < e.When.Acknowledged {
		return false
	}
	v := w.view(e.Kind)
	v.Acknowledged = w.outcome.OK
	if w.bindCast(nemesis.Event{When: e.When}, &v) != nil {
		return false
	}
	if e.When.Term > 0 || e.When.Behind != "" {
		v.Progress = w.progressed()
	}
	return e.When.Holds(v)
}

// bindCast says whom names mean. The first event that speaks of somebody has all names bound.
func (w *World) bindCast(e nemesis.Event, v *nemesis.View) error {
	if w.cast == nil && e.NeedsCast(w.schedule.Cast) {
		cast, err := w.schedule.Cast.Bind(*v, w.seed)
		if err != nil {
			return fmt.Errorf("bind the cast: %w", err)
		}
		w.cast = cast
	}
	v.Cast = w.cast
	return nil
}

// progressed says how far members have come. One that is down or paused is where it was last seen,
// as on hosts one is that no longer answers.
func (w *World) progressed() map[string]nemesis.Progress {
	if w.progress == nil {
		w.progress = make(map[string]nemesis.Progress, len(w.members))
	}
	for _, m := range w.members {
		w.progress[m.name] = nemesis.Progress{Term: m.seen.Term, Commit: m.seen.Commit}
	}
	return w.progress
}

// stir has the events that wait for conditions look again, now that something has changed.
func (w *World) stir() {
	if w.waiting > 0 && !w.looks {
		w.looks = true
		w.heap.push(event{at: w.now, kind: eventLook})
	}
}

// look begins the events whose conditions hold now.
func (w *World) look() {
	w.looks = false
	for i := range w.faults {
		if f := &w.faults[i]; f.waits && !f.over {
			w.begins(i)
		}
	}
}

// brought names the members that were ever there.
func (w *World) brought() []string {
	var names []string
	for _, m := range w.members {
		if !m.absent {
			names = append(names, m.name)
		}
	}
	return names
}

// view is what a fault's roles and shapes are bound by. Bit rot finds no member that the liveness
// phase will count on, so that every loss can be recovered from in principle (Alagappan et al.,
// "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018).
func (w *World) view(kind nemesis.Kind) nemesis.View {
	v := nemesis.View{Nodes: w.brought()}
	if kind == nemesis.KindBitRot {
		for _, i := range w.options.Sound() {
			v.Stopped = append(v.Stopped, w.names[i])
		}
	}
	var term uint64
	for _, m := range w.members {
		if m.absent {
			continue
		}
		if m.state == down || m.state == paused {
			v.Stopped = append(v.Stopped, m.name)
			continue
		}
		if m.state == running && m.seen.Role == raft.Leader && m.seen.Term > term {
			v.Leader, term = m.name, m.seen.Term
		}
	}
	return v
}
