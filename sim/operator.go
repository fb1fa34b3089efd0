package sim

import (
	"fmt"
	"slices"
	"strings"

	"gauntlet/chance"
	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/sim/schedule"
	"gauntlet/sim/trace"
)

// operator changes the members while clients work: he brings servers in that were not there, asks
// the member that he takes for the leader, asks again when he hears nothing, and stops whom he was
// told to be removed. He is gone when the load is over.
type operator struct {
	orders  []order
	asks    []ask
	current raft.Configuration // of the last entry that was seen to be committed
	stopped uint               // bit i: member i was removed and is stopped for good
}

// order is one planned change.
type order struct {
	*schedule.Change
	draws   *chance.Stream
	asked   int           // so often
	changes []raft.Change // as it was asked for last; empty: whom it is about is still to be drawn
	done    bool
}

// ask is one request for it.
type ask struct {
	order   int
	changes []raft.Change
}

// firstAsk marks requests of the operator among those that a member has open: clients' are numbered
// from 0 on, probes from -1 down, and asks from here down.
const firstAsk = -1 << 24

func (w *World) resetOperator() {
	first := raft.NewConfiguration(raft.Members(w.ids[:w.options.Nodes]...)...)
	w.operator = operator{orders: w.orders[:0], asks: w.asks[:0], current: first}
	for i := range w.schedule.Changes {
		c := &w.schedule.Changes[i]
		w.orders = append(w.orders, order{Change: c,
			draws: chance.New(w.seed, "sim/operator", c.Stream)})
	}
}

func (w *World) beginOperator() {
	for i := range w.orders {
		w.heap.push(event{at: w.orders[i].At, kind: eventOrder, ref: int32(i)})
	}
}

// belongs tells whether the configuration that was committed last names a member.
func (w *World) belongs(m *member) bool {
	_, ok := w.current.Find(raft.NodeID(m.index + 1))
	return ok
}

// order asks for a change, and plans to do so again.
func (w *World) order(i int) {
	o := &w.orders[i]
	if o.done || w.loadOver {
		return
	}
	o.asked++
	if m := w.takenForLeader(o); m != nil {
		w.ask(i, m)
	}
	if et := w.options.Raft.ElectionTimeoutMin; o.asked < o.Tries {
		w.heap.push(event{at: w.now + o.draws.Duration(et/4, 2*et), kind: eventOrder, ref: int32(i)})
	}
}

// takenForLeader is mostly the latest leader, and now and then an older one.
func (w *World) takenForLeader(o *order) *member {
	var leader *member
	any := o.draws.Intn(4) == 0
	for _, m := range w.members {
		if m.state == running && m.seen.Role == raft.Leader &&
			(leader == nil || any || m.seen.Term > leader.seen.Term) {
			leader = m
		}
	}
	return leader
}

func (w *World) ask(i int, m *member) {
	o := &w.orders[i]
	if len(o.changes) == 0 {
		o.changes = w.choose(o, m)
	}
	if len(o.changes) == 0 {
		return
	}
	for _, change := range o.changes {
		if change.Kind == raft.AddLearner {
			w.bringIn(w.members[change.Member.ID-1])
		}
	}
	w.events++
	w.hash.add(uint64(w.now))
	m.requests = append(m.requests, int32(firstAsk-len(w.asks)))
	w.asks = append(w.asks, ask{i, o.changes})
	w.cause = w.record(func() trace.Record {
		return trace.Record{Kind: trace.Order, Node: m.index, Peer: -1, Cause: -1,
			Label: changesText(o.changes)}
	})
	m.replica.Reconfigure(m.clock.read(w.now), uint64(len(m.requests)), o.changes)
	w.after(m)
}

// changesText is a request in words.
func changesText(changes []raft.Change) string {
	verbs := map[raft.ChangeKind]string{
		raft.AddLearner: "add", raft.Promote: "promote", raft.Remove: "remove",
	}
	text := ""
	for _, c := range changes {
		text += fmt.Sprintf(", %s n%d", verbs[c.Kind], c.Member.ID)
	}
	return text[2:]
}

// choose draws whom an order is about, from what the member asked knows.
func (w *World) choose(o *order, m *member) []raft.Change {
	config := m.replica.Configuration()
	voters, learners := shuffled(o.draws, config.Voters), shuffled(o.draws, config.Learners)
	more := o.draws.Intn(3) == 0
	var all []raft.Change
	take := func(kind raft.ChangeKind, members []raft.Member, most int) {
		for _, member := range members[:min(most, len(members))] {
			all = append(all, raft.Change{Kind: kind, Member: raft.Member{ID: member.ID}})
		}
	}
	two := 1
	if more {
		two = 2
	}
	switch o.Kind {
	case schedule.ChangeAdd:
		take(raft.AddLearner, raft.Members(w.ids[min(int(config.Highest), len(w.ids)):]...), two)
	case schedule.ChangePromote:
		if more {
			two = len(learners)
		}
		take(raft.Promote, learners, two)
	case schedule.ChangeRemove:
		take(raft.Remove, shuffled(o.draws, config.All()), 1)
	case schedule.ChangeRemoveLeader:
		take(raft.Remove, raft.Members(raft.NodeID(m.index+1)), 1)
	case schedule.ChangeReplace:
		if take(raft.Promote, learners, 1); len(all) > 0 {
			take(raft.Remove, voters, 1)
		}
	case schedule.ChangeSeveral:
		if take(raft.Promote, learners, len(learners)); len(all) > 0 {
			take(raft.Remove, voters, len(learners)-1+two)
		}
	}
	return all
}

func shuffled(draws *chance.Stream, members []raft.Member) []raft.Member {
	members = slices.Clone(members)
	draws.Shuffle(len(members), func(i, j int) {
		members[i], members[j] = members[j], members[i]
	})
	return members
}

// bringIn starts a server that was not there, with an empty disk.
func (w *World) bringIn(m *member) {
	if !m.absent {
		return
	}
	m.absent = false
	if m.holds--; m.holds == 0 && m.state == down {
		w.start(m)
	}
}

// told takes the answer to a request. What made no sense is thought over before the next try.
func (w *World) told(m *member, number int, a *replica.Answer) {
	asked := &w.asks[number]
	o := &w.orders[asked.order]
	if a.Refusal != nil {
		if strings.HasPrefix(a.Refusal.Reason, raft.ErrBehind.Error()) {
			w.saw(promotionRefused)
		}
		if a.Refusal.Conflict {
			o.changes = nil
		}
		return
	}
	o.done = true
	w.watch.Reconfigured(m.index, a.Index, asked.changes)
	for _, change := range asked.changes {
		if change.Kind == raft.Remove {
			w.heap.push(event{at: w.now + o.Linger, kind: eventStop, who: int16(change.Member.ID - 1)})
		}
	}
}

// stop ends a member that was removed, for good.
func (w *World) stop(m *member) {
	if bit := uint(1) << m.index; w.stopped&bit == 0 {
		w.stopped |= bit
		m.holds++
		w.kill(m, "removed")
	}
}

// present tells whether a member's server is there: it was brought in, and not stopped for good.
func (w *World) present(m *member) bool {
	return !m.absent && w.stopped&(1<<m.index) == 0
}

// asks whom a worker asks: the first one, from its own on, that is there.
func (w *World) asked(worker int) *member {
	first := worker % w.options.Nodes
	for i := range w.members {
		if m := w.members[(first+i)%len(w.members)]; w.present(m) {
			return m
		}
	}
	return w.members[first]
}

// harmless tells whether a member may go on that is in no configuration any more: for ever where it
// cannot disturb the others, which without pre-vote and check quorum it can (thesis 4.2.3).
func (w *World) harmless() bool {
	return w.options.Raft.PreVote && w.options.Raft.CheckQuorum
}

// dismiss stops those who are no members by the configuration of a leader, where they could disturb
// the others for ever.
func (w *World) dismiss(config raft.Configuration) {
	for _, m := range w.members {
		if _, ok := config.Find(raft.NodeID(m.index + 1)); !ok && w.present(m) && !w.harmless() {
			w.stop(m)
		}
	}
}
