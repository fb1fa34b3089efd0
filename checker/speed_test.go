package checker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// busyKey is one key under ten clients without a pause: a true register, one in fifty
// unanswered, and a stale read near the end if asked for.
func busyKey(n int, stale bool) []history.Operation {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	attempts := make([]attempt, n)
	points := make([]int, n)
	for i := range attempts {
		a := &attempts[i]
		a.kind = []string{"read", "write", "cas"}[random.IntN(3)]
		a.call = i * 10
		a.ret = a.call + 40 + random.IntN(60)
		a.outcome = history.OutcomeOK
		if a.kind != "read" && random.IntN(50) == 0 {
			a.outcome = history.OutcomeInfo
		}
		a.value, a.expect = int64(i+1), int64(max(i-random.IntN(8), 0))
		points[i] = a.call + random.IntN(a.ret-a.call)
	}
	answer(attempts, points)
	if stale {
		for i := n * 9 / 10; i < n; i++ {
			if attempts[i].kind == "read" && attempts[i].outcome == history.OutcomeOK {
				attempts[i].answer = attempts[n/2].answer
				break
			}
		}
	}
	ops := operations(attempts)
	for i := range ops {
		ops[i].Call, ops[i].Return = ops[i].Call*time.Millisecond, ops[i].Return*time.Millisecond
	}
	return ops
}

func BenchmarkLinearizable(b *testing.B) {
	for _, test := range []struct {
		name  string
		n     int
		stale bool
	}{{"100", 100, false}, {"100 stale", 100, true}, {"500", 500, false}, {"500 stale", 500, true},
		{"2000", 2000, false}} {
		b.Run(test.name, func(b *testing.B) {
			ops := busyKey(test.n, test.stale)
			for b.Loop() {
				want := Valid
				if test.stale {
					want = Invalid
				}
				got := Linearizable(workload.ModelRegister, ops, 20*time.Second)
				if got.Verdict != want {
					b.Fatalf("%s: %s", got.Verdict, got.Reason)
				}
				if got.Violation != nil {
					b.ReportMetric(float64(len(got.Violation.Operations)), "window")
				}
			}
		})
	}
}

// attempt is one operation of a random history, in the twin's own terms.
type attempt struct {
	kind          string
	call, ret     int
	outcome       history.Outcome
	value, expect int64 // 0 is absent
	answer        int64 // what a read, or a cas that failed, returned
	swapped       bool
}

// answer fills in what a real register answers if each operation takes effect at its point.
func answer(attempts []attempt, points []int) {
	order := make([]int, len(attempts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return points[i] - points[j] })
	var state int64
	for _, i := range order {
		a := &attempts[i]
		if a.outcome == history.OutcomeFail {
			continue
		}
		a.answer, a.swapped = state, state == a.expect
		if a.kind == "write" || a.kind == "cas" && a.swapped {
			state = a.value
		}
	}
}

func operations(attempts []attempt) []history.Operation {
	ops := make([]history.Operation, len(attempts))
	for i, a := range attempts {
		in := workload.RegisterInput{Value: orNothing(a.value), Expected: orNothing(a.expect)}
		out := workload.RegisterOutput{
			Value: orNothing(a.answer), Current: orNothing(a.answer), Swapped: &a.swapped,
		}
		ops[i] = history.Operation{
			ID: int64(i), Process: i, Key: "r0", Node: "n1", Kind: a.kind, Outcome: a.outcome,
			Call: time.Duration(a.call), Return: time.Duration(a.ret), Input: in.Encode(a.kind),
		}
		if a.outcome == history.OutcomeOK {
			ops[i].Output = out.Encode(a.kind)
		}
	}
	return ops
}

// busyObject is one key of a model under ten clients without a pause, as its generator asks: one in
// twenty is unanswered and half of those never happen; near the end a read is of an old state if
// stale is asked for.
func busyObject(m workload.Model, twin object, n int, stale bool) []history.Operation {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	generator := m.New(workload.Spec{Clients: 10, Keys: 1, OpsPerKey: n}, 1)
	old := twin
	ops := make([]history.Operation, n)
	for i := range ops {
		inv := generator.Next(i % 10)
		op := &ops[i]
		*op = history.Operation{ID: int64(i), Process: i, Node: "n1", Key: inv.Key, Kind: inv.Kind,
			Input: inv.Input, Outcome: history.OutcomeOK}
		// It takes effect at 10i: those under way overlap about ten others.
		op.Call = time.Duration(max(0, 10*i-random.IntN(50)))
		op.Return = time.Duration(10*i + random.IntN(50))
		output, next := twin.do(*op)
		switch {
		case inv.Kind != workload.KindRead && random.IntN(20) == 0:
			op.Outcome = history.OutcomeInfo
			if random.IntN(2) == 0 {
				continue
			}
		case stale && i > n*9/10 && strings.Contains(string(inv.Input)+inv.Kind, "read"):
			op.Output, _ = old.do(*op)
			stale = false
			continue
		default:
			op.Output = output
		}
		if twin = next; i == n/2 {
			old = twin
		}
	}
	slices.SortStableFunc(ops, func(a, b history.Operation) int { return int(a.Call - b.Call) })
	return ops
}

func BenchmarkModels(b *testing.B) {
	for _, twin := range twins {
		m, err := workload.Find(twin.model)
		if err != nil {
			b.Fatal(err)
		}
		for _, stale := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s stale=%t", m.Name, stale), func(b *testing.B) {
				ops := busyObject(m, twin.new, 200, stale)
				for b.Loop() {
					got := Linearizable(m.Name, ops, 20*time.Second)
					if (got.Verdict == Invalid) != stale {
						b.Fatalf("%s: %s", got.Verdict, got.Reason)
					}
				}
			})
		}
	}
}
