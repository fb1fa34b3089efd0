package frontier

import (
	"cmp"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"gauntlet/checker/finding"
	"gauntlet/checker/register"
	"gauntlet/checker/synth"
)

// told is an event of a history: the call of an operation, or its return.
type told struct {
	op   int
	at   int64
	call bool
}

// events are those of a history in order, and some time after its call each operation that is
// pending is forgotten, if ever.
func events(r *rand.Rand, ops []Op) []told {
	var list []told
	for i, op := range ops {
		list = append(list, told{i, op.Call, true})
		if !op.Pending {
			list = append(list, told{i, op.Ret, false})
		} else if r.IntN(3) > 0 {
			list = append(list, told{i, op.Call + int64(r.IntN(20)), false})
		}
	}
	slices.SortStableFunc(list, func(a, b told) int {
		first := func(e told) int {
			if e.call {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(first(a), first(b)))
	})
	return list
}

// tell tells a stream of one event, and answers a call that did nothing as well.
func tell(r *rand.Rand, s *Stream, o Object, ops []Op, tickets map[int]Ticket, e told) {
	op := ops[e.op]
	switch {
	case e.call:
		if r.IntN(5) == 0 {
			s.Drop(s.Call(op.Action))
		}
		tickets[e.op] = s.Call(op.Action)
	case op.Pending:
		s.Forget(tickets[e.op])
	default:
		s.Return(tickets[e.op], op.Action)
		s.Return(tickets[e.op], op.Action) // of no effect: it was answered
	}
}

// Goal: a stream finds exactly what a search does, and a look ahead at any time finds exactly what
// is certain then.
// Method: random histories, told event by event. After each, the history so far is searched, with
// all that was not answered as pending.
func TestStreamAgainstSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	counts := map[finding.Answer]int{}
	for round := range 4_000 {
		o := randomTable(r)
		ops := randomOps(r, o.table, 1+r.IntN(10))
		s, tickets := NewStream(o, []int32{0}, Limit{}), map[int]Ticket{}
		var past []Op
		at := map[int]int{}
		certain := finding.Linearizable
		for _, e := range events(r, ops) {
			tell(r, s, o, ops, tickets, e)
			if e.call {
				at[e.op] = len(past)
				past = append(past, ops[e.op])
				past[at[e.op]].Pending = true
			} else if !ops[e.op].Pending {
				past[at[e.op]].Pending = false
			}
			certain = Search(o, []int32{0}, past, Limit{}).Answer
			if got, why, _ := s.Answer(); got == finding.Violation && certain != got {
				t.Fatalf("round %d: false alarm %s: %v %+v", round, why, o, past)
			}
			if r.IntN(2) == 0 {
				continue
			}
			s.Now()
			if got, why, _ := s.Answer(); got != certain {
				t.Fatalf("round %d: %v %s, want %v: %v %+v", round, got, why, certain, o, past)
			}
		}
		s.Now()
		got, _, _ := s.Answer()
		counts[got]++
		if want := Search(o, []int32{0}, ops, Limit{}).Answer; got != want {
			t.Fatalf("round %d: %v, want %v: %v %+v", round, got, want, o, ops)
		}
	}
	balanced(t, counts, 800)
}

// Goal: what a stream remembers does not grow with the history.
// Method: two hundred thousand operations with ever new values; at half the way and at the end the
// slots, the classes and the heap are alike.
func TestStreamMemory(t *testing.T) {
	r := &registerObject{numbers: make(map[step]int32)}
	s := NewStream(fresher{r}, []int32{0}, Limit{})
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var half uint64
	for i := int32(1); i <= 200_000; i++ {
		write := s.Call(2 * i)
		s.Return(s.Call(Nothing), 2*(i-1)+1)
		s.Return(write, 2*i)
		if i == 100_000 {
			half = heap()
		}
	}
	if answer, why, _ := s.Answer(); answer != finding.Linearizable {
		t.Fatalf("%v %s", answer, why)
	}
	if end := heap(); end > half+100_000 {
		t.Errorf("the heap has grown from %d to %d bytes", half, end)
	}
	if len(s.sweep.slots) > 3 || len(s.sweep.classes) > 3 || len(s.queue)+len(s.slots) > 0 {
		t.Errorf("%d slots, %d classes, %d events and %d calls are kept",
			len(s.sweep.slots), len(s.sweep.classes), len(s.queue), len(s.slots))
	}
}

// fresher is a register of numbers: action 2n writes n, 2n+1 reads it.
type fresher struct{ Object }

func (fresher) Step(state, action int32) (int32, bool) {
	if action%2 == 0 {
		return action / 2, true
	}
	return state, state == action/2
}

// Goal: a stream that cannot be exact any more raises no false alarm, finds what is certain without
// counting, and says that it is not exact.
// Method: a register with few values and many unanswered operations under a low limit, valid and
// with one stale read.
func TestStreamBeyondItsLimit(t *testing.T) {
	for _, stale := range []bool{false, true} {
		ops := synth.Register(synth.Spec{
			Clients: 8, Operations: 8_000, Domain: 4, CAS: true, Pending: 0.05, Stale: stale, Seed: 3,
		})
		o, first, list := Register(ops, synth.Values(ops), []register.Value{register.Initial})
		s, tickets := NewStream(o, first, Limit{Configs: 2_000}), map[int]Ticket{}
		r := rand.New(rand.NewPCG(7, 7))
		for _, e := range events(r, list) {
			tell(r, s, o, list, tickets, e)
		}
		for _, ticket := range tickets {
			s.Forget(ticket)
		}
		want := finding.Undecided
		if stale {
			want = finding.Violation
		}
		got, why, _ := s.Answer()
		if got != want || !s.sweep.lossy || got == finding.Undecided && why == "" {
			t.Errorf("stale %v: %v %q, lossy %v", stale, got, why, s.sweep.lossy)
		}
	}
}

// Goal: nothing that a caller may tell makes a stream panic.
// Method: tickets that never were, answers twice, actions below zero, no initial state.
func TestStreamHostile(t *testing.T) {
	s := NewStream(table{{0}}, nil, Limit{})
	if answer, why, _ := s.Answer(); answer != finding.Undecided || why != "no initial state" {
		t.Errorf("%v %q", answer, why)
	}
	s = NewStream(table{{0}}, []int32{0}, Limit{})
	one := s.Call(0)
	s.Return(one, -5)
	s.Return(one+1, 0)
	s.Forget(one + 7)
	s.Drop(one - 1)
	s.Return(one, 0)
	s.Forget(one)
	s.Drop(one)
	two := s.Call(Nothing)
	s.Forget(two)
	s.Return(two, 0)
	if answer, why, _ := s.Answer(); answer != finding.Linearizable || len(s.queue) > 0 {
		t.Errorf("%v %q, %d events wait", answer, why, len(s.queue))
	}
}
