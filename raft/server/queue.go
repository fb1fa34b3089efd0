package server

import (
	"sync"
	"sync/atomic"
	"time"

	"gauntlet/raft"
)

// Bounds of what waits for one stream of one peer.
const (
	queueMessages = 4096
	queueBytes    = 16 << 20
)

// queue holds messages for a link. It never blocks: when it is full the oldest message goes, for
// the newest word is worth most and the protocol repeats what is lost.
type queue struct {
	wake chan struct{} // holds a token while there may be something to take

	mu       sync.Mutex
	messages []queuedMessage
	bytes    int

	full, stale *atomic.Uint64 // count what is dropped
}

type queuedMessage struct {
	message raft.Message
	since   time.Time
}

func newQueue(full, stale *atomic.Uint64) *queue {
	return &queue{wake: make(chan struct{}, 1), full: full, stale: stale}
}

func (q *queue) push(m raft.Message) {
	q.mu.Lock()
	q.messages = append(q.messages, queuedMessage{m, time.Now()})
	q.bytes += cost(&m)
	for len(q.messages) > 1 && (len(q.messages) > queueMessages || q.bytes > queueBytes) {
		q.pop()
		q.full.Add(1)
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns the oldest message that has not waited longer than maxAge: to a peer that was away,
// old news are worth less than fresh ones behind them.
func (q *queue) take(maxAge time.Duration) (raft.Message, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.messages) > 0 {
		oldest := q.pop()
		if time.Since(oldest.since) <= maxAge {
			return oldest.message, true
		}
		q.stale.Add(1)
	}
	return raft.Message{}, false
}

func (q *queue) pop() queuedMessage {
	oldest := q.messages[0]
	q.messages[0] = queuedMessage{}
	q.messages = q.messages[1:]
	if len(q.messages) == 0 {
		q.messages = nil
	}
	q.bytes -= cost(&oldest.message)
	return oldest
}

func cost(m *raft.Message) int {
	n := 64 + len(m.Data)
	for _, e := range m.Entries {
		n += len(e.Data)
	}
	if m.Chunk != nil {
		n += len(m.Chunk.Data)
	}
	return n
}
