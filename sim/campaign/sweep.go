package campaign

import (
	"context"
	"sync"
	"sync/atomic"

	"gauntlet/sim/schedule"
)

// seen is one seed, judged.
type seen struct {
	seed uint64
	of   *schedule.Schedule
	Judged
}

// sweep plays the seeds. Workers take them in rising order and finish what they took, so what was
// played is always the first part of the range; results are counted in the order of the seeds, and
// those beyond the failure that ends the campaign are forgotten.
func (c *Config) sweep(ctx context.Context, p *Progress) *Tally {
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	results := c.start(ctx)
	t := newTally(c.First)
	early := map[uint64]seen{} // judged before a seed below them
	for next := c.First; ; {
		one, found := early[next]
		if !found {
			result, more := <-results
			if !more {
				break
			}
			early[result.seed] = result
			continue
		}
		delete(early, next)
		if !c.satisfied(t) {
			t.count(one)
			p.show(t)
		}
		if c.satisfied(t) {
			enough()
		}
		next++
	}
	p.end(t)
	return t
}

// satisfied says that enough seeds have failed.
func (c *Config) satisfied(t *Tally) bool { return c.StopAfter > 0 && t.Failures() >= c.StopAfter }

// start sets the workers to work; the channel is closed when all of them are done.
func (c *Config) start(ctx context.Context) <-chan seen {
	workers := max(1, c.Workers)
	results := make(chan seen, workers)
	var taken atomic.Uint64
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			engine := c.Engine()
			for ctx.Err() == nil {
				n := taken.Add(1) - 1
				if n > c.Last-c.First {
					return
				}
				results <- c.examine(engine, c.First+n)
			}
		})
	}
	go func() {
		working.Wait()
		close(results)
	}()
	return results
}

func (c *Config) examine(engine Engine, seed uint64) seen {
	s := c.Draw(seed)
	redraw := func() *schedule.Schedule { return c.Draw(seed) }
	again := sampled(seed, "again", againPermille)
	return seen{seed, s, judge(engine, c.Engine, s, redraw, again)}
}
