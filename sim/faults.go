package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/chance"
	"gauntlet/history"
	"gauntlet/nemesis"
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
	against []int32 // links of the other direction that suffer from that
	struck  bool
	over    bool
	start   time.Duration
	stop    time.Duration
	effect  int // how often it changed something
	draws   *chance.Stream

	waits   bool  // for its condition, since its time has come
	held    bool  // its condition has held
	why     error // it has not begun so far; nil: its time has not come
	unheard uint  // bit i: nothing has reached member i over the healed links yet
	heard   time.Duration
	resumed time.Duration
	mark    uint64 // the highest commit index when it was healed
}

func (w *World) resetFaults() {
	w.faults, w.timeline, w.recoveries = w.faults[:0], timeline{}, recoveries{}
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
	if heal := w.options.Heal; heal > 0 && heal < w.options.Load {
		w.heap.push(event{at: heal, kind: eventRelent})
	}
}

// strike begins a fault whose time has come, on whom its role, shape or names mean now. If it
// cannot begin yet, it tries again until its time is over.
func (w *World) strike(i int) {
	f := &w.faults[i]
	if f.over || f.struck {
		return
	}
	again := w.now + w.options.Raft.ElectionTimeoutMin/4
	if !w.begins(i) && passing(f.why) && again < w.lastChance(f) {
		w.heap.push(event{at: again, kind: eventFault, ref: int32(i)})
	}
}

// lastChance is the end of the time in which a fault can begin.
func (w *World) lastChance(f *faultState) time.Duration {
	if f.event.FromStart || f.event.When != nil {
		return w.options.Load
	}
	return f.event.At + f.event.For
}

// begins tells whether a fault begins now.
func (w *World) begins(i int) bool {
	f := &w.faults[i]
	action, err := w.bind(f)
	if f.why = err; err != nil {
		return false
	}
	f.action, f.struck, f.start = action, true, w.now
	for _, host := range action.Hosts {
		f.members = append(f.members, slices.Index(w.names, host))
	}
	w.bindLinks(f)
	w.record(func() trace.Record {
		return trace.Record{Kind: trace.FaultStart, Node: -1, Peer: -1, Cause: -1, Fault: f.event.ID,
			Label: explain(&f.action)}
	})
	w.noticeFault(f)
	w.apply(i, true)
	end := w.lastChance(f)
	if f.event.When != nil {
		end = w.now + f.event.For
	}
	w.heap.push(event{at: max(end, w.now+1), kind: eventFaultEnd, ref: int32(i)})
	return true
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
	w.listen(i)
}

// relentAll ends all faults, also those that have not begun.
func (w *World) relentAll() {
	for i := range w.faults {
		w.relent(i)
		w.faults[i].over = true
	}
	w.waiting = 0
}

// explain says in a few words what a fault does to whom.
func explain(a *nemesis.Action) string {
	text := string(a.Event.Kind)
	if a.Event.Shape != "" {
		text += " " + string(a.Event.Shape)
	}
	if len(a.Event.Links) > 0 {
		text += fmt.Sprintf(" %v", a.Event.Links)
	}
	if a.Event.Mode != "" {
		text += " by " + string(a.Event.Mode)
	}
	if len(a.Event.On) > 0 {
		text += fmt.Sprintf(" on %v:", a.Event.On)
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
	if f.event.Kind.Traits().Links {
		w.applyLinks(number, on)
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

func (w *World) applyMember(f *faultState, m *member, step int) {
	on := step > 0
	switch f.event.Kind {
	case nemesis.KindPause:
		switch {
		case !on:
			w.resume(m)
		case w.pause(m):
			f.effect++
		}
	case nemesis.KindClientCut:
		m.clientCuts += step
		if f.event.Mode == history.CutReject {
			m.clientResets += step
		}
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
	case nemesis.KindTransfer:
		if on {
			w.transfer(f, m)
		}
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
			m.armed = &powerLoss{model, w.options.Snapshots.Entries > 0 && f.draws.Intn(2) == 0}
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

// rot flips one bit of a log that was durable, where no crash can have left it so: in a sealed
// segment, in a header, or before the latest record. (That one could be a write that was torn.) Or
// it flips one of a snapshot, which may do no harm: another one and the log may tell the same.
func (w *World) rot(m *member, draws *chance.Stream) bool {
	names, _ := m.memory.List(directory)
	live := ""
	files := slices.DeleteFunc(names, func(n string) bool {
		if strings.HasSuffix(n, ".wal") {
			live = n
			return false
		}
		return !strings.HasSuffix(n, ".snap") && !strings.HasSuffix(n, ".snap.part")
	})
	if live == "" {
		return false
	}
	chosen := files[draws.Intn(len(files))]
	path := directory + "/" + chosen
	content := m.memory.Content(path)
	end := len(bytes.TrimRight(content, "\x00"))
	if chosen == live {
		end = min(end, max(headerBytes, m.tail))
	}
	if end == 0 { // a file was just created
		return false
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
