package raft

import (
	"strings"
	"testing"
)

// Goal: a leader's view of a peer takes back nothing on late, repeated or reordered news, and
// flow control counts every byte back. Method: one peer with entries in flight, told out of order.
func TestProgressAgainstLateNews(t *testing.T) {
	p := progress{next: 1}
	p.sent(nil, 0)
	p.acknowledged(0)
	all := entries(0, 1, 1, 1, 1)
	for i := range all {
		p.sent(all[i:i+1], 0)
	}
	if want := sizes(all); p.inflightBytes != want || p.next != 5 {
		t.Fatalf("in flight %d bytes instead of %d, next %d", p.inflightBytes, want, p.next)
	}
	p.acknowledged(3)
	p.acknowledged(1)
	if want := size(all[3]); p.match != 3 || p.inflightBytes != want {
		t.Errorf("match %d, in flight %d bytes instead of %d", p.match, p.inflightBytes, want)
	}
	if p.refused(2, 1) || p.state != stream {
		t.Errorf("a refusal from before the acknowledgement counted")
	}
	if !p.refused(4, 2) || p.state != probe || p.next != 4 || p.inflightBytes != 0 {
		t.Errorf("after a refusal: %+v", p)
	}
	p.sent(all[3:], 0)
	if p.mayTake(1000) {
		t.Errorf("a second probe may go out")
	}
	if p.refused(4, 3) {
		t.Errorf("a refusal of what was not asked counted")
	}
	p.acknowledged(3)
	if p.state != probe {
		t.Errorf("an answer to what was sent before the refusal counted as the probe's")
	}
	p.acknowledged(4)
	if p.match != 4 || p.next != 5 || p.inflightBytes != 0 || !p.mayTake(1) {
		t.Errorf("at the end: %+v", p)
	}
}

// Goal: small Appends gather while two are unanswered, and leave as one with the next answer; what
// fills an Append does not wait.
// Method: a leader proposes one entry a turn, to a peer that answers late.
func TestSmallAppendsGather(t *testing.T) {
	c := candidate(t)
	c.Step(0, Message{Kind: VoteAnswer, From: 2, To: 1, Term: 2})
	c.Ready()
	c.Step(0, Message{Kind: AppendAnswer, From: 2, To: 1, Term: 2, Index: 2, LogTerm: 2})
	c.Ready() // the no-op is there
	turn := func(data string) (sent []int) {
		if _, err := c.Propose(0, []byte(data)); err != nil {
			t.Fatal(err)
		}
		for _, m := range c.Ready().Now {
			if m.Kind == Append && m.To == 2 {
				sent = append(sent, len(m.Entries))
			}
		}
		return sent
	}
	for i, want := range []int{1, 1, 0, 0} {
		if sent := turn("x"); len(sent) != want {
			t.Errorf("turn %d sends %v", i+1, sent)
		}
	}
	c.Step(0, Message{Kind: AppendAnswer, From: 2, To: 1, Term: 2, Index: 3, LogTerm: 2})
	if sent := turn("x"); len(sent) != 1 || sent[0] != 3 {
		t.Errorf("after an answer: Appends of %v entries, want one of three", sent)
	}
	if sent := turn(strings.Repeat("x", c.cfg.MaxAppendBytes)); len(sent) != 0 {
		t.Errorf("the last entry may still gather, yet %v were sent", sent)
	}
	if sent := turn("x"); len(sent) != 1 || sent[0] != 1 {
		t.Errorf("a full Append waited: %v", sent)
	}
}

// Goal: a majority is more than half of all, for odd and even numbers. Method: a table.
func TestQuorum(t *testing.T) {
	for n, want := range []int{1: 1, 2: 2, 3: 2, 4: 3, 5: 3, 6: 4, 7: 4} {
		if n > 0 && quorum(n) != want {
			t.Errorf("quorum of %d is %d instead of %d", n, quorum(n), want)
		}
	}
}
