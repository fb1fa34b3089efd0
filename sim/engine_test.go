package sim

import (
	"slices"
	"testing"
	"time"

	"gauntlet/chance"
	"gauntlet/nemesis"
	"gauntlet/sim/schedule"
	"gauntlet/sim/trace"

	"pgregory.net/rapid"
)

// Goal: the heap gives events in the order of time and tie. Method: random pushes and pops against
// a sorted list.
func TestHeapOrders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h heap
		h.reset(rapid.Uint64().Draw(t, "chance"))
		var model []event
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			if len(model) == 0 || rapid.IntRange(0, 2).Draw(t, "what") > 0 {
				h.push(event{at: time.Duration(rapid.IntRange(0, 9).Draw(t, "at")),
					ref: int32(rapid.IntRange(0, 3).Draw(t, "ref"))})
				model = slices.Clone(h.events)
				slices.SortFunc(model, func(a, b event) int {
					if a.before(&b) {
						return -1
					}
					return 1
				})
				continue
			}
			if got := h.pop(); got != model[0] {
				t.Fatalf("popped %+v, want %+v", got, model[0])
			}
			model = model[1:]
		}
	})
}

// Goal: a clock never goes back, whatever is done to it, and `when` is the first instant at which
// it shows a reading. Method: random rates, jumps and readings.
func TestClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		own := million + rapid.Int64Range(-50_000, 50_000).Draw(t, "own")
		c := clock{rate: own, own: own}
		now := time.Duration(0)
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			before := c.read(now)
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				now += time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "later"))
			case 1:
				c.jump(now, time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "jump")))
			case 2:
				c.addRate(now, rapid.Int64Range(-900_000, million).Draw(t, "rate"))
			}
			if after := c.read(now); after < before {
				t.Fatalf("went back from %v to %v", before, after)
			}
			target := c.read(now) + time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "in"))
			at := c.when(target)
			if c.read(at) < target || c.read(at-1) >= target && at-1 >= now {
				t.Fatalf("shows %v at %v and %v just before, want %v", c.read(at), at, c.read(at-1),
					target)
			}
		}
	})
}

// Goal: chances in parts per million come out as such. Method: many draws.
func TestHits(t *testing.T) {
	draws := chance.New(1, "test", 0)
	for _, ppm := range []int{0, 1000, 250_000, 999_000, million} {
		n := 0
		for range 200_000 {
			if hits(draws.Uint64(), ppm) {
				n++
			}
		}
		if want := ppm / 5; n < want-want/10-50 || n > want+want/10+50 {
			t.Errorf("%d ppm: %d of 200,000", ppm, n)
		}
	}
}

// struck is a healthy cluster of five with one fault.
func struck(seed uint64, e nemesis.Event) *schedule.Schedule {
	s := healthy(seed, 5)
	e.ID, e.At = 1, 3*time.Second
	if e.For == 0 {
		e.For = 3 * time.Second
	}
	s.Faults = nemesis.Plan{e}
	return s
}

// Goal: each kind of fault changes something, is counted, and is survived.
// Method: one fault of each kind on a healthy cluster.
func TestEveryFaultBites(t *testing.T) {
	w := NewWorld()
	for i, name := range FaultKinds {
		kind := nemesis.Kind(name)
		e := nemesis.Event{Kind: kind, Role: nemesis.RoleLeader, Amount: 50 * time.Millisecond,
			Rate: 300, Size: 36}
		if kind.Traits().Links {
			e.Role, e.Shape = "", nemesis.ShapeIsolateLeader
		}
		if kind.Valid() == nil && e.Role.Valid(kind, 3) != nil {
			e.Role = nemesis.RoleFollower // to whom a leader can hand over
		}
		bites := 0
		for seed := range uint64(20) {
			o := w.Run(struck(seed, e), Options{})
			if o.Failure != nil {
				t.Errorf("%s, seed %d: %+v", kind, seed, *o.Failure)
			}
			if o.Effects[i] > 0 {
				bites++
			}
		}
		if bites < 18 {
			t.Errorf("%s changed something in %d of 20 runs", kind, bites)
		}
	}
}

// Goal: a severed link carries nothing, in the direction that is severed. Method: the account of a
// run whose leader hears nothing for a while.
func TestOneWay(t *testing.T) {
	s := struck(3, nemesis.Event{Kind: nemesis.KindPartition, Shape: nemesis.ShapeOneWayInLeader})
	w := NewWorld()
	o := w.Run(s, Options{Trace: true})
	var deaf, in, out int
	for _, r := range o.Trace.Records {
		switch {
		case r.Kind == trace.FaultStart:
			deaf = slices.Index(w.names, w.faults[0].action.Hosts[0])
			in, out = 0, 0
		case r.Kind == trace.FaultStop:
			if in != 0 || out == 0 {
				t.Errorf("%d messages reached the deaf leader, %d left it", in, out)
			}
			return
		case r.Kind == trace.Deliver && r.Node == deaf:
			in++
		case r.Kind == trace.Deliver && r.Peer == deaf:
			out++
		}
	}
	t.Error("the fault never ended")
}

// Goal: what a process has under way dies with it, and what reaches a paused one waits. Method: the
// account of runs in which a follower is killed or paused.
func TestStoppedMembersDoNothing(t *testing.T) {
	for _, kind := range []nemesis.Kind{nemesis.KindKill, nemesis.KindPower, nemesis.KindPause} {
		w := NewWorld()
		o := w.Run(struck(5, nemesis.Event{Kind: kind, Role: nemesis.RoleFollower}),
			Options{Trace: true})
		stopped := -1
		for _, r := range o.Trace.Records {
			switch r.Kind {
			case trace.Crash, trace.Pause:
				stopped = r.Node
			case trace.Start, trace.Resume:
				if r.Node == stopped {
					stopped = -1
				}
			case trace.Send, trace.Deliver, trace.Synced, trace.Timer:
				if r.Node == stopped {
					t.Fatalf("%s: a stopped member did something: %+v", kind, r)
				}
			}
		}
	}
}
