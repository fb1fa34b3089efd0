package inject

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/target"
)

// faintHost carries out every guard command, and loses the connection right after those named.
type faintHost struct {
	name string
	lose map[string]bool
	ran  []string // guard commands in order, with their first argument
}

func (h *faintHost) Name() string                { return h.name }
func (h *faintHost) Address() string             { return "198.18.0.1" + h.name[1:] }
func (h *faintHost) Probe(context.Context) error { return nil }
func (h *faintHost) Dial(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("nobody listens")
}

func (h *faintHost) Run(_ context.Context, c target.Command) (target.Result, error) {
	command := c.Args[1]
	h.ran = append(h.ran, command)
	if h.lose[command] {
		delete(h.lose, command)
		return target.Result{}, target.ErrConnectionLost
	}
	return target.Result{}, nil
}

// newFaint is an Injector over two such hosts, without a guard behind them.
func newFaint(started *atomic.Int32, lose string) (*Injector, []*faintHost) {
	var hosts []*faintHost
	var nodes []*node
	for _, name := range []string{"n1", "n2"} {
		h := &faintHost{name: name, lose: map[string]bool{lose: name == "n2"}}
		hosts = append(hosts, h)
		nodes = append(nodes, &node{
			until: time.Now().Add(time.Hour),
			host:  h,
			process: func(context.Context) (target.Process, error) {
				return target.Process{PID: 9, StartTime: 9}, nil
			},
			start: func(context.Context) (target.Process, error) {
				started.Add(1)
				return target.Process{}, nil
			},
		})
	}
	i := newInjector(Config{Run: "12345678"}, nodes)
	i.stop = func() {}
	return i, hosts
}

// Goal: a node whose kill was heard of by nobody is running again afterwards, and so is whoever was
// killed with it. Method: lose the connection at the signal itself, and at the look for its effect.
func TestKillWithoutAnswerIsUndone(t *testing.T) {
	for _, lose := range []string{"slay", "state"} {
		for _, struck := range [][]string{{"n2"}, {"n1", "n2"}} {
			var started atomic.Int32
			i, _ := newFaint(&started, lose)
			f, err := i.Inject(t.Context(), nemesis.Action{
				Event: nemesis.Event{ID: 1, Kind: nemesis.KindKill}, Hosts: struck,
			})
			if err == nil || f.Stage != history.StageFailed {
				t.Errorf("%s lost: %+v, %v, want a failed fault", lose, f, err)
			}
			if int(started.Load()) != len(struck) {
				t.Errorf("%s lost: %d starts of %v, want one each", lose, started.Load(), struck)
			}
		}
	}
}

// Goal: rules whose loading was heard of by nobody are taken away again. Method: lose the
// connection at the cut on one host of two; both must see an emptying cut after it.
func TestCutWithoutAnswerIsUndone(t *testing.T) {
	var started atomic.Int32
	i, hosts := newFaint(&started, "cut")
	f, err := i.Inject(t.Context(), nemesis.Action{
		Event: nemesis.Event{ID: 1, Kind: nemesis.KindPartition}, Hosts: []string{"n2"},
		Cuts: []history.Cut{
			{From: "n1", To: "n2", Mode: history.CutPackets},
			{From: "n2", To: "n1", Mode: history.CutPackets},
		},
	})
	if err == nil || f.Stage != history.StageFailed {
		t.Errorf("%+v, %v, want a failed fault", f, err)
	}
	for _, h := range hosts {
		cuts := slices.DeleteFunc(h.ran, func(c string) bool { return c != "cut" })
		if len(cuts) != 2 {
			t.Errorf("%s was cut %d times (%s), want the cut and its undoing", h.name,
				len(cuts), strings.Join(h.ran, " "))
		}
	}
}

// Goal: a heal of several hosts that reached only some is finished by the next one, which leaves
// the others alone. Method: lose the connection of one host of two as its process is continued, or
// as its node is started.
func TestHealIsFinished(t *testing.T) {
	for kind, lose := range map[nemesis.Kind]string{
		nemesis.KindPause: "resume", nemesis.KindKill: "check",
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel() // both await evidence that never comes
			healTwice(t, kind, lose)
		})
	}
}

func healTwice(t *testing.T, kind nemesis.Kind, lose string) {
	var started atomic.Int32
	i, hosts := newFaint(&started, lose)
	f, err := i.Inject(t.Context(), nemesis.Action{
		Event: nemesis.Event{ID: 1, Kind: kind}, Hosts: []string{"n1", "n2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if f, err = i.Heal(t.Context(), f); err == nil || len(i.InForce()) != 1 {
		t.Errorf("heal without an answer: %+v, %v", f, err)
	}
	if f, err = i.Heal(t.Context(), f); err != nil || f.Stage != history.StageHealed {
		t.Errorf("second heal: %+v, %v", f, err)
	}
	var ends []string
	for _, e := range f.Evidence {
		if e.Moment == "end" {
			ends = append(ends, e.Host)
		}
	}
	if slices.Sort(ends); !slices.Equal(ends, []string{"n1", "n2"}) {
		t.Errorf("ends %v, want one of each host", ends)
	}
	for k, h := range hosts {
		resumed := slices.DeleteFunc(h.ran, func(c string) bool { return c != "resume" })
		if want := k + 1; kind == nemesis.KindPause && len(resumed) != want {
			t.Errorf("%s was continued %d times, want %d", h.name, len(resumed), want)
		}
	}
}
