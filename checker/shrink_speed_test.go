package checker

import (
	"fmt"
	"testing"
	"time"

	"gauntlet/checker/synth"
	"gauntlet/workload"
)

// BenchmarkMinimise measures how long it takes to find and to shrink one stale read in 100,000
// operations of ten clients, whose values are five, or each its own.
func BenchmarkMinimise(b *testing.B) {
	for _, domain := range []int{5, 0} {
		for _, cas := range []bool{false, true} {
			for _, pending := range []float64{0, 0.0001} {
				ops := synth.Operations(synth.Register(synth.Spec{Clients: 10, Operations: 100_000,
					Domain: domain, CAS: cas, Pending: pending, Stale: true, Seed: 1}), "r0")
				name := fmt.Sprintf("domain=%d/cas=%t/pending=%v", domain, cas, pending)
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						got := Linearizable(workload.ModelRegister, ops, time.Minute)
						if got.Violation == nil {
							b.Fatalf("%s: %s %s", got.Verdict, got.Reason, got.Why)
						}
						b.ReportMetric(float64(len(got.Violation.Operations)), "window")
					}
				})
			}
		}
	}
}
