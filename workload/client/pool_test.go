package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"gauntlet/history"
	"gauntlet/workload"
)

// TestMain lets the test binary stand in for a client program. Otherwise it demands that no test
// leaves a goroutine behind.
func TestMain(m *testing.M) {
	if mode := os.Getenv(programMode); mode != "" {
		os.Exit(beProgram(mode))
	}
	goleak.VerifyTestMain(m)
}

// doFunc is a Client made of one function.
type doFunc func(context.Context, workload.Invocation) Answer

func (f doFunc) Do(ctx context.Context, inv workload.Invocation) Answer { return f(ctx, inv) }
func (f doFunc) Close()                                                 {}

// answered returns an ok answer that fits the kind.
func answered(inv workload.Invocation) Answer {
	swapped := true
	out := workload.RegisterOutput{Swapped: &swapped}
	return Answer{Outcome: history.OutcomeOK, Output: out.Encode(inv.Kind)}
}

var (
	ok = doFunc(func(_ context.Context, inv workload.Invocation) Answer { return answered(inv) })

	refuses = doFunc(func(context.Context, workload.Invocation) Answer {
		return Answer{Outcome: history.OutcomeFail, Error: "connection refused"}
	})
	// silent never answers: every request takes its whole second.
	silent = doFunc(func(_ context.Context, inv workload.Invocation) Answer {
		time.Sleep(DefaultTimeout)
		return Answer{Outcome: history.OutcomeInfo, Error: "no answer within 1s"}.asked(inv.Kind)
	})
)

// run records what a pool does within d, and hands back the valid history of it.
func run(
	t *testing.T, d time.Duration, rate float64, workers int, nodes ...Client,
) *history.History {
	t.Helper()
	var file bytes.Buffer
	pool := newPool(t, &file, Config{Rate: rate, Workers: workers}, nodes...)
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := pool.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return readBack(t, &file)
}

func newPool(t testing.TB, w io.Writer, cfg Config, nodes ...Client) *Pool {
	t.Helper()
	recorder, err := history.NewRecorder(w, history.Header{Run: "cafe0000", Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Recorder = recorder
	if cfg.Generator == nil {
		cfg.Generator = workload.NewRegister(
			workload.Spec{Clients: cfg.Workers, Keys: 5, OpsPerKey: 100}, 1)
	}
	for i, c := range nodes {
		cfg.Nodes = append(cfg.Nodes, Node{Name: fmt.Sprintf("n%d", i+1), Client: c})
	}
	pool, err := NewPool(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

func readBack(t *testing.T, r io.Reader) *history.History {
	t.Helper()
	h, err := history.Read(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Valid(); err != nil {
		t.Fatal(err)
	}
	if len(h.Warnings) > 0 {
		t.Fatal(h.Warnings)
	}
	return h
}

// perNode counts operations by node.
func perNode(h *history.History) map[string]int {
	counts := map[string]int{}
	for _, op := range h.Operations {
		counts[op.Node]++
	}
	return counts
}

// Goal: the rate is that of all workers together, shared evenly. Method: ten workers, 400/s, 10
// s of virtual time, nodes that answer at once.
func TestPoolKeepsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, 10*time.Second, 400, 10, ok, ok, ok, ok, ok)
		for node, n := range perNode(h) {
			if n < 798 || n > 802 {
				t.Errorf("%s got %d requests in 10 s, want 800", node, n)
			}
		}
	})
}

// Goal: a node that refuses at once gets its own share and no more, one that never answers
// takes one request a second from each worker, and neither costs the others anything. Method:
// as above.
func TestPoolDeadNodesKeepToThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, 10*time.Second, 400, 10, ok, refuses, silent, ok, ok)
		want := map[string][2]int{
			"n1": {798, 802}, "n2": {798, 802}, "n3": {18, 22}, "n4": {798, 802}, "n5": {798, 802},
		}
		for node, n := range perNode(h) {
			if n < want[node][0] || n > want[node][1] {
				t.Errorf("%s got %d requests, want %v", node, n, want[node])
			}
		}
	})
}

// Goal: without a rate, a node that refuses at once is still not flooded. Method: 10 s of virtual
// time; at most one request in failurePause by each worker.
func TestPoolClosedLoopDoesNotFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, 10*time.Second, 0, 4, refuses, silent)
		n := perNode(h)
		if limit := 2 * int(10*time.Second/failurePause); n["n1"] > limit+2 || n["n1"] < limit/2 {
			t.Errorf("%d requests, want about %d", n["n1"], limit)
		}
	})
}

// Goal: after a slow answer the missed requests are not made up for. Method: one answer takes 5 s,
// all others none; of the requests due in 10 s at 10/s about half go out.
func TestPoolMakesNoBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		slow := doFunc(func(_ context.Context, inv workload.Invocation) Answer {
			if first {
				first = false
				time.Sleep(5 * time.Second)
			}
			return answered(inv)
		})
		h := run(t, 10*time.Second, 10, 1, slow)
		if n := len(h.Operations); n < 49 || n > 53 {
			t.Errorf("%d requests, want about 51", n)
		}
		for i := 2; i < len(h.Operations); i++ {
			gap := h.Operations[i].Call - h.Operations[i-1].Call
			if gap < 90*time.Millisecond && i > 2 {
				t.Errorf("operation %d came %v after the one before it", i+1, gap)
			}
		}
	})
}

// Goal: info retires the process number; fail and ok do not. Method: a node that answers info
// once in three; Valid refuses a number used after its info, and new ones are counted.
func TestPoolRetiresProcessAfterInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		flaky := doFunc(func(_ context.Context, inv workload.Invocation) Answer {
			if n.Add(1)%3 == 0 {
				return Answer{Error: "a client that forgot to classify"}
			}
			return answered(inv)
		})
		h := run(t, 10*time.Second, 20, 2, flaky)
		info, highest := 0, 0
		for _, op := range h.Operations {
			if op.Outcome == history.OutcomeInfo {
				info++
			}
			highest = max(highest, op.Process)
		}
		if info < 60 || highest < info-1 || highest > info+1 {
			t.Errorf("%d infos, highest process %d: want one new number for each", info, highest)
		}
	})
}

// Goal: the end of a run cuts no request short and loses no outcome. Method: every request takes
// 300 ms, the run ends in the midst of one; the client must not see its context end, and every
// operation must have an answer.
func TestPoolEndsCleanly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := doFunc(func(ctx context.Context, inv workload.Invocation) Answer {
			select {
			case <-ctx.Done():
				return Answer{Error: "cut short"}
			case <-time.After(300 * time.Millisecond):
				return answered(inv)
			}
		})
		start := time.Now()
		h := run(t, time.Second, 0, 3, slow)
		if took := time.Since(start); took > 1300*time.Millisecond {
			t.Errorf("the run took %v", took)
		}
		for _, op := range h.Operations {
			if op.Outcome != history.OutcomeOK {
				t.Errorf("operation %d: %s, %s", op.ID, op.Outcome, op.Error)
			}
		}
	})
}

// Goal: an invoke line is in the file before the request is sent, always. Method: the client looks
// its request up in the file on every call.
func TestPoolRecordsBeforeSending(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	client := doFunc(func(_ context.Context, inv workload.Invocation) Answer {
		written, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(written, fmt.Appendf(nil, `"input":%s}`+"\n", inv.Input)) {
			t.Errorf("%s %s is not in the file (%v)", inv.Kind, inv.Input, err)
		}
		return answered(inv)
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var n atomic.Int64
	pool := newPool(t, file, Config{Workers: 4, Watch: func(history.Operation) {
		if n.Add(1) == 200 {
			cancel()
		}
	}}, client)
	if err := pool.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// fullDisk takes so many writes and then no more; it counts the invoke lines it took.
type fullDisk struct {
	room    int
	invokes int64
}

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.room--; d.room < 0 {
		return 0, errors.New("no space left on device")
	}
	if bytes.Contains(b, []byte(`"type":"invoke"`)) {
		d.invokes++
	}
	return len(b), nil
}

// Goal: when the history cannot be written, no request is sent without a record, and Run says why.
// Method: a disk that is full after 50 lines; as many requests as invoke lines, none more.
func TestPoolStopsWhenTheDiskIsFull(t *testing.T) {
	var sent atomic.Int64
	count := doFunc(func(_ context.Context, inv workload.Invocation) Answer {
		sent.Add(1)
		return answered(inv)
	})
	disk := &fullDisk{room: 50}
	pool := newPool(t, disk, Config{Workers: 5}, count)
	err := pool.Run(t.Context())
	if err == nil || sent.Load() != disk.invokes {
		t.Errorf("error %v; %d requests, %d invoke lines", err, sent.Load(), disk.invokes)
	}
}

// Goal: final reads reach every key through whichever node answers, and name the keys they
// could not read. Method: a run, then final reads with the pinned node of half the workers
// refusing, then with all refusing.
func TestPoolFinalReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refusing sync.Map // node to whether it refuses
		node := func(name string) Client {
			return doFunc(func(ctx context.Context, inv workload.Invocation) Answer {
				if _, yes := refusing.Load(name); yes {
					return refuses(ctx, inv)
				}
				return answered(inv)
			})
		}
		var file bytes.Buffer
		pool := newPool(t, &file, Config{Workers: 4, Rate: 400}, node("n1"), node("n2"))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := pool.Run(ctx); err != nil {
			t.Fatal(err)
		}
		refusing.Store("n1", true)
		ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if unread, err := pool.Final(ctx); err != nil || len(unread) > 0 {
			t.Errorf("unread %v, error %v", unread, err)
		}
		refusing.Store("n2", true)
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		want := len(pool.cfg.Generator.Final())
		if unread, err := pool.Final(ctx); err != nil || len(unread) != want {
			t.Errorf("unread %d keys of %d, error %v", len(unread), want, err)
		}
		readBack(t, &file)
	})
}

// Goal: a pool that cannot run is refused. Method: no nodes; no workers.
func TestNewPoolRefuses(t *testing.T) {
	if _, err := NewPool(Config{Workers: 1}); err == nil {
		t.Error("a pool without nodes")
	}
	if _, err := NewPool(Config{Nodes: []Node{{Name: "n1", Client: ok}}}); err == nil {
		t.Error("a pool without workers")
	}
}

// Goal: hours of load cost no memory. Method: the heap after 50,000 more operations, with keys
// rotating and processes retired all along, has not grown by more than 200 KB, 4 bytes for each.
func TestPoolMemoryIsFlat(t *testing.T) {
	var calls, done atomic.Int64
	flaky := doFunc(func(_ context.Context, inv workload.Invocation) Answer {
		if calls.Add(1)%1000 == 0 {
			return Answer{Outcome: history.OutcomeInfo, Error: "lost"}
		}
		return answered(inv)
	})
	var stop context.CancelFunc
	pool := newPool(t, io.Discard, Config{Workers: 2, Watch: func(history.Operation) {
		if done.Add(1)%50_000 == 0 {
			stop()
		}
	}}, flaky)
	heap := func() uint64 {
		var ctx context.Context
		ctx, stop = context.WithCancel(t.Context())
		defer stop()
		if err := pool.Run(ctx); err != nil {
			t.Fatal(err)
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	first := heap()
	if last := heap(); last > first+200_000 {
		t.Errorf("heap went from %d to %d bytes", first, last)
	}
}

// BenchmarkPool runs generator, recorder and pool on one core against a client that answers at
// once; the history goes to a real file. The goal is 20,000 operations per second.
func BenchmarkPool(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	file, err := os.Create(filepath.Join(b.TempDir(), "history.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var done atomic.Int64
	pool := newPool(b, file, Config{Workers: 10, Watch: func(history.Operation) {
		if done.Add(1) == int64(b.N) {
			cancel()
		}
	}}, ok, ok, ok, ok, ok)
	b.ReportAllocs()
	b.ResetTimer()
	if err := pool.Run(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(done.Load())/b.Elapsed().Seconds(), "ops/s")
}
