package lossydisk

import (
	"fmt"
	"maps"
	"slices"
)

// Model says what becomes of what was not synced when the power goes. What was synced survives all
// of them, and so does every prefix of the changes of names: journals keep their order.
type Model string

// The models, from kind to cruel; they are those of the simulator's disks.
const (
	LoseAll     Model = "all"    // nothing unsynced survives, no name either
	KeepPrefix  Model = "prefix" // the first few changes of names, and writes of each file, survive
	TearWrite   Model = "torn"   // ... and part of the next write
	KeepSectors Model = "subset" // any subset of the 512-byte sectors written survives
)

// Models lists them, always in the same order.
func Models() []Model { return []Model{LoseAll, KeepPrefix, TearWrite, KeepSectors} }

const sectorBytes = 512

// ParseModel reads the name of one.
func ParseModel(text string) (Model, error) {
	if !slices.Contains(Models(), Model(text)) {
		return "", fmt.Errorf("unknown model %q (one of %v)", text, Models())
	}
	return Model(text), nil
}

// Cut takes the power: what is not durable is lost as the model says, and everything fails until
// Alter gives power again. Draw returns a number in [0, n).
func (d *Disk) Cut(model Model, draw func(n int) int) (Loss, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.life++
	d.counts.Cuts++
	d.alter(func(f *Faults) { f.Off = true })

	kept := 0
	if model != LoseAll {
		kept = draw(len(d.changes) + 1)
	}
	for _, c := range d.changes[:kept] {
		for _, e := range c.entries {
			e.apply(e.dir.kept)
		}
	}
	loss := Loss{Names: len(d.changes) - kept}
	d.changes = nil
	for _, n := range d.nodes {
		if n.names != nil {
			n.names = maps.Clone(n.kept)
		}
	}
	survivors := map[*node]bool{d.nodes[Root]: true}
	err := d.walk("", d.nodes[Root], func(_ string, n *node) error {
		if survivors[n] {
			return nil
		}
		survivors[n] = true
		bytes, err := d.lose(n, model, draw)
		loss.add(bytes)
		return err
	})
	for number, n := range d.nodes {
		if !survivors[n] {
			loss.add(n.durable + n.unsyncedBytes())
			delete(d.nodes, number)
			_ = d.store.Remove(number) // what is left takes room, no more
		}
	}
	return loss, err
}

func (l *Loss) add(bytes int64) {
	if bytes > 0 {
		l.Bytes += bytes
		l.Files++
	}
}

func (n *node) unsyncedBytes() int64 {
	var sum int64
	for _, w := range n.writes {
		if w.fate != synced {
			sum += int64(len(w.data))
		}
	}
	return sum
}

// lose decides what survives of a file's unsynced writes, and returns how many bytes did not.
func (d *Disk) lose(n *node, model Model, draw func(n int) int) (int64, error) {
	lostBytes := n.unsyncedBytes()
	pending := slices.DeleteFunc(slices.Clone(n.writes), func(w write) bool {
		return w.fate != unsynced
	})
	for _, w := range model.surviving(pending, draw) {
		if err := d.carryOut(n, w); err != nil {
			return lostBytes, err
		}
		lostBytes -= int64(len(w.data))
	}
	n.writes, n.size = nil, n.durable
	return lostBytes, nil
}

// surviving returns the writes, or parts of them, that reach the disk.
func (m Model) surviving(writes []write, draw func(n int) int) []write {
	if m == LoseAll || len(writes) == 0 {
		return nil
	}
	if m == KeepSectors {
		var kept []write
		for _, w := range writes {
			kept = append(kept, w.sectors(draw)...)
		}
		return kept
	}
	whole := draw(len(writes) + 1)
	kept := slices.Clone(writes[:whole])
	if m == TearWrite && whole < len(writes) && writes[whole].data != nil {
		w := writes[whole] // of which nothing may be left but the length up to it
		w.data = w.data[:draw(len(w.data)+1)]
		kept = append(kept, w)
	}
	return kept
}

// sectors returns some of the sectors that a write touches; a change of length is one.
func (w write) sectors(draw func(n int) int) []write {
	if w.data == nil {
		if draw(2) == 0 {
			return []write{w}
		}
		return nil
	}
	var kept []write
	for at := 0; at < len(w.data); {
		n := min(sectorBytes-int(w.offset+int64(at))%sectorBytes, len(w.data)-at)
		if draw(2) == 0 {
			kept = append(kept, write{offset: w.offset + int64(at), data: w.data[at : at+n]})
		}
		at += n
	}
	return kept
}
