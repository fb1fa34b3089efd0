package raft

import (
	"testing"
	"time"
)

// Goal: what a core costs for each message, and how many messages a commit takes. Method: three
// cores and no disk or network; a leader proposes, its followers answer, all apply.
func benchmarkCommit(b *testing.B, batch int) {
	ids := []NodeID{1, 2, 3}
	var cores []*Core
	for _, id := range ids {
		core, err := New(Config{
			ID: id, Members: ids, PreVote: true, CheckQuorum: true, ElectionTimeoutMin: testET,
			ElectionTimeoutMax: 2 * testET, HeartbeatInterval: testHeartbeat,
		}, Restored{})
		if err != nil {
			b.Fatal(err)
		}
		core.Tick(0)
		cores = append(cores, core)
	}
	messages := 0
	var network []Message
	exchange := func() {
		for moved := true; moved; {
			moved = false
			for _, core := range cores {
				if !core.HasReady() {
					continue
				}
				moved = true
				r := core.Ready()
				network = append(network, r.Now...)
				core.Persisted(0, r.Sequence)
				network = append(network, r.AfterPersist...)
			}
			for _, m := range network {
				cores[m.To-1].Step(0, m)
			}
			messages += len(network)
			network = network[:0]
		}
	}
	cores[0].Tick(2 * testET)
	exchange()
	messages = 0
	data := make([]byte, 64)
	start := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		for range batch {
			if _, err := cores[0].Propose(0, data); err != nil {
				b.Fatal(err)
			}
		}
		exchange()
	}
	if got, want := cores[2].Status().Commit, uint64(b.N*batch)+1; got != want {
		b.Fatalf("%d entries committed instead of %d", got, want)
	}
	b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(messages), "ns/message")
	b.ReportMetric(float64(messages)/float64(b.N*batch), "messages/commit")
}

func BenchmarkCommit(b *testing.B)      { benchmarkCommit(b, 1) }
func BenchmarkCommitBy100(b *testing.B) { benchmarkCommit(b, 100) }
