package lossydisk

import (
	"slices"
	"syscall"
	"time"
)

// dyingPoll is how often a sync that is held up looks whether its caller is being killed: nobody
// tells us.
const dyingPoll = 20 * time.Millisecond

// Sync makes what was written to a file until now durable. One that is held up ends with EINTR once
// its caller is dying.
func (d *Disk) Sync(h Handle, dying func() bool) error {
	d.mu.Lock()
	n, err := d.opened(h)
	if err != nil {
		d.mu.Unlock()
		return err
	}
	until := d.order
	var content []byte
	for _, w := range n.writes {
		if w.fate == unsynced {
			content = append(content, w.data...)
		}
	}
	d.mu.Unlock()
	return d.sync(h.Life, content, dying, func(failed bool) error {
		return d.settle(n, until, failed)
	})
}

// SyncDir makes the changes of names in a directory durable, whole renames included.
func (d *Disk) SyncDir(h Handle, dying func() bool) error {
	d.mu.Lock()
	dir, err := d.opened(h)
	until := len(d.changes)
	var latest uint64
	if until > 0 {
		latest = d.changes[until-1].order
	}
	d.mu.Unlock()
	if err != nil {
		return err
	}
	return d.sync(h.Life, make([]byte, 1), dying, func(failed bool) error {
		if !failed {
			d.commit(dir, latest)
		}
		return nil
	})
}

// sync takes the time of a real sync, and that of a stall. Only then, and if there is power still,
// it settles what becomes of the content.
func (d *Disk) sync(
	life Life, content []byte, dying func() bool, settle func(failed bool) error,
) error {
	if err := d.stall(life, dying); err != nil {
		return err
	}
	if err := d.store.Flush(content); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(life); err != nil {
		return err
	}
	if !d.faults.FailSyncs {
		return settle(false)
	}
	d.counts.Failed++
	if err := settle(true); err != nil {
		return err
	}
	return syscall.EIO
}

// stall holds a sync up for as long as the disk is slow.
func (d *Disk) stall(life Life, dying func() bool) error {
	begin := time.Now()
	tick := time.NewTicker(dyingPoll)
	defer tick.Stop()
	for counted := false; ; {
		d.mu.Lock()
		err, altered := d.usable(life), d.altered
		left := d.faults.Slow - time.Since(begin)
		if err == nil && left > 0 && !counted {
			counted = true
			d.counts.Stalled++
		}
		d.mu.Unlock()
		switch {
		case err != nil:
			return err
		case left <= 0:
			return nil
		case dying():
			return syscall.EINTR
		}
		select {
		case <-time.After(left):
		case <-altered:
		case <-tick.C:
		}
	}
}

// settle brings the writes of a file into the store, or marks them as lost, as Linux does: it marks
// the pages of a failed sync clean (Rebello et al., "Can Applications Recover from fsync
// Failures?", ATC 2020).
func (d *Disk) settle(n *node, until uint64, failed bool) error {
	for i := range n.writes {
		w := &n.writes[i]
		if w.fate != unsynced || w.order > until {
			continue
		}
		if failed {
			w.fate = lost
			continue
		}
		if err := d.carryOut(n, *w); err != nil {
			return err
		}
		w.fate = synced
	}
	first := slices.IndexFunc(n.writes, func(w write) bool { return w.fate != synced })
	if first < 0 {
		first = len(n.writes)
	}
	n.writes = slices.Delete(n.writes, 0, first)
	return nil
}
