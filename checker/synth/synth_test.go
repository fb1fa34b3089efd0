package synth

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"gauntlet/checker/register"
	"gauntlet/history"
	"gauntlet/workload"
)

// specs are small histories of every form.
func specs(seeds int) []Spec {
	var all []Spec
	for seed := range seeds {
		for form := range 48 {
			all = append(all, Spec{
				Clients: 3, Operations: 45, Seed: uint64(seed),
				CAS: form&1 > 0, Silent: form&2 > 0, Stale: form&4 > 0,
				Pending: []float64{0, 0.04}[form>>3&1], Domain: []int{0, 1, 3}[form>>4],
			})
		}
	}
	return all
}

func sound(ops []register.Op) bool {
	events := make([]porcupine.Operation, len(ops))
	for i, op := range ops {
		events[i] = porcupine.Operation{Input: op, Call: op.Call, Return: op.Ret}
	}
	return porcupine.CheckOperations(porcupine.Model{
		Init: func() any { return register.Initial },
		Step: func(state, input, _ any) (bool, any) {
			op := input.(register.Op)
			switch now := state.(register.Value); {
			case op.Kind == register.NotEqual:
				return now != op.Before, now
			case op.Observes() && now != op.Before:
				return op.Pending, now
			case op.Writes():
				return true, op.After
			default:
				return true, now
			}
		},
	}, events)
}

// Goal: a history is linearizable unless it has the stale read, and then it is not; where one is
// asked for there mostly is room for it. Method: porcupine judges small ones of every form.
func TestOnlyTheStaleReadIsWrong(t *testing.T) {
	asked, lies := 0, 0
	for _, s := range specs(10) {
		g := newGenerator(s)
		g.run(func(Event) bool { return true })
		lied := g.stale.liar >= 0
		if got := sound(Register(s)); got == lied {
			t.Errorf("%+v: linearizable: %t", s, got)
		}
		if s.Stale {
			asked++
		}
		if lied {
			lies++
		}
	}
	if asked == 0 || lies < asked*9/10 {
		t.Errorf("%d of %d histories have their stale read", lies, asked)
	}
}

// Goal: histories keep the invariants of compact operations, write unique values if so asked, count
// them without gaps, and have their share of everything. Method: count, over every form.
func TestShape(t *testing.T) {
	for _, s := range specs(3) {
		s.Operations = 3000
		ops := Register(s)
		kinds, writers, pending := map[register.Kind]int{}, map[register.Value]int{}, 0
		for i, op := range ops {
			kinds[op.Kind]++
			if op.Call > op.Ret || i > 0 && op.Call < ops[i-1].Call {
				t.Fatalf("%+v: %+v is out of order", s, op)
			}
			if op.Pending && (op.Ret != register.Forever || !op.Writes()) {
				t.Fatalf("%+v: %+v is pending", s, op)
			}
			if op.Writes() {
				writers[op.After]++
			}
			if op.Pending {
				pending++
			}
		}
		if len(ops) != s.Operations || len(writers) != Values(ops)-1 || writers[0] > 0 {
			t.Errorf("%+v: %d operations, %d written values of %d",
				s, len(ops), len(writers), Values(ops)-1)
		}
		if s.Domain > 0 != (len(writers) == s.Domain) {
			t.Errorf("%+v: %d values are written", s, len(writers))
		}
		for value, n := range writers {
			if s.Domain == 0 && n != 1 {
				t.Errorf("%+v: value %d is written %d times", s, value, n)
			}
		}
		if s.CAS != (kinds[register.CAS] > 100) || kinds[register.Read] < 900 ||
			(s.CAS && s.Silent && s.Domain != 1) != (kinds[register.NotEqual] > 100) {
			t.Errorf("%+v: kinds %v", s, kinds)
		}
		if (s.Pending > 0) != (pending > 20) || pending > 200 {
			t.Errorf("%+v: %d are unanswered", s, pending)
		}
	}
}

// Goal: the stream says what the whole says, in order, with one operation at a time per process.
// Method: replay the events against Register.
func TestEvents(t *testing.T) {
	for _, s := range specs(3) {
		s.Domain = 3 // values are the same in both
		ops := Register(s)
		open := map[int]int{} // process to operation
		var last Event
		ended := 0
		for e := range Events(s) {
			if e.Time < last.Time || e.Time == last.Time && e.Kind == Invoke && last.Kind != Invoke {
				t.Fatalf("%+v: %+v after %+v", s, e, last)
			}
			id, busy := open[e.Process]
			if busy == (e.Kind == Invoke) || busy && id != e.ID {
				t.Fatalf("%+v: %+v, but its process has %d open: %t", s, e, id, busy)
			}
			switch last = e; e.Kind {
			case Invoke:
				open[e.Process] = e.ID
			case OK:
				delete(open, e.Process)
				fallthrough
			default:
				ended++
				if e.Op != ops[e.ID] || e.Op.Pending != (e.Kind == Info) {
					t.Fatalf("%+v: %+v, want %+v", s, e, ops[e.ID])
				}
				open[e.Process] = e.ID // of an Info for good: its process is retired
				if e.Kind == OK {
					delete(open, e.Process)
				}
			}
		}
		if ended != len(ops) {
			t.Errorf("%+v: %d operations ended", s, ended)
		}
	}
}

// Goal: in JSON the history keeps all laws and all values.
// Method: history's own law, and decode what was encoded.
func TestOperations(t *testing.T) {
	for _, s := range specs(3) {
		ops := Register(s)
		h := history.History{Operations: Operations(ops, "r0")}
		if err := h.Valid(); err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		for i, op := range h.Operations {
			if op.Kind == workload.KindRead {
				out, err := workload.DecodeRegisterOutput(op.Kind, op.Output)
				if err != nil || !same(out.Value, ops[i].Before) {
					t.Fatalf("%s for %+v: %v", op.Output, ops[i], err)
				}
				continue
			}
			in, err := workload.DecodeRegisterInput(op.Kind, op.Input)
			if err != nil || !same(in.Expected, ops[i].Before) ||
				ops[i].Writes() && !same(in.Value, ops[i].After) {
				t.Fatalf("%s for %+v: %v", op.Input, ops[i], err)
			}
			if silent := string(op.Output) == `{"swapped":false}`; silent == ops[i].Writes() {
				t.Fatalf("%s for %+v", op.Output, ops[i])
			}
			if (op.Outcome == history.OutcomeInfo) != ops[i].Pending {
				t.Fatalf("%s for %+v", op.Outcome, ops[i])
			}
		}
	}
}

func same(n *int64, v register.Value) bool {
	return (n == nil) == (v == register.Initial) && (n == nil || *n == int64(v))
}

// Goal: a stream can be left early, and odd specs are no trouble.
// Method: stop after the first event; no operations, no clients.
func TestEdges(t *testing.T) {
	for range Events(Spec{Operations: 10}) {
		break
	}
	for _, s := range []Spec{{}, {Operations: -1}, {Clients: -1, Stale: true}} {
		if ops := Register(s); len(ops) != 0 {
			t.Errorf("%+v: %d operations", s, len(ops))
		}
	}
	if ops := Register(Spec{Operations: 3, Pending: 1, Stale: true}); len(ops) != 3 {
		t.Errorf("%d operations, want 3", len(ops))
	}
	a := Register(Spec{Clients: 3, Operations: 50, Seed: 1})
	b := Register(Spec{Clients: 3, Operations: 50, Seed: 2})
	if slices.Equal(a, b) {
		t.Error("two seeds give one history")
	}
}

func BenchmarkEvents(b *testing.B) {
	for _, clients := range []int{5, 100} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			events, started := 0, time.Now()
			for b.Loop() {
				for range Events(Spec{Clients: clients, Operations: 100_000, CAS: true}) {
					events++
				}
			}
			b.ReportMetric(float64(events)/time.Since(started).Seconds(), "events/s")
		})
	}
}
