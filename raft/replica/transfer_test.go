package replica

import (
	"strings"
	"testing"
	"time"

	"gauntlet/raft"
)

// Goal: a transfer is answered with the new leader; one that was given up, as failed or, if the
// successor was told, as unknown; and of all of them the log tells. Method: one that works, one to
// a member that lags behind a cut, one to a member that is cut off when it is told.
func TestTransfer(t *testing.T) {
	c := newCluster(3)
	answers := gather(t, c)
	first := c.leader()
	second := c.follower(first)
	first.replica.Transfer(c.now, 1, second.id)
	c.run(50*time.Millisecond, nil)
	if a, ok := answers[1]; !ok || a.Refusal != nil || a.Leader != second.id {
		t.Fatalf("answer %+v %+v", a, a.Refusal)
	}
	cut := func(m raft.Message) bool { return m.To != first.id }
	second.replica.Transfer(c.now, 2, first.id)
	c.run(testET*3/2, cut)
	if a, ok := answers[2]; !ok || a.Refusal == nil || !a.Refusal.Unknown {
		t.Errorf("told in vain: %+v %+v", a, a.Refusal)
	}
	c.run(10*testET, nil)

	leader := c.leader()
	behind := c.follower(leader)
	cut = func(m raft.Message) bool { return m.To != behind.id }
	before := leader.replica.Status()
	leader.replica.Write(c.now, 3, put("k", "v"))
	leader.replica.Transfer(c.now, 4, behind.id)
	leader.replica.Write(c.now, 5, put("k", "w"))
	c.run(testET*3/2, cut)
	if a, ok := answers[3]; !ok || a.Refusal != nil {
		t.Errorf("a write from before the transfer: %+v", a.Refusal)
	}
	for id, reason := range map[uint64]string{4: "given up", 5: "being transferred"} {
		a := answers[id]
		if a.Refusal == nil || a.Refusal.Unknown && !before.TransferTold ||
			!strings.Contains(a.Refusal.Reason, reason) {
			t.Errorf("request %d: %+v", id, a.Refusal)
		}
	}
	leader.replica.Write(c.now, 6, put("k", "x"))
	c.run(50*time.Millisecond, cut)
	if a, ok := answers[6]; !ok || a.Refusal != nil {
		t.Errorf("a write after the transfer: %+v", a.Refusal)
	}
	begun, givenUp := 0, 0
	for _, e := range c.events {
		if e.Kind == "transfer" && e.State == Begun {
			begun++
		} else if e.Kind == "transfer" && e.State == GivenUp {
			givenUp++
		}
	}
	if begun != 3 || givenUp != 2 {
		t.Errorf("%d transfers begun, %d given up", begun, givenUp)
	}
}

// Goal: a forwarded write whose leader is gone is answered as unknown as soon as its member hears
// of the next leader, not when an election timeout or a deadline passes. Method: forwards that get
// lost, under a leader that then hands over.
func TestForwardsFailPromptly(t *testing.T) {
	c := newCluster(3)
	answers := gather(t, c)
	leader := c.leader()
	successor := c.follower(leader)
	waiting := c.follower(successor)
	lost := func(m raft.Message) bool { return m.Kind != raft.Forward }
	waiting.replica.Write(c.now, 1, put("k", "1"))
	waiting.replica.Write(c.now, 2, put("k", "2"))
	c.run(testET/2, lost)
	if len(answers) > 0 {
		t.Fatalf("answered too early: %+v", answers)
	}
	leader.replica.Transfer(c.now, 3, successor.id)
	c.run(10*time.Millisecond, lost)
	for id := uint64(1); id <= 2; id++ {
		if a, ok := answers[id]; !ok || a.Refusal == nil || !a.Refusal.Unknown {
			t.Errorf("write %d: %+v %+v", id, a, a.Refusal)
		}
	}
}

// Goal: a lease read costs no message on the leader, and is answered on a follower all the same.
// Method: count the messages that leave.
func TestLeaseRead(t *testing.T) {
	c := newCluster(3)
	answers := gather(t, c)
	leader := c.leader()
	leader.replica.Write(c.now, 1, put("k", "v"))
	c.run(50*time.Millisecond, nil)
	c.network = nil
	leader.replica.LeaseRead(c.now, 2, "k")
	c.drain(leader)
	if a, ok := answers[2]; !ok || string(a.Result.Value) != "v" || len(c.network) > 0 {
		t.Errorf("%+v, with %d messages", a, len(c.network))
	}
	c.follower(leader).replica.LeaseRead(c.now, 3, "k")
	c.run(20*time.Millisecond, nil)
	if a, ok := answers[3]; !ok || string(a.Result.Value) != "v" {
		t.Errorf("on a follower: %+v", a)
	}
}

// Goal: a disk that hangs makes an event, and so does its return; the leader resigns. Method: the
// leader's writes are held back.
func TestDiskEvents(t *testing.T) {
	c := newCluster(1)
	n := c.leader()
	n.replica.Write(c.now, 1, put("k", "v"))
	c.drain(n)
	n.replica.Tick(c.now + 4*testET)
	c.drain(n)
	if role := n.replica.Status().Role; role != raft.Follower {
		t.Errorf("a %v with a hung disk", role)
	}
	c.settle(n)
	states := ""
	for _, e := range c.events {
		if e.Kind == "disk" {
			states += e.State + " "
		}
	}
	if states != "hangs back " {
		t.Errorf("the events say %q", states)
	}
}
