package raft

import "time"

// maxCommitted bounds Ready.Committed, so that catching up after a restart stalls no heartbeat.
const maxCommitted = 4096

// HardState is what must be durable before any message that reveals it (paper, figure 2). It is
// one record: a term without its vote would allow a second vote.
type HardState struct {
	Term uint64
	Vote NodeID
}

// Ready is what the caller must carry out. Several may be outstanding; each has its own Sequence.
// HardState, Base, Entries and Committed stay as they are for ever; the other slices, until the
// next call of Core.Ready: their memory is then used again.
//
//  1. Send Now at once: it reveals nothing that is not durable (a leader's appends go out in
//     parallel with its own disk write, thesis 10.2.1).
//  2. Write HardState (if not nil) and Entries (replacing everything from Entries[0].Index on),
//     sync, then call Persisted(Sequence) and send AfterPersist. With nothing to write this may
//     happen at once, but never before every earlier Ready has been persisted.
//     If Base is not nil the whole log is dropped before, and begins anew behind Base, the last
//     entry of a snapshot that was installed.
//  3. Committed entries may be applied at once; they are durable on a majority.
//  4. Chunks wait for the bytes of the snapshot: see Message.Fill. Then they may be sent at any
//     time, and like any message lost, if the bytes are no longer there.
//  5. Store each chunk of a snapshot, in order, and call Stored. Offset 0 begins anew. Of the last
//     one call Install instead, once the snapshot is complete, found whole and durable, or Discard.
type Ready struct {
	Sequence     uint64
	HardState    *HardState
	Entries      []Entry
	Now          []Message
	AfterPersist []Message
	Committed    []Entry
	Reads        []ReadAnswer
	Refused      []RefusedForward
	Base         *Position
	Chunks       []Message
	Store        []Chunk
}

// ReadAnswer says that the read with this id may be served once Index is applied, or that it
// failed.
type ReadAnswer struct {
	ID     uint64
	Index  uint64
	Failed bool // leadership was lost or is unknown: ask again
	Lease  bool // it rests on a lease, and on no round of heartbeats
}

// RefusedForward is a forwarded proposal that certainly will not be proposed.
type RefusedForward struct {
	ID     uint64
	Reason string // the leader's
}

// outbox gathers the next Ready and remembers the outstanding ones.
type outbox struct {
	parcel
	spare    parcel    // what the last Ready handed out, to be used again
	unsent   bool      // flush may have something to send
	base     *Position // the log was dropped, and begins behind it
	sequence uint64    // of the last Ready
	handed   HardState // as last handed out for writing
	durable  HardState // as known to be on disk
	writes   []write   // outstanding, oldest first
}

// parcel is what a Ready tells in slices whose memory is used again.
type parcel struct {
	now     []Message
	after   []Message
	reads   []ReadAnswer
	refused []RefusedForward
	chunks  []Message
	store   []Chunk
}

// emptied returns the parcel without its contents, and lets go of what they refer to.
func (p parcel) emptied() parcel {
	clear(p.now)
	clear(p.after)
	clear(p.refused)
	clear(p.chunks)
	clear(p.store)
	return parcel{
		p.now[:0], p.after[:0], p.reads[:0], p.refused[:0], p.chunks[:0], p.store[:0],
	}
}

// write is what a Ready asked the disk to do.
type write struct {
	sequence uint64
	hard     HardState
	at       time.Duration // when it was asked for
	last     uint64        // last entry written that no later truncation took away; 0: none
}

// send queues a message from this member, in its current term unless the message says otherwise.
//
// It waits for the disk if it acknowledges entries, or if the term and vote behind it are not yet
// durable: Vote and a granted VoteAnswer always come with a new HardState. A leader's own term is
// durable (its vote for itself counts only then), so its appends do not wait.
func (c *Core) send(m Message) {
	m.From = c.cfg.ID
	if m.Term == 0 {
		m.Term = c.hard.Term
	}
	if m.Kind == AppendAnswer || c.hard != c.out.durable {
		c.out.after = append(c.out.after, m)
		return
	}
	c.out.now = append(c.out.now, m)
}

// HasReady tells whether Ready has anything to say.
func (c *Core) HasReady() bool {
	o := &c.out
	return o.unsent || len(o.now)+len(o.after)+len(o.reads)+len(o.refused) > 0 ||
		len(o.chunks)+len(o.store) > 0 || o.base != nil ||
		c.hard != o.handed || c.log.handed < c.log.last() || c.applied < c.commit
}

// Ready returns what has become due since the last call.
func (c *Core) Ready() Ready {
	c.flush()
	o := &c.out
	o.sequence++
	r := Ready{
		Sequence: o.sequence, Now: o.now, AfterPersist: o.after, Reads: o.reads, Refused: o.refused,
		Entries: c.log.between(c.log.handed, c.log.last()),
		Base:    o.base, Chunks: o.chunks, Store: o.store,
	}
	o.base = nil
	o.parcel, o.spare = o.spare.emptied(), o.parcel
	w := write{sequence: o.sequence, hard: c.hard, at: c.now}
	if c.hard != o.handed {
		hard := c.hard
		r.HardState, o.handed = &hard, hard
	}
	if len(r.Entries) > 0 {
		w.last = c.log.last()
		c.log.handed = w.last
	}
	if r.HardState != nil || len(r.Entries) > 0 || r.Base != nil {
		o.writes = append(o.writes, w)
	}
	upTo := min(c.commit, c.applied+maxCommitted)
	r.Committed = c.log.between(c.applied, upTo)
	c.applied = upTo
	return r
}

// Persisted tells that the writes of this Ready, and so of all earlier ones, are on disk.
func (c *Core) Persisted(now time.Duration, sequence uint64) {
	c.advance(now)
	o := &c.out
	room := o.writes[:0]
	for len(o.writes) > 0 && o.writes[0].sequence <= sequence {
		o.durable = o.writes[0].hard
		c.log.durable = max(c.log.durable, o.writes[0].last)
		o.writes = o.writes[1:]
	}
	o.writes = append(room, o.writes...)
	switch c.role {
	case Candidate:
		if o.durable == c.hard {
			c.count(c.self, true)
		}
	case Leader:
		c.peers[c.self].match = c.log.durable
		c.advanceCommit()
	}
}

// truncate drops the log from index on, also from what the outstanding writes will have made
// durable. Without this the completion of an old write could vouch for entries that a later one
// has dropped from the disk and a third has yet to bring back.
func (c *Core) truncate(index uint64) {
	c.log.truncate(index, c.commit)
	if c.forgetConfigurations(index) {
		c.takeSeats()
	}
	for i := range c.out.writes {
		c.out.writes[i].last = min(c.out.writes[i].last, index-1)
	}
}

// flush sends what is best gathered first, so that one turn of the caller's loop makes one
// message for each peer out of many proposals, acknowledgements and reads.
func (c *Core) flush() {
	if !c.out.unsent {
		return
	}
	c.out.unsent = false
	if c.role != Leader {
		c.askLeader()
		return
	}
	c.confirmLeadership()
	for i := range c.peers {
		if i != c.self {
			c.replicate(i)
			c.announceCommit(i)
		}
	}
	c.handOver()
}
