package sim

import (
	"testing"
	"time"

	"gauntlet/sim/schedule"
)

// short are the seeds that the figures are about: five members, about 12 seconds, 150 to 300
// operations, with whatever faults the swarm draws for them.
func short(n int) []*schedule.Schedule {
	var found []*schedule.Schedule
	for seed := uint64(0); len(found) < n; seed++ {
		s := schedule.FromSeed(seed)
		if s.Options.Nodes == 5 && s.Options.Load < 20*time.Second && len(s.Faults) > 0 {
			found = append(found, s)
		}
	}
	return found
}

// BenchmarkShortSeeds plays short seeds, drawing included, with all invariants and the witness.
func BenchmarkShortSeeds(b *testing.B) {
	const distinct = 500
	chosen := short(distinct)
	w := NewWorld()
	var events int64
	var virtual time.Duration
	var ops int
	for i := range b.N {
		o := w.Run(schedule.FromSeed(chosen[i%distinct].Seed), Options{})
		if o.Failure != nil {
			b.Fatal(*o.Failure)
		}
		events += o.Events
		virtual += o.Virtual
		ops += o.Ops
	}
	seconds := b.Elapsed().Seconds()
	b.ReportMetric(float64(events)/seconds, "events/s")
	b.ReportMetric(float64(events)/float64(b.N), "events/seed")
	b.ReportMetric(float64(ops)/float64(b.N), "ops/seed")
	b.ReportMetric(float64(b.N)/seconds, "seeds/s")
	b.ReportMetric(virtual.Seconds()/seconds, "virtual/wall")
}
