package server

import (
	"sync"
	"time"

	"gauntlet/raft/replica"
	"gauntlet/raft/wal"
)

// patientWrites is how many writes go before the log is compacted: usually the disk is idle sooner,
// and under a load that never lets it the log must not grow for ever.
const patientWrites = 64

// disk writes in a goroutine of its own, in order, with the group commit of replica.Writes.
type disk struct {
	log       *wal.Log
	persisted chan uint64 // sequence of the last write that is durable now
	failed    chan error  // at most one, and nothing after it
	synced    func(took time.Duration)

	mu    sync.Mutex
	queue replica.Writes
	upTo  uint64 // the log may go up to here
	wake  chan struct{}
	stop  chan struct{}
}

func newDisk(log *wal.Log, synced func(took time.Duration)) *disk {
	return &disk{
		log:       log,
		synced:    synced,
		persisted: make(chan uint64, 1),
		failed:    make(chan error, 1),
		wake:      make(chan struct{}, 1),
		stop:      make(chan struct{}),
	}
}

// add queues a write; it never blocks. What queues up is bounded by the core's own limits.
func (d *disk) add(w replica.Write) {
	d.mu.Lock()
	d.queue.Add(w)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// compact lets the log go up to index, for which a durable snapshot stands.
func (d *disk) compact(index uint64) {
	d.mu.Lock()
	d.upTo = max(d.upTo, index)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// close ends the goroutine once it has written what was queued.
func (d *disk) close() { close(d.stop) }

func (d *disk) run() {
	compacted, writes := uint64(0), 0
	for {
		w, upTo, ok := d.take()
		if upTo > compacted && (!ok || writes >= patientWrites) {
			if err := d.log.Compact(upTo); err != nil {
				d.failed <- err
				return
			}
			compacted, writes = upTo, 0
		}
		if !ok {
			select {
			case <-d.wake:
				continue
			case <-d.stop:
				return
			}
		}
		begin := time.Now()
		if err := d.write(w); err != nil {
			d.failed <- err
			return
		}
		d.synced(time.Since(begin))
		writes++
		select {
		case d.persisted <- w.Sequence:
		case <-d.stop:
		}
	}
}

func (d *disk) write(w replica.Write) error {
	if w.Base != nil {
		return d.log.Restart(w.HardState, *w.Base, w.Entries)
	}
	return d.log.Append(w.HardState, w.Entries)
}

// take returns what to write next, and up to where the log may go.
func (d *disk) take() (replica.Write, uint64, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w, ok := d.queue.Take()
	return w, d.upTo, ok
}
