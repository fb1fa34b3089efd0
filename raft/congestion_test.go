package raft

import (
	"slices"
	"testing"
	"time"
)

// slowLink is a link on which each chunk takes a time of its own, with all that wait for it, and a
// receiver at its end that stores chunks in order.
type slowLink struct {
	waiting []Message
	free    time.Duration // when the next chunk may leave
	carried int
	lost    map[int]bool // which of the chunks, counted from 1
	has     uint64
}

const chunkTime = 2 * testHeartbeat

// next returns the answer to the chunk that arrives now, if one does.
func (l *slowLink) next(now time.Duration) (answer Message, arrived bool) {
	if len(l.waiting) == 0 || now < l.free {
		return Message{}, false
	}
	m := l.waiting[0]
	l.waiting = l.waiting[1:]
	l.free = now + chunkTime
	if l.carried++; l.lost[l.carried] {
		return Message{}, false
	}
	part := *m.Chunk
	reject := part.Offset > l.has
	if part.Offset == l.has {
		l.has = min(l.has+testChunkBytes, part.Snapshot.Size)
	}
	part.Offset, part.Data = l.has, nil
	return Message{
		Kind: SnapshotAnswer, From: m.To, To: m.From, Term: m.Term, Reject: reject, Chunk: &part,
	}, true
}

// shipping returns a leader of term 2 that sends peer 2 a snapshot of so many bytes, of entry 9 of
// term 1, and the time.
func shipping(t *testing.T, size uint64) (*Core, Snapshot, time.Duration) {
	t.Helper()
	s := Snapshot{
		Index: 9, Term: 1, Size: size, Configuration: NewConfiguration(Members(1, 2, 3)...),
	}
	core, err := New(Config{
		ID: 1, Members: Members(1, 2, 3), ElectionTimeoutMin: testET, ElectionTimeoutMax: 2 * testET,
		HeartbeatInterval: testHeartbeat, ChunkBytes: testChunkBytes,
	}, Restored{HardState: HardState{Term: 1}, Snapshot: s})
	if err != nil {
		t.Fatal(err)
	}
	now := 2 * testET
	core.Tick(0)
	core.Tick(now)
	core.Persisted(now, core.Ready().Sequence)
	core.Step(now, Message{Kind: VoteAnswer, From: 2, To: 1, Term: 2})
	core.Step(now, Message{Kind: AppendAnswer, From: 2, To: 1, Term: 2, Index: 9, Reject: true})
	return core, s, now
}

// Goal: a peer that has by now what a snapshot would tell it, but not what follows, gets a newer
// one at once. Method: while the peer is silent the leader compacts its log further, and then the
// peer vouches for the snapshot's last entry.
func TestMootTransferGivesWayToNewer(t *testing.T) {
	core, s, now := shipping(t, testChunkBytes)
	r := core.Ready()
	if len(r.Chunks) != 1 || r.Chunks[0].Chunk.Snapshot.ID() != s.ID() {
		t.Fatalf("chunks %v", r.Chunks)
	}
	core.Persisted(now, r.Sequence)
	now += 2 * testET // so long that the peer no longer keeps the log
	core.Step(now, Message{Kind: AppendAnswer, From: 3, To: 1, Term: 2, Index: 10, LogTerm: 2})
	if r = core.Ready(); len(r.Committed) != 1 {
		t.Fatalf("committed %v", r.Committed)
	}
	s.Index, s.Term = 10, 2
	core.Compact(s)
	core.Step(now, Message{Kind: AppendAnswer, From: 2, To: 1, Term: 2, Index: 9, LogTerm: 1})
	r = core.Ready()
	if len(r.Chunks) != 1 || r.Chunks[0].Chunk.Snapshot.ID() != s.ID() {
		t.Errorf("chunks %v, want the first of the newer snapshot", r.Chunks)
	}
}

// Goal: how far a peer is counts only where a chunk may begin: else every chunk that follows would
// be one that no receiver takes. Method: an answer that stands within a chunk, then a sensible one.
func TestAnswerWithinChunk(t *testing.T) {
	core, s, now := shipping(t, 4*testChunkBytes-3)
	core.Persisted(now, core.Ready().Sequence)
	answer := func(has uint64) (offsets []uint64) {
		core.Step(now, Message{
			Kind: SnapshotAnswer, From: 2, To: 1, Term: 2, Chunk: &Chunk{Snapshot: s, Offset: has},
		})
		for _, m := range core.Ready().Chunks {
			offsets = append(offsets, m.Chunk.Offset)
		}
		return offsets
	}
	if sent := answer(2*testChunkBytes + 5); sent != nil {
		t.Errorf("chunks at %d follow an answer from within a chunk", sent)
	}
	want := []uint64{testChunkBytes, 2 * testChunkBytes}
	if sent := answer(testChunkBytes); !slices.Equal(sent, want) {
		t.Errorf("chunks at %d follow a sensible answer, not at %d", sent, want)
	}
	answer(s.Size)
	if state := core.peers[1].shipment; state.stored != s.Size {
		t.Errorf("the end of the snapshot was not believed: %+v", state)
	}
}

// Goal: a peer that has lost what it had is given the patience of the network as it is, not as it
// was when a chunk far ahead was sent. Method: the second chunk is answered late, the peer then has
// nothing, and answers the first at once; how long that took is what counts.
func TestLostTransferIsTimedAnew(t *testing.T) {
	core, s, now := shipping(t, 100*testChunkBytes)
	core.Persisted(now, core.Ready().Sequence)
	answer := func(has uint64, reject bool) {
		core.Step(now, Message{
			Kind: SnapshotAnswer, From: 2, To: 1, Term: 2, Reject: reject,
			Chunk: &Chunk{Snapshot: s, Offset: has},
		})
		core.Ready()
	}
	now += testET
	answer(testChunkBytes, false) // the second chunk and the third leave
	core.peers[1].shipment.known = false
	answer(0, true)
	now += time.Millisecond
	answer(testChunkBytes, false)
	if took := core.peers[1].shipment.roundTrip; took != time.Millisecond {
		t.Errorf("a round trip counts as %v, though the latest was a millisecond", took)
	}
}

// Goal: what waits at a receiver whose disk hangs is bounded, and when the disk goes on, so does
// the transfer. Method: chunks one behind the other, none of which is stored; then all are.
func TestChunksThatWaitAreBounded(t *testing.T) {
	core, err := New(Config{
		ID: 2, Members: Members(1, 2, 3), ElectionTimeoutMin: testET, ElectionTimeoutMax: 2 * testET,
		HeartbeatInterval: testHeartbeat, ChunkBytes: testChunkBytes,
	}, Restored{HardState: HardState{Term: 2}})
	if err != nil {
		t.Fatal(err)
	}
	s := Snapshot{
		Index: 9, Term: 1, Size: 100 * testChunkBytes,
		Configuration: NewConfiguration(Members(1, 2, 3)...),
	}
	chunk := func(offset uint64) Ready {
		m := Message{Kind: SnapshotChunk, From: 1, To: 2, Term: 2,
			Chunk: &Chunk{Snapshot: s, Offset: offset}}
		m.Fill(make([]byte, testChunkBytes))
		core.Step(0, m)
		return core.Ready()
	}
	var taken uint64
	for range 100 {
		taken += uint64(len(chunk(taken).Store)) * testChunkBytes
	}
	if taken != snapshotWindow*testChunkBytes {
		t.Errorf("%d bytes wait for the disk, not %d", taken, snapshotWindow*testChunkBytes)
	}
	r := chunk(0)
	if n := len(r.Now); n != 1 || r.Now[0].Chunk.Offset != 0 {
		t.Errorf("a chunk that came twice is answered %v, though nothing is stored", r.Now)
	}
	core.Stored(0, s.ID(), taken)
	if r := chunk(taken); len(r.Store) != 1 {
		t.Errorf("the disk goes on, and the next chunk is not taken: %+v", r)
	}
}

// Goal: a leader does not flood a slow link with chunks that are on it already, so that a snapshot
// gets across though each chunk takes longer than a heartbeat interval, and some are lost.
// Method: 200 chunks to one peer over a link that carries one chunk in two intervals, and loses
// three; the chunks carried are counted.
func TestSlowLinkIsNotFlooded(t *testing.T) {
	const chunks = 200
	core, s, now := shipping(t, chunks*testChunkBytes)
	link := slowLink{lost: map[int]bool{3: true, 20: true, 21: true}}
	for ; link.has < s.Size; now += time.Millisecond {
		if now > 2*testET+2*chunks*chunkTime {
			t.Fatalf("%d chunks carried, %d waiting, %d of %d bytes stored", link.carried,
				len(link.waiting), link.has, s.Size)
		}
		if now >= core.Deadline() {
			core.Tick(now)
		}
		if answer, arrived := link.next(now); arrived {
			core.Step(now, answer)
		}
		for core.HasReady() {
			r := core.Ready()
			core.Persisted(now, r.Sequence)
			link.waiting = append(link.waiting, r.Chunks...)
			for _, m := range r.Now {
				if m.Kind == Heartbeat && m.To == 2 {
					core.Step(now, Message{
						Kind: HeartbeatAnswer, From: 2, To: 1, Term: m.Term, Round: m.Round,
					})
				}
			}
		}
	}
	if link.carried > 2*chunks {
		t.Errorf("%d chunks carried of a snapshot of %d", link.carried, chunks)
	}
}
