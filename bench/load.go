package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// load is a kind of request, or a mixture.
type load struct {
	name       string
	putPercent int
}

var loads = []load{{"puts", 100}, {"linearizable gets", 0}, {"90 % gets, 10 % puts", 10}}

// keys is how many keys a load is spread over, each of which is there before it begins.
const keys = 10_000

func keyOf(i int) string { return fmt.Sprintf("key-%07d", i) }

// value is the 64 bytes that every put writes.
var value = strings.Repeat("0123456789abcdef", 4)

// sample is one measurement of one system.
type sample struct {
	perSecond float64
	server    time.Duration // processor time of all servers for a request
	client    time.Duration // processor time of the load generator for a request
	latency   *hdrhistogram.Histogram
	failed    int
}

// newHistogram takes latencies in microseconds, to two digits, up to a minute.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, time.Minute.Microseconds(), 2)
}

func (s *sample) at(percentile float64) time.Duration {
	return time.Duration(s.latency.ValueAtPercentile(percentile)) * time.Microsecond
}

// group is the clients of a measurement: the i-th talks to node i modulo 3. Where a system's
// client carries many requests at once, several use one connection.
type group struct {
	cluster *cluster
	clients []client
}

func dialGroup(ctx context.Context, c *cluster, n int) (*group, error) {
	g := &group{cluster: c}
	for i := range n {
		if i/nodes%c.share != 0 {
			g.clients = append(g.clients, g.clients[i-nodes])
			continue
		}
		client, err := c.dial(ctx, c.places.clients[i%nodes])
		if err != nil {
			g.close()
			return nil, err
		}
		g.clients = append(g.clients, client)
	}
	return g, nil
}

func (g *group) close() {
	for _, c := range g.clients {
		c.close()
	}
}

// fill puts every key.
func (g *group) fill(ctx context.Context) error {
	var next atomic.Int64
	return g.each(func(i int) error {
		for {
			key := int(next.Add(1)) - 1
			if key >= keys {
				return nil
			}
			if err := g.clients[i].put(ctx, keyOf(key), value); err != nil {
				return err
			}
		}
	})
}

// each runs f for every client at once, and waits.
func (g *group) each(f func(i int) error) error {
	errs := make([]error, len(g.clients))
	var running sync.WaitGroup
	for i := range g.clients {
		running.Go(func() { errs[i] = f(i) })
	}
	running.Wait()
	return errors.Join(errs...)
}

// request carries out one request of a load.
func (l load) request(ctx context.Context, c client, chance *rand.Rand) error {
	key := keyOf(chance.IntN(keys))
	if chance.IntN(100) < l.putPercent {
		return c.put(ctx, key, value)
	}
	return c.get(ctx, key)
}

// The phases of a measurement.
const (
	warming int32 = iota
	measuring
	over
)

// worker is what one client saw.
type worker struct {
	latency *hdrhistogram.Histogram
	done    int
	failed  int
	chance  *rand.Rand
}

func newWorker(i int) *worker {
	return &worker{latency: newHistogram(), chance: rand.New(rand.NewPCG(7, uint64(i)))}
}

func (w *worker) note(err error, took time.Duration) {
	if err != nil {
		w.failed++
		return
	}
	w.done++
	w.latency.RecordValue(max(took.Microseconds(), 1))
}

// closedLoop has every client send its next request when the last is answered.
func (g *group) closedLoop(ctx context.Context, l load, window time.Duration) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*window+30*time.Second)
	defer cancel()
	var phase atomic.Int32
	workers := make([]*worker, len(g.clients))
	ended := make(chan error, 1)
	go func() {
		ended <- g.each(func(i int) error {
			w := newWorker(i)
			workers[i] = w
			for phase.Load() != over {
				began, counts := time.Now(), phase.Load() == measuring
				err := l.request(ctx, g.clients[i], w.chance)
				if counts && phase.Load() == measuring {
					w.note(err, time.Since(began))
				}
				if err := g.goOn(ctx, i, err); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	pause(ctx, window/4)
	meter, err := startMeter(g.cluster)
	phase.Store(measuring)
	pause(ctx, window)
	phase.Store(over)
	s, stopped := meter.stop()
	err = errors.Join(err, stopped, <-ended)
	return s.of(workers), err
}

// goOn has a client go on after a request that may have failed: on a machine that is busy enough, a
// leader is lost at times. Failures are counted, and told.
func (g *group) goOn(ctx context.Context, i int, failed error) error {
	var refused *refusal
	if failed == nil {
		return nil
	}
	pause(ctx, 5*time.Millisecond)
	if ctx.Err() != nil {
		return fmt.Errorf("client %d: %w: %w", i, ctx.Err(), failed)
	}
	if g.cluster.share > 1 || errors.As(failed, &refused) { // the connection is as good as before
		return nil
	}
	fresh, err := g.cluster.dial(ctx, g.cluster.places.clients[i%nodes])
	if err != nil {
		return err
	}
	g.clients[i].close()
	g.clients[i] = fresh
	return nil
}

// openLoop sends rate requests a second, whether earlier ones are answered or not, and measures
// each from the moment when it was due: a server that stalls is charged for all who had to wait.
func (g *group) openLoop(
	ctx context.Context, l load, rate float64, window time.Duration,
) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*window+30*time.Second)
	defer cancel()
	warmUp := window / 4
	due := make(chan time.Time, int(rate*(window+warmUp).Seconds())+1)
	workers := make([]*worker, len(g.clients))
	began := time.Now()
	from := began.Add(warmUp)
	ended := make(chan error, 1)
	go func() {
		ended <- g.each(func(i int) error {
			w := newWorker(i)
			workers[i] = w
			for at := range due {
				err := l.request(ctx, g.clients[i], w.chance)
				if at.After(from) {
					w.note(err, time.Since(at))
				}
				if err := g.goOn(ctx, i, err); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	sendDue(ctx, due, began, rate, warmUp)
	meter, err := startMeter(g.cluster)
	sendDue(ctx, due, from, rate, window)
	close(due)
	s, stopped := meter.stop()
	err = errors.Join(err, stopped, <-ended)
	return s.of(workers), err
}

// sendDue lets requests become due evenly for a while. It sleeps in the kernel: the runtime's own
// timers are late by up to a millisecond, which would be counted.
func sendDue(
	ctx context.Context, due chan<- time.Time, began time.Time, rate float64, window time.Duration,
) {
	for i := range int(rate * window.Seconds()) {
		at := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		if wait := time.Until(at); wait > 0 {
			nap := unix.NsecToTimespec(wait.Nanoseconds())
			unix.Nanosleep(&nap, nil)
		}
		if ctx.Err() != nil {
			return
		}
		due <- at
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// meter measures time and processor time.
type meter struct {
	cluster *cluster
	began   time.Time
	server  time.Duration
	client  time.Duration
}

// usage is what a measurement took as a whole.
type usage struct{ wall, server, client time.Duration }

func startMeter(c *cluster) (meter, error) {
	server, err := c.processorTime()
	return meter{c, time.Now(), server, ownProcessorTime()}, err
}

func (m meter) stop() (usage, error) {
	server, err := m.cluster.processorTime()
	return usage{time.Since(m.began), server - m.server, ownProcessorTime() - m.client}, err
}

func ownProcessorTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// of puts together what the workers saw.
func (u usage) of(workers []*worker) sample {
	s := sample{latency: newHistogram()}
	done := 0
	for _, w := range workers {
		if w == nil {
			continue
		}
		done += w.done
		s.failed += w.failed
		s.latency.Merge(w.latency)
	}
	if done > 0 {
		s.perSecond = float64(done) / u.wall.Seconds()
		s.server = u.server / time.Duration(done)
		s.client = u.client / time.Duration(done)
	}
	return s
}
