package server

import (
	"sync"

	"gauntlet/raft"
	"gauntlet/raft/wal"
)

// maxMergedBytes bounds what one write gathers, so that the first of its waiters is not held up.
const maxMergedBytes = 16 << 20

// write is what one batch of effects asked of the disk.
type write struct {
	sequence uint64
	hard     *raft.HardState
	entries  []raft.Entry
}

// disk writes in a goroutine of its own, in order. Whatever has queued up while the last sync went
// on becomes one write with one sync: group commit without a timer.
type disk struct {
	log       *wal.Log
	persisted chan uint64 // sequence of the last write that is durable now
	failed    chan error  // at most one, and nothing after it

	mu    sync.Mutex
	queue []write
	wake  chan struct{}
	stop  chan struct{}
}

func newDisk(log *wal.Log) *disk {
	return &disk{
		log:       log,
		persisted: make(chan uint64, 1),
		failed:    make(chan error, 1),
		wake:      make(chan struct{}, 1),
		stop:      make(chan struct{}),
	}
}

// add queues a write; it never blocks. What queues up is bounded by the core's own limits.
func (d *disk) add(w write) {
	d.mu.Lock()
	d.queue = append(d.queue, w)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// close ends the goroutine once it has written what was queued.
func (d *disk) close() { close(d.stop) }

func (d *disk) run() {
	for {
		w, ok := d.take()
		if !ok {
			select {
			case <-d.wake:
				continue
			case <-d.stop:
				return
			}
		}
		if err := d.log.Append(w.hard, w.entries); err != nil {
			d.failed <- err
			return
		}
		select {
		case d.persisted <- w.sequence:
		case <-d.stop:
		}
	}
}

// take merges the writes at the head of the queue into one that leaves the disk in the same state.
func (d *disk) take() (write, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) == 0 {
		return write{}, false
	}
	merged := d.queue[0]
	merged.entries = merged.entries[:len(merged.entries):len(merged.entries)]
	taken, bytes := 1, size(merged.entries)
	for _, next := range d.queue[1:] {
		if bytes += size(next.entries); bytes > maxMergedBytes {
			break
		}
		merged = merge(merged, next)
		taken++
	}
	clear(d.queue[:taken])
	if d.queue = d.queue[taken:]; len(d.queue) == 0 {
		d.queue = nil
	}
	return merged, true
}

// merge returns one write that does what first and then next would do. Entries of first that next
// replaces are never written, which is as if they had been and were overwritten at once.
func merge(first, next write) write {
	first.sequence = next.sequence
	if next.hard != nil {
		first.hard = next.hard
	}
	switch {
	case len(next.entries) == 0:
	case len(first.entries) == 0 || next.entries[0].Index <= first.entries[0].Index:
		first.entries = next.entries[:len(next.entries):len(next.entries)]
	default:
		kept := next.entries[0].Index - first.entries[0].Index
		first.entries = append(first.entries[:kept:kept], next.entries...)
	}
	return first
}

func size(entries []raft.Entry) int {
	n := 0
	for _, e := range entries {
		n += len(e.Data)
	}
	return n
}
