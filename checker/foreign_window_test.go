package checker

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gauntlet/history"
)

// Goal: of mutexes, strings and groups of registers, too, nothing that is given up of a valid
// history makes it a violation, in whatever state a window begins; and the evidence of an invalid
// one is a violation that needs every answer in it. Method: random small histories; the evidence
// against the twin.
func TestForeignWindows(t *testing.T) {
	for _, f := range foreignTwins {
		t.Run(f.model, func(t *testing.T) {
			m, err := findModel(f.model)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := m.(enumerable); !ok {
				t.Fatal("its states cannot be told")
			}
			var verdicts [3]int
			check := func(t *rapid.T) {
				ops := f.play(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 9)))
				effects, err := decode(m, ops)
				if err != nil {
					t.Fatal(err)
				}
				result := judge(m, ops, time.Minute)
				if verdicts[result.Verdict]++; result.Verdict == Valid {
					checkLoosened(t, m, ops, effects)
					return
				}
				checkSmallest(t, m, effects)
				evidence := slices.DeleteFunc(ops, func(op history.Operation) bool {
					return !slices.Contains(result.Violation.Operations, op.ID)
				})
				if f.linearizable(evidence) {
					t.Fatalf("no violation: %s: %s", result.Reason, told(evidence))
				}
			}
			for range 5 {
				rapid.Check(t, check)
			}
			if verdicts[Valid] < 50 || verdicts[Invalid] < 50 {
				t.Fatalf("the histories are one-sided: %v", verdicts)
			}
		})
	}
}
