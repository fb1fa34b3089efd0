package sim

import (
	"slices"
	"time"

	"gauntlet/history"
	"gauntlet/nemesis"
)

// tcpPatience is how long a link carries on whose acknowledgements are lost: then TCP sends again
// what it has sent, and hardly anything new. raftd's connections end after one election timeout.
const tcpPatience = 200 * time.Millisecond

// bindLinks finds the links that a fault strikes, and those that suffer from it.
//
// A replica never hears of connections: raftd's links dial again, whoever ended the connection, and
// say nothing twice. So a severed link loses messages, those under way included, and nothing else.
// A mode is about the other direction. By payload it stays whole. By packets it loses TCP's
// acknowledgements, and stalls. By reject its connection is reset as well, and what is under way on
// either dies with the connections, however short the cut.
func (w *World) bindLinks(f *faultState) {
	n := len(w.members)
	var against []int32
	for _, cut := range f.action.Cuts {
		if cut.From == history.Clients {
			continue // of the member that the fault is about anyway
		}
		from, to := slices.Index(w.names, cut.From), slices.Index(w.names, cut.To)
		f.links = append(f.links, int32(from*n+to))
		if f.event.Kind == nemesis.KindPartition && cut.Mode != history.CutPayload {
			against = append(against, int32(to*n+from))
		}
	}
	for _, i := range against {
		if !slices.Contains(f.links, i) {
			f.against = append(f.against, i)
		}
	}
}

// applyLinks puts a fault of links into force, or lifts it.
func (w *World) applyLinks(number int, on bool) {
	f, step := &w.faults[number], 1
	if !on {
		step = -1
	}
	rejects := f.event.Mode == history.CutReject
	for _, i := range slices.Concat(f.links, f.against) {
		l := &w.links[i]
		l.struck = among(l.struck, int32(number), on)
		if rejects && on {
			l.reset = l.sent
		}
	}
	for _, i := range f.links {
		w.applyLink(f, &w.links[i], step)
	}
	for _, i := range f.against {
		l := &w.links[i]
		if rejects {
			l.cuts += step
			continue
		}
		if l.stalls += step; on && l.stalls == 1 {
			l.stalled = w.now + min(tcpPatience, w.options.Raft.ElectionTimeoutMin)
		}
	}
}

func (w *World) applyLink(f *faultState, l *link, step int) {
	switch f.event.Kind {
	case nemesis.KindPartition:
		l.cuts += step
	case nemesis.KindLoss:
		l.loss += step * f.event.Rate
	case nemesis.KindDuplicate:
		l.duplicate += step * f.event.Rate
	case nemesis.KindReorder:
		l.reorder += step * f.event.Rate
		l.heldBack += time.Duration(step) * f.event.Amount
	case nemesis.KindDelay:
		l.delay += time.Duration(step) * f.event.Amount
	case nemesis.KindMTU:
		l.mtu = w.smallest(l.struck)
	case nemesis.KindClog:
		if l.clogs += step; l.clogs == 0 {
			w.unclog(l)
		}
	}
}

// smallest is the least size of the messages that faults lose; 0: none loses any for its size.
func (w *World) smallest(struck []int32) int {
	size := 0
	for _, i := range struck {
		if own := w.faults[i].event.Size; own > 0 && (size == 0 || own < size) {
			size = own
		}
	}
	return size
}

// cut loses a message that has come to where its link is severed.
func (w *World) cut(l *link, ref int32) {
	f, why := &w.flights[ref], "cut"
	switch {
	case l.cuts > 0:
	case f.number <= l.reset:
		why = "reset"
		w.saw(connectionReset)
	default:
		why = "stalled"
		w.saw(linkStalled)
	}
	w.bite(nemesis.KindPartition, l.struck)
	w.lost(&f.message, f.sent, why)
	w.land(ref)
}
