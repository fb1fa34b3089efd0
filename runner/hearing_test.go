package runner

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/history"
	"gauntlet/nemesis"
)

// Goal: a node has heard again once it shows what it cannot have come to by itself.
// Method: what a node said before the heal and after it, for each rule.
func TestWhatHearingIs(t *testing.T) {
	is := func(term uint64, role history.Role, leader string, commit uint64) history.Observation {
		return history.Observation{Term: term, Role: role, Leader: leader, Commit: commit}
	}
	for _, c := range []struct {
		name     string
		was, now history.Observation
		want     bool
	}{
		{"nothing new", is(2, "leader", "n1", 5), is(2, "leader", "n1", 5), false},
		{"no answer yet", is(2, "leader", "n1", 5), history.Observation{}, false},
		{"a candidate counts its term up", is(3, "candidate", "", 5), is(4, "candidate", "", 5), false},
		{"a leader steps down by itself", is(2, "leader", "n1", 5), is(2, "follower", "", 5), false},
		{"it commits more", is(2, "leader", "n1", 5), is(2, "leader", "n1", 6), true},
		{"it knows a leader again", is(2, "follower", "", 5), is(2, "follower", "n2", 5), true},
		{"it knows another leader", is(2, "follower", "n1", 5), is(2, "follower", "n2", 5), true},
		{"its leader was elected anew", is(2, "follower", "n1", 5), is(3, "follower", "n1", 5), true},
		{"it was elected", is(3, "candidate", "", 5), is(4, "leader", "n1", 5), true},
		{"it learned of a higher term", is(2, "leader", "n1", 5), is(4, "follower", "", 5), true},
	} {
		if got := hasHeard(c.was, c.now); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Goal: the transport has resumed when the last struck node has heard something, which is before
// the nodes have caught up; a node that shows nothing new has heard by then; and without that,
// nothing is claimed.
// Method: n1 was cut off from both others until 1 s. The nodes answer as each case says, in fake
// time, with half a second from answer to answer.
func TestHeardAfterAHeal(t *testing.T) {
	for _, c := range []struct {
		name           string
		says           func(w *watch)
		heard, resumed time.Duration
		line           string
	}{
		{"heard, then caught up", func(w *watch) {
			w.says("n1", 2, history.RoleFollower, "n2", 10)
			time.Sleep(second / 2)
			w.says("n1", 2, history.RoleFollower, "n2", 20)
		}, 1500 * time.Millisecond, 2 * second, "heard again 0.5s after the heal, caught up after 1.0s",
		},
		{"heard only", func(w *watch) {
			w.says("n1", 2, history.RoleFollower, "n2", 10)
		}, 1500 * time.Millisecond, 0, "heard again 0.5s after the heal, but not caught up"},
		{"neither", func(w *watch) {
			w.says("n1", 3, history.RoleCandidate, "", 10)
		}, 0, 0, "NOT PROVEN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, nil, nemesis.Event{For: second, Kind: nemesis.KindPartition,
					Shape: nemesis.ShapeCut, Links: []nemesis.Link{{From: "n1", To: "*"}}})
				s.watch.says("n1", 1, history.RoleLeader, "n1", 10)
				s.watch.says("n2", 2, history.RoleLeader, "n2", 20)
				s.watch.says("n3", 2, history.RoleFollower, "n2", 20)
				s.nemesis.play(t.Context(), s.plan, 5*second)
				time.Sleep(second / 2)
				s.watch.says("n2", 2, history.RoleLeader, "n2", 21)
				s.watch.says("n3", 2, history.RoleFollower, "n2", 21)
				c.says(s.watch)
				synctest.Wait()
				f := s.faults(t)[0]
				if f.Heard != c.heard || f.Resumed != c.resumed ||
					!strings.HasSuffix(strings.TrimSpace(s.talk.String()), c.line) {
					t.Errorf("heard %v, resumed %v, want %v and %v\n%s", f.Heard, f.Resumed, c.heard,
						c.resumed, &s.talk)
				}
			})
		})
	}
}

// Goal: who heard all the time and shows nothing new has heard by the time all have caught up; what
// clients send is no link of nodes.
func TestHeardAtTheLatest(t *testing.T) {
	cut := func(from, to string) *hearing {
		return listen(history.Fault{Stop: second, Cuts: []history.Cut{{From: from, To: to}}},
			map[string]history.Observation{"n1": {Term: 1}})
	}
	if got := cut("n2", "n1").heard(3 * second); got != 3*second {
		t.Errorf("nothing new: heard at %v, want when all had caught up", got)
	}
	if got := cut(history.Clients, "n1").heard(3 * second); got != 0 {
		t.Errorf("clients only: heard at %v", got)
	}
	early := cut("n2", "n1")
	early.note(map[string]history.Observation{"n1": {Term: 2, Role: "follower", At: second / 2}})
	if got := early.heard(0); got != second {
		t.Errorf("answered while it was healed: heard at %v, want at the heal", got)
	}
}
