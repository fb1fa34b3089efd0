package raft

import (
	"hash/crc32"
	"time"
)

// A leader sends its snapshot to a peer that lacks entries which are compacted away, in chunks that
// are stored one behind the other (InstallSnapshot: paper, figure 13). What the two sides agree on
// is the snapshot's identity and how many of its bytes the receiver has: so a transfer goes on
// where it was after loss, after a restart of either side, and under another leader that has the
// same snapshot. A receiver that has committed as much answers what it has, and replaces nothing.

// snapshotWindow is how many chunks may be on their way to a peer at a time, at most.
const snapshotWindow = 16

// Chunk is a part of a snapshot.
type Chunk struct {
	Snapshot Snapshot // which one
	Offset   uint64   // of Data in its bytes; in an answer: how far the receiver has them
	Data     []byte   // Config.ChunkBytes of them, but for the last chunk
	Checksum uint32   // CRC-32C of Data
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Fill completes a message of Ready.Chunks with the bytes that stand at its offset.
func (m *Message) Fill(data []byte) {
	filled := *m.Chunk
	filled.Data, filled.Checksum = data, crc32.Checksum(data, castagnoli)
	m.Chunk = &filled
}

// chunkBytes returns how many bytes the chunk of a snapshot at an offset has.
func (c *Core) chunkBytes(s *Snapshot, offset uint64) uint64 {
	return min(uint64(c.cfg.ChunkBytes), s.Size-offset)
}

// sensible tells whether a chunk can be one of the snapshot that it names.
func (c *Core) sensible(m *Message) bool {
	part := m.Chunk
	if part == nil {
		return m.Kind == SnapshotAnswer && m.Reject // of a member in a higher term
	}
	s := &part.Snapshot
	if s.Index == 0 || s.Term == 0 || s.Term > m.Term || part.Offset > s.Size {
		return false
	}
	if part.Offset == s.Size {
		return m.Kind == SnapshotAnswer
	}
	return part.Offset%uint64(c.cfg.ChunkBytes) == 0 && (m.Kind == SnapshotAnswer ||
		uint64(len(part.Data)) == c.chunkBytes(s, part.Offset))
}

// shipment is a snapshot on its way to a peer.
type shipment struct {
	snapshot Snapshot
	stored   uint64 // bytes that the peer has
	sent     uint64 // bytes sent; never less
	window   uint64 // how many chunks may be on their way: one asks how far the peer is
	known    bool   // the peer has said so
	rewound  time.Duration
	stalled  int // times in a row that it was asked anew, without having got on

	timed     uint64        // the end of a chunk whose answer is timed; 0: none
	timedAt   time.Duration // when it was first sent
	roundTrip time.Duration // of the latest timed; 0: none yet
}

// patience is how long to wait before what was sent is sent again: longer than an answer takes, and
// twice as long each time. For chunks may be waiting on this side of a slow link, and more of them
// would only make the wait longer.
func (c *Core) patience(t *shipment) time.Duration {
	wait := max(c.cfg.HeartbeatInterval, 2*t.roundTrip) << min(t.stalled, maxStalls)
	return min(wait, maxPatience*c.cfg.ElectionTimeoutMin)
}

// maxPatience, in election timeouts, bounds it: what was lost in a long cut was timed, too.
const maxPatience = 16

// sending notes that the chunk up to an end is sent. One is timed after the other, from its first
// sending on: so what is sent again makes the time longer, never shorter (as P. Karn and
// C. Partridge ask for, Improving Round-Trip Time Estimates, 1987).
func (t *shipment) sending(end uint64, now time.Duration) {
	t.sent = end
	if t.timed == 0 {
		t.timed, t.timedAt = end, now
	}
}

// advance notes that the peer has more than was known.
func (t *shipment) advance(has uint64, now time.Duration) {
	t.stored, t.sent, t.stalled = has, max(t.sent, has), 0
	t.window = min(2*t.window, snapshotWindow)
	if t.timed != 0 && has >= t.timed {
		t.roundTrip, t.timed = now-t.timedAt, 0
	}
}

// sendSnapshot sends a peer what flow control allows of the snapshot that it needs.
func (c *Core) sendSnapshot(peer int) {
	p := &c.peers[peer]
	if p.state != install {
		p.state, p.probing = install, false
		p.inflight, p.inflightBytes = p.inflight[:0], 0
		p.shipment = shipment{snapshot: c.snapshot, window: 1}
	}
	t := &p.shipment
	for t.sent < t.snapshot.Size && t.sent < t.stored+t.window*uint64(c.cfg.ChunkBytes) {
		c.sendChunk(peer)
	}
}

// sendChunk asks the caller to send the next chunk.
func (c *Core) sendChunk(peer int) {
	p := &c.peers[peer]
	t := &p.shipment
	c.out.chunks = append(c.out.chunks, Message{
		Kind: SnapshotChunk, From: c.cfg.ID, To: c.seats[peer].id, Term: c.hard.Term,
		Chunk: &Chunk{Snapshot: t.snapshot, Offset: t.sent},
	})
	t.sending(t.sent+c.chunkBytes(&t.snapshot, t.sent), c.now)
	p.sentAt = c.now
}

// maxStalls is how often a transfer is asked anew before a newer snapshot takes its place: the
// caller may no longer have the bytes of an older one.
const maxStalls = 3

// nudgeTransfer goes on with a transfer of which nothing was heard: one chunk finds out how far the
// peer is, the last one if it has them all.
func (c *Core) nudgeTransfer(p *progress) {
	t := &p.shipment
	if t.stalled++; t.stalled > maxStalls && t.snapshot.ID() != c.snapshot.ID() {
		p.shipment = shipment{snapshot: c.snapshot, roundTrip: t.roundTrip}
		t = &p.shipment
	}
	t.sent, t.window, t.known = t.stored, 1, false
	if t.sent == t.snapshot.Size {
		t.sent = (t.snapshot.Size - 1) / uint64(c.cfg.ChunkBytes) * uint64(c.cfg.ChunkBytes)
	}
	c.out.unsent = true
}

// stepSnapshotAnswer notes how far a peer has got. It is believed when it has more than was known;
// that it has less (it lost a chunk, or all in a crash) once in a while only, since every chunk
// behind a lost one is answered so.
func (c *Core) stepSnapshotAnswer(m *Message) {
	peer := c.place(m.From)
	if c.role != Leader || peer < 0 {
		return
	}
	p := &c.peers[peer]
	p.heard = c.now
	t := &p.shipment
	if p.state != install || m.Chunk == nil || m.Chunk.Snapshot.ID() != t.snapshot.ID() {
		return
	}
	has := m.Chunk.Offset
	switch {
	case has > t.stored:
		t.advance(has, c.now)
	case m.Reject && has < t.sent &&
		(!t.known || c.now >= t.rewound+c.patience(t)):
		if has < t.stored {
			t.timed = 0 // what it is the end of may be far away now
		}
		t.stored, t.sent, t.window, t.rewound = has, has, 1, c.now
	}
	t.known = true
	c.out.unsent = true
}

// reception is a snapshot on its way to this member.
type reception struct {
	snapshot Snapshot // Index 0: none
	accepted uint64   // bytes handed to the caller to be stored
	stored   uint64   // bytes that the caller has stored; never more
}

// stepSnapshotChunk is the receiver of InstallSnapshot (paper, figure 13).
func (c *Core) stepSnapshotChunk(m *Message) {
	if !c.follow(m.From) {
		return
	}
	part, r := m.Chunk, &c.receiving
	if part.Snapshot.Index <= c.commit {
		c.vouchForCommitted(m.From)
		return
	}
	if r.snapshot.ID() != part.Snapshot.ID() {
		if part.Offset != 0 {
			c.answerChunk(m.From, &part.Snapshot, 0, true)
			return
		}
		*r = reception{snapshot: part.Snapshot}
	}
	damaged := crc32.Checksum(part.Data, castagnoli) != part.Checksum
	switch {
	case part.Offset > r.accepted || damaged:
		c.answerChunk(m.From, &part.Snapshot, r.accepted, true)
	case part.Offset < r.accepted: // it came twice
		c.answerChunk(m.From, &part.Snapshot, r.stored, false)
	case r.accepted-r.stored < snapshotWindow*uint64(c.cfg.ChunkBytes):
		r.accepted += uint64(len(part.Data))
		c.out.store = append(c.out.store, *part)
	default: // the caller's disk hangs: there is no more room to wait
	}
}

func (c *Core) answerChunk(to NodeID, s *Snapshot, has uint64, reject bool) {
	c.send(Message{
		Kind: SnapshotAnswer, To: to, Reject: reject, Chunk: &Chunk{Snapshot: *s, Offset: has},
	})
}

// Stored tells that the chunk of Ready.Store that ends at an offset is written. It need not be
// durable.
func (c *Core) Stored(now time.Duration, id SnapshotID, end uint64) {
	c.advance(now)
	r := &c.receiving
	if r.snapshot.ID() != id {
		return
	}
	r.stored = max(r.stored, min(end, r.accepted))
	if c.leader != 0 && c.role == Follower {
		c.answerChunk(c.leader, &r.snapshot, end, false)
	}
}

// Discard tells that the bytes received were not those of the snapshot: it is asked for anew.
func (c *Core) Discard(now time.Duration, id SnapshotID) {
	c.advance(now)
	if c.receiving.snapshot.ID() == id {
		c.receiving = reception{}
	}
}

// Install tells that a snapshot that was received is durable and complete. If it is newer than what
// is committed here, the log is dropped whole, unless it holds the snapshot's last entry: then what
// follows it is kept (paper, figure 13). It returns true if the state machine is to be replaced.
//
// Otherwise this member knows as much by its log, or will when it learns what is committed: a
// leader holds every committed entry.
func (c *Core) Install(now time.Duration, s Snapshot) bool {
	c.advance(now)
	if c.receiving.snapshot.ID() == s.ID() {
		c.receiving = reception{}
	}
	if s.Index <= c.commit || c.role == Leader {
		return false
	}
	c.becomeFollower(c.hard.Term, c.leader)
	if !c.log.holds(s.Index, s.Term) {
		c.restartLog(s.last())
		c.configs = append(c.configs[:0], located{s.last(), s.Configuration})
		c.takeSeats()
	}
	c.snapshot = s
	c.commit, c.applied = s.Index, s.Index
	if c.leader != 0 {
		c.vouchForCommitted(c.leader)
	}
	return true
}

// restartLog drops the whole log, on disk as well. What earlier writes will have made durable no
// longer counts.
func (c *Core) restartLog(base Position) {
	c.log = restoredLog(base, nil)
	for i := range c.out.writes {
		c.out.writes[i].last = 0
	}
	c.out.base = &base
}
