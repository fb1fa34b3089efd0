package raft

import (
	"testing"
	"time"
)

// trio is three cores without disks, and a network that delivers everything. The first one leads.
type trio struct {
	cores    []*Core
	network  []Message
	messages int
	now      time.Duration
}

func newTrio(t testing.TB) *trio {
	f := &trio{}
	ids := []NodeID{1, 2, 3}
	for _, id := range ids {
		core, err := New(Config{
			ID: id, Members: Members(ids...), PreVote: true, CheckQuorum: true, ElectionTimeoutMin: testET,
			ElectionTimeoutMax: 2 * testET, HeartbeatInterval: testHeartbeat,
		}, Restored{})
		if err != nil {
			t.Fatal(err)
		}
		core.Tick(0)
		f.cores = append(f.cores, core)
	}
	f.now = 2 * testET
	f.cores[0].Tick(f.now)
	f.settle()
	f.messages = 0
	return f
}

// settle goes on until nobody has anything to say.
func (f *trio) settle() {
	for moved := true; moved; {
		moved = false
		for _, core := range f.cores {
			if !core.HasReady() {
				continue
			}
			moved = true
			r := core.Ready()
			f.network = append(f.network, r.Now...)
			core.Persisted(f.now, r.Sequence)
			f.network = append(f.network, r.AfterPersist...)
		}
		for _, m := range f.network {
			f.cores[m.To-1].Step(f.now, m)
		}
		f.messages += len(f.network)
		f.network = f.network[:0]
	}
}

// propose has the leader propose some commands, and all members apply them.
func (f *trio) propose(t testing.TB, commands int, data []byte) {
	for range commands {
		if _, err := f.cores[0].Propose(f.now, data); err != nil {
			t.Fatal(err)
		}
	}
	f.settle()
}

// Goal: what a core costs for each message, and how many messages a commit takes. Method: a leader
// proposes, its followers answer, all apply.
func benchmarkCommit(b *testing.B, batch int) {
	f := newTrio(b)
	data := make([]byte, 64)
	start := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		f.propose(b, batch, data)
	}
	if got, want := f.cores[2].Status().Commit, uint64(b.N*batch)+1; got != want {
		b.Fatalf("%d entries committed instead of %d", got, want)
	}
	b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(f.messages), "ns/message")
	b.ReportMetric(float64(f.messages)/float64(b.N*batch), "messages/commit")
}

func BenchmarkCommit(b *testing.B)      { benchmarkCommit(b, 1) }
func BenchmarkCommitBy100(b *testing.B) { benchmarkCommit(b, 100) }

// Goal: in steady state a core makes no garbage; only its log grows. Method: count allocations over
// many commits, whose average leaves no whole one.
func TestSteadyStateMakesNoGarbage(t *testing.T) {
	f := newTrio(t)
	data := make([]byte, 64)
	f.propose(t, 100, data)
	if n := testing.AllocsPerRun(1000, func() { f.propose(t, 1, data) }); n > 0 {
		t.Errorf("%v allocations a commit", n)
	}
}
