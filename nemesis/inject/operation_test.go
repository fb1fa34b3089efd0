package inject

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/target"
)

// cluster answers an operator out of memory; the processes of its nodes are the world's loops.
type cluster struct {
	target.Target
	twoBuilds // for its Stop

	mu      sync.Mutex
	members history.Membership
	leader  string
	fresh   []string // nodes that were wiped and then renewed
	wiped   []string
	asked   []string
	deaf    bool // it does what it is asked, and its answers are lost
	idle    bool // it answers, and does nothing
	filled  int
}

var errLost = errors.New("the answer was lost")

func (c *cluster) Name() string { return "cluster" }

func (c *cluster) Observe(_ context.Context, h *target.Host) (history.Observation, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := history.Observation{Node: h.Name(), Term: 1, Role: history.RoleFollower, Leader: c.leader,
		Commit: 10 + uint64(c.filled)}
	if h.Name() == c.leader {
		o.Role = history.RoleLeader
	}
	return o, nil
}

func (c *cluster) Membership(_ context.Context, via *target.Host) (history.Membership, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.members, nil
}

func (c *cluster) Wipe(ctx context.Context, h *target.Host) error {
	if _, err := process(ctx, h); !errors.Is(err, target.ErrNotRunning) {
		return errors.New("wiped while it runs")
	}
	c.wiped = append(c.wiped, h.Name())
	return nil
}

func (c *cluster) Renew(h *target.Host) {
	if slices.Contains(c.wiped, h.Name()) {
		c.fresh = append(c.fresh, h.Name())
	}
}

func (c *cluster) Stop(ctx context.Context, h *target.Host) error {
	if _, err := process(ctx, h); errors.Is(err, target.ErrNotRunning) {
		return nil
	}
	return c.twoBuilds.Stop(ctx, h)
}

func (c *cluster) Fill(
	_ context.Context, _ *target.Host, _ target.DialFunc, entries int,
) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.filled += entries
	return entries, nil
}

func (c *cluster) Operate(
	_ context.Context, via *target.Host, what target.Operation, h *target.Host,
) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, string(what)+" "+h.Name()+" of "+via.Name())
	m := &c.members
	without := func(from []string) []string {
		return slices.DeleteFunc(slices.Clone(from), func(n string) bool { return n == h.Name() })
	}
	switch {
	case c.idle:
	case what == target.OperationAdd:
		m.Learners = append(without(m.Learners), h.Name())
	case what == target.OperationPromote:
		m.Learners, m.Voters = without(m.Learners), append(without(m.Voters), h.Name())
	case what == target.OperationRemove:
		m.Voters, m.Learners = without(m.Voters), without(m.Learners)
		if h.Name() == c.leader {
			c.leader = m.Voters[0]
		}
	case what == target.OperationTransfer:
		c.leader = h.Name()
	}
	if c.deaf {
		return "", errLost
	}
	return "200 done", nil
}

// operated gives the world an armed Injector for a cluster of which the last host is a spare.
func (w *world) operated() *cluster {
	c := &cluster{leader: w.name(0)}
	for i := range len(w.hosts) - 1 {
		c.members.Voters = append(c.members.Voters, w.name(i))
	}
	config := w.config(clientPort, 0)
	config.Target, config.Spares = c, []string{w.name(len(w.hosts) - 1)}
	w.Injector = New(config)
	w.arm()
	for _, h := range w.hosts[:len(w.hosts)-1] {
		if _, err := start(w.t.Context(), h); err != nil {
			w.t.Fatal(err)
		}
	}
	return c
}

func (w *world) do(id int, kind nemesis.Kind, hosts ...int) history.Fault {
	w.t.Helper()
	a := nemesis.Action{Event: nemesis.Event{ID: id, Kind: kind, Entries: 7}, Leader: w.name(0)}
	for _, h := range hosts {
		a.Hosts = append(a.Hosts, w.name(h))
	}
	f := w.inject(a)
	select {
	case <-w.Over(id):
	case <-time.After(20 * time.Second):
		w.t.Errorf("%s is not over", kind)
	}
	return w.heal(f)
}

func (w *world) runs(host int) bool {
	_, err := process(w.t.Context(), w.hosts[host])
	return err == nil
}

// Goal: each operation is asked of the leader, does what it says, ends by itself, and shows in its
// record who took part before and after. Method: one after another on hosts of a lab.
func TestOperationsInLab(t *testing.T) {
	w := newWorld(t, 4, 0)
	c := w.operated()
	if _, votes := w.Membership().Has("n4"); votes || !w.Idle("n4") || w.runs(3) {
		t.Error("a spare takes part from the start")
	}
	for _, step := range []struct {
		kind   nemesis.Kind
		on     []int
		after  string
		leader string
	}{
		{nemesis.KindAdd, []int{3}, "voters n1 n2 n3, learners n4", "n1"},
		{nemesis.KindPromote, []int{3}, "voters n1 n2 n3 n4", "n1"},
		{nemesis.KindTransfer, []int{3}, "voters n1 n2 n3 n4", "n4"},
		{nemesis.KindRemove, []int{3}, "voters n1 n2 n3", "n1"},
		{nemesis.KindReplace, []int{1}, "voters n1 n3 n2", "n1"},
		{nemesis.KindSnapshot, []int{2}, "voters n1 n3 n2", "n1"},
		{nemesis.KindFill, []int{0}, "voters n1 n3 n2", "n1"},
		{nemesis.KindRestart, []int{0, 1, 2}, "voters n1 n3 n2", "n1"},
	} {
		before := c.members.String()
		f := w.do(len(c.asked)+1, step.kind, step.on...)
		if !f.Bit() || f.Stage != history.StageHealed || f.Stop <= f.Start {
			t.Errorf("%s is not proven: %+v", step.kind, f)
		}
		if f.Before.String() != before || f.After.String() != step.after || c.leader != step.leader ||
			w.Injector.Membership().String() != step.after {
			t.Errorf("%s: from %v to %v, %s leads; want %s, %s", step.kind, f.Before, f.After, c.leader,
				step.after, step.leader)
		}
	}
	if w.runs(3) || !w.Idle("n4") {
		t.Error("a removed node runs on")
	}
	if !w.runs(1) || !slices.Equal(c.fresh, []string{"n4", "n2"}) || c.filled != 7 {
		t.Errorf("emptied and renewed: %v; %d entries filled", c.fresh, c.filled)
	}
	want := "add n4 of n1, promote n4 of n1, transfer n4 of n1, remove n4 of n4, remove n2 of n1, " +
		"add n2 of n1, promote n2 of n1, snapshot n3 of n3"
	if got := strings.Join(c.asked, ", "); got != want {
		t.Errorf("asked:\n%s\nwant\n%s", got, want)
	}
}

// Goal: a lost answer is no failure where things are as they should be, and an answer is no success
// where they are not: that is reported, and what was to run runs.
func TestOperationsWithoutAnswer(t *testing.T) {
	w := newWorld(t, 4, 0)
	c := w.operated()
	c.deaf = true
	if f := w.do(1, nemesis.KindAdd, 3); !f.Bit() || len(c.asked) != 1 {
		t.Errorf("done without an answer, asked %v: %+v", c.asked, f)
	}
	c.deaf, c.idle = false, true
	f := w.inject(nemesis.Action{Event: nemesis.Event{ID: 2, Kind: nemesis.KindReplace},
		Leader: w.name(0), Hosts: []string{w.name(1)}})
	if _, votes := w.Membership().Has("n2"); votes {
		t.Error("clients still ask a node that is being removed")
	}
	select {
	case <-w.Over(2):
		t.Error("an operation that nobody carries out is over")
	case <-time.After(time.Second):
	}
	f = w.heal(f)
	last := f.Evidence[len(f.Evidence)-1]
	if f.Bit() || !strings.Contains(last.Value, "it took too long: answered, but nothing came") {
		t.Errorf("answered, not done: %+v", f)
	}
	if _, votes := w.Membership().Has("n2"); !votes || !w.runs(1) {
		t.Error("a node that was not removed is not as it was")
	}
}
