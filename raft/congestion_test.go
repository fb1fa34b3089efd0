package raft

import (
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
