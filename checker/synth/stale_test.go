package synth

import (
	"cmp"
	"slices"
	"testing"

	"gauntlet/chance"
	"gauntlet/checker/register"
)

// Goal: a value is taken for stale only once it is certainly gone. Method: histories of a few
// events, in each of which the last is what makes it certain, so that it is not before.
func TestTake(t *testing.T) {
	write := func(kind EventKind, call int64, value register.Value) Event {
		op := register.Op{Kind: register.Write, After: value, Call: call}
		if kind == OK {
			op.Ret = call + 10
		}
		return Event{Kind: kind, Time: max(op.Call, op.Ret), ID: 60, Op: op}
	}
	read := Event{Kind: OK, Time: 15, ID: 60, Op: register.Op{Before: 7, Call: 5, Ret: 15}}
	for _, c := range []struct {
		name   string
		domain int
		events []Event
	}{
		{"its writer has returned, another was called later, and has returned", 3,
			[]Event{write(Invoke, 0, 3), write(OK, 0, 3), write(Invoke, 11, 1), write(OK, 11, 1)}},
		{"its second writer has returned, too", 3,
			[]Event{write(Invoke, 0, 3), write(Invoke, 5, 3), write(OK, 0, 3), write(OK, 11, 1),
				write(OK, 5, 3), write(OK, 16, 2)}},
		{"it was never written", 3, []Event{write(OK, 0, 1)}},
		{"it was read, another was called later, and has returned", 0,
			[]Event{read, write(OK, 10, 8), write(OK, 15, 9), write(OK, 16, 10)}},
		{"the initial value, another was written", 1, []Event{write(Invoke, 0, 1), write(OK, 0, 1)}},
	} {
		for known := range len(c.events) + 1 {
			s := newStaleness(Spec{Operations: 100, Domain: c.domain, Stale: true})
			for _, e := range c.events[:known] {
				s.observe(e, e.Op.After)
			}
			if got := s.take(95); got != (known == len(c.events)) {
				t.Errorf("%s: after %d of %d events: %t", c.name, known, len(c.events), got)
			}
		}
	}
}

// Goal: there is room for the stale read in a history that is not short, however many writes stay
// unanswered and however slow the slowest are. Method: count those that have it.
func TestRoom(t *testing.T) {
	for _, domain := range []int{0, 1, 5} {
		for seed := range uint64(50) {
			g := newGenerator(Spec{Clients: 50, Operations: 1000, Domain: domain, Stale: true,
				CAS: true, Pending: 0.3, Seed: seed})
			g.run(func(Event) bool { return true })
			if g.stale.liar < 0 {
				t.Errorf("domain %d, seed %d: no stale read", domain, seed)
			}
		}
	}
}

// Goal: what is to come leaves a queue by time, at equal stamps calls first and returns last, and
// otherwise as it came. Method: many entries at few stamps, against a stable sort.
func TestQueue(t *testing.T) {
	draws := chance.New(1, "queue", 0)
	var q queue
	var want []moment
	for i := range 500 {
		m := moment{time: int64(draws.Intn(5)), phase: phase(draws.Intn(3)), turn: uint64(i + 1)}
		q.push(m.time, m.phase, &job{id: i})
		want = append(want, m)
	}
	slices.SortStableFunc(want, func(a, b moment) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.phase, b.phase))
	})
	for i, m := range want {
		time, phase, j := q.pop()
		if time != m.time || phase != m.phase || j.id != int(m.turn-1) {
			t.Fatalf("entry %d: (%d, %d) of job %d, want %+v", i, time, phase, j.id, m)
		}
	}
	if !q.empty() {
		t.Error("more comes out than went in")
	}
}
