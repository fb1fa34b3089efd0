package raft

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kept is a copy of all that a Ready says.
func kept(r Ready) Ready {
	if r.HardState != nil {
		hard := *r.HardState
		r.HardState = &hard
	}
	r.Entries, r.Committed = slices.Clone(r.Entries), slices.Clone(r.Committed)
	r.Now, r.AfterPersist = slices.Clone(r.Now), slices.Clone(r.AfterPersist)
	r.Reads, r.Refused = slices.Clone(r.Reads), slices.Clone(r.Refused)
	return r
}

// Goal: a Ready stays as it is until the next one, whatever comes in before; its hard state and
// entries stay for ever. Method: one core goes through all roles, and fills every field; each
// Ready is compared with a copy after the next input, and in parts in the end.
func TestReadyLasts(t *testing.T) {
	core := lone(t, 1, 1)
	core.Tick(0)
	var given, copies []Ready
	persist := func() { core.Persisted(0, given[len(given)-1].Sequence) }
	for i, input := range []func(){
		func() { core.Step(0, Message{Kind: Heartbeat, From: 2, To: 1, Term: 1, Round: 1}) },
		func() { core.Read(0, 1) },
		func() { core.Forward(0, 2, []byte("f")) },
		func() { core.Step(0, Message{Kind: ForwardRefused, From: 2, To: 1, Term: 1, ID: 2}) },
		func() { core.Step(0, Message{Kind: ReadIndexAnswer, From: 2, To: 1, Term: 1, ID: 1}) },
		func() {
			core.Step(0, Message{Kind: Append, From: 2, To: 1, Term: 1, Index: 1, LogTerm: 1,
				Entries: entries(1, 1, 1, 1), Commit: 2})
		},
		func() {
			core.Step(0, Message{Kind: Append, From: 3, To: 1, Term: 2, Index: 2, LogTerm: 1,
				Entries: entries(2, 2)})
		},
		func() { core.Tick(2 * testET) },
		persist,
		func() { core.Step(0, Message{Kind: VoteAnswer, From: 2, To: 1, Term: 3}) },
		func() { core.Propose(0, []byte("p")) },
		persist,
		func() {
			core.Step(0, Message{Kind: AppendAnswer, From: 2, To: 1, Term: 3, Index: 4, LogTerm: 3})
		},
		func() { core.Propose(0, []byte("q")) },
		func() { core.Tick(2*testET + testHeartbeat) },
	} {
		input()
		if n := len(given); n > 0 {
			if diff := cmp.Diff(copies[n-1], given[n-1]); diff != "" {
				t.Fatalf("input %d changed the Ready before it: %s", i, diff)
			}
		}
		if core.HasReady() {
			r := core.Ready()
			given, copies = append(given, r), append(copies, kept(r))
		}
	}
	for i, r := range given {
		was := copies[i]
		if !cmp.Equal(was.Entries, r.Entries) || !cmp.Equal(was.Committed, r.Committed) ||
			!cmp.Equal(was.HardState, r.HardState) {
			t.Errorf("what was to be written or applied changed from %+v to %+v", was, r)
		}
	}
	if s := core.Status(); s.Role != Leader || s.Commit != 4 {
		t.Errorf("the inputs led to %+v", s)
	}
}
