package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// million is what many keys cost raftd.
type million struct {
	keys    int
	memory  int           // the most bytes that were ever resident in a node until the restart
	without []stall       // with no snapshot being taken
	during  []stall       // while all nodes took one
	restart time.Duration // from the start of a killed node to its first linearizable read
}

// stall is how long things took at the worst, in one window.
type stall struct {
	client   time.Duration // an answer, from the moment when its request was due
	machine  time.Duration // a thread of ours that asks for no more than to be woken
	snapshot time.Duration // the snapshot of the last node to be done with it
}

// stepsOfFill is how many keys a transaction writes while the store is filled.
const stepsOfFill = 64

// stallRate is how many requests a second become due while stalls are looked for: enough to meet
// every stall, and so few that they do not wait for each other.
const stallRate = 1000

// measureMillion fills a cluster, loads it with and without a snapshot, and restarts a node.
func (r *results) measureMillion(ctx context.Context, s settings, work string) error {
	c, err := startCluster(ctx, raftdSystem(s.raftd), work)
	if err != nil {
		return err
	}
	defer c.stop()
	m := &million{keys: s.keys}
	r.million = m
	if err := c.fillWith(ctx, s.keys); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	for range s.rounds {
		calm, err := c.longestStall(ctx, s.window, func(context.Context) error { return nil })
		if err != nil {
			return err
		}
		during, err := c.longestStall(ctx, s.window, c.takeSnapshots)
		if err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
		m.without, m.during = append(m.without, calm), append(m.during, during)
	}
	if m.memory, err = c.memory(); err != nil {
		return err
	}
	if m.restart, err = c.timeRestart(ctx); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "million: %+v\n", *m)
	return nil
}

// fillWith puts keys by transactions, from 32 clients.
func (c *cluster) fillWith(ctx context.Context, keys int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	g, err := dialGroup(ctx, c, 32)
	if err != nil {
		return err
	}
	defer g.close()
	var next atomic.Int64
	return g.each(func(i int) error {
		for {
			first := int(next.Add(stepsOfFill)) - stepsOfFill
			if first >= keys {
				return nil
			}
			for again := true; again; { // puts may be repeated
				err := g.clients[i].(*raftdClient).putAll(ctx, first, min(first+stepsOfFill, keys))
				again = err != nil
				if err := g.goOn(ctx, i, err); err != nil {
					return err
				}
			}
		}
	})
}

// putAll writes the keys from first up to, but without, end in one transaction.
func (c *raftdClient) putAll(ctx context.Context, first, end int) error {
	body := []byte(`{"steps":[`)
	for i := first; i < end; i++ {
		if i > first {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `{"op":"put","key":%q,"value":%q}`, keyOf(i), value)
	}
	body = append(body, `]}`...)
	b := append(c.request[:0], "POST /v1/txn HTTP/1.1\r\nHost: raftd\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	c.request = append(append(b, "\r\n\r\n"...), body...)
	_, err := c.do(ctx)
	return err
}

// longestStall loads the cluster with 90 % reads, has something happen meanwhile, and measures how
// long anybody had to wait. What happens must be over before the load is.
func (c *cluster) longestStall(
	ctx context.Context, window time.Duration, meanwhile func(context.Context) error,
) (s stall, err error) {
	g, err := dialGroup(ctx, c, 16)
	if err != nil {
		return stall{}, err
	}
	defer g.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running, watching sync.WaitGroup
	var failed error
	running.Go(func() {
		pause(ctx, window/4+window/10) // the first quarter is warm-up, and not measured
		began := time.Now()
		failed = meanwhile(ctx)
		s.snapshot = time.Since(began)
		if failed == nil && s.snapshot > window*9/10 {
			failed = fmt.Errorf("not over after %v: ask for a longer -for", s.snapshot)
		}
	})
	watching.Go(func() { s.machine = longestSleep(ctx) })
	measured, err := g.openLoop(ctx, loads[2], stallRate, window)
	running.Wait()
	cancel()
	watching.Wait()
	s.client = time.Duration(measured.latency.Max()) * time.Microsecond
	return s, errors.Join(err, failed)
}

// longestSleep sleeps for a millisecond at a time until ctx ends, and returns by how much the
// machine overslept at most: so long anybody has to wait on it, whatever raftd does.
func longestSleep(ctx context.Context) (longest time.Duration) {
	runtime.LockOSThread() // and so is delayed by the kernel's scheduler alone, not by that of Go
	defer runtime.UnlockOSThread()
	for ctx.Err() == nil {
		began := time.Now()
		nap := unix.NsecToTimespec(int64(time.Millisecond))
		unix.Nanosleep(&nap, nil) // cut short by a signal it is no sleep too long
		longest = max(longest, time.Since(began)-time.Millisecond)
	}
	return longest
}

// takeSnapshots has all nodes take a snapshot at the same time, and waits until all are durable.
func (c *cluster) takeSnapshots(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	failures := make([]error, nodes)
	var running sync.WaitGroup
	for i, address := range c.places.clients {
		running.Go(func() { failures[i] = takeSnapshot(ctx, address) })
	}
	running.Wait()
	return errors.Join(failures...)
}

func takeSnapshot(ctx context.Context, address string) error {
	before, err := raftdStatus(ctx, address)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, "POST", "http://"+address+"/v1/snapshot", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("refused: %s", answer.Status)
	}
	return eventually(ctx, func() error {
		status, err := raftdStatus(ctx, address)
		if err == nil && status.SnapshotIndex < before.Applied {
			err = fmt.Errorf("snapshot of %d entries of %d", status.SnapshotIndex, before.Applied)
		}
		return err
	})
}

// timeRestart kills a follower and starts it again.
func (c *cluster) timeRestart(ctx context.Context) (time.Duration, error) {
	leader, err := c.awaitLeader(ctx)
	if err != nil {
		return 0, err
	}
	node := (leader + 1) % nodes
	c.kill(node)
	began := time.Now()
	if err := c.start(node); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = eventually(ctx, func() error {
		client, err := c.dial(ctx, c.places.clients[node])
		if err != nil {
			return err
		}
		defer client.close()
		return client.get(ctx, keyOf(0))
	})
	return time.Since(began), err
}
