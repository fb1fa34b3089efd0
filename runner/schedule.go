package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/nemesis/inject"
)

const (
	// bindWithin is how long a due fault waits at least for the leader or host that it needs; a longer
	// fault waits as long as it is to last.
	bindWithin = 10 * time.Second
	bindRetry  = 50 * time.Millisecond
	// injectWithin bounds one injection, evidence and fresh SSH probe included.
	injectWithin = 20 * time.Second
	// resumeWithin is how long after a heal the nodes are watched for having caught up.
	resumeWithin = 30 * time.Second
)

// schedule carries a plan out: each event in a goroutine of its own, so that a slow one delays no
// other.
type schedule struct {
	run    *run
	origin time.Duration   // of the plan's times, on the run's clock
	tails  sync.WaitGroup  // faults watched until the nodes have caught up
	tailed context.Context // ends that watching
	stop   context.CancelFunc

	mu     sync.Mutex
	failed []error // heals that failed: the host may be broken
}

func newSchedule(r *run) *schedule {
	ctx, cancel := context.WithCancel(context.Background())
	return &schedule{run: r, origin: r.recorder.Now(), stop: cancel, tailed: ctx}
}

// hold injects the events that are in force from before the target starts until the end of the
// load.
func (s *schedule) hold(ctx context.Context, plan nemesis.Plan) error {
	for _, e := range plan {
		if !e.FromStart {
			continue
		}
		if _, err := s.begin(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// errStopped is why a plan ends when the run is stopped on a violation.
var errStopped = errors.New("the run stops on a violation")

// play starts the other events at their times and returns when all of those are healed. When ctx
// ends, the faults in force are healed at once and the others never start; if it ends for
// errStopped, the faults in force are left to healAll.
func (s *schedule) play(ctx context.Context, plan nemesis.Plan) {
	start := time.Now()
	s.origin = s.run.recorder.Now()
	var events sync.WaitGroup
	for _, e := range plan {
		if e.FromStart {
			continue
		}
		events.Go(func() {
			if !sleepUntil(ctx, start.Add(e.At)) {
				return
			}
			fault, err := s.begin(ctx, e)
			if err != nil {
				return // recorded
			}
			sleepUntil(ctx, time.Now().Add(e.For)) // whole, also where it had to wait for a host
			if errors.Is(context.Cause(ctx), errStopped) {
				return
			}
			s.end(context.WithoutCancel(ctx), fault)
		})
	}
	events.Wait()
}

// begin binds and injects an event, and records what came of it.
func (s *schedule) begin(ctx context.Context, e nemesis.Event) (history.Fault, error) {
	e.At += s.origin
	fault, err := s.strike(ctx, e)
	if err != nil {
		if ctx.Err() != nil {
			return fault, err // the run was stopped: not a fault that failed
		}
		fault.ID, fault.Kind = e.ID, string(e.Kind)
		fault.Shape, fault.Role = string(e.Shape), string(e.Role)
		fault.Stage = history.StageFailed
		if fault.Error == "" {
			fault.Error = err.Error()
		}
	}
	s.record(fault)
	return fault, err
}

// strike binds the event to hosts and injects it, waiting a little where there is no such host at
// the moment, or where another fault took it first.
func (s *schedule) strike(ctx context.Context, e nemesis.Event) (history.Fault, error) {
	ctx, cancel := context.WithTimeout(ctx, max(bindWithin, e.For))
	defer cancel()
	for {
		var fault history.Fault
		action, err := nemesis.Bind(e, s.view(), *s.run.Suite.Seed)
		if err == nil {
			fault, err = s.inject(ctx, action)
		}
		retry := errors.Is(err, nemesis.ErrNoLeader) || errors.Is(err, nemesis.ErrNoHost) ||
			errors.Is(err, inject.ErrBusy)
		if !retry || !sleepUntil(ctx, time.Now().Add(bindRetry)) {
			return fault, err
		}
	}
}

// inject is not cut short by the end of ctx: half an injection would be harder to undo than a whole
// one.
func (s *schedule) inject(ctx context.Context, a nemesis.Action) (history.Fault, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), injectWithin)
	defer cancel()
	return s.run.injector.Inject(ctx, a)
}

// end heals a fault and starts watching for the nodes to catch up.
func (s *schedule) end(ctx context.Context, fault history.Fault) {
	var commit uint64
	if s.run.watch != nil {
		commit = s.run.watch.commit()
	}
	healed, err := s.run.injector.Heal(ctx, fault)
	if err != nil {
		healed.Stage, healed.Error = history.StageFailed, err.Error()
		s.mu.Lock()
		s.failed = append(s.failed, fmt.Errorf("fault %d: %w", fault.ID, err))
		s.mu.Unlock()
	}
	s.record(healed)
	if err != nil || s.run.watch == nil {
		return
	}
	s.tails.Go(func() {
		ctx, cancel := context.WithTimeout(s.tailed, resumeWithin)
		defer cancel()
		if s.run.watch.awaitResumed(ctx, len(s.run.hosts), healed.Stop, commit) {
			healed.Stage, healed.Resumed = history.StageResumed, s.run.recorder.Now()
			s.record(healed)
		}
	})
}

// healAll ends what is still in force, and returns every heal of the run that failed.
func (s *schedule) healAll(ctx context.Context) error {
	for _, fault := range s.run.injector.InForce() {
		s.end(ctx, fault)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.failed...)
}

// endTails stops watching for nodes to catch up.
func (s *schedule) endTails() {
	s.stop()
	s.tails.Wait()
}

func (s *schedule) view() nemesis.View {
	view := nemesis.View{Nodes: s.run.names()}
	if s.run.watch == nil {
		return view
	}
	view.Leader, view.Stopped = s.run.watch.leader(), s.run.injector.Stopped()
	if versions := s.run.versions(); versions != nil {
		view.Builds = map[string]int{}
		for _, h := range s.run.hosts {
			view.Builds[h.Name()] = versions.Build(h)
		}
	}
	return view
}

// record writes a fault to the history and to the terminal.
func (s *schedule) record(f history.Fault) {
	// A failed write is sticky in the recorder, and ends the run at the end of the phase.
	_ = s.run.recorder.Fault(f)
	s.run.Progress.Event("fault", "%s", faultLine(f))
}

func faultLine(f history.Fault) string {
	line := fmt.Sprintf("#%d %s", f.ID, f.Kind)
	for _, word := range []string{f.Shape, f.Role} {
		if word != "" {
			line += " " + word
		}
	}
	for _, host := range f.Hosts {
		line += " " + host
	}
	switch f.Stage {
	case history.StageFailed:
		return line + ": FAILED: " + f.Error
	case history.StageResumed:
		return line + fmt.Sprintf(": caught up %.1fs after the heal", (f.Resumed-f.Stop).Seconds())
	}
	line += ": " + string(f.Stage)
	for _, e := range f.Evidence {
		if (e.Moment == "end") == (f.Stage == history.StageHealed) {
			line += fmt.Sprintf(", %s: %s %s", e.Host, e.What, e.Value)
		}
	}
	if f.Stage == history.StageHealed && !f.Bit() {
		line += " -- NOT PROVEN"
	}
	return line
}

// sleepUntil returns false at once when ctx ends.
func sleepUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
