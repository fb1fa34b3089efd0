package sim

import (
	"time"

	"gauntlet/chance"
	"gauntlet/nemesis"
	"gauntlet/raft"
	"gauntlet/raft/wire"
	"gauntlet/sim/trace"
)

// link is one direction between two members. What faults do to it adds up over the faults in force.
type link struct {
	from, to int
	draws    *chance.Stream // a fixed number of draws for each message
	last     time.Duration  // when the latest message arrives, if they keep their order
	chunk    time.Duration  // ... and the latest chunk, which has a stream of its own
	newest   uint64         // number of the latest message that arrived
	sent     uint64

	struck    []int32 // faults in force on it, as World.faults has them
	cuts      int     // faults that sever it
	clogs     int
	reset     uint64        // the messages up to this number died with their connection
	stalls    int           // faults that take its acknowledgements
	stalled   time.Duration // ... and since when nothing gets through for that
	mtu       int           // messages of so many bytes are lost; 0: of no size
	awaited   []int32       // healed faults of which it is not known whether it carries again
	loss      int           // permille
	duplicate int           // permille
	reorder   int           // permille
	heldBack  time.Duration
	delay     time.Duration
	clogged   []int32 // flights that wait for the end of a clog
}

// flight is a message on its way.
type flight struct {
	message raft.Message
	number  uint64
	sent    int // index of its Send in the trace
	copy    bool
}

// draw is what chance decides for one message of a link.
type draw struct {
	delay     time.Duration
	lost      bool
	lostFault bool // lost by a fault, not by the network as it is
	duplicate bool
	second    time.Duration // delay of the copy
	reordered bool
	dupFault  bool
}

// fate draws what becomes of a message. Once the load is over the network is healed: it neither
// loses messages nor takes unusually long.
//
// It takes as many draws whatever comes out, so that a fault that is taken away shifts nothing
// else.
func (w *World) fate(l *link) draw {
	n := &w.options.Network
	loss, dup, shape, first, second := l.draws.Uint64(), l.draws.Uint64(), l.draws.Uint64(),
		l.draws.Uint64(), l.draws.Uint64()
	d := draw{delay: w.delay(first, shape), second: w.delay(second, shape>>32)}
	d.lost = !w.loadOver && hits(loss, n.LossPPM)
	d.lostFault = hits(loss>>32, 1000*l.loss)
	d.duplicate = hits(dup, n.DuplicatePPM)
	d.dupFault = hits(dup>>32, 1000*l.duplicate)
	d.delay += l.delay
	d.second += l.delay
	if l.reorder > 0 && hits(shape>>16, 1000*l.reorder) {
		d.reordered = true
		d.delay += time.Duration(first>>1) % (l.heldBack + 1)
	}
	return d
}

// hits is true for so many in a million of the draws, of which it takes 32 bits.
func hits(draw uint64, ppm int) bool {
	return ppm > 0 && (draw&0xffffffff)*million>>32 < uint64(ppm)
}

func (w *World) delay(draw, shape uint64) time.Duration {
	n := &w.options.Network
	if !w.loadOver && hits(shape, n.TailPPM) {
		return n.DelayMax + within(draw, n.TailMax-n.DelayMax)
	}
	return n.DelayMin + within(draw, n.DelayMax-n.DelayMin)
}

// within maps a draw to [0, d].
func within(draw uint64, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(draw >> 1 % uint64(d+1))
}

// send puts a message on its way.
func (w *World) send(m *raft.Message) {
	from, to := int(m.From)-1, int(m.To)-1
	w.watch.Leaves(from, m)
	w.hash.message(m)
	l := &w.links[from*len(w.members)+to]
	l.sent++
	record := w.record(func() trace.Record {
		return trace.Record{Kind: trace.Send, Node: from, Peer: to, Term: m.Term, Label: describe(m),
			Cause: w.cause}
	})
	d := w.fate(l)
	switch {
	case d.lostFault:
		w.bite(nemesis.KindLoss, l.struck)
		w.lost(m, record, "lost by a fault")
	case d.lost:
		w.saw(messageLost)
		w.lost(m, record, "lost")
	default:
		w.depart(l, m, record, d.delay, false)
	}
	if l.delay > 0 {
		w.bite(nemesis.KindDelay, l.struck)
	}
	if d.reordered {
		w.bite(nemesis.KindReorder, l.struck)
	}
	if d.duplicate || d.dupFault {
		if d.dupFault {
			w.bite(nemesis.KindDuplicate, l.struck)
		}
		w.saw(messageDuplicated)
		w.record(func() trace.Record {
			return trace.Record{Kind: trace.Duplicate, Node: from, Peer: to, Term: m.Term,
				Label: describe(m), Cause: record}
		})
		w.depart(l, m, record, d.second, true)
	}
}

func (w *World) lost(m *raft.Message, sent int, why string) {
	w.record(func() trace.Record {
		return trace.Record{Kind: trace.Drop, Node: int(m.To) - 1, Peer: int(m.From) - 1,
			Term: m.Term, Label: why, Cause: sent}
	})
}

// depart schedules the arrival of a message.
func (w *World) depart(l *link, m *raft.Message, sent int, delay time.Duration, again bool) {
	at := w.now + delay
	if w.options.Network.InOrder {
		last := &l.last
		if m.Kind == raft.SnapshotChunk {
			last = &l.chunk
		}
		at = max(at, *last+1)
		*last = at
	}
	i := w.newFlight()
	f := &w.flights[i]
	f.message, f.number, f.sent, f.copy = *m, l.sent, sent, again
	w.heap.push(event{at: at, kind: eventMessage, who: int16(l.to), ref: i})
}

func (w *World) newFlight() int32 {
	if n := len(w.freeFlights); n > 0 {
		i := w.freeFlights[n-1]
		w.freeFlights = w.freeFlights[:n-1]
		return i
	}
	w.flights = append(w.flights, flight{})
	return int32(len(w.flights) - 1)
}

// land frees a flight.
func (w *World) land(i int32) {
	m := &w.flights[i].message
	m.Entries, m.Data, m.Chunk = nil, nil, nil
	w.freeFlights = append(w.freeFlights, i)
}

// arrive brings a message to its member, unless something is in the way.
func (w *World) arrive(e *event) {
	f := &w.flights[e.ref]
	m := &f.message
	l := &w.links[(int(m.From)-1)*len(w.members)+int(m.To)-1]
	to := w.members[l.to]
	switch {
	case l.cuts > 0 || f.number <= l.reset || l.stalls > 0 && w.now >= l.stalled:
		w.cut(l, e.ref)
		return
	case l.mtu > 0 && w.frameBytes(m) >= l.mtu:
		w.bite(nemesis.KindMTU, l.struck)
		if m.Kind == raft.Append {
			w.saw(appendTooLarge)
		}
		w.lost(m, f.sent, "too large")
		w.land(e.ref)
		return
	case l.clogs > 0:
		w.bite(nemesis.KindClog, l.struck)
		l.clogged = append(l.clogged, e.ref)
		return
	case to.state == down || to.state == starting:
		w.saw(messageToDead)
		w.lost(m, f.sent, "nobody there")
		w.land(e.ref)
		return
	case to.state == paused:
		w.bite(nemesis.KindPause, to.struck)
		to.deferred = append(to.deferred, *e)
		return
	}
	if f.number < l.newest {
		w.saw(messageOvertaken)
	}
	l.newest = max(l.newest, f.number)
	if len(l.awaited) > 0 {
		w.carries(l)
	}
	w.events++
	w.hash.message(m)
	w.cause = w.record(func() trace.Record {
		return trace.Record{Kind: trace.Deliver, Node: l.to, Peer: l.from, Term: m.Term,
			Label: describe(m), Cause: f.sent}
	})
	w.notice(to, m)
	if m.Kind == raft.TimeoutNow {
		w.watch.Told(to.index, m)
	}
	to.replica.Step(to.clock.read(w.now), *m)
	w.land(e.ref)
	w.after(to)
}

// frameBytes is how long a message is on raftd's wire, its frame included.
func (w *World) frameBytes(m *raft.Message) int {
	frame, err := wire.AppendMessage(w.frame[:0], m)
	if err != nil {
		return wire.MaxFrame // no link of raftd carries it at all
	}
	w.frame = frame
	return len(frame)
}

// unclog lets go what a clog held back, in its order.
func (w *World) unclog(l *link) {
	for i, ref := range l.clogged {
		w.heap.push(event{at: w.now + time.Duration(i), kind: eventMessage, who: int16(l.to), ref: ref})
	}
	l.clogged = l.clogged[:0]
}
