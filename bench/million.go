package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// million is what many keys cost raftd.
type million struct {
	keys     int
	memory   int           // bytes resident of the largest node, with all keys and after a snapshot
	before   time.Duration // the longest that a client waited with no snapshot being taken
	during   time.Duration // the longest while all nodes took one
	snapshot string        // what the request for one was answered, if it was refused
	restart  time.Duration // from the start of a killed node to its first linearizable read
}

// stepsOfFill is how many keys a transaction writes while the store is filled.
const stepsOfFill = 64

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
	if m.before, err = c.longestWait(ctx, s.window, func() {}); err != nil {
		return err
	}
	m.during, err = c.longestWait(ctx, s.window, func() { m.snapshot = c.takeSnapshots(ctx) })
	if err != nil {
		return err
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
			err := g.clients[i].(*raftdClient).putAll(ctx, first, min(first+stepsOfFill, keys))
			if err != nil {
				return err
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

// longestWait loads the cluster with 90 % reads from 16 clients, lets something happen meanwhile,
// and returns the longest that one of them waited.
func (c *cluster) longestWait(
	ctx context.Context, window time.Duration, meanwhile func(),
) (time.Duration, error) {
	g, err := dialGroup(ctx, c, 16)
	if err != nil {
		return 0, err
	}
	defer g.close()
	var running sync.WaitGroup
	running.Go(func() {
		pause(ctx, window/2) // a quarter of the window is warm-up
		meanwhile()
	})
	s, err := g.closedLoop(ctx, loads[2], window)
	running.Wait()
	return time.Duration(s.latency.Max()) * time.Microsecond, err
}

// takeSnapshots has all nodes take a snapshot at the same time. It returns the first refusal.
func (c *cluster) takeSnapshots(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	answers := make([]string, nodes)
	var running sync.WaitGroup
	for i, address := range c.places.clients {
		running.Go(func() {
			r, err := http.NewRequestWithContext(ctx, "POST", "http://"+address+"/v1/snapshot", nil)
			if err != nil {
				answers[i] = err.Error()
				return
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				answers[i] = err.Error()
				return
			}
			defer answer.Body.Close()
			if answer.StatusCode >= 300 {
				var body bytes.Buffer
				body.ReadFrom(answer.Body)
				answers[i] = answer.Status + " " + string(bytes.TrimSpace(body.Bytes()))
			}
		})
	}
	running.Wait()
	for _, a := range answers {
		if a != "" {
			return a
		}
	}
	return ""
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
