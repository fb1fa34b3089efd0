package sim

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/kv"
	"gauntlet/raft/replica"
	"gauntlet/sim/failure"
	"gauntlet/sim/schedule"
)

// healing is the liveness phase: a core that holds a quorum is healed, and within its time it must
// have one leader, acknowledge fresh writes through every member, and agree on one log.
type healing struct {
	core     uint // bit i: member i belongs to it
	serving  uint // ... and to the configuration that came out in the end
	began    time.Duration
	due      time.Duration
	turns    int
	probes   int
	answered uint   // bit i: a fresh write through member i was acknowledged
	asked    uint   // bit i: a write through member i has no answer yet
	measured bool   // half a phase before due
	lacking  uint64 // ... by its members then
	reached  bool
	leaders  map[uint64]bool // terms led by a member of the core since the phase began
}

// healAll ends the load: what is broken is mended, but for what the liveness phase leaves broken.
func (w *World) healAll() {
	w.loadOver = true
	w.relentAll()
	l := &w.options.Liveness
	h := &w.heal
	h.core = w.coreOf(l)
	h.began, h.due = w.now, w.now+time.Duration(l.Within)*w.options.Raft.ElectionTimeoutMax
	if l.Within == 0 || h.core == 0 {
		w.heap.push(event{at: w.now + w.patience(), kind: eventFinish})
		return
	}
	h.serving = h.core
	w.phase("liveness")
	w.leaveOut(l)
	w.heap.push(event{at: w.now + 1, kind: eventProbe})
}

// coreOf is the members that the phase counts on: those of the schedule whose logs are sound, if
// they decide whatever configuration comes out in the end: the one committed last, or any that a
// log has behind it. Else it is all that are named there; 0 if those are no quorum, either.
func (w *World) coreOf(l *schedule.Liveness) (core uint) {
	possible := w.watch.Configurations()
	for i, m := range w.members {
		if (len(l.Core) == 0 || slices.Contains(l.Core, i)) && !m.rotten && named(possible, i) {
			core |= 1 << i
		}
	}
	if !decides(possible, core) { // the members have changed too much
		for i, m := range w.members {
			if !m.rotten && named(possible, i) {
				core |= 1 << i
			}
		}
		if !decides(possible, core) {
			return 0
		}
	}
	if n := w.options.Nodes; bits.OnesCount(core) == n/2+1 && bits.OnesCount(core) < n {
		w.saw(smallestCore)
	}
	return core
}

// named tells whether a member is in one of the configurations.
func named(configs []raft.Configuration, member int) bool {
	return slices.ContainsFunc(configs, func(c raft.Configuration) bool {
		_, ok := c.Find(raft.NodeID(member + 1))
		return ok
	})
}

// decides tells whether members hold a quorum of each of the configurations, and of both halves of
// those that are joint.
func decides(configs []raft.Configuration, core uint) bool {
	for _, c := range configs {
		for _, voters := range [][]raft.Member{c.Voters, c.Outgoing} {
			size := 0
			for _, v := range voters {
				size += int(core >> (v.ID - 1) & 1)
			}
			if len(voters) > 0 && size < len(voters)/2+1 {
				return false
			}
		}
	}
	return true
}

// leaveOut breaks the members outside the core for good.
func (w *World) leaveOut(l *schedule.Liveness) {
	n := len(w.members)
	possible := w.watch.Configurations()
	for i, m := range w.members {
		if w.heal.core&(1<<i) != 0 || !w.present(m) {
			continue
		}
		if !named(possible, i) {
			if !w.harmless() {
				w.stop(m)
			}
			continue
		}
		for j := range n {
			switch {
			case l.Others == schedule.OthersDeaf && j != i:
				w.links[j*n+i].cuts++
			case l.Others == schedule.OthersMute && j != i:
				w.links[i*n+j].cuts++
			}
		}
		if l.Others == schedule.OthersDead || l.Others == schedule.OthersDeaf && w.tyrant(m) {
			m.holds++
			w.kill(m, "kill")
		}
	}
}

// tyrant tells whether a member that will hear nothing would lead for ever, or a candidate whose
// votes are in might: without CheckQuorum its heartbeats keep everybody from electing another.
func (w *World) tyrant(m *member) bool {
	leads := m.seen.Role == raft.Leader || m.seen.Role == raft.Candidate
	return !w.options.Raft.CheckQuorum && m.state >= running && leads &&
		m.seen.Term >= w.notes.newestTerm
}

// probe looks at the core, and writes something through each of its members that has not had a
// fresh write acknowledged.
func (w *World) probe() {
	h := &w.heal
	if h.leaders == nil {
		h.leaders = map[uint64]bool{}
	}
	leader := w.coreLeader()
	if leader != nil {
		h.leaders[leader.seen.Term] = true
		h.serving = w.servedBy(leader)
	}
	switch {
	case leader != nil && h.serving&^h.answered == 0 && w.converged(leader):
		h.reached = true
		w.conclude()
		return
	case w.now >= h.due && !w.catchesUp(leader):
		w.fail(w.unlive(leader))
		return
	case !h.measured && leader != nil && w.now >= h.due-w.halfPhase():
		h.measured, h.lacking = true, w.lacking(leader)
		h.due = w.now + w.halfPhase()
	}
	h.turns++
	for i, m := range w.members {
		if h.serving&^h.answered&(1<<i) != 0 && m.state == running && h.mayWrite(i) {
			w.probeThrough(m)
		}
	}
	w.heap.push(event{at: w.now + w.options.Raft.ElectionTimeoutMin/2, kind: eventProbe})
}

// mayWrite tells whether to write through a member: at every turn at first, later more rarely while
// there is no answer. What members have to catch up with had better not grow as fast as they do.
func (h *healing) mayWrite(member int) bool {
	return h.turns <= 16 || h.turns%16 == 0 || h.asked&(1<<member) == 0
}

func (w *World) probeThrough(m *member) {
	h := &w.heal
	h.probes++
	h.asked |= 1 << m.index
	m.requests = append(m.requests, probeRequest)
	id := uint64(len(m.requests))
	w.witness.Probed(m.index, w.incarnation(m), id)
	m.replica.Write(m.clock.read(w.now), id, kv.Command{Op: kv.Put, Key: "probe",
		Value: fmt.Append(nil, h.probes)})
	w.after(m)
}

// catchesUp tells whether members lack less than when that was last measured, by one part in
// nearer, and gives them half a phase more if so: who gets an entry at a time, and lacks thousands,
// is slow, not stuck. What they lack gets less each time, so this ends.
func (w *World) catchesUp(leader *member) bool {
	const nearer = 64
	h := &w.heal
	lacking := w.lacking(leader)
	if leader == nil || !h.measured || lacking+max(1, h.lacking/nearer) > h.lacking {
		return false
	}
	h.lacking = lacking
	h.due = w.now + w.halfPhase()
	return true
}

func (w *World) halfPhase() time.Duration {
	return time.Duration(w.options.Liveness.Within) * w.options.Raft.ElectionTimeoutMax / 2
}

// lacking is how many entries, and chunks of snapshots, a leader has yet to get to the members, as
// far as it knows. What they have committed would tell less: of earlier terms that is nothing, and
// then everything at once.
func (w *World) lacking(leader *member) (parts uint64) {
	if leader == nil {
		return 0
	}
	chunk := cmp.Or(uint64(w.options.Snapshots.ChunkBytes), 64<<10)
	for _, p := range leader.replica.Progress() {
		if w.heal.serving&(1<<(p.ID-1)) == 0 {
			continue
		}
		parts += leader.seen.LastIndex - p.Match
		if p.SnapshotLeft > 0 {
			parts += 1 + p.SnapshotLeft/chunk
		}
	}
	return parts
}

// servedBy is the members of the core that a leader's configuration names, of the others those are
// stopped that could disturb them. While another may still come out, nobody is known not to be
// needed: a leader may have been deposed without knowing, or owe an earlier leader's last change.
func (w *World) servedBy(leader *member) (serving uint) {
	config := leader.replica.Configuration()
	is := &leader.seen
	settled := is.Term == w.notes.newestTerm && is.LastTerm == is.Term && is.Commit == is.LastIndex
	if config.Joint() || !settled {
		return w.heal.core
	}
	w.dismiss(config)
	for i := range w.members {
		if named([]raft.Configuration{config}, i) {
			serving |= w.heal.core & (1 << i)
		}
	}
	return serving
}

// probed takes the answer to a probe.
func (w *World) probed(m *member, a *replica.Answer) {
	if a.Refusal == nil {
		w.heal.answered |= 1 << m.index
	}
	w.heal.asked &^= 1 << m.index
}

// coreLeader is the member of the core that leads in the highest term; nil: none does.
func (w *World) coreLeader() *member {
	var leader *member
	for i, m := range w.members {
		if w.heal.core&(1<<i) != 0 && m.state == running && m.seen.Role == raft.Leader &&
			(leader == nil || m.seen.Term > leader.seen.Term) {
			leader = m
		}
	}
	return leader
}

// converged tells whether every member of the core has committed as much as its leader has in its
// log, and no change of the members is under way.
func (w *World) converged(leader *member) bool {
	if leader.replica.Configuration().Joint() {
		return false
	}
	for i, m := range w.members {
		if w.heal.serving&(1<<i) != 0 &&
			(m.state != running || m.seen.Commit != leader.seen.LastIndex ||
				m.seen.Leader != raft.NodeID(leader.index+1)) {
			return false
		}
	}
	return true
}

// unlive names the failure of the liveness phase.
func (w *World) unlive(leader *member) *failure.Failure {
	h := &w.heal
	took := int((w.now - h.began) / w.options.Raft.ElectionTimeoutMax)
	f := &failure.Failure{}
	switch {
	case len(h.leaders) == 0:
		f.Signature = failure.NoLeader
		f.Text = fmt.Sprintf("a healed quorum has no leader after %d election timeouts", took)
	case len(h.leaders) > took/4 && len(h.leaders) > 3:
		f.Signature = failure.LeaderChurn
		f.Text = fmt.Sprintf("a healed quorum had leaders of %d terms in %d election timeouts",
			len(h.leaders), took)
	case leader != nil && leader.replica.Configuration().Joint():
		f.Signature = failure.StuckChange
		f.Text = fmt.Sprintf("%s leads under the joint configuration of entry %d after %d election "+
			"timeouts: %s", leader.name, leader.seen.Configuration.Index, took, w.positions())
	case leader != nil && h.serving&^h.answered == 0:
		f.Signature = failure.StuckFollower
		f.Text = fmt.Sprintf("%s leads at %d entries, but others do not follow after %d election "+
			"timeouts: %s", leader.name, leader.seen.LastIndex, took, w.positions())
	default:
		f.Signature = failure.DroppedWrites
		f.Text = fmt.Sprintf("fresh writes are not acknowledged through every member of a healed "+
			"quorum after %d election timeouts: %s", took, w.positions())
	}
	return f
}

func (w *World) positions() string {
	text := ""
	for i, m := range w.members {
		if w.heal.serving&(1<<i) != 0 {
			text += fmt.Sprintf("%s commit %d of %d; ", m.name, m.seen.Commit, m.seen.LastIndex)
		}
	}
	return text[:max(0, len(text)-2)]
}

// conclude makes the final reads, through members of the core, and ends the run when they are done.
func (w *World) conclude() {
	w.phase("final-reads")
	if w.generator != nil {
		w.finals = w.generator.Final()
	}
	for i := range w.workers {
		w.next(&w.workers[i])
	}
	w.heap.push(event{at: w.now + 2*w.patience(), kind: eventFinish})
}
