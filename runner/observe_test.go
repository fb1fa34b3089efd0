package runner

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/history"
)

func newTestWatch(t *testing.T) *watch {
	t.Helper()
	recorder, err := history.NewRecorder(io.Discard, history.Header{})
	if err != nil {
		t.Fatal(err)
	}
	return &watch{
		recorder: recorder, progress: NewProgress(io.Discard, 0),
		latest: map[string]history.Observation{}, changed: make(chan struct{}),
	}
}

func (w *watch) says(node string, term uint64, role history.Role, leader string, commit uint64) {
	w.publish(history.Observation{
		Node: node, At: w.recorder.Now(), Term: term, Role: role, Leader: leader, Commit: commit,
	}, true)
}

// Goal: a late-bound "leader" is the one of the highest term, not a deposed one that has not
// learned of it, and not one that has stopped answering.
// Method: fake time, two claimants, then silence.
func TestLeaderOfHighestFreshTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTestWatch(t)
		w.says("n1", 3, history.RoleLeader, "n1", 0)
		w.says("n2", 4, history.RoleLeader, "n2", 0)
		w.says("n3", 9, history.RoleCandidate, "", 0)
		if got := w.leader(); got != "n2" {
			t.Errorf("leader %q, want n2", got)
		}
		time.Sleep(freshFor)
		if got := w.leader(); got != "" {
			t.Errorf("leader %q after silence, want none", got)
		}
		w.says("n1", 3, history.RoleLeader, "n1", 0)
		if got := w.leader(); got != "n1" {
			t.Errorf("leader %q, want n1, the only one that answers", got)
		}
	})
}

// Goal: "caught up" is said only when every node has answered since the heal, all agree, and none
// lags behind what was committed before.
// Method: let one condition after another come true; the wait must end with the last one.
func TestAwaitResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTestWatch(t)
		w.says("n1", 2, history.RoleLeader, "n1", 10)
		w.says("n2", 2, history.RoleFollower, "n1", 10)
		time.Sleep(time.Millisecond)
		healed := w.recorder.Now()
		time.Sleep(time.Millisecond)
		resumed := false
		both := func() []string { return []string{"n1", "n2"} }
		go func() {
			resumed = w.awaitResumed(context.Background(), both, healed, 10, &hearing{})
		}()
		for _, step := range []struct {
			name string
			say  func()
		}{
			{"n2 has not answered since the heal",
				func() { w.says("n1", 2, history.RoleLeader, "n1", 12) }},
			{"n2 lags", func() { w.says("n2", 2, history.RoleFollower, "n1", 9) }},
			{"n2 is in another term", func() { w.says("n2", 3, history.RoleFollower, "n1", 12) }},
			{"n2 knows no leader", func() { w.says("n2", 2, history.RoleFollower, "", 12) }},
		} {
			step.say()
			synctest.Wait()
			if resumed {
				t.Fatalf("resumed though %s", step.name)
			}
		}
		w.says("n2", 2, history.RoleFollower, "n1", 12)
		synctest.Wait()
		if !resumed {
			t.Error("not resumed though both agree and have caught up")
		}
	})
}

// Goal: the live line never eats an event, and never appears where there is no terminal.
func TestProgress(t *testing.T) {
	var plain, live bytes.Buffer
	for width, out := range map[int]*bytes.Buffer{0: &plain, 20: &live} {
		p := NewProgress(out, width)
		p.Status("a status line far wider than that")
		p.Event("fault", "#%d", 7)
		p.Status("")
	}
	if got := plain.String(); strings.Contains(got, "status") || !strings.HasSuffix(got, "#7\n") {
		t.Errorf("without a terminal: %q", got)
	}
	if got := live.String(); !strings.Contains(got, "a status line far w\r\x1b[K") ||
		!strings.Contains(got, "#7\n") {
		t.Errorf("on a terminal: %q", got)
	}
}
