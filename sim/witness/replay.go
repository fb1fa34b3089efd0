package witness

import (
	"fmt"
	"hash/crc32"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/kv"
	"gauntlet/sim/failure"
)

// Replay is the state machine after each committed entry, as nobody has it who ever installed a
// snapshot: all snapshots, and all states restored from them, are compared with it. It is a store
// of raftd's own kind, since bytes are compared; the twin judges what that store does. The state
// after each entry is kept, which a store that copies on write does in no time.
type Replay struct {
	store  *kv.Store
	states []replayed // by index - 1
	failed *failure.Failure
}

// replayed is the state after an entry.
type replayed struct {
	term uint64
	time time.Duration
	view kv.View
	made string // the metadata of the first snapshot there; "": none yet
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// NewReplay returns a replay of nothing yet.
func NewReplay() *Replay { return &Replay{store: kv.New()} }

// Committed applies the next globally committed entry.
func (p *Replay) Committed(e raft.Entry) {
	p.store.Apply(e)
	p.states = append(p.states, replayed{term: e.Term, time: e.Time, view: p.store.Freeze()})
}

// Snapshot tells that a member has a snapshot. It must be of the state that its last entry left,
// byte for byte, and every member's is the same.
func (p *Replay) Snapshot(node int, s raft.Snapshot) {
	if s.Index > uint64(len(p.states)) {
		p.fail(node, &s, "has a snapshot of entry %d, where %d are committed",
			s.Index, len(p.states))
		return
	}
	at := &p.states[s.Index-1]
	if at.made == string(s.Encode()) {
		return
	}
	size, sum := digestOf(at.view)
	switch {
	case s.Term != at.term || s.Time != at.time:
		p.fail(node, &s, "has a snapshot of entry %d of term %d and time %v, which is one of term "+
			"%d and time %v", s.Index, s.Term, s.Time, at.term, at.time)
	case s.Size != size || s.Checksum != sum:
		p.fail(node, &s, "has a snapshot of entry %d of %d bytes, checksum %08x, where a replay of "+
			"the log gives %d bytes, checksum %08x", s.Index, s.Size, s.Checksum, size, sum)
	case at.made != "":
		p.fail(node, &s, "has a snapshot of entry %d with other members than an earlier one has",
			s.Index)
	default:
		at.made = string(s.Encode())
	}
}

// Restored tells what state a member read from a snapshot, at a start or when it installed it.
func (p *Replay) Restored(node int, s raft.Snapshot, state *kv.Store) {
	if p.Snapshot(node, s); p.failed != nil {
		return
	}
	if size, sum := digestOf(state.Freeze()); s.Size != size || s.Checksum != sum {
		p.fail(node, &s, "reads from the snapshot of entry %d a state of %d bytes, checksum %08x, "+
			"where a replay of the log gives %d bytes, checksum %08x",
			s.Index, size, sum, s.Size, s.Checksum)
	}
}

// Failure returns the first snapshot that is wrong, nil if none is.
func (p *Replay) Failure() *failure.Failure { return p.failed }

func (p *Replay) fail(node int, s *raft.Snapshot, format string, args ...any) {
	if p.failed == nil {
		p.failed = &failure.Failure{
			Signature: failure.WrongSnapshot, Nodes: []int{node}, Term: s.Term, Index: s.Index,
			Text: fmt.Sprintf("n%d ", node+1) + fmt.Sprintf(format, args...),
		}
	}
}

// digestOf returns the length and the checksum of a state's bytes.
func digestOf(v kv.View) (uint64, uint32) {
	var c counter
	if _, err := v.WriteTo(&c); err != nil {
		panic(err) // a counter takes everything
	}
	return c.size, c.sum
}

// counter takes bytes and forgets them.
type counter struct {
	size uint64
	sum  uint32
}

func (c *counter) Write(b []byte) (int, error) {
	c.size += uint64(len(b))
	c.sum = crc32.Update(c.sum, castagnoli, b)
	return len(b), nil
}
