package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
	"gauntlet/workload/client"
)

// statusEvery is how often the live line is redrawn.
const statusEvery = 250 * time.Millisecond

// clients is the workload under way, from the start of warm-up to the end of recovery.
type clients struct {
	pool    *client.Pool
	nodes   []client.Node
	cancel  context.CancelFunc
	stopped chan struct{}
	err     error // of the pool, once stopped

	ok, fail, info atomic.Int64
	firstOK        <-chan struct{} // closed at the first acknowledged operation

	mu         sync.Mutex
	milestones []milestone // that are still to be reached
}

// milestone is a number of acknowledged operations that somebody waits for.
type milestone struct {
	ok      int64
	reached chan struct{} // closed then
}

func (r *run) startClients() error {
	model, err := workload.Find(r.Suite.Workload.Model)
	if err != nil {
		return err
	}
	spec := r.Suite.Workload.Spec
	c := &clients{stopped: make(chan struct{})}
	c.firstOK = c.acknowledged(1)
	for _, h := range r.hosts {
		one, err := r.plugin().client(r, h)
		if err != nil {
			c.close()
			return err
		}
		c.nodes = append(c.nodes, client.Node{Name: h.Name(), Client: one})
	}
	pool, err := client.NewPool(client.Config{
		Recorder: r.recorder, Generator: model.New(spec, *r.Suite.Seed),
		Nodes: c.nodes, Workers: spec.Clients, Rate: spec.Rate, Watch: c.count, Serves: r.serves,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.pool, c.cancel, r.clients = pool, cancel, c
	r.startSentry()
	go func() {
		defer close(c.stopped)
		c.err = pool.Run(ctx)
	}()
	return nil
}

// serves reports whether clients are to ask a node: it has a vote, and nobody is about to take it
// out. Who operates a cluster tells its clients.
func (r *run) serves(node string) bool {
	_, votes := r.injector.Membership().Has(node)
	return votes
}

// count keeps the figures of the status line.
func (c *clients) count(op history.Operation) {
	switch op.Outcome {
	case history.OutcomeOK:
		c.reach(c.ok.Add(1))
	case history.OutcomeFail:
		c.fail.Add(1)
	default:
		c.info.Add(1)
	}
}

// acknowledged is closed once so many operations are.
func (c *clients) acknowledged(ok int64) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	reached := make(chan struct{})
	if c.ok.Load() >= ok {
		close(reached)
	} else {
		c.milestones = append(c.milestones, milestone{ok, reached})
	}
	return reached
}

// reach tells those who have waited for that many.
func (c *clients) reach(ok int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.milestones = slices.DeleteFunc(c.milestones, func(m milestone) bool {
		if m.ok <= ok {
			close(m.reached)
		}
		return m.ok <= ok
	})
}

// stop ends the load; operations in flight are answered or recorded as unanswered first.
func (c *clients) stop() error {
	c.cancel()
	<-c.stopped
	return c.err
}

// trouble is what was wrong with the clients themselves, whatever the nodes did.
func (c *clients) trouble() error {
	var errs []error
	for _, n := range c.nodes {
		if one, ok := n.Client.(client.Troubled); ok {
			errs = append(errs, one.Err())
		}
	}
	return errors.Join(errs...)
}

func (c *clients) close() {
	for _, n := range c.nodes {
		n.Client.Close()
	}
}

// warmUp starts the clients and lets them work undisturbed: no fault is worth anything before that.
// With a partition held from the start there may be nobody to wait for.
func (r *run) warmUp(ctx context.Context) (string, error) {
	if err := r.startClients(); err != nil {
		return "", err
	}
	started := time.Now()
	if len(r.injector.InForce()) == 0 {
		if err := r.awaitFirst(ctx); err != nil {
			return "", err
		}
	}
	first := fmt.Sprintf("first acknowledged operation after %.2fs", time.Since(started).Seconds())
	if len(r.injector.InForce()) > 0 {
		first = "a partition is in force from the start"
	}
	if err := r.work(ctx, r.Suite.Phases.WarmUp); err != nil {
		return "", err
	}
	return first + ", " + r.clients.tally(), nil
}

// awaitFirst waits for the first acknowledged operation. Clients that are broken themselves are not
// waited for: they get none.
func (r *run) awaitFirst(ctx context.Context) error {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.clients.firstOK:
			return nil
		case <-ctx.Done():
			return r.why(ctx, "no operation was acknowledged")
		case <-tick.C:
			if err := r.guarded(); err != nil {
				return err
			}
			if r.clients.trouble() != nil { // which is said when they are stopped
				return errors.New("no operation was acknowledged: the clients are broken")
			}
		}
	}
}

// load is the phase of the faults. When the run stops on a violation, no more faults begin, and
// those in force stay until the evidence is collected.
func (r *run) load(ctx context.Context) (string, error) {
	playing := make(chan struct{})
	plan, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		defer close(playing)
		r.nemesis.play(plan, r.plan, r.Suite.Phases.Load)
	}()
	err := r.work(ctx, r.Suite.Phases.Load)
	switch {
	case r.stopped():
		cancel(errStopped)
	case err != nil:
		cancel(err) // whatever it is, what the plan still holds is worth nothing any more
	}
	<-playing
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d faults planned, %s", len(r.plan), r.clients.tally()), nil
}

// recovery lets the clients work on after the last heal: the target must become available again.
func (r *run) recovery(ctx context.Context) (string, error) {
	if err := r.work(ctx, r.Suite.Phases.Recovery); err != nil {
		return "", err
	}
	if err := r.clients.stop(); err != nil {
		return "", err
	}
	return r.clients.tally(), nil
}

// finalReads reads every key in use once more: what was acknowledged must still be there.
func (r *run) finalReads(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Suite.Phases.Recovery+10*time.Second)
	defer cancel()
	unread, err := r.clients.pool.Final(ctx)
	if err != nil {
		return "", err
	}
	if len(unread) > 0 {
		// Not the harness's failure: the gate on availability judges it.
		return "no answer for " + strings.Join(unread, " "), nil
	}
	return "every key in use was read", nil
}

// work lets the clients go on for a while, and ends early if they cannot record what they do, or
// if they saw what the run is to stop on.
func (r *run) work(ctx context.Context, length time.Duration) error {
	end := time.NewTimer(length)
	defer end.Stop()
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		select {
		case <-end.C:
			return nil
		case <-r.stopping():
			r.clients.cancel() // whatever is under way still gets its answer
			return nil
		case <-ctx.Done():
			return r.why(ctx, "stopped early")
		case <-r.clients.stopped:
			return fmt.Errorf("the clients stopped: %w", r.clients.err)
		case <-tick.C:
			if err := r.guarded(); err != nil {
				return err // the nodes are being ended by their guards: nothing more to learn
			}
			r.Progress.Status("%s · leader %s · %d faults in force", r.clients.tally(),
				r.watch.leader(), len(r.injector.InForce()))
		}
	}
}

func (c *clients) tally() string {
	return fmt.Sprintf("%d ok, %d fail, %d info", c.ok.Load(), c.fail.Load(), c.info.Load())
}

// why names what ended a phase early, and what the nodes last said of themselves.
func (r *run) why(ctx context.Context, what string) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return fmt.Errorf("%s within the phase's deadline; %s", what, r.watch.describe())
}
