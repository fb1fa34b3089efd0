package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/raft/wal"
	"gauntlet/raft/wire"
)

// behind is how many entries a member misses in TestCatchUpBySnapshot.
const behind = 3000

// writers is clients of one member who write until they are stopped.
type writers struct {
	running sync.WaitGroup
	stopped atomic.Bool
	done    atomic.Int64 // acknowledged writes
}

func (c *cluster) write(through int) *writers {
	w := &writers{}
	for client := range 16 {
		w.running.Go(func() {
			for n := 0; !w.stopped.Load(); n++ {
				key := fmt.Sprintf("/v1/kv/k%d-%d", client, n%50)
				body := fmt.Sprintf(`{"value":"%d %s"}`, n, strings.Repeat("v", 200))
				if code, _ := c.call(through, http.MethodPut, key, body); code == http.StatusOK {
					w.done.Add(1)
				}
			}
		})
	}
	return w
}

func (w *writers) stop() {
	w.stopped.Store(true)
	w.running.Wait()
}

// applied returns how far a member has got, and the first index of its log.
func (c *cluster) applied(i int) (applied, first uint64) {
	status, _ := c.servers[i].status(context.Background())
	return status.Applied, status.FirstIndex
}

// offers tells whether a leader says that somebody lacks a snapshot.
func (c *cluster) offers(leader int) bool {
	code, body := c.call(leader, http.MethodGet, "/v1/members", "")
	return code == http.StatusOK && strings.Contains(body, `,"snapshotLeft":`)
}

// Goal: a member that lacks thousands of entries which the others have compacted away catches up by
// a snapshot, while clients write; then all three hold the same, also after a restart from the
// snapshot. Method: small thresholds; stop a follower, write, start it, go on writing until it has
// what was committed before; compare every key; restart it, compare again.
func TestCatchUpBySnapshot(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) { cfg.SnapshotEntries = 500 })
	leader := c.leader()
	down := (leader + 1) % 3
	w := c.write(leader)
	await(t, "first writes", func() bool { return w.done.Load() > 100 })
	c.kill(down)
	before := w.done.Load()
	await(t, "writes that it misses", func() bool { return w.done.Load() > before+behind })
	missed, _ := c.applied(leader)
	await(t, "a log that begins behind what it holds", func() bool {
		_, first := c.applied(leader)
		return first > missed-behind/2
	})
	await(t, "the leader to offer a snapshot", func() bool { return c.offers(leader) })
	c.restart(down)
	goal, _ := c.applied(leader)
	await(t, "the member to catch up", func() bool {
		applied, _ := c.applied(down)
		return applied >= goal
	})
	w.stop()
	if log := c.logs[down].String(); !strings.Contains(log, `"state":"installed"`) {
		t.Errorf("it caught up without a snapshot:\n%s", log)
	}
	await(t, "nothing left of a snapshot", func() bool { return !c.offers(leader) })
	c.same(leader, down)
	c.kill(down)
	c.restart(down)
	c.leader()
	c.same(leader, down)
}

// same compares all that two members hold.
func (c *cluster) same(a, b int) {
	c.t.Helper()
	await(c.t, "both members to have applied the same", func() bool {
		x, _ := c.applied(a)
		y, _ := c.applied(b)
		return x == y
	})
	for client := range 16 {
		for n := range 50 {
			path := fmt.Sprintf("/v1/kv/k%d-%d?read=stale", client, n)
			_, x := c.call(a, http.MethodGet, path, "")
			_, y := c.call(b, http.MethodGet, path, "")
			if x != y {
				c.t.Fatalf("%s: %s holds %.40s, %s %.40s",
					path, c.members[a].Name, x, c.members[b].Name, y)
			}
		}
	}
}

// Goal: a snapshot can be asked for, is taken in the background, and spares a restart the log
// before it. Method: one member, a few writes, ask, await it; ask again: there is nothing new;
// restart, and read what was written.
func TestSnapshotOnDemand(t *testing.T) {
	c := newCluster(t, 1)
	c.leader()
	if code, body := c.call(0, http.MethodPut, "/v1/kv/a", `{"value":"1"}`); code != http.StatusOK {
		t.Fatal(code, body)
	}
	code, body := c.call(0, http.MethodPost, "/v1/snapshot", "")
	if code != http.StatusOK || body != `{"begun":true,"index":0}` {
		t.Fatal(code, body)
	}
	await(t, "the snapshot", func() bool {
		_, first := c.applied(0)
		return first == 3
	})
	_, body = c.call(0, http.MethodPost, "/v1/snapshot", "")
	if body != `{"begun":false,"index":2}` {
		t.Error(body)
	}
	c.kill(0)
	c.restart(0)
	c.leader()
	if _, body := c.call(0, http.MethodGet, "/v1/kv/a", ""); body != `{"found":true,"value":"1"}` {
		t.Error(body)
	}
	if log := c.logs[0].String(); !strings.Contains(log, `"event":"recovery"`) ||
		!strings.Contains(log, `"state":"taken"`) {
		t.Error(log)
	}
}

// Goal: a snapshot that was asked for, and may yet be taken, is not said to have failed.
// Method: a loop held up; questions until there is no room for more.
func TestSnapshotOfAHungLoop(t *testing.T) {
	c := newCluster(t, 1, func(cfg *Config) { cfg.RequestTimeout = testET })
	c.leader()
	s, release := c.servers[0], make(chan struct{})
	defer close(release)
	s.loop.questions <- func() { <-release }
	await(t, "the loop is held up", func() bool { return len(s.loop.questions) == 0 })
	code, body := c.call(0, http.MethodPost, "/v1/snapshot", "")
	if code != http.StatusGatewayTimeout || !strings.Contains(body, `"outcome":"unknown"`) {
		t.Error(code, body)
	}
	for len(s.loop.questions) < cap(s.loop.questions) {
		s.loop.questions <- func() {}
	}
	code, body = c.call(0, http.MethodPost, "/v1/snapshot", "")
	if code != http.StatusGatewayTimeout || !strings.Contains(body, `"outcome":"fail"`) {
		t.Error(code, body)
	}
}

// Goal: no job of the snapshots' goroutine looks at the loop's links: they change with the members.
// Method: a job to send a chunk is queued; the links are gone before it is carried out; the chunk
// must reach the queue of the link that there was.
func TestChunksKnowTheirLink(t *testing.T) {
	s := &Server{directory: newDirectory(nil), metrics: &metrics{}, stop: make(chan struct{})}
	s.events = &eventLog{w: io.Discard}
	log, _, err := wal.Open(wal.NewMemory(), "/data", wal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	shots := newSnapshotter(s, log.Snapshots())
	snapshot, err := log.Snapshots().Save(raft.Snapshot{Index: 1, Term: 1},
		func(w io.Writer) error {
			_, err := w.Write([]byte("state"))
			return err
		})
	if err != nil {
		t.Fatal(err)
	}
	to := newLink(s, Member{ID: 2}, wire.Snapshots)
	s.loop = &loop{links: map[linkKey]*link{{2, wire.Snapshots}: to}}
	shots.carryOut(&replica.Effects{Chunks: []raft.Message{
		{Kind: raft.SnapshotChunk, To: 2, Chunk: &raft.Chunk{Snapshot: snapshot}},
	}})
	s.loop.links = nil
	if err := shots.take()(); err != nil {
		t.Fatal(err)
	}
	if m, ok := to.queue.take(time.Hour); !ok || string(m.Chunk.Data) != "state" {
		t.Errorf("the link got %+v, %v", m, ok)
	}
}

// Goal: a snapshot that has been taken keeps no frozen state in memory until the next one.
// Method: a job that refers to something; that must be collected once the job is done.
func TestJobsAreForgotten(t *testing.T) {
	shots := newSnapshotter(nil, nil)
	held := func() weak.Pointer[[1 << 20]byte] {
		view := new([1 << 20]byte)
		shots.add(func() error { view[0]++; return nil })
		return weak.Make(view)
	}()
	if err := shots.take()(); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	if held.Value() != nil {
		t.Error("what a job referred to outlives it")
	}
	runtime.KeepAlive(shots)
}
