package runner

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gauntlet/checker/online"
	"gauntlet/history"
	"gauntlet/suite"
	"gauntlet/workload"
)

// registerWatch returns a watch over registers.
func registerWatch(t *testing.T) *online.Watch {
	t.Helper()
	watch, err := online.New(workload.ModelRegister)
	if err != nil {
		t.Fatal(err)
	}
	return watch
}

// told makes a client read a value, or write it, and be answered.
func told(t *testing.T, r *history.Recorder, kind string, value int64) {
	t.Helper()
	in := workload.RegisterInput{Value: &value}
	op, err := r.Invoke(history.Operation{Kind: kind, Key: "x", Input: in.Encode(kind)})
	if err != nil {
		t.Fatal(err)
	}
	op.Return, op.Outcome = r.Now(), history.OutcomeOK
	op.Output = workload.RegisterOutput{Value: &value}.Encode(kind)
	if err := r.Return(op); err != nil {
		t.Fatal(err)
	}
}

// Goal: clients never wait for who watches them. What cannot be watched to its end is said in one
// line, and no alarm comes of the hole.
// Method: nobody takes events while one more is recorded than there is room for. The read of 9 that
// follows would be a violation if it were judged.
func TestOverrunEndsTheWatch(t *testing.T) {
	recorder, err := history.NewRecorder(io.Discard, history.Header{})
	if err != nil {
		t.Fatal(err)
	}
	var talk bytes.Buffer
	s := newSentry(NewProgress(&talk, 0), recorder.Now, 3)
	recorder.Follow(s.follow)
	told(t, recorder, workload.KindWrite, 1)
	told(t, recorder, workload.KindRead, 1)
	go s.judge(registerWatch(t))
	<-s.done // it had ended already, by itself
	told(t, recorder, workload.KindRead, 9)
	recorder.Follow(nil)
	s.end()
	if s.alarm != nil || !cmp.Equal(s.doubts(), []string{behind}) ||
		strings.Count(talk.String(), behind) != 1 {
		t.Errorf("alarm %+v, doubts %v, said\n%s", s.alarm, s.doubts(), &talk)
	}
}

// Goal: a key that cannot be watched is told once as it happens, and the others are counted at the
// end.
// Method: three keys, each with a value that is written twice.
func TestBlindKeysAreCounted(t *testing.T) {
	var talk bytes.Buffer
	s := newSentry(NewProgress(&talk, 0), func() time.Duration { return 0 }, 100)
	for i := range 6 {
		s.follow(history.Operation{ID: int64(i), Kind: workload.KindWrite, Key: fmt.Sprint("k", i/2),
			Input: []byte(`{"value":1}`)})
	}
	go s.judge(registerWatch(t))
	s.end()
	want := []string{"key k0 is not watched any more: operation 1: 1 is written twice (and 2 more)"}
	if diff := cmp.Diff(want, s.doubts()); diff != "" {
		t.Error(diff)
	}
	if n := strings.Count(talk.String(), "is not watched"); n != 1 {
		t.Errorf("said %d times:\n%s", n, &talk)
	}
}

// Goal: a run that is wrong on every key is not told of on every line.
// Method: five keys, each with a read of what nobody wrote.
func TestAlarmsAreCounted(t *testing.T) {
	var talk bytes.Buffer
	s := newSentry(NewProgress(&talk, 0), func() time.Duration { return 0 }, 100)
	for i := range 5 {
		op := history.Operation{ID: int64(i), Kind: workload.KindRead, Key: fmt.Sprint("k", i),
			Input: []byte("{}")}
		s.follow(op)
		op.Outcome, op.Output = history.OutcomeOK, []byte(`{"value":9}`)
		s.follow(op)
	}
	go s.judge(registerWatch(t))
	s.end()
	if n := strings.Count(talk.String(), "9 was found"); n != mostTold || s.alarm.Key != "k0" ||
		!strings.Contains(talk.String(), "violations of 2 more keys") {
		t.Errorf("first %+v, said\n%s", s.alarm, &talk)
	}
}

// Goal: a violation ends the load at once where the suite says so, and else only tells of it.
// Method: clients that wrote 1 and then read 9; the phase that works for an hour ends, and nobody
// sends requests any more. The other run is watched until the same alarm.
func TestViolationStopsTheLoad(t *testing.T) {
	for _, stopOn := range []string{suite.StopOnViolation, ""} {
		recorder, err := history.NewRecorder(io.Discard, history.Header{})
		if err != nil {
			t.Fatal(err)
		}
		var talk bytes.Buffer
		canceled := false
		r := &run{
			Config: Config{Progress: NewProgress(&talk, 0), Suite: &suite.Suite{
				StopOn: stopOn, Checks: []string{"linearizable"},
				Workload: suite.Workload{Model: workload.ModelRegister},
			}},
			recorder: recorder,
			clients:  &clients{cancel: func() { canceled = true }},
		}
		r.startSentry()
		told(t, recorder, workload.KindWrite, 1)
		if r.stopped() {
			t.Errorf("stop-on %q: stopped without a reason", stopOn)
		}
		told(t, recorder, workload.KindRead, 9)
		if stopOn != "" {
			if err := r.work(t.Context(), time.Hour); err != nil || !canceled {
				t.Errorf("work: %v, clients canceled: %v", err, canceled)
			}
		}
		r.endSentry()
		if r.stopped() != (stopOn != "") || canceled != (stopOn != "") {
			t.Errorf("stop-on %q: stopped %v, clients canceled %v", stopOn, r.stopped(), canceled)
		}
		const want = "key x, operation #2: 9 was found, which nobody wrote (value-never-written)"
		if !strings.HasSuffix(r.sentry.describe(), want) || !strings.Contains(talk.String(), want) {
			t.Errorf("described as %q, and said\n%s", r.sentry.describe(), &talk)
		}
		if len(r.warnings) > 0 {
			t.Errorf("warnings: %v", r.warnings)
		}
	}
}

// Goal: what a run still does once it is stopped is what it owes, and the look at the nodes, which
// no other run takes; it never passes.
// Method: the phases that are due in both cases, by name; the gate of a run that was stopped.
func TestStoppedRunOwesTheRest(t *testing.T) {
	s := newSentry(NewProgress(io.Discard, 0), func() time.Duration { return 0 }, 1)
	r := &run{sentry: s, Config: Config{Suite: &suite.Suite{StopOn: suite.StopOnViolation}}}
	due := func() (names []string) {
		for _, p := range r.phases() {
			if r.due(p) {
				names = append(names, p.name)
			}
		}
		return names
	}
	whole := []string{"guard", "deploy", "warm-up", "load", "heal", "recovery", "final-reads",
		"collect", "check", "report", "clean-up"}
	if diff := cmp.Diff(whole, due()); diff != "" {
		t.Errorf("whole run (-want +due):\n%s", diff)
	}
	s.alarm = &online.Alarm{Key: "x", Operation: 7, At: 12e8, Class: "stale-read",
		Text: "1 was seen", Others: []int64{3, 5}}
	close(s.alarms)
	rest := []string{"evidence", "heal", "collect", "check", "report", "clean-up"}
	if diff := cmp.Diff(rest, due()); diff != "" {
		t.Errorf("stopped run (-want +due):\n%s", diff)
	}
	const want = "a violation seen at 1.200s: key x, operation #7: 1 was seen (stale-read), " +
		"against #3 #5"
	if got := s.describe(); got != want {
		t.Errorf("described as %q, want %q", got, want)
	}
}
