package sim

import (
	"errors"
	"fmt"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/raft"
)

// historyFaults is the faults as a history tells them.
func (w *World) historyFaults() []history.Fault {
	var faults []history.Fault
	for i := range w.faults {
		switch f := &w.faults[i]; {
		case f.struck:
			faults = append(faults, w.historyFault(f))
		case f.why != nil && (f.over || w.now >= w.lastChance(f)):
			faults = append(faults, w.failedFault(f))
		} // else the run ended before its time
	}
	return faults
}

func (w *World) historyFault(f *faultState) history.Fault {
	h := w.plannedFault(f)
	h.Leader, h.Hosts, h.Cuts = f.action.Leader, f.action.Hosts, f.action.Cuts
	h.Stage, h.Start = history.StageInjected, f.start
	if f.over {
		h.Stage, h.Stop, h.Heard = history.StageHealed, f.stop, f.heard
	}
	if f.resumed > 0 {
		h.Stage, h.Resumed = history.StageResumed, f.resumed
		if h.Heard == 0 && len(f.links) > 0 {
			h.Heard = f.resumed // who has caught up has heard, if only of somebody else
		}
		h.Heard = min(h.Heard, f.resumed)
	}
	h.Evidence = w.evidence(f)
	return h
}

// failedFault is one that never began, and why.
func (w *World) failedFault(f *faultState) history.Fault {
	h := w.plannedFault(f)
	h.Stage, h.Error = history.StageFailed, f.why.Error()
	if errors.Is(f.why, errNeverHeld) {
		h.Error += ": " + f.event.When.String()
	}
	return h
}

func (w *World) plannedFault(f *faultState) history.Fault {
	return history.Fault{
		ID: f.event.ID, Kind: string(f.event.Kind), Shape: string(f.event.Shape),
		Role: string(f.event.Role), PlannedStart: f.event.At,
		PlannedStop: f.event.At + f.event.For,
	}
}

// evidence says what a fault did: the simulator knows it, and needs no probe. Of a fault that is
// still in force when the run ends nothing is known but the start.
func (w *World) evidence(f *faultState) []history.Evidence {
	what, value, bit := "events that it changed", fmt.Sprint(f.effect), f.effect > 0
	switch f.event.Kind {
	case nemesis.KindPartition, nemesis.KindLoss, nemesis.KindMTU:
		what = "dropped messages"
	case nemesis.KindClientCut:
		what = "dropped requests"
	}
	if f.event.Kind == nemesis.KindPartition && !bit {
		// Raft's followers have nothing to say to each other, where raftd's links still ping.
		what, value, bit = "probe across the cut", "lost", true
	}
	var all []history.Evidence
	for _, host := range f.action.Hosts {
		all = append(all, history.Evidence{Host: host, At: f.start, Moment: "start", What: what,
			Value: value, Bit: bit})
		if f.over {
			all = append(all, history.Evidence{Host: host, At: f.stop, Moment: "end", What: what,
				Value: value, Bit: bit})
		}
	}
	return all
}

// recoveries is what is still to be seen of faults that were healed.
type recoveries struct {
	recovering int    // faults after which the members have not caught up yet
	leastMark  uint64 // the lowest commit index that one of them waits for
}

// listen begins to wait for members to hear over the links of a healed fault, and to catch up.
func (w *World) listen(number int) {
	f := &w.faults[number]
	for _, i := range f.links {
		l := &w.links[i]
		l.awaited = append(l.awaited, int32(number))
		f.unheard |= 1 << l.to
	}
	for _, m := range w.members {
		f.mark = max(f.mark, m.seen.Commit)
	}
	if w.recovering == 0 || f.mark < w.leastMark {
		w.leastMark = f.mark
	}
	w.recovering++
}

// carries notes that a link carries messages again. A fault is heard to be over when each member at
// the end of one of its links has heard something over such a link.
func (w *World) carries(l *link) {
	for _, i := range l.awaited {
		f := &w.faults[i]
		if f.unheard &^= 1 << l.to; f.unheard == 0 && f.heard == 0 {
			f.heard = w.now
		}
	}
	l.awaited = l.awaited[:0]
}

// caughtUp notes after which faults the members have caught up: all run, agree on term and leader,
// and have committed what anybody had when the fault was healed.
func (w *World) caughtUp() {
	var first *raft.Status
	least := ^uint64(0)
	for _, m := range w.members {
		if !w.belongs(m) {
			continue
		}
		if first == nil {
			first = &m.seen
		}
		if m.state != running || m.seen.Leader == 0 || m.seen.Leader != first.Leader ||
			m.seen.Term != first.Term {
			return
		}
		least = min(least, m.seen.Commit)
	}
	if least < w.leastMark {
		return
	}
	w.leastMark = ^uint64(0)
	for i := range w.faults {
		switch f := &w.faults[i]; {
		case !f.struck || !f.over || f.resumed > 0:
		case f.mark <= least:
			f.resumed = w.now
			w.recovering--
		default:
			w.leastMark = min(w.leastMark, f.mark)
		}
	}
}
