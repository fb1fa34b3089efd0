package replica

import (
	"time"

	"gauntlet/raft"
)

// transfer is an open request to hand the leadership over.
type transfer struct {
	id   uint64
	term uint64 // of the leadership
}

// Transfer has this member, if it leads, hand its leadership to another, 0: to the one that lacks
// the least. One Answer follows, unless the request is abandoned: who leads once the leadership has
// ended, at once if that is already so; or a refusal, of unknown outcome if the successor was told
// and may still obey. While nobody leads it stays open, so callers must have a deadline.
func (r *Replica) Transfer(now time.Duration, id uint64, to raft.NodeID) {
	if to != 0 && to == r.seen.Leader {
		r.answers = append(r.answers, Answer{ID: id, Leader: to})
		return
	}
	if err := r.core.Transfer(now, to); err != nil {
		r.refusal(id, err.Error(), false)
		return
	}
	r.handed = append(r.handed, transfer{id: id, term: r.seen.Term})
	r.observe()
}

// observeTransfer tells of transfers that began, were given up, or ended well.
func (r *Replica) observeTransfer(was, is *raft.Status) {
	leads := is.Role == raft.Leader && is.Term == was.Term
	switch {
	case is.Transferee != 0 && was.Transferee == 0:
		r.events = append(r.events,
			Event{Kind: "transfer", Term: is.Term, Peer: is.Transferee, State: Begun})
	case was.Transferee != 0 && is.Transferee == 0 && leads:
		r.events = append(r.events,
			Event{Kind: "transfer", Term: is.Term, Peer: was.Transferee, State: GivenUp})
	}
	if len(r.handed) == 0 {
		return
	}
	open := r.handed[:0]
	for _, t := range r.handed {
		switch {
		case is.Role == raft.Leader && is.Term == t.term && is.Transferee == 0:
			r.refusal(t.id, "transfer given up: no successor took over within an election timeout",
				is.TransferTold)
		case is.Leader != 0 && (is.Role != raft.Leader || is.Term != t.term):
			r.answers = append(r.answers, Answer{ID: t.id, Leader: is.Leader})
		default:
			open = append(open, t)
		}
	}
	r.handed = open
}
