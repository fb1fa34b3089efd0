package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

// failover is what killed leaders cost one system: from the kill to the first acknowledged put that
// was begun after it.
type failover struct {
	name   string
	prober []time.Duration // a put every few milliseconds to each survivor, whatever became of others
	loop   []time.Duration // a client of one survivor that waits for each answer, however long
}

// probeInterval is how far apart the prober's puts begin.
const probeInterval = 10 * time.Millisecond

// failoverLimit bounds a trial.
const failoverLimit = time.Minute

// measureFailover kills the leaders of both systems in turn.
func (r *results) measureFailover(
	ctx context.Context, s settings, work string, both []system,
) error {
	for _, system := range both {
		r.failovers = append(r.failovers, failover{name: system.name})
	}
	clusters, err := startBoth(ctx, work, both)
	defer stopAll(clusters)
	if err != nil {
		return err
	}
	for range s.trials {
		for i, c := range clusters {
			if err := r.failovers[i].trial(ctx, c); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	for _, f := range r.failovers {
		fmt.Fprintf(os.Stderr, "failover %s: prober %v, closed loop %v\n", f.name,
			millisOf(f.prober), millisOf(f.loop))
	}
	return nil
}

// trial kills the leader once, waits for both clients, and brings the node back.
func (f *failover) trial(ctx context.Context, c *cluster) error {
	ctx, cancel := context.WithTimeout(ctx, failoverLimit)
	defer cancel()
	leader, err := c.awaitLeader(ctx)
	if err != nil {
		return err
	}
	survivors := []int{(leader + 1) % nodes, (leader + 2) % nodes}
	killed := make(chan time.Time, 1)
	var looped time.Duration
	var loopErr error
	var running sync.WaitGroup
	running.Go(func() { looped, loopErr = c.closedClient(ctx, survivors[0], killed) })
	pause(ctx, 300*time.Millisecond)
	at := time.Now()
	killed <- at
	c.kill(leader)
	probed, err := c.probe(ctx, survivors, at)
	running.Wait()
	if err != nil || loopErr != nil {
		return fmt.Errorf("after the kill: prober: %v; closed loop: %v", err, loopErr)
	}
	f.prober = append(f.prober, probed)
	f.loop = append(f.loop, looped)
	if err := c.start(leader); err != nil {
		return err
	}
	return c.awaitService(ctx)
}

// probe begins puts at a fixed pace until one is acknowledged.
func (c *cluster) probe(
	ctx context.Context, survivors []int, killed time.Time,
) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	acknowledged := make(chan time.Time, 1)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	pace := time.NewTicker(probeInterval)
	defer pace.Stop()
	for turn := 0; ; turn++ {
		address := c.places.clients[survivors[turn%len(survivors)]]
		running.Go(func() {
			if c.probeOnce(ctx, address) == nil {
				select {
				case acknowledged <- time.Now():
				default:
				}
			}
		})
		select {
		case at := <-acknowledged:
			return at.Sub(killed), nil
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-pace.C:
		}
	}
}

func (c *cluster) probeOnce(ctx context.Context, address string) error {
	client, err := c.dial(ctx, address)
	if err != nil {
		return err
	}
	defer client.close()
	ended := context.AfterFunc(ctx, client.close)
	defer ended()
	return client.put(ctx, "probe", value)
}

// closedClient puts without pause through one node. It knows no deadline but the trial's: what it
// waits is what the server lets it wait.
func (c *cluster) closedClient(
	ctx context.Context, node int, killed <-chan time.Time,
) (time.Duration, error) {
	var client client
	defer func() {
		if client != nil {
			client.close()
		}
	}()
	var at time.Time
	for {
		select {
		case at = <-killed:
		default:
		}
		var err error
		if client == nil {
			client, err = c.dial(ctx, c.places.clients[node])
		}
		if err == nil {
			err = client.put(ctx, "loop", value)
		}
		switch {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case err == nil && !at.IsZero():
			return time.Since(at), nil
		case err != nil && client != nil:
			client.close()
			client = nil
			pause(ctx, 5*time.Millisecond)
		}
	}
}

func millisOf(times []time.Duration) spread {
	var numbers []float64
	for _, t := range times {
		numbers = append(numbers, micros(t)/1e3)
	}
	return spreadOf(numbers)
}
