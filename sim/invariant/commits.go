package invariant

import (
	"gauntlet/raft"
	"gauntlet/sim/failure"
)

// reign is the term in which entries were seen to be committed, up to an index: the one in which
// they were, or a later one if the member that committed them entered it at the same instant.
type reign struct {
	term uint64
	upTo int
}

// commits takes over that a member's commit index rose: all members commit the same (state machine
// safety, paper, figure 3), and what is committed first is durable on a majority of all members.
// It need not be on the disk of the member that commits it.
func (w *Watch) commits(node int, index uint64, cut, deposed bool) {
	m := &w.members[node]
	if index > uint64(len(m.log)) {
		w.fail(failure.Failure{
			Signature: failure.CommitUnsupported, Nodes: []int{node}, Term: m.term, Index: index,
		}, "%s commits entry %d, but its log ends at %d", name(node), index, len(m.log))
		return
	}
	upTo := int(index)
	if known := min(upTo, len(w.committed)); known > 0 && m.log[known-1] != w.committed[known-1] {
		w.commitMismatch(node)
		return
	}
	if upTo <= len(w.committed) {
		return
	}
	w.committed = append(w.committed, m.log[len(w.committed):upTo]...)
	if n := len(w.reigns); n > 0 && w.reigns[n-1].term == m.term {
		w.reigns[n-1].upTo = upTo
	} else {
		w.reigns = append(w.reigns, reign{m.term, upTo})
	}
	w.supported(node, upTo, cut, deposed)
}

// supported demands that a majority of those who decide has what is being committed on disk, and
// that whoever leads a later term has it, too.
func (w *Watch) supported(node, upTo int, cut, deposed bool) {
	entry, term := w.committed[upTo-1], w.members[node].term
	holds := func(i int) bool {
		disk := w.members[i].disk
		return upTo <= len(disk) && disk[upTo-1] == entry
	}
	by := w.inEffect(&w.members[node], upTo, cut)
	if !supportedBy(by, holds) && !(deposed && w.leftJoint(by, upTo, holds)) {
		w.fail(failure.Failure{
			Signature: failure.CommitUnsupported, Nodes: []int{node}, Term: term,
			Index: uint64(upTo),
		}, "%s commits entry %d of term %d, which is durable on %s alone, of %s",
			name(node), upTo, w.entries.known[entry].term, w.those(holds), w.latest(entry))
		return
	}
	for i := range w.members {
		if later := w.members[i].term; w.members[i].role == raft.Leader && later > term {
			w.complete(i, later, upTo)
		}
	}
}

func (w *Watch) commitMismatch(node int) {
	m := &w.members[node]
	at := w.heldCommitted(m, 0)
	w.fail(failure.Failure{
		Signature: failure.CommitMismatch, Nodes: []int{node}, Term: m.term, Index: uint64(at) + 1,
	}, "%s commits entry %d of term %d where the one of term %d was committed",
		name(node), at+1, w.entries.known[m.log[at]].term,
		w.entries.known[w.committed[at]].term)
}

// committedIn returns the term in which a committed entry was.
func (w *Watch) committedIn(index int) uint64 {
	i := len(w.reigns) - 1
	for i > 0 && w.reigns[i-1].upTo >= index {
		i--
	}
	return w.reigns[i].term
}

// committedBefore returns up to where entries were committed in earlier terms than this one.
func (w *Watch) committedBefore(term uint64) int {
	i := len(w.reigns) - 1
	for i >= 0 && w.reigns[i].term >= term {
		i--
	}
	if i < 0 {
		return 0
	}
	return w.reigns[i].upTo
}
