package raft

// A follower hands proposals to its leader. Messages may be lost, repeated and reordered on the
// way, yet a proposal must never be appended twice, and one reported as refused never at all:
//
//   - A Forward is good only in the term it was sent in, whose one leader remembers the highest id
//     taken from each member; that id and all below it are used up, whether proposed or refused.
//   - A refusal is sent only where that memory shows that the id was never taken. In all other
//     cases the answer is silence, and the asker, who sees a change of leader by itself, must say
//     "unknown".

// asker is one life of one member. Ids rise within a life, and start anew in the next.
type asker struct {
	member NodeID
	life   uint32
}

// forwards is the memory of the last leadership of this member.
type forwards struct {
	term uint64
	last map[asker]uint64 // highest id taken; at most one row for every restart in this term
}

// ownID makes the id of a message out of a count of this life.
func (c *Core) ownID(count uint64) uint64 {
	return uint64(c.cfg.Incarnation)<<32 + count
}

// ownCount takes an id apart again; false: it is of another life.
func (c *Core) ownCount(id uint64) (uint64, bool) {
	count := id - c.ownID(0)
	return count, count != 0 && count>>32 == 0
}

func (c *Core) forward(id uint64, data []byte) error {
	if c.leader == 0 || c.role == Leader {
		return ErrNoLeader
	}
	c.send(Message{Kind: Forward, To: c.leader, ID: c.ownID(id), Data: data})
	return nil
}

// stepForward proposes what a follower sent, at most once.
func (c *Core) stepForward(m *Message) {
	if c.forwards.term != c.hard.Term {
		return
	}
	from := asker{member: m.From, life: uint32(m.ID >> 32)}
	if m.ID <= c.forwards.last[from] {
		return
	}
	c.forwards.last[from] = m.ID
	if _, err := c.propose(m.Data); err != nil {
		c.send(Message{Kind: ForwardRefused, To: m.From, ID: m.ID, Data: []byte(err.Error())})
	}
}

func (c *Core) stepForwardRefused(m *Message) {
	if id, own := c.ownCount(m.ID); own {
		c.out.refused = append(c.out.refused, RefusedForward{ID: id, Reason: string(m.Data)})
	}
}
