package replica

import (
	"slices"
	"testing"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/kv"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// anyIndex leaves the log index of answers to TestAnswerIndex.
var anyIndex = cmpopts.IgnoreFields(Answer{}, "Index")

// gather returns a place where the answers of a cluster gather, by id.
func gather(t *testing.T, c *cluster) map[uint64]Answer {
	answers := make(map[uint64]Answer)
	c.answered = func(_ *node, a Answer) {
		if _, ok := answers[a.ID]; ok {
			t.Errorf("request %d was answered twice", a.ID)
		}
		answers[a.ID] = a
	}
	return answers
}

// Goal: reads and writes work on the leader and on followers, and linearizable reads see them
// everywhere. Method: one of each through each member.
func TestRequestsThroughEveryMember(t *testing.T) {
	c := newCluster(3)
	answers := gather(t, c)
	leader := c.leader()
	id := uint64(0)
	for i, n := range []*node{leader, c.follower(leader), c.follower(c.follower(leader))} {
		value := string(rune('a' + i))
		id++
		n.replica.Write(c.now, id, put("k", value))
		c.run(50*time.Millisecond, nil)
		if a, ok := answers[id]; !ok || a.Refusal != nil {
			t.Fatalf("write through %d: %+v", n.id, a)
		}
		for _, reader := range c.nodes {
			id++
			reader.replica.Read(c.now, id, "k", false)
			c.run(50*time.Millisecond, nil)
			want := Answer{ID: id, Result: kv.Result{Found: true, Value: []byte(value)}}
			if diff := cmp.Diff(want, answers[id], anyIndex); diff != "" {
				t.Fatalf("read through %d: %s", reader.id, diff)
			}
		}
	}
}

// Goal: a compare-and-set through a follower returns its own result. Method: one that swaps, and
// one that does not.
func TestCompareAndSet(t *testing.T) {
	c := newCluster(3)
	answers := gather(t, c)
	follower := c.follower(c.leader())
	cas := kv.Command{Op: kv.CAS, Key: "k", Value: []byte("x")}
	follower.replica.Write(c.now, 1, cas)
	follower.replica.Write(c.now, 2, cas)
	c.run(50*time.Millisecond, nil)
	want := map[uint64]Answer{
		1: {ID: 1, Result: kv.Result{Swapped: true}},
		2: {ID: 2, Result: kv.Result{Found: true, Value: []byte("x")}},
	}
	if diff := cmp.Diff(want, answers, anyIndex); diff != "" {
		t.Error(diff)
	}
}

// Goal: an answer names the entry that was the write, or whose state the read saw; a refusal names
// none. Method: writes and reads by turns, also on a member that missed the last write.
func TestAnswerIndex(t *testing.T) {
	c := newCluster(3)
	answers := gather(t, c)
	leader := c.leader()
	behind := c.follower(leader)
	first := leader.replica.Status().LastIndex + 1
	leader.replica.Write(c.now, 1, put("k", "1"))
	leader.replica.Write(c.now, 2, put("k", "2"))
	c.run(50*time.Millisecond, nil)
	behind.replica.Read(c.now, 3, "k", false)
	c.run(50*time.Millisecond, nil)
	leader.replica.Write(c.now, 4, put("k", "4"))
	c.run(10*time.Millisecond, func(m raft.Message) bool { return m.To != behind.id })
	leader.replica.Read(c.now, 5, "k", true)
	behind.replica.Read(c.now, 6, "k", true)
	c.run(time.Millisecond, func(m raft.Message) bool { return m.To != behind.id })
	c.run(3*testET, func(m raft.Message) bool { return m.To != behind.id })
	behind.replica.Write(c.now, 7, put("k", "7"))
	c.drain(behind)
	for i, want := range []uint64{first, first + 1, first + 1, first + 2, first + 2, first + 1, 0} {
		id := uint64(i) + 1
		if got, ok := answers[id]; !ok || got.Index != want || (got.Refusal != nil) != (want == 0) {
			t.Errorf("request %d: %+v, want index %d", id, got, want)
		}
	}
}

// Goal: without a leader a request is refused at once and certainly without effect; a stale read is
// served all the same. Method: one member of three, alone.
func TestWithoutLeader(t *testing.T) {
	c := newCluster(3)
	answers := gather(t, c)
	n := c.nodes[0]
	n.replica.Write(c.now, 1, put("k", "v"))
	n.replica.Read(c.now, 2, "k", false)
	n.replica.Read(c.now, 3, "k", true)
	c.drain(n)
	for _, id := range []uint64{1, 2} {
		if a := answers[id]; a.Refusal == nil || a.Refusal.Unknown {
			t.Errorf("request %d: %+v", id, a)
		}
	}
	if a, ok := answers[3]; !ok || a.Refusal != nil || a.Result.Found {
		t.Errorf("stale read: %+v", a)
	}
}

// Goal: what a lost leader leaves open is answered within about an election timeout: writes as
// unknown, reads as failed; and once. Method: the leader is cut off with requests on both sides,
// and the link is mended later.
func TestOpenRequestsEndWithTheLeader(t *testing.T) {
	c := newCluster(3)
	answers := gather(t, c)
	old := c.leader()
	follower := c.follower(old)
	old.replica.Write(c.now, 1, put("k", "1"))
	old.replica.Read(c.now, 2, "k", false)
	follower.replica.Write(c.now, 3, put("k", "3"))
	follower.replica.Read(c.now, 4, "k", false)
	cut := func(m raft.Message) bool { return m.From != old.id && m.To != old.id }
	c.run(testET*5/2, cut)
	for id, unknown := range map[uint64]bool{1: true, 2: false, 3: true, 4: false} {
		if a, ok := answers[id]; !ok || a.Refusal == nil || a.Refusal.Unknown != unknown {
			t.Errorf("request %d: %+v %+v", id, a, a.Refusal)
		}
	}
	c.run(10*testET, nil)
}

// Goal: an abandoned request gets no answer, though it takes effect. Method: a write and a read.
func TestAbandon(t *testing.T) {
	c := newCluster(3)
	answers := gather(t, c)
	leader := c.leader()
	leader.replica.Write(c.now, 1, put("k", "v"))
	leader.replica.Abandon(1)
	leader.replica.Read(c.now, 2, "k", false)
	leader.replica.Abandon(2)
	c.run(50*time.Millisecond, nil)
	leader.replica.Read(c.now, 3, "k", true)
	c.drain(leader)
	want := map[uint64]Answer{3: {ID: 3, Result: kv.Result{Found: true, Value: []byte("v")}}}
	if diff := cmp.Diff(want, answers, anyIndex); diff != "" {
		t.Error(diff)
	}
	if open := len(leader.replica.writes) + len(leader.replica.reads) +
		len(leader.replica.waiting); open > 0 {
		t.Errorf("%d requests are still open", open)
	}
}

// Goal: the first request of a new life is not answered by the entry of an old life that had the
// same id. Method: a forward that arrives when its member has restarted, and has another out.
func TestAnswersOfAnEarlierLife(t *testing.T) {
	c := newCluster(3)
	n := c.follower(c.leader())
	n.replica.Write(c.now, 1, kv.Command{Op: kv.CAS, Key: "k", Value: []byte("old")})
	c.drain(n)
	late := c.network
	c.network = nil
	c.crash(n)
	c.start(n)
	answers := gather(t, c)
	c.run(30*time.Millisecond, nil)
	c.network = append(c.network, late...)
	n.replica.Write(c.now, 1, kv.Command{Op: kv.CAS, Key: "k", Value: []byte("new")})
	c.run(50*time.Millisecond, nil)
	want := map[uint64]Answer{1: {ID: 1, Result: kv.Result{Found: true, Value: []byte("old")}}}
	if diff := cmp.Diff(want, answers, anyIndex); diff != "" {
		t.Error(diff)
	}
}

// Goal: a leader that cannot commit refuses more than it can hold, and says so to followers that
// forward. Method: a leader whose appends get lost, with a small limit.
func TestBusy(t *testing.T) {
	c := newCluster(3)
	answers := gather(t, c)
	leader := c.leader()
	follower := c.follower(leader)
	big := put("k", string(make([]byte, 1500)))
	noAppends := func(m raft.Message) bool { return m.Kind != raft.Append }
	for id := uint64(1); id <= 3; id++ {
		leader.replica.Write(c.now, id, big)
	}
	follower.replica.Write(c.now, 4, big)
	c.run(30*time.Millisecond, noAppends)
	for id := uint64(1); id <= 4; id++ {
		a, ok := answers[id]
		refused := ok && a.Refusal != nil && !a.Refusal.Unknown
		if refused != (id > 2) {
			t.Errorf("request %d: %+v", id, a)
		}
	}
}

// Goal: terms, votes, roles and leaders are told as they change. Method: a first election.
func TestEvents(t *testing.T) {
	c := newCluster(1)
	c.leader()
	want := []Event{
		{Kind: "term", Term: 1},
		{Kind: "vote", Term: 1, Vote: 1},
		{Kind: "role", Term: 1, Role: raft.Candidate},
		{Kind: "role", Term: 1, Role: raft.Leader, Leader: 1},
	}
	if diff := cmp.Diff(want, c.events); diff != "" {
		t.Error(diff)
	}
}

// Goal: what Effects say stays as it is until the next call, whatever comes in before. Method:
// stale reads, which are answered at once, and a candidacy, which makes events.
func TestEffectsLast(t *testing.T) {
	c := newCluster(3)
	r := c.nodes[0].replica
	for id := range uint64(4) {
		r.Read(0, 2*id, "k", true)
		r.Tick(time.Duration(id+1) * 2 * testET)
		e := r.Effects()
		answers, events := slices.Clone(e.Answers), slices.Clone(e.Events)
		r.Read(0, 2*id+1, "other", true)
		r.Step(0, raft.Message{Kind: raft.Heartbeat, From: 2, To: 1, Term: 3 * (id + 1), Round: 1})
		if diff := cmp.Diff(answers, e.Answers) + cmp.Diff(events, e.Events); diff != "" {
			t.Fatalf("call %d: %s", id, diff)
		}
	}
}
