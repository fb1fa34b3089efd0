package replica

import (
	"testing"
	"time"

	"gauntlet/raft/kv"
)

// Goal: a command of a session that comes again through another member, while the first is still
// open and after it, is answered with the first one's result, at the entry where that took effect:
// this is where it stands among all operations. Method: the same sequence through all members at
// once, and once more.
func TestRepeatedWriteHasOneResult(t *testing.T) {
	c := newCluster(3)
	answers := gather(t, c)
	leader := c.leader()
	leader.replica.Write(c.now, 1, kv.Command{Op: kv.OpenSession, Timeout: time.Hour})
	c.run(50*time.Millisecond, nil)
	session := answers[1].Result.Session
	if session == 0 || session != answers[1].Index {
		t.Fatalf("open a session: %+v", answers[1])
	}
	write := func(n *node, id uint64) {
		n.replica.Write(c.now, id, kv.Command{
			Op: kv.Add, Key: "k", Value: []byte("1"), Session: session, Sequence: 1,
		})
	}
	for i, n := range c.nodes {
		write(n, uint64(10+i))
	}
	c.run(50*time.Millisecond, nil)
	write(c.follower(leader), 20)
	c.run(50*time.Millisecond, nil)
	repeats := 0
	for _, id := range []uint64{10, 11, 12, 20} {
		a, ok := answers[id]
		if !ok || a.Refusal != nil || string(a.Result.Value) != "1" || a.Index != answers[20].Index {
			t.Errorf("request %d: %+v, want the result at entry %d", id, a, answers[20].Index)
		}
		if a.Result.Repeats != 0 {
			repeats++
		}
	}
	if repeats != 3 {
		t.Errorf("%d of 4 are repeats", repeats)
	}
}
