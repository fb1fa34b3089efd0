package replica

import (
	"testing"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/kv"
)

// Goal: what a replica costs for each message, and how much garbage it makes. Method: five members
// with instant disks; clients of the leader, or of a follower, write one command at a time.
func benchmarkCommit(b *testing.B, through int) {
	ids := []raft.NodeID{1, 2, 3, 4, 5}
	var members []*Replica
	outboxes := make([]Outbox, len(ids))
	for _, id := range ids {
		r, err := New(Config{Incarnation: 1, Raft: raft.Config{
			ID: id, Members: ids, PreVote: true, CheckQuorum: true, ElectionTimeoutMin: testET,
			ElectionTimeoutMax: 2 * testET, HeartbeatInterval: testET / 5,
		}}, raft.Restored{})
		if err != nil {
			b.Fatal(err)
		}
		r.Tick(0)
		members = append(members, r)
	}
	messages, answers := 0, 0
	var network []raft.Message
	exchange := func() {
		for moved := true; moved; {
			moved = false
			for i, r := range members {
				if !r.HasEffects() {
					continue
				}
				moved = true
				e := r.Effects()
				answers += len(e.Answers)
				now, w, write := outboxes[i].Add(&e)
				network = append(network, now...)
				if write {
					network = append(network, outboxes[i].Persisted(w.Sequence)...)
					r.Persisted(0, w.Sequence)
				}
			}
			for _, m := range network {
				members[m.To-1].Step(0, m)
			}
			messages += len(network)
			network = network[:0]
		}
	}
	members[0].Tick(2 * testET)
	exchange()
	messages, answers = 0, 0
	cmd := kv.Command{Op: kv.Put, Key: "register-3", Value: make([]byte, 64)}
	start := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		members[through].Write(0, uint64(b.N)+uint64(answers)+1, cmd)
		exchange()
	}
	if answers != b.N {
		b.Fatalf("%d answers to %d commands", answers, b.N)
	}
	b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(messages), "ns/message")
	b.ReportMetric(float64(messages)/float64(b.N), "messages/op")
}

func BenchmarkCommit(b *testing.B)                { benchmarkCommit(b, 0) }
func BenchmarkCommitThroughFollower(b *testing.B) { benchmarkCommit(b, 1) }
