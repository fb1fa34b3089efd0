package zones

import (
	"fmt"
	"testing"

	"gauntlet/checker/finding"
	"gauntlet/checker/synth"
)

// BenchmarkCheck measures one hot register with unique values.
func BenchmarkCheck(b *testing.B) {
	for _, clients := range []int{5, 100} {
		for _, size := range []int{100_000, 1_000_000} {
			for _, cas := range []bool{false, true} {
				spec := synth.Spec{Clients: clients, Operations: size, CAS: cas, Pending: 0.01, Seed: 1}
				name := fmt.Sprintf("n=%d/clients=%d/cas=%v", size, clients, cas)
				b.Run(name, func(b *testing.B) { measure(b, spec) })
			}
		}
	}
}

func measure(b *testing.B, spec synth.Spec) {
	ops := synth.Register(spec)
	values := synth.Values(ops)
	b.ReportAllocs()
	for b.Loop() {
		if found := Check(ops, values); found.Answer != finding.Linearizable {
			b.Fatal(found)
		}
	}
}
