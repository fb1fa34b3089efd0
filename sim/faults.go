package sim

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/chance"
	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/raft"
	"gauntlet/raft/wal"
	"gauntlet/sim/trace"
)

// headerBytes is the part of a segment that every segment has: see package wal.
const headerBytes = 32

// faultState is one planned fault on its way.
type faultState struct {
	event   nemesis.Event
	action  nemesis.Action
	members []int   // whom it struck
	links   []int32 // which links it struck
	struck  bool
	over    bool
	start   time.Duration
	stop    time.Duration
	effect  int // how often it changed something
	draws   *chance.Stream
}

func (w *World) resetFaults() {
	w.faults = w.faults[:0]
	for _, e := range w.schedule.Faults {
		w.faults = append(w.faults, faultState{event: e,
			draws: chance.New(w.seed, "sim/fault."+string(e.Kind), e.Stream)})
	}
}

func (w *World) beginFaults() {
	for i := range w.faults {
		e := &w.faults[i].event
		at := e.At
		if e.FromStart {
			at = 0
		}
		w.heap.push(event{at: at, kind: eventFault, ref: int32(i)})
	}
}

// strike begins a fault, on whom its role or shape means now. If that is nobody yet, it tries again
// until its time is over.
func (w *World) strike(i int) {
	f := &w.faults[i]
	if f.over {
		return // the load ended before there was anybody to strike
	}
	end := f.event.At + f.event.For
	if f.event.FromStart {
		end = w.options.Load
	}
	action, err := nemesis.Bind(f.event, w.view(f.event.Kind), w.seed)
	switch {
	case errors.Is(err, nemesis.ErrNoLeader) || errors.Is(err, nemesis.ErrNoHost):
		if again := w.now + w.options.Raft.ElectionTimeoutMin/4; again < end {
			w.heap.push(event{at: again, kind: eventFault, ref: int32(i)})
		}
		return
	case err != nil:
		return // it cannot be had on these members; Valid says so
	}
	f.action, f.struck, f.start = action, true, w.now
	for _, host := range action.Hosts {
		f.members = append(f.members, slices.Index(w.names, host))
	}
	for _, cut := range action.Cuts {
		if cut.From == history.Clients {
			continue // of the member that the fault is about anyway
		}
		from, to := slices.Index(w.names, cut.From), slices.Index(w.names, cut.To)
		f.links = append(f.links, int32(from*w.options.Nodes+to))
	}
	w.record(func() trace.Record {
		return trace.Record{Kind: trace.FaultStart, Node: -1, Peer: -1, Cause: -1, Fault: f.event.ID,
			Label: explain(&f.action)}
	})
	w.noticeFault(f)
	w.apply(i, true)
	w.heap.push(event{at: max(end, w.now+1), kind: eventFaultEnd, ref: int32(i)})
}

// relent ends a fault.
func (w *World) relent(i int) {
	f := &w.faults[i]
	if !f.struck || f.over {
		return
	}
	f.over, f.stop = true, w.now
	w.record(func() trace.Record {
		return trace.Record{Kind: trace.FaultStop, Node: -1, Peer: -1, Cause: -1, Fault: f.event.ID,
			Label: explain(&f.action)}
	})
	w.apply(i, false)
}

// explain says in a few words what a fault does to whom.
func explain(a *nemesis.Action) string {
	text := string(a.Event.Kind)
	if a.Event.Shape != "" {
		text += " " + string(a.Event.Shape)
	}
	if len(a.Hosts) > 0 {
		text += fmt.Sprintf(" %v", a.Hosts)
	}
	if a.Event.Rate != 0 {
		text += fmt.Sprintf(" %d permille", a.Event.Rate)
	}
	if a.Event.Amount != 0 {
		text += " " + a.Event.Amount.String()
	}
	if a.Event.Size != 0 {
		text += fmt.Sprintf(" %d bytes", a.Event.Size)
	}
	return text
}

// apply puts a fault into force, or lifts it.
func (w *World) apply(number int, on bool) {
	f, step := &w.faults[number], 1
	if !on {
		step = -1
	}
	for _, i := range f.links {
		l := &w.links[i]
		l.struck = among(l.struck, int32(number), on)
		w.applyLink(f, l, step)
	}
	if len(f.links) > 0 {
		return // its members are only whom it is about
	}
	for _, i := range f.members {
		m := w.members[i]
		m.struck = among(m.struck, int32(number), on)
		w.applyMember(f, m, step)
	}
}

// among puts a fault among those in force somewhere, or takes it away.
func among(struck []int32, number int32, on bool) []int32 {
	if on {
		return append(struck, number)
	}
	return slices.DeleteFunc(struck, func(other int32) bool { return other == number })
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

func (w *World) applyMember(f *faultState, m *member, step int) {
	on := step > 0
	switch f.event.Kind {
	case nemesis.KindPause:
		if on {
			w.pause(m)
		} else {
			w.resume(m)
		}
	case nemesis.KindClientCut:
		m.clientCuts += step
	case nemesis.KindClockJump:
		if on {
			w.bite(f.event.Kind, m.struck)
			m.clock.jump(w.now, f.event.Amount)
			w.setTimer(m)
		}
	case nemesis.KindClockRate:
		if on {
			w.bite(f.event.Kind, m.struck)
		}
		m.clock.addRate(w.now, int64(step*f.event.Rate*1000))
		m.timerAt = 0
		w.setTimer(m)
	case nemesis.KindDiskSlow:
		m.disk.slow += time.Duration(step) * f.event.Amount
	case nemesis.KindDiskFull:
		m.disk.full += step
		w.recover(m, on)
	case nemesis.KindDiskError:
		m.disk.error = max(0, m.disk.error+step)
		w.recover(m, on)
	default:
		w.applyProcess(f, m, on)
	}
}

// recover starts a process again that a disk's fault ended, once the fault is over.
func (w *World) recover(m *member, on bool) {
	if !on && m.state == down && m.holds == 0 {
		w.restartLater(m)
	}
}

// applyProcess ends a process in one of several ways, and starts it again when the fault is over.
func (w *World) applyProcess(f *faultState, m *member, on bool) {
	if !on {
		m.armed = nil
		if m.holds--; m.holds == 0 && m.state == down {
			w.restartLater(m)
		}
		return
	}
	m.holds++
	alive := false
	switch f.event.Kind {
	case nemesis.KindKill:
		alive = w.kill(m, "kill")
	case nemesis.KindPower:
		model := wal.Crash(f.draws.Intn(4))
		if f.draws.Intn(2) == 0 && m.state == running {
			m.armed = &powerLoss{model}
			return
		}
		alive = w.powerCut(m, model)
	case nemesis.KindBitRot:
		w.powerCut(m, wal.LoseUnsynced)
		alive = w.rot(m, f.draws)
	}
	if alive {
		w.bite(f.event.Kind, m.struck)
	}
}

// restartLater starts a process that is down, unless its log is damaged and it has said so.
func (w *World) restartLater(m *member) {
	w.heap.push(event{at: w.now + w.options.Raft.HeartbeatInterval, kind: eventRestart,
		who: int16(m.index), life: m.life})
}

// view is what a fault's roles and shapes are bound by. Bit rot finds no member that the liveness
// phase will count on, so that every loss can be recovered from in principle (Alagappan et al.,
// "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018).
func (w *World) view(kind nemesis.Kind) nemesis.View {
	v := nemesis.View{Nodes: w.names}
	if kind == nemesis.KindBitRot {
		for _, i := range w.options.Sound() {
			v.Stopped = append(v.Stopped, w.names[i])
		}
	}
	var term uint64
	for _, m := range w.members {
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

// rot flips one bit of a log that was durable, where no crash can have left it so: in a sealed
// segment, in a header, or before the latest record. (That one could be a write that was torn.)
func (w *World) rot(m *member, draws *chance.Stream) bool {
	names, _ := m.memory.List(directory)
	segments := slices.DeleteFunc(names, func(n string) bool { return !strings.HasSuffix(n, ".wal") })
	if len(segments) == 0 {
		return false
	}
	chosen := draws.Intn(len(segments))
	path := directory + "/" + segments[chosen]
	content := m.memory.Content(path)
	end := len(bytes.TrimRight(content, "\x00"))
	if chosen == len(segments)-1 {
		end = min(end, max(headerBytes, m.tail))
	}
	content[draws.Intn(end)] ^= 1 << draws.Intn(8)
	m.memory.SetContent(path, content)
	m.rotten = true
	return true
}

// bite counts that a kind of fault changed something, and gives it to each fault of the kind that
// is in force there.
func (w *World) bite(kind nemesis.Kind, struck []int32) {
	if i := slices.Index(FaultKinds[:], string(kind)); i >= 0 {
		w.outcome.Effects[i]++
	}
	for _, i := range struck {
		if f := &w.faults[i]; f.event.Kind == kind {
			f.effect++
		}
	}
}

// historyFaults is the faults as a history tells them.
func (w *World) historyFaults() []history.Fault {
	var faults []history.Fault
	for i := range w.faults {
		f := &w.faults[i]
		if f.struck {
			faults = append(faults, w.historyFault(f))
		}
	}
	return faults
}

func (w *World) historyFault(f *faultState) history.Fault {
	h := history.Fault{
		ID: f.event.ID, Kind: string(f.event.Kind), Shape: string(f.event.Shape),
		Role: string(f.event.Role), Leader: f.action.Leader, Hosts: f.action.Hosts,
		Cuts: f.action.Cuts, Stage: history.StageInjected, PlannedStart: f.event.At,
		PlannedStop: f.event.At + f.event.For, Start: f.start,
	}
	if f.over {
		h.Stage, h.Stop, h.Resumed = history.StageHealed, f.stop, f.stop
	}
	h.Evidence = w.evidence(f)
	return h
}
