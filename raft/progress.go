package raft

import "time"

// entryOverheadBytes is about what an entry takes besides its data, on the wire and in memory. It
// bounds the number of entries where the data alone would not.
const entryOverheadBytes = 32

func size(e Entry) int {
	return len(e.Data) + entryOverheadBytes
}

func sizes(entries []Entry) int {
	sum := 0
	for _, e := range entries {
		sum += size(e)
	}
	return sum
}

// peerState says how a leader feeds a peer.
type peerState uint8

const (
	// probe looks for where the logs agree, one Append at a time.
	probe peerState = iota
	// stream sends ahead, trusting that what is on its way arrives.
	stream
	// install sends a snapshot, since entries that the peer lacks are compacted away.
	install
)

func (s peerState) String() string {
	return [...]string{"probe", "replicate", "snapshot"}[s]
}

// progress is what a leader knows of one member, in its present term.
type progress struct {
	match uint64 // matchIndex: highest entry known to be durable there; never falls
	next  uint64 // nextIndex: first entry to send
	told  uint64 // commit index last sent
	round uint64 // latest heartbeat round answered
	heard time.Duration

	state         peerState
	probing       bool          // probe: an Append is on its way
	probeEnd      uint64        // probe: the entry behind the first such Append; 0: none was sent
	sentAt        time.Duration // the last Append
	inflight      []batch       // stream: oldest first
	inflightBytes int
	shipment      shipment // install
}

// batch is one Append on its way.
type batch struct {
	last  uint64
	bytes int
}

// mayTake tells whether another Append may be sent now.
func (p *progress) mayTake(maxInflightBytes int) bool {
	if p.state == probe {
		return !p.probing
	}
	return p.inflightBytes < maxInflightBytes
}

// pipelinedAppends is how many Appends may be on their way to a peer before small ones gather.
const pipelinedAppends = 2

// gathers tells whether an Append that is not full had better wait for an answer, so that more goes
// with it: while a peer syncs one Append it can have the next at hand, but a third would only wait
// there instead of here, and cost a message of its own (Nagle's algorithm, RFC 896).
func (p *progress) gathers() bool {
	return p.state == stream && len(p.inflight) >= pipelinedAppends
}

// sent notes that entries are on their way.
func (p *progress) sent(entries []Entry, now time.Duration) {
	p.sentAt = now
	if p.state == probe {
		p.probing = true
		if p.probeEnd == 0 {
			p.probeEnd = p.next + uint64(len(entries))
		}
		return
	}
	if len(entries) == 0 {
		return
	}
	b := batch{last: entries[len(entries)-1].Index, bytes: sizes(entries)}
	p.next = b.last + 1
	p.inflight = append(p.inflight, b)
	p.inflightBytes += b.bytes
}

// acknowledged notes that the peer holds everything up to index. Late acknowledgements say nothing
// new: match never falls. And what was sent before a refusal may still be answered: only what
// answers the probe ends the probing, or each late one would have a whole window sent again. The
// first probe is as good as its repetitions, which grow with the log: a peer whose answers take
// longer than the time between two would never answer the last.
func (p *progress) acknowledged(index uint64) {
	p.match = max(p.match, index)
	p.next = max(p.next, p.match+1)
	if p.state == probe && (p.probeEnd == 0 || p.match+1 < p.probeEnd) {
		return
	}
	if p.state != stream {
		p.state, p.probing, p.shipment = stream, false, shipment{}
		p.next = p.match + 1
	}
	room := p.inflight[:0]
	for len(p.inflight) > 0 && p.inflight[0].last <= p.match {
		p.inflightBytes -= p.inflight[0].bytes
		p.inflight = p.inflight[1:]
	}
	p.inflight = append(room, p.inflight...) // the room at the front is used again
}

// refused notes that the peer lacks the entry before an Append, and that the logs agree at hint at
// the latest. It returns false for a refusal that is out of date.
func (p *progress) refused(previous, hint uint64) bool {
	if previous <= p.match || p.state == install || p.state == probe && previous != p.next-1 {
		return false
	}
	p.state, p.probing, p.probeEnd = probe, false, 0
	p.next = max(min(previous, hint+1), p.match+1)
	p.inflight, p.inflightBytes = p.inflight[:0], 0
	return true
}
