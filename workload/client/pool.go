package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// failurePause is the least time between a request that was not ok and the worker's next one, so
// that a node which refuses at once is asked at most 100 times a second by each of its workers.
const failurePause = 10 * time.Millisecond

// Node is one node and the client that reaches it.
type Node struct {
	Name   string
	Client Client
}

// Config describes a pool of workers.
type Config struct {
	Recorder  *history.Recorder
	Generator workload.Generator
	Nodes     []Node  // worker i is pinned to Nodes[i % len(Nodes)]
	Workers   int     // >= 1
	Rate      float64 // requests per second of all workers together; 0: as fast as answers come

	// Serves, if set, tells whether a node is to be asked now. The workers of one that is not ask the
	// next in the list that is; if none is, their own.
	Serves func(node string) bool

	// Watch, if set, is shown each operation after it was recorded. It is called by all workers at
	// once and should be quick.
	Watch func(history.Operation)
}

// Pool runs a workload: each worker asks its own node, one request at a time, at an equal share of
// the rate. A slow or dead node therefore costs the others nothing, and none takes over its share.
//
// Each worker acts as one process of the history at a time. When an outcome is info, its process is
// retired and a number never used before takes over.
type Pool struct {
	cfg       Config
	workers   []*worker
	processes atomic.Int64 // numbers given out

	generating sync.Mutex // guards cfg.Generator
}

// worker is one goroutine's state. Between runs of the pool nobody touches it.
type worker struct {
	index   int
	process int
	due     time.Time // when the next request may go out
	timer   *time.Timer
}

// NewPool returns a pool that is not running yet.
func NewPool(cfg Config) (*Pool, error) {
	if len(cfg.Nodes) == 0 {
		return nil, errors.New("no nodes to send requests to")
	}
	if cfg.Workers < 1 {
		return nil, fmt.Errorf("%d workers, want 1 or more", cfg.Workers)
	}
	p := &Pool{cfg: cfg}
	for i := range cfg.Workers {
		p.workers = append(p.workers, &worker{index: i, process: p.newProcess()})
	}
	return p, nil
}

// Run makes the generator's requests until ctx ends. Requests in flight then still get their
// answer, or are recorded without one, within the clients' timeout. The error is the recorder's:
// without a record there must be no requests.
func (p *Pool) Run(ctx context.Context) error {
	return p.each(ctx, func(ctx context.Context, w *worker) {
		for p.pace(ctx, w) {
			p.generating.Lock()
			inv := p.cfg.Generator.Next(w.index)
			p.generating.Unlock()
			if _, err := p.do(ctx, w, p.pinned(w, 0), inv); err != nil {
				return
			}
		}
	})
}

// Final makes the generator's final reads, each until a node answers it, trying the nodes in turn,
// and returns the keys that were not read before ctx ended. Call it when Run has returned.
func (p *Pool) Final(ctx context.Context) (unread []string, err error) {
	reads := p.cfg.Generator.Final()
	done := make([]bool, len(reads))
	var taken atomic.Int64
	err = p.each(ctx, func(ctx context.Context, w *worker) {
		for i := int(taken.Add(1)) - 1; i < len(reads); i = int(taken.Add(1)) - 1 {
			for try := 0; !done[i]; try++ {
				if !p.pace(ctx, w) {
					return
				}
				op, err := p.do(ctx, w, p.pinned(w, try), reads[i])
				if err != nil {
					return
				}
				done[i] = op.Outcome == history.OutcomeOK
			}
		}
	})
	for i, read := range reads {
		if !done[i] {
			unread = append(unread, read.Key)
		}
	}
	return unread, err
}

// each runs the workers until all are through with work, which ends when its context does. The
// context also ends when the recorder fails.
func (p *Pool) each(ctx context.Context, work func(context.Context, *worker)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	start := time.Now()
	var running sync.WaitGroup
	for i, w := range p.workers {
		// Spread over one interval, so that the workers do not ask all at the same instant.
		w.due = start.Add(p.interval() / time.Duration(len(p.workers)) * time.Duration(i))
		w.timer = time.NewTimer(0)
		running.Go(func() {
			defer w.timer.Stop()
			work(ctx, w)
			if p.cfg.Recorder.Err() != nil {
				cancel()
			}
		})
	}
	running.Wait()
	return p.cfg.Recorder.Err()
}

// do makes one request and records it. It is not cut short by the end of ctx.
func (p *Pool) do(
	ctx context.Context, w *worker, node Node, inv workload.Invocation,
) (history.Operation, error) {
	op, err := p.cfg.Recorder.Invoke(history.Operation{
		Process: w.process, Node: node.Name, Kind: inv.Kind, Key: inv.Key, Input: inv.Input,
	})
	if err != nil {
		return op, err
	}
	answer := node.Client.Do(context.WithoutCancel(ctx), inv)
	op.Return = p.cfg.Recorder.Now()
	op.Outcome, op.Error = answer.Outcome, answer.Error
	switch answer.Outcome {
	case history.OutcomeOK:
		op.Output = answer.Output
	case history.OutcomeFail:
		w.pause()
	default:
		op.Outcome = history.OutcomeInfo // whatever a client leaves unclassified
		w.process = p.newProcess()
		w.pause()
	}
	if err := p.cfg.Recorder.Return(op); err != nil {
		return op, err
	}
	p.generating.Lock()
	p.cfg.Generator.Observe(op)
	p.generating.Unlock()
	if p.cfg.Watch != nil {
		p.cfg.Watch(op)
	}
	return op, nil
}

// pace waits until the worker's next request is due; false when ctx ended first. Time lost to a
// slow answer is not made up for: a burst after a fault would be another load than was asked for.
func (p *Pool) pace(ctx context.Context, w *worker) bool {
	if wait := time.Until(w.due); wait > 0 {
		w.timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-w.timer.C:
		}
	}
	now := time.Now()
	w.due = w.due.Add(p.interval())
	if w.due.Before(now) {
		w.due = now.Add(p.interval())
	}
	return ctx.Err() == nil
}

// pause puts off the worker's next request after one that was not ok.
func (w *worker) pause() {
	if soonest := time.Now().Add(failurePause); w.due.Before(soonest) {
		w.due = soonest
	}
}

// interval is the time between two requests of one worker.
func (p *Pool) interval() time.Duration {
	if p.cfg.Rate <= 0 {
		return 0
	}
	return time.Duration(float64(len(p.workers)) / p.cfg.Rate * float64(time.Second))
}

// pinned returns the worker's own node, or the one so many places after it; the next one that
// serves.
func (p *Pool) pinned(w *worker, offset int) Node {
	all := p.cfg.Nodes
	for i := range all {
		node := all[(w.index+offset+i)%len(all)]
		if p.cfg.Serves == nil || p.cfg.Serves(node.Name) {
			return node
		}
	}
	return all[(w.index+offset)%len(all)]
}

func (p *Pool) newProcess() int { return int(p.processes.Add(1)) - 1 }
