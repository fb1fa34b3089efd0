package replica

import (
	"maps"
	"slices"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/kv"
)

// epoch is one leader of one term, as this member saw it.
type epoch struct {
	term   uint64
	leader raft.NodeID
}

func (r *Replica) epoch() epoch {
	return epoch{r.seen.Term, r.seen.Leader}
}

// Write proposes a command, through the leader if that is another member. Ids are the caller's,
// fresh and rising over all requests. One Answer follows, unless the request is abandoned; a
// command or its forward lost on the way under a lasting leader stays open, so callers must have
// a deadline of their own.
func (r *Replica) Write(now time.Duration, id uint64, cmd kv.Command) {
	cmd.Origin, cmd.Incarnation, cmd.Request = r.cfg.Raft.ID, r.cfg.Incarnation, id
	var err error
	if r.seen.Role == raft.Leader {
		_, err = r.core.Propose(now, cmd.Encode())
	} else {
		err = r.core.Forward(now, id, cmd.Encode())
	}
	if err != nil {
		r.refusal(id, err.Error(), false)
		return
	}
	r.writes[id] = r.epoch()
}

// Read asks for the value of a key. A stale read is answered from this member's copy at once; any
// other is linearizable. One Answer follows, unless the request is abandoned. A refused read may
// be asked again under a fresh id.
func (r *Replica) Read(now time.Duration, id uint64, key string, stale bool) {
	if stale {
		r.serve(id, key, false)
		return
	}
	r.confirmed(id, key, r.core.Read(now, id))
}

// LeaseRead is a linearizable Read that rests on a lease where this member holds one: see
// raft.Core.LeaseRead. The clock reading must be taken after the request has come in.
func (r *Replica) LeaseRead(now time.Duration, id uint64, key string) {
	r.confirmed(id, key, r.core.LeaseRead(now, id))
}

// confirmed lets a read wait for the core's answer, unless the core has refused it.
func (r *Replica) confirmed(id uint64, key string, err error) {
	if err != nil {
		r.refusal(id, err.Error(), false)
		return
	}
	r.reads[id] = key
}

// Abandon forgets a request whose client is gone. What it asked for may still happen.
func (r *Replica) Abandon(id uint64) {
	delete(r.writes, id)
	delete(r.reads, id)
	r.handed = slices.DeleteFunc(r.handed, func(t transfer) bool { return t.id == id })
	r.changing = slices.DeleteFunc(r.changing, func(c reconfiguration) bool { return c.id == id })
}

// apply carries out committed entries and answers the writes of this life among them, whoever
// proposed them.
func (r *Replica) apply(committed []raft.Entry) {
	for _, e := range committed {
		cmd, result, ok := r.store.Apply(e)
		r.applied = mark{e.Index, e.Term, e.Time}
		r.snapshots.bytes += len(e.Data)
		r.reconfigured(&e)
		if !ok || cmd.Origin != r.cfg.Raft.ID || cmd.Incarnation != r.cfg.Incarnation {
			continue
		}
		if _, open := r.writes[cmd.Request]; open {
			delete(r.writes, cmd.Request)
			index := e.Index
			if result.Repeats != 0 { // it took effect there
				index = result.Repeats
			}
			r.answers = append(r.answers, Answer{ID: cmd.Request, Index: index, Result: result})
		}
	}
}

// refuse ends forwarded writes that the leader did not take.
func (r *Replica) refuse(refused []raft.RefusedForward) {
	for _, f := range refused {
		if _, open := r.writes[f.ID]; open {
			delete(r.writes, f.ID)
			r.refusal(f.ID, "refused by the leader: "+f.Reason, false)
		}
	}
}

// confirm serves reads whose index is applied, now or after more entries.
func (r *Replica) confirm(confirmed []raft.ReadAnswer) {
	r.waiting = append(r.waiting, confirmed...)
	later := r.waiting[:0]
	for _, c := range r.waiting {
		key, open := r.reads[c.ID]
		switch {
		case !open:
		case c.Failed:
			delete(r.reads, c.ID)
			r.refusal(c.ID, "leader lost before it confirmed the read", false)
		case c.Index > r.applied.Index:
			later = append(later, c)
		default:
			delete(r.reads, c.ID)
			r.serve(c.ID, key, c.Lease)
		}
	}
	r.waiting = later
}

// serve answers a read with what this member knows now.
func (r *Replica) serve(id uint64, key string, lease bool) {
	r.answers = append(r.answers,
		Answer{ID: id, Index: r.applied.Index, Result: r.store.Get(key), Lease: lease})
}

// sweep ends the writes that a leader now gone was to commit: a successor may or may not. Their
// clients learn so at once instead of waiting for a deadline.
func (r *Replica) sweep() {
	current := r.epoch()
	if r.swept == current {
		return
	}
	r.swept = current
	r.sweepChanges(current)
	for _, id := range slices.Sorted(maps.Keys(r.writes)) {
		if r.writes[id] != current {
			delete(r.writes, id)
			r.refusal(id, "leader lost before the write was known to be committed", true)
		}
	}
}

func (r *Replica) refusal(id uint64, reason string, unknown bool) {
	refusal := &Refusal{Reason: reason, Unknown: unknown}
	if r.seen.Leader != r.cfg.Raft.ID {
		refusal.Leader = r.seen.Leader
	}
	r.answers = append(r.answers, Answer{ID: id, Refusal: refusal})
}
