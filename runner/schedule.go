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
	// healWithin bounds one heal, the start of a killed node included: its host may be gone.
	healWithin = 30 * time.Second
	// resumeWithin is how long after a heal the nodes are watched for having caught up.
	resumeWithin = 30 * time.Second
)

// schedule carries a plan out: each event in a goroutine of its own, so that a slow one delays no
// other.
type schedule struct {
	run    *run
	faults injector
	origin time.Duration   // of the plan's times, on the run's clock
	tails  sync.WaitGroup  // faults watched until the nodes have caught up
	tailed context.Context // ends that watching
	stop   context.CancelFunc

	mu     sync.Mutex
	failed []error           // heals that failed: the host may be broken
	cast   map[string]string // whom the timeline's names mean; nil until they are bound
	named  map[int]bool      // the faults whose event speaks of the cast
}

// injector is what of an *inject.Injector is needed here.
type injector interface {
	Inject(context.Context, nemesis.Action) (history.Fault, error)
	Heal(context.Context, history.Fault) (history.Fault, error)
	InForce() []history.Fault
	Stopped() []string

	Over(id int) <-chan struct{}
	Membership() history.Membership
	Idle(host string) bool
}

func newSchedule(r *run, faults injector) *schedule {
	ctx, cancel := context.WithCancel(context.Background())
	return &schedule{run: r, faults: faults, origin: r.recorder.Now(), stop: cancel, tailed: ctx,
		named: map[int]bool{}}
}

// hold injects the events that are in force from before the target starts until the end of the
// load.
func (s *schedule) hold(ctx context.Context, plan nemesis.Plan) error {
	for _, e := range plan {
		if !e.FromStart {
			continue
		}
		e.At += s.origin
		if _, err := s.begin(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

var (
	// errStopped is why a plan ends when the run is stopped on a violation.
	errStopped = errors.New("the run stops on a violation")
	// errOver is why events end that were not planned to end before the load does.
	errOver = errors.New("the load is over")
)

// play starts the other events at their times and returns when all of those are healed. An event
// that the plan lets end before the load lasts whole, also where it had to wait for a host; any
// other, and each that waits for a condition, ends with the load. When ctx ends, the faults in
// force are healed at once and the others never start; if it ends for errStopped, the faults in
// force are left to healAll.
func (s *schedule) play(ctx context.Context, plan nemesis.Plan, load time.Duration) {
	s.origin = s.run.recorder.Now()
	ending, cancel := context.WithTimeoutCause(ctx, load, errOver)
	defer cancel()
	var performing sync.WaitGroup
	for _, e := range plan {
		if e.FromStart {
			continue
		}
		of := ctx
		if e.When != nil || e.At+e.For >= load {
			of = ending
		}
		performing.Go(func() { s.perform(of, e) })
	}
	performing.Wait()
}

// perform plays an event from its time on, or from when its condition holds after that, for as long
// as it is to last.
func (s *schedule) perform(ctx context.Context, e nemesis.Event) {
	e.At += s.origin
	err := s.awaitTime(ctx, e.At)
	if err == nil && e.When != nil {
		if err = s.awaitCondition(ctx, e); err == nil {
			e.At = s.run.recorder.Now()
		}
	}
	var fault history.Fault
	if err == nil {
		fault, err = s.begin(ctx, e)
	} else {
		s.missed(ctx, e, history.Fault{}, err)
	}
	if err != nil {
		return // recorded
	}
	s.awaitEnd(ctx, fault, e.For) // whatever ended the wait, the fault is to end
	if errors.Is(context.Cause(ctx), errStopped) {
		return
	}
	s.end(context.WithoutCancel(ctx), fault)
}

// awaitTime waits for an instant of the run's clock; it returns why ctx ended before.
func (s *schedule) awaitTime(ctx context.Context, at time.Duration) error {
	if !sleep(ctx, at-s.run.recorder.Now()) {
		return fmt.Errorf("it never came to its time: %w", context.Cause(ctx))
	}
	return nil
}

// awaitEnd waits for as long as a fault is to last, or until an operation is over.
func (s *schedule) awaitEnd(ctx context.Context, fault history.Fault, length time.Duration) {
	end := time.NewTimer(fault.Start + length - s.run.recorder.Now())
	defer end.Stop()
	select {
	case <-end.C:
	case <-s.faults.Over(fault.ID):
	case <-ctx.Done():
	}
}

// begin binds and injects an event whose times are the run's, and records what came of it.
func (s *schedule) begin(ctx context.Context, e nemesis.Event) (history.Fault, error) {
	fault, err := s.strike(ctx, e)
	if err != nil {
		s.missed(ctx, e, fault, err)
		return fault, err
	}
	s.record(fault)
	return fault, nil
}

// missed records a fault that never came into force, unless it is the run that was stopped: then it
// has not failed.
func (s *schedule) missed(ctx context.Context, e nemesis.Event, f history.Fault, err error) {
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errOver) {
		return
	}
	f.ID, f.Kind, f.Shape, f.Role = e.ID, string(e.Kind), string(e.Shape), string(e.Role)
	f.PlannedStart, f.PlannedStop = e.At, e.At+e.For
	f.Stage = history.StageFailed
	if f.Error == "" {
		f.Error = err.Error()
	}
	s.record(f)
}

// strike binds the event to hosts and injects it, waiting a little where there is no such host at
// the moment, or where another fault took it first.
func (s *schedule) strike(ctx context.Context, e nemesis.Event) (history.Fault, error) {
	ctx, cancel := context.WithTimeout(ctx, max(bindWithin, e.For))
	defer cancel()
	for {
		var fault history.Fault
		action, err := s.bind(e)
		if err == nil {
			fault, err = s.inject(ctx, action)
		}
		retry := errors.Is(err, nemesis.ErrNoLeader) || errors.Is(err, nemesis.ErrNoHost) ||
			errors.Is(err, inject.ErrBusy)
		if !retry || !sleep(ctx, bindRetry) {
			return fault, err
		}
	}
}

// inject is not cut short by the end of ctx: half an injection would be harder to undo than a whole
// one.
func (s *schedule) inject(ctx context.Context, a nemesis.Action) (history.Fault, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), injectWithin)
	defer cancel()
	return s.faults.Inject(ctx, a)
}

// end heals a fault and starts watching for the nodes to catch up.
func (s *schedule) end(ctx context.Context, fault history.Fault) {
	ctx, cancel := context.WithTimeout(ctx, healWithin)
	defer cancel()
	var before map[string]history.Observation
	if s.run.watch != nil {
		before = s.run.watch.answers()
	}
	healed, err := s.faults.Heal(ctx, fault)
	if err != nil {
		healed.Stage, healed.Error = history.StageFailed, err.Error()
		s.mu.Lock()
		for _, part := range parts(err) {
			s.failed = append(s.failed, fmt.Errorf("fault %d: %w", fault.ID, part))
		}
		s.mu.Unlock()
	}
	s.record(healed)
	if err == nil && s.run.watch != nil {
		s.tails.Go(func() { s.follow(healed, before) })
	}
}

// follow watches the nodes after a heal until all have caught up, and records when the struck ones
// first heard something again.
func (s *schedule) follow(healed history.Fault, before map[string]history.Observation) {
	ctx, cancel := context.WithTimeout(s.tailed, resumeWithin)
	defer cancel()
	ears := listen(healed, before)
	if s.run.watch.awaitResumed(ctx, s.members, healed.Stop, highest(before), ears) {
		healed.Stage, healed.Resumed = history.StageResumed, s.run.recorder.Now()
	}
	healed.Heard = ears.heard(healed.Resumed)
	if healed.Heard > 0 || healed.Resumed > 0 {
		s.record(healed)
	}
}

// healAll ends what is still in force, and returns every heal of the run that failed.
func (s *schedule) healAll(ctx context.Context) error {
	for _, fault := range s.faults.InForce() {
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

// record writes a fault to the history and to the terminal.
func (s *schedule) record(f history.Fault) {
	s.mu.Lock()
	if s.named[f.ID] {
		f.Cast = s.cast
	}
	s.mu.Unlock()
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
	heard := ""
	if f.Heard > 0 {
		heard = fmt.Sprintf("heard again %.1fs after the heal", (f.Heard - f.Stop).Seconds())
	}
	switch {
	case f.Stage == history.StageFailed:
		return line + ": FAILED: " + f.Error
	case f.Stage == history.StageResumed && heard != "":
		return line + fmt.Sprintf(": %s, caught up after %.1fs", heard, (f.Resumed-f.Stop).Seconds())
	case f.Stage == history.StageResumed:
		return line + fmt.Sprintf(": caught up %.1fs after the heal", (f.Resumed-f.Stop).Seconds())
	case heard != "":
		return line + ": " + heard + ", but not caught up"
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

// sleep returns false at once when ctx ends.
func sleep(ctx context.Context, length time.Duration) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
