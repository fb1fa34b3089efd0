package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// figure is one load against both systems, several times in turn.
type figure struct {
	load    load
	clients int
	rate    float64  // requests a second; 0: a closed loop
	raftd   []sample // one for each round
	etcd    []sample
}

// openClients is how many requests of an open loop can be under way.
const openClients = 256

// startBoth starts the two clusters, and fills them.
func startBoth(ctx context.Context, work string, both []system) (started []*cluster, err error) {
	for _, s := range both {
		c, err := startCluster(ctx, s, work)
		if err != nil {
			return started, err
		}
		started = append(started, c)
		g, err := dialGroup(ctx, c, 64)
		if err != nil {
			return started, err
		}
		err = g.fill(ctx)
		g.close()
		if err != nil {
			return started, fmt.Errorf("fill %s: %w", s.name, err)
		}
	}
	return started, nil
}

func stopAll(clusters []*cluster) {
	for _, c := range clusters {
		c.stop()
	}
}

// measureClosed fills r.closed.
func (r *results) measureClosed(
	ctx context.Context, s settings, work string, both []system,
) error {
	clusters, err := startBoth(ctx, work, both)
	defer stopAll(clusters)
	if err != nil {
		return err
	}
	for _, l := range loads[:s.loads] {
		for _, n := range r.clients {
			f := figure{load: l, clients: n}
			if err := f.measure(ctx, s, clusters); err != nil {
				return err
			}
			r.closed = append(r.closed, f)
		}
	}
	return nil
}

// measureOpen fills r.open, at half of what etcd reached at most in a closed loop.
func (r *results) measureOpen(ctx context.Context, s settings, work string, both []system) error {
	clusters, err := startBoth(ctx, work, both)
	defer stopAll(clusters)
	if err != nil {
		return err
	}
	for _, l := range loads[:s.loads] {
		peak := r.peakOfEtcd(l)
		if peak == 0 { // the closed loops were not asked for
			f := figure{load: l, clients: openClients}
			if err := f.measure(ctx, settings{window: s.window, rounds: 1}, clusters); err != nil {
				return err
			}
			peak = f.etcd[0].perSecond
		}
		f := figure{load: l, clients: openClients, rate: peak / 2}
		if err := f.measure(ctx, s, clusters); err != nil {
			return err
		}
		r.open = append(r.open, f)
	}
	return nil
}

func (r *results) peakOfEtcd(l load) float64 {
	peak := 0.0
	for _, f := range r.closed {
		if f.load == l {
			peak = max(peak, middle(f.etcd, perSecond))
		}
	}
	return peak
}

// measure loads raftd and etcd in turn.
func (f *figure) measure(ctx context.Context, s settings, clusters []*cluster) error {
	for range s.rounds {
		for i, samples := range []*[]sample{&f.raftd, &f.etcd} {
			taken, err := f.once(ctx, clusters[i], s.window)
			if err != nil {
				return fmt.Errorf("%s, %s, %d clients: %w",
					clusters[i].name, f.load.name, f.clients, err)
			}
			*samples = append(*samples, taken)
		}
	}
	fmt.Fprintln(os.Stderr, f.line())
	return nil
}

func (f *figure) once(ctx context.Context, c *cluster, window time.Duration) (sample, error) {
	g, err := dialGroup(ctx, c, f.clients)
	if err != nil {
		return sample{}, err
	}
	defer g.close()
	if f.rate > 0 {
		return g.openLoop(ctx, f.load, f.rate, window)
	}
	return g.closedLoop(ctx, f.load, window)
}

// What is told of a sample.
func perSecond(s sample) float64    { return s.perSecond }
func serverMicros(s sample) float64 { return micros(s.server) }
func clientMicros(s sample) float64 { return micros(s.client) }
func p50Millis(s sample) float64    { return micros(s.at(50)) / 1e3 }
func p99Millis(s sample) float64    { return micros(s.at(99)) / 1e3 }

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

// spread is the least, the middle and the greatest of some numbers.
type spread struct{ least, middle, greatest float64 }

func spreadOf(numbers []float64) spread {
	if len(numbers) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(numbers))
	n := len(sorted)
	return spread{sorted[0], (sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[n-1]}
}

func spreadBy(samples []sample, by func(sample) float64) spread {
	var numbers []float64
	for _, s := range samples {
		numbers = append(numbers, by(s))
	}
	return spreadOf(numbers)
}

func middle(samples []sample, by func(sample) float64) float64 {
	return spreadBy(samples, by).middle
}

// ratio compares neighbours: raftd's over etcd's.
func (f *figure) ratio(by func(sample) float64) spread {
	var ratios []float64
	for i, s := range f.raftd {
		if other := by(f.etcd[i]); other > 0 {
			ratios = append(ratios, by(s)/other)
		}
	}
	return spreadOf(ratios)
}

func (f *figure) line() string {
	return fmt.Sprintf("%-20s %3d clients %8.0f/s | raftd %8.0f/s etcd %8.0f/s ratio %.2f | "+
		"server us %5.0f %5.0f ratio %.2f | client us %3.0f %3.0f | p99 ms %.2f %.2f",
		f.load.name, f.clients, f.rate, middle(f.raftd, perSecond), middle(f.etcd, perSecond),
		f.ratio(perSecond).middle,
		middle(f.raftd, serverMicros), middle(f.etcd, serverMicros), f.ratio(serverMicros).middle,
		middle(f.raftd, clientMicros), middle(f.etcd, clientMicros),
		middle(f.raftd, p99Millis), middle(f.etcd, p99Millis))
}
