package checker

import (
	"math/rand/v2"
	"testing"
	"time"

	"gauntlet/history"
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
				got := Linearizable(ops, 20*time.Second)
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
