package replica

import (
	"testing"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/kv"
)

// five is a cluster with instant disks and a network that delivers everything.
type five struct {
	members  []*Replica
	outboxes [5]Outbox
	network  []raft.Message
	messages int
	answers  int
	now      time.Duration
}

func newFive(b *testing.B) *five {
	f := &five{}
	ids := []raft.NodeID{1, 2, 3, 4, 5}
	for _, id := range ids {
		r, err := New(Config{Incarnation: 1, Raft: raft.Config{
			ID: id, Members: raft.Members(ids...), PreVote: true, CheckQuorum: true,
			ElectionTimeoutMin: testET, ElectionTimeoutMax: 2 * testET,
			HeartbeatInterval: testET / 5,
		}}, raft.Restored{})
		if err != nil {
			b.Fatal(err)
		}
		r.Tick(0)
		f.members = append(f.members, r)
	}
	f.now = 2 * testET
	f.members[0].Tick(f.now)
	f.settle()
	f.messages = 0
	return f
}

// settle goes on until nobody has anything to say.
func (f *five) settle() {
	for moved := true; moved; {
		moved = false
		for i, r := range f.members {
			if !r.HasEffects() {
				continue
			}
			moved = true
			e := r.Effects()
			f.answers += len(e.Answers)
			now, w, write := f.outboxes[i].Add(&e)
			f.network = append(f.network, now...)
			if write {
				f.network = append(f.network, f.outboxes[i].Persisted(w.Sequence)...)
				r.Persisted(f.now, w.Sequence)
			}
		}
		for i := range f.network {
			m := &f.network[i]
			f.members[m.To-1].Step(f.now, *m)
		}
		f.messages += len(f.network)
		f.network = f.network[:0]
	}
}

// Goal: what a replica costs for each message, and how much garbage it makes. Method: clients of
// the leader, or of a follower, write one command at a time. A cluster lives for some thousand
// commands, since a log for ever would need memory for ever.
func benchmarkCommit(b *testing.B, through int) {
	const lifetime = 1 << 12
	cmd := kv.Command{Op: kv.Put, Key: "register-3", Value: make([]byte, 64)}
	var f *five
	commits, messages := 0, 0
	b.ReportAllocs()
	start := time.Now()
	for b.Loop() {
		if commits%lifetime == 0 {
			f = newFive(b)
		}
		commits++
		f.members[through].Write(f.now, uint64(commits), cmd)
		f.settle()
		if f.answers != 1 {
			b.Fatalf("%d answers to a command", f.answers)
		}
		messages += f.messages
		f.answers, f.messages = 0, 0
	}
	b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(messages), "ns/message")
	b.ReportMetric(float64(messages)/float64(commits), "messages/op")
}

func BenchmarkCommit(b *testing.B)                { benchmarkCommit(b, 0) }
func BenchmarkCommitThroughFollower(b *testing.B) { benchmarkCommit(b, 1) }
