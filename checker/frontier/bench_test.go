package frontier

import (
	"fmt"
	"testing"

	"gauntlet/checker/finding"
	"gauntlet/checker/register"
	"gauntlet/checker/synth"
)

// BenchmarkRegister decides registers of five values.
func BenchmarkRegister(b *testing.B) {
	for _, spec := range []synth.Spec{
		{Clients: 10, Operations: 100_000},
		{Clients: 10, Operations: 100_000, Stale: true},
		{Clients: 10, Operations: 100_000, CAS: true, Pending: 0.01},
		{Clients: 10, Operations: 100_000, CAS: true, Pending: 0.01, Stale: true},
		{Clients: 25, Operations: 10_000, CAS: true},
		{Clients: 100, Operations: 100_000},
	} {
		spec.Domain, spec.Seed = 5, 1
		name := fmt.Sprintf("%d-clients/%d/cas=%v/pending=%v/stale=%v",
			spec.Clients, spec.Operations, spec.CAS, spec.Pending, spec.Stale)
		b.Run(name, func(b *testing.B) {
			ops := synth.Register(spec)
			o, first, list := Register(ops, synth.Values(ops), []register.Value{register.Initial})
			b.ReportAllocs()
			for b.Loop() {
				got := Search(o, first, list, Limit{})
				if (got.Answer == finding.Violation) != spec.Stale || got.Answer == finding.Undecided {
					b.Fatal(got)
				}
			}
		})
	}
}
