package runner

import (
	"fmt"
	"slices"
	"time"

	"gauntlet/checker"
	"gauntlet/checker/online"
	"gauntlet/history"
	"gauntlet/suite"
)

// sentryBacklog is how many calls and returns may wait to be judged. They are judged some hundred
// times faster than clients make them, so as many are waiting only if this process has no time left
// for anything.
const sentryBacklog = 1 << 14

// sentry has package online judge the history while it is recorded. It never holds up who records:
// when its backlog is full, it ends.
type sentry struct {
	events   chan history.Operation // closed by whoever ends the watch
	ended    bool                   // events is closed; guarded by the recorder's lock
	done     chan struct{}          // closed when all events are judged
	progress *Progress
	now      func() time.Duration

	alarm  *online.Alarm // the first, once alarmed is closed
	alarms chan struct{} // closed at the first alarm

	// Read only once done is closed.
	overrun bool     // the backlog was full
	blind   []string // why keys are not watched any more
	alarmed int      // keys
}

// mostTold is how many alarms are told as they come. Each is of another key.
const mostTold = 3

// startSentry has the history watched from here on, if its workload can be and is to be judged.
func (r *run) startSentry() {
	watch, err := online.New(r.Suite.Workload.Model)
	if err != nil || !slices.Contains(r.Suite.Checks, checker.CheckLinearizable) {
		return // a suite that stops on what it sees lets neither pass
	}
	r.sentry = newSentry(r.Progress, r.recorder.Now, sentryBacklog)
	go r.sentry.judge(watch)
	r.recorder.Follow(r.sentry.follow)
}

func newSentry(p *Progress, now func() time.Duration, backlog int) *sentry {
	return &sentry{
		events: make(chan history.Operation, backlog), done: make(chan struct{}),
		alarms: make(chan struct{}), progress: p, now: now,
	}
}

// follow hands on what was recorded. A history with a hole in it must not be judged, so the first
// event for which there is no room is the end.
func (s *sentry) follow(op history.Operation) {
	if s.ended {
		return
	}
	select {
	case s.events <- op:
	default:
		s.ended, s.overrun = true, true
		close(s.events)
	}
}

// judge takes in events until there are no more.
func (s *sentry) judge(watch *online.Watch) {
	defer close(s.done)
	for op := range s.events {
		alarm, err := watch.Observe(op)
		if err != nil {
			if s.blind = append(s.blind, err.Error()); len(s.blind) == 1 {
				s.progress.Event("watch", "%v", err)
			}
		}
		if alarm == nil {
			continue
		}
		if s.alarm == nil {
			s.alarm = alarm
			close(s.alarms)
		}
		if s.alarmed++; s.alarmed <= mostTold {
			s.progress.Event("watch", "%s; %.3fs after that answer", words(alarm),
				(s.now() - time.Duration(alarm.At)).Seconds())
		}
	}
	if s.alarmed > mostTold {
		s.progress.Event("watch", "violations of %d more keys", s.alarmed-mostTold)
	}
	if s.overrun {
		s.progress.Event("watch", "%s", behind)
	}
}

// behind is what a run says that is not watched to its end.
const behind = "the history grew faster than it could be watched: the check at the end judges it"

// end waits until all that was recorded is judged. Nobody records operations any more.
func (s *sentry) end() {
	if !s.ended {
		s.ended = true
		close(s.events)
	}
	<-s.done
}

// endSentry ends the watch and keeps what the run's results should say of it.
func (r *run) endSentry() {
	if r.sentry == nil {
		return
	}
	r.recorder.Follow(nil)
	r.sentry.end()
	r.warnings = append(r.warnings, r.sentry.doubts()...)
}

// doubts says in one line each why the watch was not whole.
func (s *sentry) doubts() []string {
	var lines []string
	if s.overrun {
		lines = append(lines, behind)
	}
	if n := len(s.blind); n == 1 {
		lines = append(lines, s.blind[0])
	} else if n > 1 {
		lines = append(lines, fmt.Sprintf("%s (and %d more)", s.blind[0], n-1))
	}
	return lines
}

// stopping is closed when the run is to stop on a violation. It is nil, and never ready, where no
// run stops.
func (r *run) stopping() <-chan struct{} {
	if r.sentry == nil || r.Suite.StopOn != suite.StopOnViolation {
		return nil
	}
	return r.sentry.alarms
}

// stopped reports whether the run stops on a violation.
func (r *run) stopped() bool {
	select {
	case <-r.stopping():
		return true
	default:
		return false
	}
}

// describe names the first alarm.
func (s *sentry) describe() string {
	return fmt.Sprintf("a violation seen at %.3fs: %s", time.Duration(s.alarm.At).Seconds(),
		words(s.alarm))
}

// words is an alarm in one line.
func words(a *online.Alarm) string {
	line := fmt.Sprintf("key %s, operation #%d: %s (%s)", a.Key, a.Operation, a.Text, a.Class)
	for i, id := range a.Others {
		if i == 0 {
			line += ", against"
		}
		line += fmt.Sprintf(" #%d", id)
	}
	return line
}
