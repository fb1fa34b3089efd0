package sim

import (
	"fmt"

	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/sim/trace"
)

// What member.requests holds instead of an operation.
const (
	probeRequest    int32 = -1
	transferRequest int32 = -2
)

// transfer asks whoever says that it leads to hand its leadership to the member that was struck, as
// an operator does who does not know who leads. Some operators leave the choice to the leader, some
// mistake a name.
func (w *World) transfer(f *faultState, to *member) {
	target := raft.NodeID(to.index + 1)
	switch f.draws.Intn(8) {
	case 0:
		target = 0 // the one that lacks the least
	case 1:
		target = raft.NodeID(len(w.members) + 1) // nobody
	}
	for _, m := range w.members {
		if m.state != running || m.replica.Status().Role != raft.Leader {
			continue
		}
		w.bite(f.event.Kind, to.struck)
		m.requests = append(m.requests, transferRequest)
		w.cause = w.record(func() trace.Record {
			return trace.Record{Kind: trace.Call, Node: m.index, Peer: -1, Cause: -1,
				Label: fmt.Sprintf("transfer to %d", target)}
		})
		if w.parted() {
			w.saw(transferParted)
		}
		m.replica.Transfer(m.clock.read(w.now), uint64(len(m.requests)), target)
		w.after(m)
	}
}

// parted tells whether any link between members is severed.
func (w *World) parted() bool {
	for i := range w.links {
		if w.links[i].cuts > 0 {
			return true
		}
	}
	return false
}

// answeredOther takes the answer to a request that is no client's operation.
func (w *World) answeredOther(m *member, request int32, a *replica.Answer) {
	if request == probeRequest {
		w.probed(m, a)
		return
	}
	if a.Refusal == nil && a.Leader != raft.NodeID(m.index+1) {
		w.saw(transferDone)
	}
	w.record(func() trace.Record {
		label := fmt.Sprintf("transferred to %d", a.Leader)
		if a.Refusal != nil {
			label = "transfer refused: " + a.Refusal.Reason
		}
		return trace.Record{Kind: trace.Return, Node: m.index, Peer: -1, Cause: -1, Label: label}
	})
}

// noticeLeaseRead looks at a member that is asked for a read which may rest on a lease.
func (w *World) noticeLeaseRead(m *member) {
	s := m.replica.Status()
	if w.options.Raft.LeaseReads && s.Role == raft.Leader && (s.Transferee != 0 || s.TransferTold) {
		w.saw(leaseSuspended)
	}
}

// noticeTransfer looks at what became of a transfer.
func (w *World) noticeTransfer(e *replica.Event) {
	if e.Kind == "transfer" && e.State == replica.GivenUp {
		w.saw(transferGivenUp)
	}
}
