package raft

import (
	"errors"
	"testing"
)

// candidate returns member 1 of three, a candidate of term 2 with its vote on disk.
func candidate(t *testing.T) *Core {
	t.Helper()
	core := lone(t, 1, 1)
	core.Tick(0)
	core.Tick(2 * testET)
	core.Persisted(2*testET, core.Ready().Sequence)
	if s := core.Status(); s.Role != Candidate || s.Term != 2 {
		t.Fatalf("not a candidate: %+v", s)
	}
	return core
}

// Goal: a vote given in an earlier term does not count. Method: one late answer, and one in time.
func TestLateVoteDoesNotCount(t *testing.T) {
	core := candidate(t)
	core.Step(0, Message{Kind: VoteAnswer, From: 2, To: 1, Term: 1})
	if s := core.Status(); s.Role != Candidate {
		t.Fatalf("a vote of term 1 made a %v of term 2", s.Role)
	}
	core.Step(0, Message{Kind: VoteAnswer, From: 2, To: 1, Term: 2})
	if s := core.Status(); s.Role != Leader {
		t.Fatalf("two votes of three made a %v", s.Role)
	}
}

// Goal: an answer to a question of an earlier life, with the same count, serves no read. Method: a
// follower's read, answered to another incarnation and then to this one.
func TestAnswerToEarlierLifeServesNoRead(t *testing.T) {
	core := lone(t, 1, 1)
	core.cfg.Incarnation = 7
	core.Step(0, Message{Kind: Heartbeat, From: 2, To: 1, Term: 1, Round: 1})
	if err := core.Read(0, 5); err != nil {
		t.Fatal(err)
	}
	core.Ready()
	answer := Message{Kind: ReadIndexAnswer, From: 2, To: 1, Term: 1, Index: 1}
	answer.ID = 6<<32 + 1
	core.Step(0, answer)
	if reads := core.Ready().Reads; len(reads) > 0 {
		t.Fatalf("answered by an earlier life's: %+v", reads)
	}
	answer.ID = 7<<32 + 1
	core.Step(0, answer)
	if reads := core.Ready().Reads; len(reads) != 1 || reads[0].ID != 5 || reads[0].Failed {
		t.Fatalf("answered with %+v", reads)
	}
}

// Goal: a forward is taken once, and one that was refused is never taken. Method: the same forward
// again and again, to a leader that is busy, and then is not.
func TestForwardIsTakenOnce(t *testing.T) {
	core := candidate(t)
	core.Step(0, Message{Kind: VoteAnswer, From: 2, To: 1, Term: 2})
	core.cfg.MaxUncommittedBytes = 1
	if _, err := core.Propose(0, make([]byte, 9)); !errors.Is(err, ErrBusy) {
		t.Fatalf("not busy: %v", err)
	}
	forward := Message{Kind: Forward, From: 2, To: 1, Term: 2, ID: 3<<32 + 1, Data: []byte("x")}
	core.Step(0, forward)
	last := core.Status().LastIndex
	refusals := 0
	for _, m := range core.Ready().Now {
		if m.Kind == ForwardRefused && m.ID == forward.ID {
			refusals++
		}
	}
	if refusals != 1 {
		t.Errorf("refused %d times", refusals)
	}
	core.cfg.MaxUncommittedBytes = 1000
	core.Step(0, forward)
	if is := core.Status().LastIndex; is != last {
		t.Errorf("proposed after it was refused")
	}
	forward.ID++
	core.Step(0, forward)
	core.Step(0, forward)
	if is := core.Status().LastIndex; is != last+1 {
		t.Errorf("proposed %d times", is-last)
	}
	for _, m := range core.Ready().Now {
		if m.Kind == ForwardRefused {
			t.Errorf("refused though a copy may have been taken: %+v", m)
		}
	}
}

// Goal: a leader of an older term that can be heard, but does not hear, keeps nobody from electing
// another; under check quorum it resigns by itself, and what it leads stays undisturbed. Method: a
// heartbeat, then the pre-vote of a member that has entered a later term.
func TestPreVoteTellsOfItsSendersTerm(t *testing.T) {
	for _, checkQuorum := range []bool{false, true} {
		core := lone(t, 1, 1)
		core.cfg.PreVote, core.cfg.CheckQuorum = true, checkQuorum
		core.Step(0, Message{Kind: Heartbeat, From: 2, To: 1, Term: 3, Round: 1})
		core.Step(0, Message{Kind: PreVote, From: 3, To: 1, Term: 5, Index: 9, LogTerm: 3})
		answer := core.out.after[len(core.out.after)-1]
		if s := core.Status(); checkQuorum && (s.Term != 3 || s.Leader != 2 || !answer.Reject) {
			t.Errorf("under check quorum: %+v, %+v", s, answer)
		} else if !checkQuorum && (s.Term != 4 || s.Leader != 0 || answer.Reject) {
			t.Errorf("%+v, %+v", s, answer)
		}
	}
}
