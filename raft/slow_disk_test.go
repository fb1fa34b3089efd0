package raft

import (
	"testing"
	"time"
)

// slowDisk is a member whose disk takes its time: it answers heartbeats at once, Appends later.
type slowDisk struct {
	core    *Core // the leader, of one voter and this member
	now     time.Duration
	takes   time.Duration
	last    Position // of the member's log
	answers map[time.Duration][]Message
}

// newSlowDisk returns a leader that has just added member 2 as a learner.
func newSlowDisk(t *testing.T, takes time.Duration) *slowDisk {
	t.Helper()
	core, err := New(Config{
		ID: 1, Members: Members(1), ElectionTimeoutMin: testET, ElectionTimeoutMax: 2 * testET,
		HeartbeatInterval: testHeartbeat,
	}, Restored{HardState: HardState{Term: 1}})
	if err != nil {
		t.Fatal(err)
	}
	d := &slowDisk{core: core, takes: takes, answers: map[time.Duration][]Message{}}
	core.Tick(0)
	d.now = 2 * testET
	core.Tick(d.now)
	d.settle()
	add := Change{Kind: AddLearner, Member: Member{ID: 2}}
	if _, err := core.Reconfigure(d.now, []Change{add}); err != nil {
		t.Fatal(err)
	}
	return d
}

// tick lets a millisecond pass in which an entry is written.
func (d *slowDisk) tick(t *testing.T) {
	t.Helper()
	d.now += time.Millisecond
	if d.now >= d.core.Deadline() {
		d.core.Tick(d.now)
	}
	for _, m := range d.answers[d.now] {
		d.core.Step(d.now, m)
	}
	delete(d.answers, d.now)
	if _, err := d.core.Propose(d.now, []byte("x")); err != nil {
		t.Fatal(err)
	}
	d.settle()
}

func (d *slowDisk) settle() {
	for d.core.HasReady() {
		r := d.core.Ready()
		d.core.Persisted(d.now, r.Sequence)
		for _, m := range append(r.Now, r.AfterPersist...) {
			answer := Message{From: m.To, To: m.From, Term: m.Term}
			switch m.Kind {
			case Heartbeat:
				answer.Kind, answer.Round = HeartbeatAnswer, m.Round
				d.core.Step(d.now, answer)
			case Append:
				d.take(&m, &answer)
				d.answers[d.now+d.takes] = append(d.answers[d.now+d.takes], answer)
			}
		}
	}
}

// take answers an Append as a follower does whose log is right as far as it goes.
func (d *slowDisk) take(m, answer *Message) {
	answer.Kind, answer.Index, answer.LogTerm = AppendAnswer, m.Index, m.LogTerm
	if m.Index > d.last.Index {
		answer.Reject, answer.HintIndex, answer.HintTerm = true, d.last.Index, d.last.Term
		return
	}
	if n := len(m.Entries); n > 0 {
		answer.Index, answer.LogTerm = m.Entries[n-1].Index, m.Entries[n-1].Term
	}
	if answer.Index > d.last.Index {
		d.last = Position{Index: answer.Index, Term: answer.LogTerm}
	}
}

// Goal: a learner whose disk takes longer than the time between two probes can be promoted under
// writes that never rest: the first probe that it answers ends the probing, though the log has
// grown since and later probes said so. Method: one entry a millisecond, and a disk that takes more
// than two heartbeat intervals; the learner asks to be promoted every millisecond.
func TestSlowLearnerIsPromoted(t *testing.T) {
	const takes = 2*testHeartbeat + testHeartbeat/4
	d := newSlowDisk(t, takes)
	promote := []Change{{Kind: Promote, Member: Member{ID: 2}}}
	for began := d.now; ; {
		d.tick(t)
		_, err := d.core.Reconfigure(d.now, promote)
		if err == nil {
			return
		}
		if d.now > began+10*takes {
			t.Fatalf("%v; %+v of %d entries", err, d.core.Progress()[1], d.core.Status().LastIndex)
		}
	}
}
