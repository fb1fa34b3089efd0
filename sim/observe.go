package sim

import (
	"fmt"

	"gauntlet/chance"
	"gauntlet/history"
	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/sim/trace"
)

// observe looks at a member after it has taken something in: what it became goes into the hash, the
// account and the history.
func (w *World) observe(m *member, is *raft.Status, events []replica.Event) {
	was := m.seen
	m.seen = *is
	w.hash.status(is)
	w.noticeStatus(m, &was, is)
	for i := range events {
		e := &events[i]
		w.noticeTransfer(e)
		if e.Kind != "role" {
			continue
		}
		if e.Role == raft.Leader && (is.Role != raft.Leader || is.Term != e.Term) {
			w.claim(m, is, e.Term, e.Role) // it led, and no longer does
		}
		w.record(func() trace.Record {
			return trace.Record{Kind: trace.Role, Node: m.index, Peer: -1, Cause: w.cause, Term: e.Term,
				Role: e.Role.String()}
		})
	}
	if is.Term != was.Term || is.Leader != was.Leader {
		w.claim(m, is, is.Term, is.Role)
	}
	if w.waiting > 0 && (is.Term != was.Term || is.Role != was.Role || is.Commit != was.Commit) {
		w.stir()
	}
	if w.recovering > 0 && is.Commit >= w.leastMark {
		w.caughtUp()
	}
	if is.Term != was.Term {
		w.record(func() trace.Record {
			return trace.Record{Kind: trace.Role, Node: m.index, Peer: -1, Cause: w.cause, Term: is.Term,
				Role: is.Role.String()}
		})
	}
	if is.Commit > was.Commit {
		w.record(func() trace.Record {
			return trace.Record{Kind: trace.Commit, Node: m.index, Peer: -1, Cause: w.cause, Term: is.Term,
				Index: is.Commit}
		})
	}
}

// claim notes what a member says of itself, as its log or its status would on a host.
func (w *World) claim(m *member, is *raft.Status, term uint64, role raft.Role) {
	o := history.Observation{Node: m.name, At: w.now, Term: term, Role: history.Role(role.String()),
		Commit: is.Commit, Applied: is.Applied, Source: "log"}
	switch {
	case role == raft.Leader:
		o.Leader = m.name
	case term == is.Term && is.Leader != 0:
		o.Leader = w.names[is.Leader-1]
	}
	w.claims = append(w.claims, o)
}

// describe is a message in short.
func describe(m *raft.Message) string {
	text := fmt.Sprintf("%v term %d", m.Kind, m.Term)
	switch m.Kind {
	case raft.Append:
		text += fmt.Sprintf(" after %d@%d", m.Index, m.LogTerm)
		if n := len(m.Entries); n > 0 {
			text += fmt.Sprintf(" entries %d..%d", m.Entries[0].Index, m.Entries[n-1].Index)
		}
		text += fmt.Sprintf(" commit %d", m.Commit)
	case raft.AppendAnswer:
		if m.Reject {
			return text + fmt.Sprintf(" refused %d, try %d@%d", m.Index, m.HintIndex, m.HintTerm)
		}
		text += fmt.Sprintf(" has %d@%d", m.Index, m.LogTerm)
	case raft.Vote, raft.PreVote:
		text += fmt.Sprintf(" last %d@%d", m.Index, m.LogTerm)
	case raft.VoteAnswer, raft.PreVoteAnswer:
		if m.Reject {
			return text + " refused"
		}
		text += " granted"
	case raft.SnapshotChunk, raft.SnapshotAnswer:
		if m.Chunk != nil {
			text += fmt.Sprintf(" of %d@%d at byte %d of %d", m.Chunk.Snapshot.Index,
				m.Chunk.Snapshot.Term, m.Chunk.Offset, m.Chunk.Snapshot.Size)
		}
		if m.Reject {
			text += " refused"
		}
	case raft.Heartbeat:
		text += fmt.Sprintf(" commit %d", m.Commit)
	}
	return text
}

func (w *World) incarnation(m *member) uint64 {
	return chance.Key(w.seed, "sim/incarnation", uint64(m.index), m.lives)
}

// history is the run as clients saw it.
func (w *World) history() *history.History {
	h := &history.History{
		Header: history.Header{
			Version: history.Version, Run: fmt.Sprintf("%08x", uint32(w.seed)), Suite: "simulated",
			Seed: w.seed, Nodes: append([]string(nil), w.names...),
		},
		Faults:       w.historyFaults(),
		Observations: append([]history.Observation(nil), w.claims...),
		Phases:       append([]history.Phase(nil), w.phases...),
	}
	for i := range w.operations {
		op := w.operations[i].Operation
		if !w.operations[i].done {
			op.Return, op.Outcome, op.Error = w.now, history.OutcomeInfo, "the run ended first"
			if w.operations[i].read {
				op.Outcome = history.OutcomeFail
			}
		}
		h.Operations = append(h.Operations, op)
	}
	return h
}

// words is an operation in short.
func words(op *history.Operation) string {
	text := op.Kind + " " + op.Key
	if string(op.Input) != "{}" {
		text += " " + string(op.Input)
	}
	if op.Outcome == history.OutcomeOK && string(op.Output) != "{}" {
		text += " -> " + string(op.Output)
	}
	return text
}
