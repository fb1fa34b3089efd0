package replica

import (
	"errors"
	"time"

	"gauntlet/raft"
)

// reconfiguration is an open request to change the members.
type reconfiguration struct {
	id    uint64
	epoch epoch
	at    raft.Position // of the entry that began the change
}

// Reconfigure has this member, if it leads, change the members. One Answer follows, unless the
// request is abandoned: once the change is complete, with the index of the entry that made it so;
// or a refusal, of unknown outcome if the leadership ended before that was known.
func (r *Replica) Reconfigure(now time.Duration, id uint64, changes []raft.Change) {
	at, err := r.core.Reconfigure(now, changes)
	if err != nil {
		r.refusal(id, err.Error(), false)
		refusal := r.answers[len(r.answers)-1].Refusal
		refusal.Conflict = errors.Is(err, raft.ErrChange) || errors.Is(err, raft.ErrBehind)
		return
	}
	r.changing = append(r.changing, reconfiguration{id, r.epoch(), at})
	r.observe()
}

// Configuration returns the configuration in effect, which nobody may change.
func (r *Replica) Configuration() raft.Configuration {
	return r.core.Configuration()
}

// Progress returns what a leader knows of each member; nil on others.
func (r *Replica) Progress() []raft.Progress {
	return r.core.Progress()
}

// observeConfiguration tells of a configuration that took effect, be it because another was
// dropped.
func (r *Replica) observeConfiguration(was, is *raft.Status) {
	if is.Configuration == was.Configuration {
		return
	}
	config := r.core.Configuration()
	r.events = append(r.events, Event{
		Kind: "config", Term: is.Term, Index: is.Configuration.Index, Configuration: &config,
	})
}

// reconfigured ends the requests whose change an applied entry completes. Under the leader that
// began it, a change is the only one under way, and ends with the first configuration that is not
// joint.
func (r *Replica) reconfigured(e *raft.Entry) {
	if e.Kind != raft.EntryConfiguration || len(r.changing) == 0 {
		return
	}
	config, err := raft.DecodeConfiguration(e.Data)
	if err != nil || config.Joint() {
		return
	}
	open := r.changing[:0]
	for _, c := range r.changing {
		if e.Term == c.at.Term && e.Index >= c.at.Index {
			r.answers = append(r.answers, Answer{ID: c.id, Index: e.Index})
		} else {
			open = append(open, c)
		}
	}
	r.changing = open
}

// sweepChanges ends the requests whose leadership is gone: a later leader may complete the change.
func (r *Replica) sweepChanges(current epoch) {
	open := r.changing[:0]
	for _, c := range r.changing {
		if c.epoch == current {
			open = append(open, c)
			continue
		}
		r.refusal(c.id, "leader lost before the change was known to be complete", true)
	}
	r.changing = open
}
